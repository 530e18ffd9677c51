"""The words for usual answers, written out as the segments that they mean."""

from __future__ import annotations

from tw_conformance.model.case import Answer
from tw_conformance.model.expressions import SequenceExpression
from tw_reference.segment import ACK, RST, SYN

_SND_NXT = SequenceExpression("snd_nxt")
_RCV_NXT = SequenceExpression("rcv_nxt")
_TS_RECENT = SequenceExpression("ts_recent")
_ZERO = SequenceExpression("0")
_SEG_ACK = SequenceExpression("seg_ack")
_SEG_END = SequenceExpression("seg_seq+seg_len")
_AFTER_SYN = SequenceExpression("seg_seq+1")


def ack(*, timestamps: bool) -> Answer:
    """The ACK that says where a connection stands: ``<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>``
    (RFC 9293 section 3.10.7.4), with the Timestamps option where it was negotiated."""
    return Answer(
        flags=ACK,
        seq=_SND_NXT,
        ack=_RCV_NXT,
        length=0,
        timestamps="present" if timestamps else "absent",
        tsecr=_TS_RECENT if timestamps else None,
        word="ack",
    )


def rst(*, to_ack: bool) -> Answer:
    """The reset for a segment to no connection, with ACK or without (RFC 9293 section 3.10.7.1)."""
    if to_ack:
        return Answer(flags=RST, seq=_SEG_ACK, length=0, word="rst")
    return Answer(flags=RST | ACK, seq=_ZERO, ack=_SEG_END, length=0, word="rst")


def syn_ack() -> Answer:
    """The answer of LISTEN to a SYN (RFC 9293 section 3.10.7.2)."""
    return Answer(flags=SYN | ACK, ack=_AFTER_SYN, length=0, word="syn-ack")
