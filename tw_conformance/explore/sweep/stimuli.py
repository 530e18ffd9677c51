"""From a class to a segment: the representative's offsets, put on one connection's variables."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from tw_conformance.explore.sweep.alphabet import (
    BITS,
    LENGTHS,
    NO_ACK,
    Representatives,
    SegmentClass,
)
from tw_conformance.explore.sweep.reaction import Block
from tw_conformance.model.expressions import SequenceExpression
from tw_conformance.play.tester import WINDOW
from tw_reference import segment as tcp
from tw_reference.segment import Segment, Timestamps
from tw_reference.seqnum import add

_MSS = 1460


class Stimuli:
    """Segments for classes, with these representatives."""

    def __init__(self, representatives: Representatives) -> None:
        self.representatives = representatives
        self._seq = lru_cache(maxsize=1024)(self._seq_offset)
        self._ack = _offsets(representatives.ack, "snd_nxt")
        self._tsval = _offsets(representatives.tsval, "ts_recent")

    def segment(self, one: SegmentClass, block: Block, tsecr: int = 0) -> Segment:
        """What a segment of that class is to a block; ``tsecr`` echoes the DUT's clock."""
        flags = one.tcp_flags
        stamps = None
        if block.ts_recent is not None and one.timestamps in self._tsval:
            stamps = Timestamps(add(block.ts_recent, self._tsval[one.timestamps]), tsecr)
        return Segment(
            seq=add(block.rcv_nxt, self._seq(one.seq, block.rcv_wnd)),
            ack=0 if one.ack == NO_ACK else add(block.snd_nxt, self._ack[one.ack]),
            flags=flags,
            window=WINDOW,
            payload=_PAYLOADS[one.length],
            mss=mss_of(flags),
            timestamps=stamps,
            reserved=BITS[one.bits][1],
        )

    def _seq_offset(self, zone: str, rcv_wnd: int) -> int:
        expression = SequenceExpression(self.representatives.seq[zone])
        return expression.evaluate({"rcv_nxt": 0, "rcv_wnd": rcv_wnd})


def mss_of(flags: int) -> int | None:
    """What a SYN offers; without it stacks fall back on defaults, which are not in question."""
    return _MSS if flags & tcp.SYN else None


_PAYLOADS = {name: b"t" * length for name, length in LENGTHS.items()}


def _offsets(texts: Mapping[str, str], variable: str) -> dict[str, int]:
    return {name: SequenceExpression(text).evaluate({variable: 0}) for name, text in texts.items()}
