"""ECN on a connection whose ends both want it: marks, ECE and CWR (RFC 3168 section 6.1)."""

from __future__ import annotations

from tw_reference import segment as tcp
from tw_reference.profiles.offers import ASKS_ECN, EcnWays, Offers
from tw_reference.segment import Packet, Segment
from tw_reference.state import State

_NOT_ECT, _CE = 0, 3


class Marks:
    """What a connection goes by that is told of congestion by marks.

    Without ``ways`` nothing is known of the stack, and marks are passed over.
    """

    def __init__(self, ways: EcnWays | None) -> None:
        self._are_known = ways is not None
        self._ways = ways or EcnWays()
        self.in_use = False
        """Whether both ends want ECN."""
        self._echoes = False
        """Whether CE has come, and no CWR since."""
        self._seen = False
        """Whether text has come as ECT or CE."""

    def agree(self, syn: Packet, offers: Offers, *, passive: bool) -> None:
        """The peer's SYN has come, for which the stack offers that: do both ends want ECN, now?"""
        said, ways = syn.segment.flags & ASKS_ECN, self._ways
        refused = ways.refuses_marked_syn and syn.ecn_field != 0 and not syn.segment.reserved
        if syn.segment.flags & tcp.ACK:
            self.in_use = offers.asks_ecn and said == tcp.ECE
        elif passive:
            self.in_use = offers.takes_ecn and said == ASKS_ECN and not refused
        else:
            takes = offers.takes_ecn and (offers.asks_ecn or ways.takes_up_crossed)
            self.in_use = takes and said == ASKS_ECN

    @property
    def _count(self) -> bool:
        return self.in_use and self._are_known

    def are_said(self, state: State) -> bool:
        """Whether text is sent as ECT in that state, and ECE and CWR are said."""
        return self.in_use and (state is State.ESTABLISHED or not self._ways.only_established)

    def echo(self, state: State, flags: int, *, challenges: bool) -> int:
        """The flag that a segment has, which is no SYN: ECE, or none; ``challenges``: it is a
        challenge ACK."""
        if (challenges and not self._ways.challenges_tell) or (
            flags & tcp.RST and not self._ways.resets_tell
        ):
            return 0
        return tcp.ECE if self._echoes and self.are_said(state) else 0

    @property
    def echo_in_time_wait(self) -> int:
        """The flag that ACKs have in TIME-WAIT."""
        return tcp.ECE if self._echoes and self._ways.time_wait_tells else 0

    def hear(self, segment: Segment, field: int) -> bool:
        """A segment has come in a packet with that ECN field, and nobody has looked at it yet;
        whether it tells of congestion."""
        if not (self._count and self._ways.hears_all):
            return False
        if segment.flags & tcp.CWR:
            self._echoes = False
        self._echoes = self._echoes or field == _CE
        return self._ways.heeds_ece and bool(segment.flags & tcp.ECE)

    def ack_comes(self, segment: Segment) -> bool:
        """A valid SEG.ACK has come, whose segment may have CWR; whether it tells of congestion."""
        if self._ways.hears_all:
            return False
        if segment.flags & tcp.CWR and self._ways.takes_empty_cwr:
            self._echoes = False
        return self._count and bool(segment.flags & tcp.ECE)

    def text_comes(self, segment: Segment, field: int) -> bool:
        """Text is taken from a packet with that ECN field; whether ACKs are to be quick for it."""
        if not self._count or self._ways.hears_all:
            return False
        if segment.flags & tcp.CWR and not self._ways.takes_empty_cwr:
            self._echoes = False
        hurries = self._hurries(field, echoes=self._echoes)
        self._echoes = self._echoes or field == _CE
        self._seen = self._seen or field != _NOT_ECT
        return hurries

    def are_urgent(self, segment: Segment, field: int) -> bool:
        """Whether the ACK of text that comes now is not to be put off because of its mark."""
        echoes = self._echoes and not segment.flags & tcp.CWR
        return self._count and self._hurries(field, echoes=echoes)

    @property
    def quick_acks(self) -> int:
        """How many ACKs are quick, at most, where :meth:`text_comes` says so."""
        return self._ways.quick_acks

    def cwr_is_urgent(self, segment: Segment) -> bool:
        """Whether it has CWR, for which its ACK is not to be put off."""
        counts = self._count or (self._are_known and self._ways.minds_any_cwr)
        return counts and self._ways.is_quick_after_cwr and bool(segment.flags & tcp.CWR)

    def _hurries(self, field: int, *, echoes: bool) -> bool:
        if field == _CE:
            return self._ways.is_quick_after_ce and not echoes
        return field == _NOT_ECT and (self._seen or not self._ways.remembers_ect)
