"""What a player needs of a target, and nothing about which target it is.

A :class:`Target` is anything that takes frames and gives frames back.  It hands out one
:class:`Link` a case: the case's own 4-tuple, its own mailbox, its own clock.  On the reference the
clock is virtual; on a wire it is real and links wait side by side.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from random import Random
from typing import Protocol, TypeVar

from tw_conformance.link.path import Path
from tw_conformance.model.case import Case
from tw_conformance.model.errors import TargetError
from tw_reference.rules.rule import Decision
from tw_reference.segment import Damage, Datagram, Flow

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class NoSuchCall(TargetError):
    """A socket call that can't be made there; says why."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A packet that reached the tester: when (link clock, seconds), what, and its frame."""

    time: float
    packet: Datagram
    frame: bytes


@dataclass(frozen=True, slots=True)
class Observation:
    """The DUT's state for a 4-tuple, as read on the DUT between two moments of the link clock.

    ``remaining`` is what is left of the block's timer in seconds, None where there is none or it
    can't be read.  ``resolution`` is how coarse that reading is, in seconds.
    """

    state: str
    asked: float
    answered: float
    remaining: float | None = None
    resolution: float = 0.0


class Link(Protocol):
    """One case's way to the DUT."""

    flow: Flow
    """The connection's 4-tuple as the tester sends it."""

    tester_isn: int
    """The ISN that the tester is to use: reproducible by case, near the wrap now and then."""

    echo_ident: int
    """The ident of this link's echo probes, 16 bits, unlike that of any other open link."""

    def now(self) -> float:
        """This link's clock in seconds, from an arbitrary origin."""

    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        """Put one packet on the link, with that wrong; returns the time just before it left, and
        its frame.

        :raises TargetError: where the link is gone.
        """

    async def receive(self, until: float) -> Arrival | None:
        """The next packet of this link's flow, or the echo reply to one of its probes.

        None when the clock reaches ``until`` with nothing there.
        """

    async def sleep(self, until: float) -> None:
        """Let the clock reach ``until``; what arrives meanwhile is kept for :meth:`receive`."""

    async def call(self, verb: str, arguments: Mapping[str, int]) -> str:
        """What a socket call on the DUT gives: ``ok``, or an errno by name.

        A connect() returns when its SYN is out.

        :raises NoSuchCall: where the target, or the DUT's system, does not have it.
        """

    async def observe(self) -> Observation | None:
        """The DUT's state for this 4-tuple; None where this target can't tell."""

    def decisions(self) -> list[Decision]:
        """What the DUT decided for this 4-tuple so far, where it can be asked (the reference)."""

    def capture_losses(self) -> int:
        """Frames that were lost between the wire and the tester since this link was opened."""

    async def aclose(self) -> None:
        """Give the 4-tuple up.  The DUT's half-open rest, if any, is reset by the player first."""


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

    def describe(self) -> str:
        """One line for the head of a report: what it is, and why this profile."""

    def lacks(self, case: Case) -> str | None:
        """What keeps this target from playing that case, such as ``needs to read the DUT's state:
        use ssh://``; None where nothing does."""

    async def open(self, case: Case) -> Link:
        """A link of its own for that case.

        :raises TargetError: with a sentence that says what to do.
        """

    def start(self, play: Coroutine[object, object, T]) -> Play[T]:
        """Begin to run a coroutine that uses links of this target, beside the others."""

    def close(self) -> None:
        """Leave nothing behind; may be called twice."""


def tester_isn(seed: int, case: Case) -> int:
    """The ISN for a case: the same on every run with that seed; one in four just below 2^32."""
    random = Random(f"{seed}:{case.id}")
    if random.random() < 0.25:
        return (1 << 32) - 1 - random.getrandbits(12)
    return random.getrandbits(32)
