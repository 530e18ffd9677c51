"""The conditions that only Linux's lists are written in."""

from __future__ import annotations

from tw_reference.clock import MILLISECOND, SECOND
from tw_reference.rules.condition import Condition, atom
from tw_reference.rules.questions import (
    AckDue,
    Bind,
    Connect,
    Entry,
    Orphaned,
    SegmentArrives,
    SegmentOnConnection,
    TimeWaitBlock,
    Unconnected,
)
from tw_reference.rules.vocabulary import RST
from tw_reference.seqnum import add, after, distance
from tw_reference.state import State

PAWS_WRAP = 2147 * SECOND
"""TCPPAWS_WRAP, INT_MAX microseconds: so old, TS.Recent says nothing any more."""
PAWS_24DAYS = 24 * 24 * 3600 * SECOND
"""TCPPAWS_24DAYS, the same before 6.7 (RFC 7323 section 5.5)."""
_PAWS_MSL = 60 * SECOND
"""TCP_PAWS_MSL: after this long an RST need not pass PAWS."""
TIMEWAIT_LEN = 60 * SECOND


def three_and_a_half(rto: int) -> int:
    """(rto << 2) - (rto >> 1), the shortest life that a block is given (tcp_time_wait())."""
    return (rto << 2) - (rto >> 1)


def paws_reject(valid_for: int, *, zero_is_unknown: bool = True) -> Condition[SegmentArrives]:
    """tcp_paws_reject() of include/net/tcp.h, on the block's TS.Recent.

    ``valid_for``: nanoseconds after which TS.Recent says nothing.  ``zero_is_unknown``: nor does
    a TS.Recent of 0.
    """

    def fails(q: SegmentArrives) -> bool:
        stamps, block = q.segment.timestamps, q.tcb
        if stamps is None or not block.timestamps or (zero_is_unknown and block.ts_recent == 0):
            return False
        # Older by up to, but not at, half the space: (s32)(TSR - TSval) > 0.
        if not -(1 << 31) < distance(stamps.tsval, block.ts_recent) < 0:
            return False
        age = q.now - block.ts_recent_stamp
        return age < valid_for and not (RST.test(q) and age >= _PAWS_MSL)

    return Condition("the segment fails PAWS", fails)


@atom("SEG.SEQ is after RCV.NXT (after())")
def SEQ_AFTER(q: SegmentArrives | SegmentOnConnection) -> bool:
    return after(q.segment.seq, q.tcb.rcv_nxt)


@atom("TSval is newer than TS.Recent")
def TSVAL_NEWER(q: SegmentArrives) -> bool:
    stamps, block = q.segment.timestamps, q.tcb
    return stamps is not None and block.timestamps and after(stamps.tsval, block.ts_recent)


@atom("the segment overlaps the window (tcp_in_window)")
def IN_WINDOW(q: SegmentArrives) -> bool:
    segment, block = q.segment, q.tcb
    if segment.seq == block.rcv_nxt:
        return True
    right = add(block.rcv_nxt, block.rcv_wnd)
    if after(segment.end, block.rcv_nxt) and after(right, segment.seq):
        return True
    return segment.seq == right and segment.length == 0


@atom("SEG.SEQ is not before RCV.NXT")
def SEQ_NOT_BEFORE(q: SegmentArrives) -> bool:
    return not after(q.tcb.rcv_nxt, q.segment.seq)


@atom("the segment ends after RCV.NXT")
def ENDS_AFTER(q: SegmentArrives) -> bool:
    return after(q.segment.end, q.tcb.rcv_nxt)


@atom("the segment ends at RCV.NXT + 1")
def ENDS_AT_NEXT(q: SegmentArrives) -> bool:
    return q.segment.end == add(q.tcb.rcv_nxt, 1)


@atom("the segment has text, or a FIN behind it, beyond RCV.NXT")
def NEW_TEXT_OR_FIN(q: SegmentOnConnection) -> bool:
    # tcp_rcv_state_process(): end_seq - fin is after RCV.NXT, and there is something in it.
    segment = q.segment
    end = add(segment.seq, len(segment.payload))
    return segment.length > 0 and after(end, q.tcb.rcv_nxt)


