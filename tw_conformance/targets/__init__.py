"""The targets by name, and what can be said of them without touching one."""

from __future__ import annotations

from difflib import get_close_matches

from reference.profiles import ALIASES, PROFILES
from tw_conformance.errors import SuiteError
from tw_conformance.targets.base import Target

TARGETS = ("reference", "netns")


def open_target(name: str, *, profile: str | None = None, seed: int = 0) -> Target:
    """Make a target ready.

    :raises SuiteError: for a name or profile that is not known.
    :raises TargetError: where the target can't be had; says what to do.
    """
    wanted = None if profile is None else profile_named(profile)
    if name == "reference":
        from tw_conformance.targets.in_process import InProcessTarget

        return InProcessTarget(PROFILES[wanted or default_profiles(name)[0]], seed=seed)
    if name == "netns":
        from tw_conformance.targets.netns import NetnsTarget

        return NetnsTarget(profile=wanted, seed=seed)
    raise SuiteError(f"no target {name!r}{_nearest(name, TARGETS)}")


def unavailable(name: str) -> str | None:
    """Why this machine can't offer a target, as a sentence that says what to do; None if it
    can."""
    if name != "netns":
        return None
    from tw_conformance.targets.netns import NetnsTarget

    return NetnsTarget.available()


def default_profiles(name: str) -> tuple[str, ...]:
    """The profiles that a target is held to unless told otherwise; touches nothing."""
    if name == "reference":
        return tuple(PROFILES)
    from tw_conformance.targets.kernel import running_kernel

    return (running_kernel().profile,)


def profile_named(name: str) -> str:
    """A profile's own name for a name or an alias.

    :raises SuiteError: naming the nearest where there is none.
    """
    known = ALIASES.get(name, name)
    if known not in PROFILES:
        raise SuiteError(f"no profile {name!r}{_nearest(name, (*PROFILES, *ALIASES))}")
    return known


def _nearest(word: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(word, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{hint} (known: {', '.join(known)})"
