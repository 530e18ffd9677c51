"""A script's numbers, which count from the ISNs, in the DUT's own variables."""

from __future__ import annotations

from dataclasses import dataclass

from tw_conformance.model.expressions import SequenceExpression
from tw_conformance.notation.packetdrill.script import Number

_MODULUS = 1 << 32


@dataclass(slots=True)
class Numbers:
    """Where the DUT's variables stand in the script's numbers when the steps begin.

    ``snd_nxt`` is None where the DUT has no ISS yet: what is counted from one is then said from the
    last answer, and before there is one, as it is.
    """

    rcv_nxt: int
    snd_nxt: int | None
    ts_recent: int = 0
    answered: int | None = None
    """SEG.SEQ of the last answer that was expected."""
    tsval: int | None = None
    """The last TSval of the DUT's."""

    def of_peer(self, number: Number) -> SequenceExpression:
        """One that the tester's octets are counted by."""
        if number.absolute:
            return _as_it_is(number)
        return offset("rcv_nxt", number.value - self.rcv_nxt)

    def of_dut(self, number: Number) -> SequenceExpression:
        """One that the DUT's octets are counted by."""
        if number.absolute:
            return _as_it_is(number)
        if self.snd_nxt is not None:
            return offset("snd_nxt", number.value - self.snd_nxt)
        if self.answered is not None:
            return offset("ans_seq", number.value - self.answered)
        return offset("snd_nxt", number.value)  # which is 0 as long as there is no ISS

    def stamp_of_peer(self, tsval: int) -> SequenceExpression:
        """A TSval of the tester's."""
        return offset("ts_recent", tsval - self.ts_recent)


def _as_it_is(number: Number) -> SequenceExpression:
    """:raises ValueError: but for 0, since no other number means the same on another connection."""
    if number.value:
        raise ValueError(f"{number.value}! is a number of no connection's")
    return SequenceExpression("0")


def offset(name: str, by: int) -> SequenceExpression:
    """``name``, ``name+1`` or ``name-1``, whichever way round the circle is shorter."""
    by = (by + _MODULUS // 2) % _MODULUS - _MODULUS // 2
    return SequenceExpression(f"{name}{by:+d}" if by else name)
