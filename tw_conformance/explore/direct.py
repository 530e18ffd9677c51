"""The reference without bytes: the oracle of an exploration, ten times as fast.

Whatever a packet says it says as a value; frames are only tickets for it.  Nothing is known here
that :mod:`tw_reference.wire.encode` could get wrong, so what is found this way
is said by the rules alone.
"""

from __future__ import annotations

from itertools import count

from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles.profile import Profile
from tw_reference.segment import Damage, Datagram
from tw_reference.wire.encode import Wire, WireError


class Tickets(Wire):
    """A hop on which packets pass as they are.  Both ends share it."""

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
    """The reference under one profile, over :class:`Tickets`."""

    def __init__(self, profile: Profile, *, seed: int = 0) -> None:
        super().__init__(profile, seed=seed)
        self.tester_wire = self.dut_wire = Tickets()