@atom("the socket asked for a negative TCP_LINGER2")
def LINGER2_NEGATIVE(q: Orphaned) -> bool:
    return q.negative


@atom("close() came when the FIN was acknowledged already")
def BY_CLOSE(q: Orphaned) -> bool:
    return q.by_close


@atom("it is to wait for more than TCPTIMEWAIT_LEN, 60 s")
def WAITS_LONG(q: Orphaned) -> bool:
    return q.timeout > TIMEWAIT_LEN


@atom("the segment that led here carries FIN")
def FIN_FOLLOWS(q: Orphaned) -> bool:
    return q.fin


@atom("both sockets have SO_REUSEADDR")
def BOTH_REUSE(q: Bind) -> bool:
    return q.reuse_address and q.owner.reuse_address


@atom("both sockets have SO_REUSEPORT")
def BOTH_REUSE_PORT(q: Bind) -> bool:
    return q.reuse_port and q.owner.reuse_port


@atom("the block has a timestamp of the peer")
def BLOCK_STAMPED(q: Connect) -> bool:
    return q.block.timestamps


@atom("the port was chosen by bind()")
def CHOSEN(q: Connect) -> bool:
    return not q.automatic


@atom("the block's port was chosen by bind(), or is a listener's")
def WAS_BOUND(q: Connect) -> bool:
    return q.block.port_was_bound


@atom("the block is in the FIN-WAIT-2 substate")
def IN_FIN_WAIT_2(q: Connect) -> bool:
    return q.block.substate == State.FIN_WAIT_2


@atom("the addresses are loopback")
def LOOPBACK(q: Connect) -> bool:
    return q.loopback


@atom("the block is younger than tcp_tw_reuse_delay")
def YOUNG(q: Connect) -> bool:
    return q.now - q.block.entered <= q.settings["tw_reuse_delay"] * MILLISECOND


@atom("no whole second has passed since the peer's last timestamp")
def SAME_SECOND(q: Connect) -> bool:
    return q.now // SECOND <= q.block.ts_recent_stamp // SECOND


@atom("no more than 1 s has passed since the peer's last timestamp")
def WITHIN_A_SECOND(q: Connect) -> bool:
    return q.now // SECOND - q.block.ts_recent_stamp // SECOND <= 1


@atom("tcp_tw_recycle is on and the peer's stamp is remembered (IPv4)")
def RECYCLES(q: Entry) -> bool:
    return _can_be_remembered(q.block) and q.settings["tw_recycle"] == 1


@atom("tcp_tw_recycle is on and the block's stamp is remembered (IPv4)")
def BLOCK_RECYCLES(q: SegmentArrives) -> bool:
    return _can_be_remembered(q.tcb) and q.settings["tw_recycle"] == 1


def _can_be_remembered(block: TimeWaitBlock) -> bool:
    return block.timestamps and not block.flow.is_ipv6


@atom("tcp_tw_recycle is on and TSval is older than the peer's stamp of the last 60 s")
def OLDER_THAN_PEER(q: Unconnected) -> bool:
    stamps, peer = q.segment.timestamps, q.peer
    if stamps is None or peer is None or q.settings["tw_recycle"] != 1:
        return False
    return q.now < peer.seen + _PAWS_MSL and distance(peer.tcp_ts, stamps.tsval) > 1


@atom("tcp_max_tw_buckets blocks are in use")
def TABLE_FULL(q: Entry) -> bool:
    return q.blocks >= q.settings["max_tw_buckets"]


@atom("tcp_invalid_ratelimit has not passed since the last such ACK")
def TOO_SOON(q: AckDue) -> bool:
    last = q.tcb.last_ack
    return last is not None and q.now - last < q.settings["invalid_ratelimit"] * MILLISECOND


@atom("TIME-WAIT chose the ISS")
def REOPENS(q: Unconnected) -> bool:
    return q.reopens


@atom("SEG.ACK and SEG.SEQ bring back the cookie that answered a SYN")
def RETURNS_COOKIE(q: Unconnected) -> bool:
    if q.cookie is None:
        return False
    iss, irs = q.cookie
    return (q.segment.ack, q.segment.seq) == (add(iss, 1), add(irs, 1))
