"""The targets by name, and what can be said of them without touching one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress

from tw_conformance.model.errors import SuiteError, UsageError
from tw_conformance.model.words import joined, no_such, quoted
from tw_conformance.targets.access_options import as_arguments
from tw_conformance.targets.kinds import BY_NAME, Order, TargetKind, kind
from tw_conformance.targets.roster import Roster
from tw_conformance.targets.target import Target
from tw_reference.profiles import ALIASES, PROFILES
from tw_reference.profiles.releases import NoStandIn, named

TARGETS = tuple(BY_NAME)


def open_target(
    name: str, *, profile: str | None = None, seed: int = 0, roster: Roster | None = None
) -> Target:
    """Make a target ready; ``roster`` knows names beside the suite's own, and what was said.

    :raises SuiteError: for a name or profile that is not known.
    :raises TargetError: where the target can't be had; says what to do.
    """
    roster = roster or Roster()
    locator, access = roster.locator(name), roster.access(name)
    if locator is not None:
        held_to = profile_named(profile or default_profiles(name, roster)[0])
        return kind(locator.kind).open(Order(name, held_to, seed, locator, access))
    own, said = roster.target(name), profile or roster.profile(name)
    return _own(own).open(Order(own, said and profile_named(said), seed, access=access))


def refuse_unheeded(names: Collection[str], roster: Roster) -> None:
    """:raises UsageError: where the command line says how a DUT on a link may be reached, or how
    long a case may wait, and nothing would come of it on any of the targets."""
    if any(roster.locator(name) is not None for name in names):
        return
    said = {field: value for field, value in roster.given.items() if field != "settings"}
    if any(_own(roster.target(name)).realtime for name in names):
        said.pop("max_wait", None)
    for argument in as_arguments(said):
        option = argument.partition("=")[0]
        real = option == "--max-wait"
        about, has = ("real time", "has none") if real else ("a DUT on a link", "is none")
        raise UsageError(
            f"{option} is about {about}, and {joined(list(names))} {has}: leave it out"
        )


def unavailable(name: str) -> str | None:
    """Why this machine can't offer a target, as a sentence that says what to do; None if it
    can."""
    return kind(name).unavailable() if name in BY_NAME else None


def default_profiles(name: str, roster: Roster | None = None) -> tuple[str, ...]:
    """The profiles that a target is held to unless told otherwise; touches nothing.

    :raises UsageError: where that can't be known from here.
    """
    roster = roster or Roster()
    if (said := roster.profile(name)) is not None:
        return (profile_named(said),)
    locator = roster.locator(name)
    profiles = (_own(roster.target(name)) if locator is None else kind(locator.kind)).profiles
    if profiles is not None:
        return profiles()
    raise UsageError(
        f"which documented stack is {name} to be held to? say so with --profile"
        f" (known: {', '.join(PROFILES)}); «tw-conformance doctor» finds the one that fits,"
        " and over ssh the one that stands for its release"
    )


def profile_named(name: str) -> str:
    """A profile's own name for a name, an alias, or a release that it stands for
    (``freebsd-14.3``).

    :raises SuiteError: naming the nearest where there is none.
    """
    try:
        meant = named(name)
    except NoStandIn as error:
        raise SuiteError(f"no profile {quoted(name)}: {error}") from None
    if meant is None:
        raise SuiteError(no_such("no profile", name, (*PROFILES, *ALIASES)))
    return meant.profile


def stand_ins(names: Iterable[str]) -> list[str]:
    """A line for each of these names that a profile stands for without being called so."""
    lines = []
    for name in dict.fromkeys(names):
        with suppress(NoStandIn):
            meant = named(name)
            if meant is not None and name not in (*PROFILES, *ALIASES):
                lines.append(f"{name} is held to {meant.profile}: {meant.because}")
    return lines


def _own(name: str) -> TargetKind:
    """:raises SuiteError: where the suite makes no such target."""
    if name not in BY_NAME:
        raise SuiteError(no_such("no target", name, TARGETS))
    return kind(name)
