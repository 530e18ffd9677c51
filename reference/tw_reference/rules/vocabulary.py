"""The words that decision lists are written in: conditions on segments, blocks and settings.

A word stands here when more than one stack uses it; what only one stack does stands in its
profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tw_reference import segment as tcp
from tw_reference.rules.condition import Condition, atom
from tw_reference.rules.questions import Entry, ErrorArrives, SegmentArrives, Unconnected, UserCall
from tw_reference.segment import IcmpKind, Segment, flag_names
from tw_reference.seqnum import after, seq_gt


class HasSegment(Protocol):
    """Any question that a segment raised."""

    @property
    def segment(self) -> Segment: ...


class Receiver(Protocol):
    """What a connection and a TIME-WAIT block both have."""

    @property
    def rcv_nxt(self) -> int: ...


class HasReceiver(HasSegment, Protocol):
    """A question that a segment raised which found somebody."""

    @property
    def tcb(self) -> Receiver: ...


class HasSettings(Protocol):
    """Any question that settings bear on."""

    @property
    def settings(self) -> Mapping[str, int]: ...


def flag(bit: int) -> Condition[HasSegment]:
    def is_set(q: HasSegment) -> bool:
        return q.segment.flags & bit != 0

    return Condition(f"{flag_names(bit)} is set", is_set)


RST = flag(tcp.RST)
SYN = flag(tcp.SYN)
ACK = flag(tcp.ACK)
FIN = flag(tcp.FIN)


def setting(name: str, value: int = 1) -> Condition[HasSettings]:
    def has_value(q: HasSettings) -> bool:
        return q.settings[name] == value

    return Condition(f"{name} = {value}", has_value)


@atom("the segment has no sequence length")
def EMPTY(q: HasSegment) -> bool:
    return q.segment.length == 0


@atom("the segment has payload")
def PAYLOAD(q: HasSegment) -> bool:
    return bool(q.segment.payload)


@atom("the segment has the Timestamps option")
def TIMESTAMPS(q: HasSegment) -> bool:
    return q.segment.timestamps is not None


@atom("SEG.SEQ = RCV.NXT")
def SEQ_IS_RCV_NXT(q: HasReceiver) -> bool:
    return q.segment.seq == q.tcb.rcv_nxt


@atom("SEG.SEQ is above RCV.NXT (SEQ_GT)")
def SEQ_ABOVE(q: HasReceiver) -> bool:
    return seq_gt(q.segment.seq, q.tcb.rcv_nxt)


@atom("SEG.SEQ is after RCV.NXT (after())")
def SEQ_AFTER(q: HasReceiver) -> bool:
    return after(q.segment.seq, q.tcb.rcv_nxt)


@atom("the segment is the peer's FIN again: SEG.SEQ + payload + SYN + 1 = RCV.NXT")
def FIN_AGAIN(q: HasReceiver) -> bool:
    segment = q.segment
    octets = len(segment.payload) + (1 if segment.flags & tcp.SYN else 0) + 1
    return (segment.seq + octets) & 0xFFFFFFFF == q.tcb.rcv_nxt


@atom("a listener is on the port")
def LISTENER(q: SegmentArrives) -> bool:
    return q.listener


@atom("the listener's queue is full")
def QUEUE_FULL(q: Unconnected) -> bool:
    return q.queue_full


@atom("the peer's address is local")
def PEER_IS_LOCAL(q: Entry) -> bool:
    return q.peer_is_local


def icmp(*kinds: IcmpKind) -> Condition[ErrorArrives]:
    def is_kind(q: ErrorArrives) -> bool:
        return q.error.kind in kinds

    return Condition(f"the error is {'/'.join(kinds)}", is_kind)


def verb(*names: str) -> Condition[UserCall]:
    def is_called(q: UserCall) -> bool:
        return q.verb in names

    return Condition(f"the call is {' or '.join(name.upper() for name in names)}", is_called)
