"""From a class to a segment: offsets that stand for its values, on one connection's variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from tw_conformance.explore.sweep.alphabet import BITS, LENGTHS, NOT_APPLICABLE, SegmentClass
from tw_conformance.model.expressions import SequenceExpression
from tw_reference import segment as tcp
from tw_reference.segment import Segment, Timestamps
from tw_reference.seqnum import add
from tw_reference.ways import WINDOW

_MSS = 1460


@dataclass(frozen=True, slots=True)
class Representatives:
    """An offset for every value of SEG.SEQ, SEG.ACK and TSval, over the variables of a case; drawn
    by ``seed`` where a value is a range."""

    seq: Mapping[str, str]
    ack: Mapping[str, str]
    tsval: Mapping[str, str]

    @classmethod
    def drawn(cls, seed: int) -> Representatives:
        random = Random(f"representatives:{seed}")
        return cls(
            seq={
                "R-2^31+1": "rcv_nxt-2^31+1",
                "left": f"rcv_nxt-{random.randint(200, 1300)}",
                "R-1": "rcv_nxt-1",
                "R": "rcv_nxt",
                "R+1": "rcv_nxt+1",
                "mid": f"rcv_nxt+{random.randint(2, 4000)}",
                "R+W-1": "rcv_nxt+rcv_wnd-1",
                "R+W": "rcv_nxt+rcv_wnd",
                "right": f"rcv_nxt+rcv_wnd+{random.randint(1, 1 << 30)}",
                "R+2^31-1": "rcv_nxt+2^31-1",
                "R+2^31": "rcv_nxt+2^31",
            },
            ack={
                "S-1": "snd_nxt-1",
                "S": "snd_nxt",
                "S+1": "snd_nxt+1",
                "far": f"snd_nxt+{random.randint(1 << 17, 1 << 30)}",
                "S+2^31": "snd_nxt+2^31",
            },
            tsval={
                "older": "ts_recent-1",
                "same": "ts_recent",
                "newer": f"ts_recent+{random.randint(1, 100_000)}",
                "half": "ts_recent+2^31",
            },
        )


class SegmentMaker:
    """Makes the segments of classes, with these representatives."""

    def __init__(self, representatives: Representatives) -> None:
        self.representatives = representatives
        self._seq = lru_cache(maxsize=1024)(self._seq_offset)
        self._ack = _offsets(representatives.ack, "snd_nxt")
        self._tsval = _offsets(representatives.tsval, "ts_recent")

    def segment(self, one: SegmentClass, variables: Mapping[str, int], tsecr: int = 0) -> Segment:
        """What a segment of that class is to a DUT with those variables; ``tsecr`` echoes its
        clock."""
        flags = one.tcp_flags
        stamps = None
        if one.timestamps in self._tsval:
            tsval = add(variables["ts_recent"], self._tsval[one.timestamps])
            stamps = Timestamps(tsval, tsecr)
        ack = None if one.ack == NOT_APPLICABLE else self._ack[one.ack]
        return Segment(
            seq=add(variables["rcv_nxt"], self._seq(one.seq, variables["rcv_wnd"])),
            ack=0 if ack is None else add(variables["snd_nxt"], ack),
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
