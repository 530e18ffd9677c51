"""The words that decision lists are written in: conditions on segments, blocks and settings.

A word stands here where a standard or more than one stack needs it; what only one stack does stands
in its profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tw_reference import segment as tcp
from tw_reference.icmp_numbers import IcmpKind
from tw_reference.rules.condition import Condition, atom
from tw_reference.rules.questions import (
    ErrorOnConnection,
    SegmentArrives,
    SegmentOnConnection,
    Tcb,
    UserCall,
)
from tw_reference.segment import IcmpError, Segment, flag_names
from tw_reference.seqnum import add, distance, in_window, seq_gt
from tw_reference.state import State


class HasSegment(Protocol):
    """Any question that a segment raised."""

    @property
    def segment(self) -> Segment: ...


class HasTcb(HasSegment, Protocol):
    """A question that a segment raised which found a connection or a block."""

    @property
    def tcb(self) -> Tcb: ...


class HasSettings(Protocol):
    """Any question that settings bear on."""

    @property
    def settings(self) -> Mapping[str, int]: ...


class HasError(Protocol):
    """A question that an ICMP error raised."""

    @property
    def error(self) -> IcmpError: ...


class HasQueue(Protocol):
    """A question that a listener's accept queue bears on."""

    @property
    def queue_full(self) -> bool: ...


def flag(bit: int) -> Condition[HasSegment]:
    def is_set(q: HasSegment) -> bool:
        return q.segment.flags & bit != 0

    return Condition(f"{flag_names(bit)} is set", is_set)


RST = flag(tcp.RST)
SYN = flag(tcp.SYN)
ACK = flag(tcp.ACK)
FIN = flag(tcp.FIN)
ECE = flag(tcp.ECE)
CWR = flag(tcp.CWR)


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
def SEQ_IS_RCV_NXT(q: HasTcb) -> bool:
    return q.segment.seq == q.tcb.rcv_nxt


@atom("the segment is acceptable (table 6)")
def ACCEPTABLE(q: HasTcb) -> bool:
    segment, start, window = q.segment, q.tcb.rcv_nxt, q.tcb.rcv_wnd
    if window == 0:
        return segment.length == 0 and segment.seq == start
    if segment.length == 0:
        return in_window(segment.seq, start, window)
    last = add(segment.seq, segment.length - 1)
    return in_window(segment.seq, start, window) or in_window(last, start, window)


@atom("timestamps are in use on the connection")
def TIMESTAMPS_IN_USE(q: HasTcb) -> bool:
    return q.tcb.timestamps


@atom("TSval is above TS.Recent")
def TSVAL_ABOVE(q: HasTcb) -> bool:
    stamps = q.segment.timestamps
    return stamps is not None and seq_gt(stamps.tsval, q.tcb.ts_recent)


@atom("TSval = TS.Recent")
def TSVAL_SAME(q: HasTcb) -> bool:
    stamps = q.segment.timestamps
    return stamps is not None and stamps.tsval == q.tcb.ts_recent


@atom("TSval is below TS.Recent")
def TSVAL_BELOW(q: HasTcb) -> bool:
    stamps = q.segment.timestamps
    return stamps is not None and distance(stamps.tsval, q.tcb.ts_recent) < 0


@atom("SEG.SEQ =< RCV.NXT")
def SEQ_NOT_ABOVE(q: HasTcb) -> bool:
    return distance(q.segment.seq, q.tcb.rcv_nxt) <= 0


@atom("SEG.ACK = SND.NXT")
def ACK_IS_SND_NXT(q: HasTcb) -> bool:
    return q.segment.ack == q.tcb.snd_nxt


@atom("our FIN was sent, and SEG.ACK is behind it")
def FIN_ACKED(q: SegmentOnConnection) -> bool:
    return q.tcb.fin_sent and q.segment.ack == q.tcb.snd_nxt


@atom("SEG.SEQ = IRS")
def SEQ_IS_IRS(q: SegmentOnConnection) -> bool:
    return q.segment.seq == q.tcb.irs


@atom("SND.NXT < SEG.ACK")
def ACK_TOO_HIGH(q: SegmentOnConnection) -> bool:
    # Halves of the circle from SND.UNA, as what was never sent is told from what is long past.
    tcb = q.tcb
    return distance(q.segment.ack, tcb.snd_una) > distance(tcb.snd_nxt, tcb.snd_una)


