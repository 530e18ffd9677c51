"""The reference with a fault in it, as a target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from tw_conformance.explore.mutants.answers import Origin, builder
from tw_conformance.explore.mutants.mutant import Builder, Mutant
from tw_conformance.model.case import Case
from tw_conformance.targets.direct import Tickets
from tw_conformance.targets.in_process import (
    Hop,
    HostOfCase,
    InProcessLink,
    InProcessTarget,
    encoder_of,
)
from tw_reference.clock import SECOND, Clock
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.decision import AnyList, Ruling
from tw_reference.rules.watched import Tell
from tw_reference.segment import Damage, Datagram, Packet

_DECISIONS = 2000
"""Decisions in one case, of which a stack that gets anywhere takes a few dozen."""
_Encode: TypeAlias = Callable[..., bytes]


class Runaway(Exception):
    """The mutant goes round in circles."""


class MutantTarget(InProcessTarget):
    """A profile, with or without a fault, held to the profile without it.

    Packets pass as values, which is twice as fast as bytes, but in the cases that look at how
    options lie.  ``tell`` is told of each decision.
    """

    def __init__(self, profile: Profile, tell: Tell | None = None) -> None:
        super().__init__(profile)
        self.sent: list[tuple[Origin, Packet]] = []
        """The segments of the last case, as they were built, and what built them."""
        self.packets: list[tuple[float, Datagram]] = []
        """All that was sent in the last case, and when (seconds)."""
        self._original = profile.watched(self._told)
        self._tell = tell
        tickets = Tickets()
        self._as_bytes = replace(self.hop, from_dut=self._from_dut)
        self._as_values = Hop(tickets.encode, self._from_dut, tickets.decode)
        self._encode_values: _Encode = tickets.encode
        self._clock = Clock(SECOND)
        self.become(Mutant("list", "", "nothing"))
        self._begin()

    def become(self, mutant: Mutant) -> None:
        """From the next case on, have that fault and no other."""
        self._mutant = mutant
        self.stack = mutant.of(self._original).watched(self._told)

    async def open(self, case: Case) -> InProcessLink:
        self._begin(bytewise=case.is_about_octets(self.profile))
        return await super().open(case)

    def dut_for(self, case: Case, seed: str) -> HostOfCase:
        dut = super().dut_for(case, seed)
        self._clock = dut.clock
        return dut

    def _begin(self, *, bytewise: bool = False) -> None:
        self.sent.clear()
        self.packets.clear()
        self.hop = self._as_bytes if bytewise else self._as_values
        self._encode = encoder_of(self.stack) if bytewise else self._encode_values
        self._origin: Builder = "a connection"
        self._left = _DECISIONS

    def _told(self, decisions: AnyList, question: Any, ruling: Ruling[Any]) -> None:
        self._left -= 1
        if self._left < 0:
            raise Runaway(f"{_DECISIONS} decisions in one case")
        if decisions.stage not in stages.LIMITS:
            self._origin = builder(decisions.stage)
        if self._tell is not None:
            self._tell(decisions, question, ruling)

    def _from_dut(self, packet: Datagram, *, damage: Damage | None = None) -> bytes:
        if isinstance(packet, Packet):
            self.sent.append((Origin(self._origin, packet.segment.flags), packet))
            packet = self._mutant.sends(packet, self._origin)
        self.packets.append((self._clock.now / SECOND, packet))
        return self._encode(packet, damage=damage)
