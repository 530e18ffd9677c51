"""What a player needs of a target, and nothing about which target it is.

A :class:`Target` is anything that takes frames and gives frames back.  It hands out one
:class:`Link` a case: the case's own 4-tuple, its own mailbox, its own clock.  On the reference the
clock is virtual; on a wire it is real and links wait side by side.
"""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Mapping
from random import Random
from typing import Protocol, TypeVar

from tw_conformance.link.link import Link
from tw_conformance.link.path import Path
from tw_conformance.model.case import Case, Family, Reach
from tw_conformance.targets.acquaintance import Acquaintance, LookBudget
from tw_reference.profiles import PROFILES

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Play(Protocol[T_co]):
    """A started coroutine."""

    def done(self) -> bool: ...

    def result(self) -> T_co:
        """Wait for the end, and return what came of it or raise what it raised."""


class Target(Protocol):
    """Anything that takes frames and gives frames back."""

    name: str
    """As the user named it: ``reference``, ``netns``."""

    profile: str
    """The profile that it is held to."""

    time_variables: Mapping[str, float]
    """Seconds behind the names that a case's times may use: ``msl``, ``tick``."""

    path: Path
    """What is known of the path to it."""

    realtime: bool
    """Whether a wait costs the user's own time: only a scheduler may look at this."""

    settings: Mapping[str, int]
    """The DUT's settings by the profiles' names: those that can be read on it, or that the user
    said.  What is not in it is not known."""

    look: LookBudget
    """What is left for looks at the DUT before any case."""

    longest_wait: float
    """Seconds that a case may let pass."""

    acquaintance: Acquaintance
    """What was learned of a DUT that nobody can look into."""

    on_link: Collection[str]
    """The address families in which the tester is on the DUT's own link."""

    @property
    def reads_states(self) -> bool:
        """Whether the DUT's state can be read on it; else it has to be asked for on the wire."""

    def describe(self) -> str:
        """One line for the head of a report: what it is, and why this profile."""

    def lacks(self, case: Case) -> str | None:
        """What keeps this target from playing that case, such as ``needs socket calls
        on the DUT``; None where nothing does.  To ask for states is the player's."""

    def assume(self, settings: Mapping[str, int]) -> None:
        """Take these for the DUT's from now on, where nobody can read them."""

    async def open(self, case: Case) -> Link:
        """A link of its own for that case.

        :raises TargetError: with a sentence that says what to do.
        """

    def start(self, play: Coroutine[object, object, T]) -> Play[T]:
        """Begin to run a coroutine that uses links of this target, beside the others."""

    def close(self) -> None:
        """Leave nothing behind; may be called twice."""


def unlike_the_profile(target: Target) -> dict[str, tuple[int, int]]:
    """The DUT's settings that differ from its profile's defaults: what it has, and the default."""
    defaults = PROFILES[target.profile].defaults()
    return {
        name: (value, defaults[name])
        for name, value in target.settings.items()
        if name in defaults and value != defaults[name]
    }


def family_of(target: Target) -> Family:
    """An address family that the target has an address of."""
    return "ipv4" if has_family(target, "ipv4") else "ipv6"


def has_family(target: Target, family: Family) -> bool:
    """Whether the target has an address of that family."""
    return target.lacks(Case("a first look", "", (), Reach(family=family), ())) is None


def tester_isn(seed: int, case: Case, *, wraps: bool) -> int:
    """The ISN for a case: the same on every run with that seed; one in four just below 2^32.
    Without ``wraps`` none is anywhere near."""
    random = Random(f"{seed}:{case.id}")
    if not wraps:
        return random.randrange(1 << 16, 1 << 31)
    if random.random() < 0.25:
        return (1 << 32) - 1 - random.getrandbits(12)
    return random.getrandbits(32)
