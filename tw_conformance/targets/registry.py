"""The targets by name, and what can be said of them without touching one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from tw_conformance.model.errors import SuiteError, UsageError
from tw_conformance.model.words import no_such
from tw_conformance.targets.base import Target
from tw_conformance.targets.locator import Kind, Locator
from tw_conformance.targets.roster import Roster
from tw_reference.profiles import ALIASES, PROFILES

if TYPE_CHECKING:
    from tw_conformance.link.access import Access
    from tw_conformance.targets.kernel.release import Kernel
    from tw_conformance.targets.network.attachment import Attachment

TARGETS = ("reference", "netns", "uml")


def open_target(
    name: str, *, profile: str | None = None, seed: int = 0, roster: Roster | None = None
) -> Target:
    """Make a target ready; ``roster`` knows names beside the suite's own, and what was said.

    :raises SuiteError: for a name or profile that is not known.
    :raises TargetError: where the target can't be had; says what to do.
    """
    roster = roster or Roster()
    wanted = None if profile is None else profile_named(profile)
    locator = roster.locator(name)
    if locator is not None:
        from tw_conformance.targets.network.target import NetworkTarget

        stack = PROFILES[wanted or default_profiles(name, roster)[0]]
        attach = partial(_way_to_attach(locator.kind), locator)
        return NetworkTarget(name, stack, attach, roster.access(name), seed)
    name = roster.target(name)
    if name == "reference":
        from tw_conformance.targets.in_process import InProcessTarget

        return InProcessTarget(PROFILES[wanted or default_profiles(name)[0]], seed=seed)
    if name == "netns":
        from tw_conformance.targets.kernel.netns import NetnsTarget

        return NetnsTarget(profile=wanted, seed=seed)
    if name == "uml":
        from tw_conformance.targets.kernel.uml import UmlTarget

        return UmlTarget(profile=wanted, seed=seed)
    raise SuiteError(no_such("no target", name, TARGETS))


def unavailable(name: str) -> str | None:
    """Why this machine can't offer a target, as a sentence that says what to do; None if it
    can."""
    if name == "netns":
        from tw_conformance.targets.kernel.netns import NetnsTarget

        return NetnsTarget.available()
    if name == "uml":
        from tw_conformance.targets.kernel.uml import UmlTarget

        return UmlTarget.available()
    return None


def default_profiles(name: str, roster: Roster | None = None) -> tuple[str, ...]:
    """The profiles that a target is held to unless told otherwise; touches nothing.

    :raises UsageError: where that can't be known from here.
    """
    roster = roster or Roster()
    if (said := roster.profile(name)) is not None:
        return (profile_named(said),)
    if roster.locator(name) is not None:
        raise UsageError(
            f"which documented stack is {name} to be held to? say so with --profile"
            f" (known: {', '.join(PROFILES)}); «tw-conformance doctor» finds the one that fits"
        )
    name = roster.target(name)
    if name == "reference":
        return tuple(PROFILES)
    return (kernel_behind(name).profile,)


def kernel_behind(name: str) -> Kernel:
    """The kernel that netns or uml stands for, as far as that is known without touching it."""
    if name == "uml":
        from tw_conformance.targets.kernel.uml_guest import expected_kernel

        return expected_kernel()
    from tw_conformance.targets.kernel.release import running_kernel

    return running_kernel()


def profile_named(name: str) -> str:
    """A profile's own name for a name or an alias.

    :raises SuiteError: naming the nearest where there is none.
    """
    known = ALIASES.get(name, name)
    if known not in PROFILES:
        raise SuiteError(no_such("no profile", name, (*PROFILES, *ALIASES)))
    return known


def _way_to_attach(kind: Kind) -> Callable[[Locator, Access], Awaitable[Attachment]]:
    if kind is Kind.HOST:
        from tw_conformance.targets.network.host import attach_host

        return attach_host
    if kind is Kind.SSH:
        from tw_conformance.targets.network.ssh import attach_ssh

        return attach_ssh
    from tw_conformance.targets.network.stack import attach_command, attach_tap

    return attach_tap if kind is Kind.TAP else attach_command