@atom("SND.UNA =< SEG.ACK")
def ACK_NOT_OLD(q: SegmentOnConnection) -> bool:
    return distance(q.segment.ack, q.tcb.snd_una) >= 0


@atom("SND.UNA < SEG.ACK =< SND.NXT")
def ACK_IS_NEW(q: SegmentOnConnection) -> bool:
    tcb = q.tcb
    newly = distance(q.segment.ack, tcb.snd_una)
    return 0 < newly <= distance(tcb.snd_nxt, tcb.snd_una)


@atom("a listener opened the connection")
def PASSIVE(q: SegmentOnConnection) -> bool:
    return q.tcb.is_passive


@atom("a process holds the socket")
def HELD(q: SegmentOnConnection) -> bool:
    return q.tcb.held


@atom("the segment has text beyond RCV.NXT")
def NEW_TEXT(q: SegmentOnConnection) -> bool:
    segment = q.segment
    end = add(segment.seq, len(segment.payload))
    return bool(segment.payload) and distance(end, q.tcb.rcv_nxt) > 0


@atom("the peer's FIN is next in order with this segment")
def FIN_NEXT(q: SegmentOnConnection) -> bool:
    return q.tcb.brings_fin(q.segment)


@atom("SEG.SEQ is above RCV.NXT (SEQ_GT)")
def SEQ_ABOVE(q: HasTcb) -> bool:
    return seq_gt(q.segment.seq, q.tcb.rcv_nxt)


@atom("the segment is the peer's FIN again: SEG.SEQ + payload + SYN + 1 = RCV.NXT")
def FIN_AGAIN(q: HasTcb) -> bool:
    segment = q.segment
    octets = len(segment.payload) + (1 if segment.flags & tcp.SYN else 0) + 1
    return (segment.seq + octets) & 0xFFFFFFFF == q.tcb.rcv_nxt


@atom("a listener is on the port")
def LISTENER(q: SegmentArrives) -> bool:
    return q.listener


@atom("the listener's queue is full")
def QUEUE_FULL(q: HasQueue) -> bool:
    return q.queue_full


def icmp(*names: str) -> Condition[HasError]:
    """An error by type and code, which have these names."""

    def is_named(q: HasError) -> bool:
        return q.error.name in names

    return Condition(f"the error is {'/'.join(names)}", is_named)


def icmp_of(*kinds: IcmpKind) -> Condition[HasError]:
    """An error by type, whatever its code."""

    def is_kind(q: HasError) -> bool:
        return q.error.kind in kinds

    return Condition(f"the error is of the kind {'/'.join(kinds)}", is_kind)


def icmp_code_above(last: int) -> Condition[HasError]:
    def is_above(q: HasError) -> bool:
        return q.error.number.code > last

    return Condition(f"the error's code is above {last}", is_above)


TOO_BIG = icmp_of("too-big")


@atom("both ends want SACK")
def SACK_IN_USE(q: SegmentOnConnection) -> bool:
    return q.tcb.sack


@atom("the packet that the error quotes is of IPv6")
def QUOTES_IPV6(q: HasError) -> bool:
    return q.error.quoted.is_ipv6


@atom("the connection is a request that a listener keeps")
def REQUEST(q: ErrorOnConnection) -> bool:
    return q.is_request


@atom("the SEQ that the error quotes is ISS")
def QUOTES_ISS(q: ErrorOnConnection) -> bool:
    return q.error.seq == q.tcb.iss


@atom("SND.UNA =< the SEQ that the error quotes < SND.NXT")
def QUOTES_IN_FLIGHT(q: ErrorOnConnection) -> bool:
    tcb = q.tcb
    return in_window(q.error.seq, tcb.snd_una, distance(tcb.snd_nxt, tcb.snd_una))


@atom("the connection is in SYN-SENT or SYN-RECEIVED")
def OPENING(q: ErrorOnConnection) -> bool:
    return q.tcb.state in (State.SYN_SENT, State.SYN_RECEIVED)


def verb(*names: str) -> Condition[UserCall]:
    def is_called(q: UserCall) -> bool:
        return q.verb in names

    return Condition(f"the call is {' or '.join(name.upper() for name in names)}", is_called)
