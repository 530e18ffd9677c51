"""Answers in relative numbers: what they say on any connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from tw_conformance.model.case import Answer
from tw_conformance.model.expressions import SequenceExpression
from tw_conformance.play.compare import nearest
from tw_reference.segment import SYN, Segment

ELSEWHERE = "elsewhere"
"""A number that is near to nothing that the connection knows."""


class RelativeAnswer(NamedTuple):
    """One segment; numbers are expressions over a case's variables, None where any will do."""

    flags: int
    seq: str | None
    ack: str | None
    window: str | None
    tsecr: str | None
    timestamps: bool
    mss: int | None

    def as_answer(self, fields: frozenset[str]) -> Answer:
        """What a case would say of it: flags, numbers, and of the rest what is in ``fields``."""

        def number(text: str | None) -> SequenceExpression | None:
            return None if text is None or text == ELSEWHERE else SequenceExpression(text)

        present: Literal["present", "absent"] = "present" if self.timestamps else "absent"
        return Answer(
            flags=self.flags,
            seq=number(self.seq),
            ack=number(self.ack),
            window=number(self.window) if "window" in fields else None,
            timestamps=present if "timestamps" in fields else None,
            tsecr=number(self.tsecr) if "tsecr" in fields else None,
            mss=("absent" if self.mss is None else self.mss) if "mss" in fields else None,
        )


def relative(segment: Segment, variables: Mapping[str, int], *, iss_known: bool) -> RelativeAnswer:
    """``segment`` over these variables; a SYN's sequence number counts only where it is known how
    the ISS was chosen."""
    stamps = segment.timestamps
    known = iss_known or not segment.flags & SYN
    return RelativeAnswer(
        flags=segment.flags,
        seq=place(segment.seq, variables, "snd_nxt", "seg_ack") if known else None,
        ack=place(segment.ack, variables, "rcv_nxt", "seg_seq"),
        window=window(segment, variables),
        tsecr=place(stamps.tsecr, variables, "ts_recent", "seg_tsval") if stamps else None,
        timestamps=stamps is not None,
        mss=segment.mss,
    )


def window(segment: Segment, variables: Mapping[str, int]) -> str:
    """SEG.WND; that of a SYN is a new connection's, which has nothing to do with the old one."""
    if segment.flags & SYN:
        return str(segment.window)
    return place(segment.window, variables, "rcv_wnd")


def place(value: int, variables: Mapping[str, int], *names: str) -> str:
    """``value`` as an offset from the first of these variables that it is near to; 0 is itself."""
    if value == 0:
        return "0"
    text = nearest(value, variables, *names)
    return ELSEWHERE if text == str(value) else text
