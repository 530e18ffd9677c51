"""The reference without bytes: the oracle of an exploration, ten times as fast.

Whatever a packet says it says as a value; frames are only tickets for it.  Nothing is known here
that :mod:`tw_reference.wire` could get wrong, so what is found this way is said by the rules alone.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import count

from tw_conformance.model.case import Case
from tw_conformance.targets.in_process import Hop, HostOfCase, InProcessTarget
from tw_reference.profiles.profile import Profile
from tw_reference.segment import Damage, Datagram
from tw_reference.wire.decode import WireError


class Tickets:
    """Packets pass as they are; both ends share one."""

    def __init__(self) -> None:
        self._numbers = count()
        self._packets: dict[bytes, Datagram | None] = {}

    def encode(self, packet: Datagram, *, damage: Damage | None = None) -> bytes:
        ticket = next(self._numbers).to_bytes(8, "big")
        self._packets[ticket] = None if damage else packet
        return ticket

    def decode(self, frame: bytes) -> Datagram:
        """:raises WireError: where the packet was damaged."""
        packet = self._packets.pop(frame)
        if packet is None:
            raise WireError("damaged")
        return packet


class DirectTarget(InProcessTarget):
    """The reference under one profile, over :class:`Tickets`; over frames where a case is about
    how options lie, which no value says."""

    def __init__(self, profile: Profile, *, seed: int = 0, on_link: Collection[str] = ()) -> None:
        super().__init__(profile, seed=seed, on_link=on_link)
        tickets = Tickets()
        self._as_bytes = self.hop
        self._as_values = Hop(tickets.encode, tickets.encode, tickets.decode)

    def dut_for(self, case: Case, seed: str) -> HostOfCase:
        self.hop = self._as_bytes if case.is_about_octets(self.profile) else self._as_values
        return super().dut_for(case, seed)
