"""One case's way to the DUT, whatever is behind it: the case's own 4-tuple, mailbox and clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tw_reference.rules.decision import Decision
from tw_reference.segment import Damage, Datagram, Flow


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

    probe_ident: int
    """The ident of this link's probes, 16 bits, unlike that of any other open link."""

    @property
    def probe_flow(self) -> Flow:
        """A 4-tuple on the same path, to a listener, that no connection ever has: probes by TCP
        are sent there, and their answers are this link's."""

    async def beside(self, *, other_peer: bool = False) -> Link:
        """Open a further connection to the same port of the DUT, on the same clock: from another
        port, or from another address of the tester's.  It is given up with this one.

        :raises TargetError: where the tester has no other.
        """

    def now(self) -> float:
        """This link's clock in seconds, from an arbitrary origin."""

    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        """Send one packet, with the fault ``damage`` in its frame.  Returns the time just before it
        left, and its frame.

        :raises TargetError: where the link is gone.
        """

    async def receive(self, until: float) -> Arrival | None:
        """The next packet of this link's flow, or the echo reply to one of its probes.

        None when the clock reaches ``until`` with nothing there.
        """

    async def sleep(self, until: float) -> None:
        """Let the clock reach ``until``; what arrives meanwhile is kept for :meth:`receive`."""

    async def call(self, verb: str, arguments: Mapping[str, int | str]) -> str:
        """What a socket call on the DUT gives: ``ok``, an errno by name, or ``eof`` of a receive.

        A connect() returns when its SYN is out.

        :raises NoSuchCall: where the target, or the DUT's system, does not have it.
        """

    async def observe(self) -> Observation | None:
        """The DUT's state for this 4-tuple; None where this target can't tell."""

    async def counters(self) -> Mapping[str, int]:
        """The counters of the DUT's TCP by its own names (``TCPTimeWaitOverflow``), all its
        connections together; empty where they can't be read."""

    def decisions(self) -> list[Decision]:
        """What the DUT decided for this 4-tuple so far, where it can be asked (the reference)."""

    def capture_losses(self) -> int:
        """Frames that were lost between the wire and the tester since this link was opened."""

    async def aclose(self) -> None:
        """Give the 4-tuple up.  The DUT's half-open rest, if any, is reset by the player first."""
