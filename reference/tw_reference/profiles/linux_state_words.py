"""The conditions that Linux's lists for a whole connection are written in: ``net/ipv4/tcp_input.c``
and, for SYN-RECEIVED, ``tcp_minisocks.c``, tcp_check_req()."""

from __future__ import annotations

from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND
from tw_reference.profiles.linux_memory import BUFFER, RECEIVE_BUFFER, SMALL_BUFFER
from tw_reference.rules.condition import all_of, any_of, atom
from tw_reference.rules.questions import SegmentOnConnection
from tw_reference.rules.vocabulary import (
    ACK,
    EMPTY,
    PAYLOAD,
    RST,
    SEQ_IS_RCV_NXT,
    SYN,
    TSVAL_BELOW,
)
from tw_reference.seqnum import add, after, distance

_REPLAYED_TICKS_A_SECOND = 1200
"""tcp_tsval_replay(): a peer's clock is taken to tick no faster than this."""
_REPLAYED_TICKS_A_SECOND_2_6 = 1024
"""The same in tcp_disordered_ack() of 2.6.32."""


# -- The segment and the window -------------------------------------------------------------------


@atom("the segment is the peer's SYN again, and nothing more, with the ACK of ours")
def SYN_ACK_AGAIN(q: SegmentOnConnection) -> bool:
    segment, tcb = q.segment, q.tcb
    syn_ack = tcp.SYN | tcp.ACK
    acknowledges = segment.flags & syn_ack == syn_ack and segment.ack == tcb.snd_nxt
    return acknowledges and segment.length == 1 and segment.end == tcb.rcv_nxt


@atom("SEG.SEQ is left of RCV.NXT")
def SEQ_BEFORE(q: SegmentOnConnection) -> bool:
    return after(q.tcb.rcv_nxt, q.segment.seq)


@atom("SEG.SEQ is the right edge of the last four blocks that are held behind a gap, for SACK")
def AT_SACK_EDGE(q: SegmentOnConnection) -> bool:
    return q.tcb.sack and q.tcb.has_gap and q.segment.seq == q.tcb.held_edge


@atom("SEG.SEQ is right of the window")
def SEQ_BEYOND(q: SegmentOnConnection) -> bool:
    return after(q.segment.seq, q.tcb.rcv_adv)


@atom("SEG.SEQ is at the right edge of the window or beyond")
def STARTS_BEYOND(q: SegmentOnConnection) -> bool:
    return not after(q.tcb.rcv_adv, q.segment.seq)


@atom("the segment ends left of the last ACK number sent (RCV.WUP)")
def ENDS_BEFORE(q: SegmentOnConnection) -> bool:
    return after(q.tcb.rcv_wup, q.segment.end)


@atom("the segment's text reaches beyond the window")
def TEXT_BEYOND_WINDOW(q: SegmentOnConnection) -> bool:
    return after(_text_end(q), q.tcb.rcv_adv)


@atom("something is in the receive queue: text, or a FIN whose EOF nobody has read")
def QUEUED(q: SegmentOnConnection) -> bool:
    return q.tcb.queued


@atom("there is nothing in the segment that is not there already")
def ALL_OLD(q: SegmentOnConnection) -> bool:
    return not after(q.segment.end, q.tcb.rcv_nxt)


@atom("the FIN is next in order")
def FIN_IN_ORDER(q: SegmentOnConnection) -> bool:
    in_order = not after(q.segment.seq, q.tcb.rcv_nxt) and after(q.segment.end, q.tcb.rcv_nxt)
    return in_order and q.segment.flags & tcp.FIN != 0


@atom("more than one full segment waits for its ACK")
def FULL_SEGMENT_WAITS(q: SegmentOnConnection) -> bool:
    """__tcp_ack_snd_check(), rcv_mss"""
    return distance(q.segment.end, q.tcb.rcv_wup) > q.tcb.full_text(q.segment)


@atom("a process takes text as it comes")
def READ_AT_ONCE(q: SegmentOnConnection) -> bool:
    return q.tcb.reads


@atom("with the text's share of a buffer of 2,304 octets the window stays as wide as it was")
def KEEPS_WINDOW(q: SegmentOnConnection) -> bool:
    share = len(q.segment.payload) * 256 // BUFFER
    taken = BUFFER + max(q.tcb.buffered, SMALL_BUFFER if q.tcb.queued else 0)
    return share > _SHARE_AT_FIRST and (RECEIVE_BUFFER - taken) * share // 256 >= q.tcb.widest


@atom("beside unread text the window stays as it was told last")
def WINDOW_STAYS(q: SegmentOnConnection) -> bool:
    return q.tcb.keeps_window(q.segment) is True


_SHARE_AT_FIRST = 128
"""TCP_DEFAULT_SCALING_RATIO, in 256th."""


@atom("the segment is next in order, and nothing is held behind it")
def IN_ORDER(q: SegmentOnConnection) -> bool:
    segment, tcb = q.segment, q.tcb
    next_in_order = not after(segment.seq, tcb.rcv_nxt) and after(segment.end, tcb.rcv_nxt)
    return next_in_order and not tcb.has_gap


@atom("three ACKs went at once that told of the same gap, and no more are quick")
def GAP_ACKS_WAIT(q: SegmentOnConnection) -> bool:
    behind = after(q.segment.seq, q.tcb.rcv_nxt)
    return behind and q.tcb.has_gap and q.tcb.pace.compresses(q.tcb.rcv_nxt)


@atom("text, or what came before, has come on this connection")
def HEARD_TEXT(q: SegmentOnConnection) -> bool:
    return q.tcb.pace.is_engaged


@atom(
    "ACKs are quick: no FIN has come and no text was sent in answer, unless an ACK waited in vain"
    " or something old or marked came after that, and 16 have not gone; or there is CWR; or who"
    " reads at once has more than a full segment"
)
def QUICK(q: SegmentOnConnection) -> bool:
    reads_on = q.tcb.reads and FULL_SEGMENT_WAITS.test(q)
    urgent = CWR_NOW.test(q) or q.tcb.marks.are_urgent(q.segment, q.ecn_field)
    return reads_on or urgent or q.tcb.pace.is_quick(q.now, q.tcb.rto)


@atom("the segment is next in order, and memory decides whether ACKs are quick yet")
def QUICK_UNKNOWN(q: SegmentOnConnection) -> bool:
    """tcp_incr_quickack() goes by the window; one that grows has the ACK be quick."""
    in_question = IN_ORDER.test(q) and not QUICK.test(q)
    return in_question and q.tcb.pace.may_be_quick(grows=q.tcb.may_grow(q.segment))


@atom(
    "memory decides whether the ACK of more than a full segment, which is next in order, is put off"
)
def MEMORY_DECIDES(q: SegmentOnConnection) -> bool:
    in_question = IN_ORDER.test(q) and FULL_SEGMENT_WAITS.test(q) and not QUICK.test(q)
    return in_question and q.tcb.keeps_window(q.segment) is None


@atom("CWR, of which ECN since 6.15 has to be in use, has the ACK go at once")
def CWR_NOW(q: SegmentOnConnection) -> bool:
    return q.tcb.marks.cwr_is_urgent(q.segment) and not ACK_OLD.test(q)


@atom("SEG.SEQ = RCV.NXT - 1")
def SEQ_ONE_BEFORE(q: SegmentOnConnection) -> bool:
    return add(q.segment.seq, 1) == q.tcb.rcv_nxt


@atom("the segment is outside the window (tcp_in_window)")
def OUTSIDE(q: SegmentOnConnection) -> bool:
    segment, tcb = q.segment, q.tcb
    if segment.seq == tcb.rcv_nxt:
        return False
    overlaps = after(segment.end, tcb.rcv_nxt) and after(tcb.rcv_adv, segment.seq)
    return not overlaps and not (segment.seq == tcb.rcv_adv and segment.length == 0)


def _text_end(q: SegmentOnConnection) -> int:
    """Where the segment ends without its FIN."""
    return add(q.segment.end, -1 if q.segment.flags & tcp.FIN else 0)


# -- Timestamps -----------------------------------------------------------------------------------


def _older_by(q: SegmentOnConnection) -> int | None:
    """How far TSval lies behind TS.Recent, in its own ticks; None where nothing can be said."""
    stamps, tcb = q.segment.timestamps, q.tcb
    if stamps is None or not tcb.timestamps or tcb.ts_recent == 0:
        return None
    if q.now - tcb.ts_recent_stamp >= tcb.ts_recent_lasts:
        return None
    return distance(tcb.ts_recent, stamps.tsval)


@atom("TSval is more than one tick older than TS.Recent")
def PAWS_FAILS(q: SegmentOnConnection) -> bool:
    older = _older_by(q)
    return older is not None and older > 1


@atom("TSval is older than TS.Recent")
def TSVAL_OLDER(q: SegmentOnConnection) -> bool:
    older = _older_by(q)
    return older is not None and older > 0


@atom("the segment has a TSval, on a connection with timestamps")
def STAMPED(q: SegmentOnConnection) -> bool:
    return q.tcb.timestamps and q.segment.timestamps is not None


@atom("SEG.SEQ is not right of the last ACK number sent (RCV.WUP)")
def SEQ_ACKNOWLEDGED(q: SegmentOnConnection) -> bool:
    return not after(q.segment.seq, q.tcb.rcv_wup)


@atom("SEG.ACK and window say nothing new")
def REPEATS_ACK(q: SegmentOnConnection) -> bool:
    return _repeats_ack(q) and (q.segment.seq != q.tcb.snd_wl1 or q.segment.window != 0)


@atom("SEG.ACK and window say nothing new, or that the window is closed")
def REPEATS_ACK_OR_CLOSES(q: SegmentOnConnection) -> bool:
    return _repeats_ack(q)


def _repeats_ack(q: SegmentOnConnection) -> bool:
    """tcp_may_update_window() before 6.6, to which a window that closes is nothing new."""
    segment, tcb = q.segment, q.tcb
    if segment.ack != tcb.snd_una or after(segment.seq, tcb.snd_wl1):
        return False
    return segment.seq != tcb.snd_wl1 or segment.window << tcb.snd_scale <= tcb.snd_wnd


@atom("TSval lies in the replay window: 1.2 RTO of ticks of a millisecond")
def REPLAYED(q: SegmentOnConnection) -> bool:
    return _replayed(q, _REPLAYED_TICKS_A_SECOND)


@atom("TSval lies in the replay window: an RTO of 1024 ticks a second")
def REPLAYED_2_6(q: SegmentOnConnection) -> bool:
    return _replayed(q, _REPLAYED_TICKS_A_SECOND_2_6)


def _replayed(q: SegmentOnConnection, ticks_a_second: int) -> bool:
    older = _older_by(q)
    return older is not None and older <= q.tcb.rto * ticks_a_second // (1000 * MILLISECOND)


@atom("TSecr lies outside what our clock showed since the SYN")
def ECHOES_ANOTHER(q: SegmentOnConnection) -> bool:
    return _echoes_outside(q, q.tcb.tsval)


@atom("TSecr is none of the <SYN,ACK>'s TSvals")
def ECHOES_NO_SYN_ACK(q: SegmentOnConnection) -> bool:
    return q.tcb.timestamps and _echoes_outside(q, q.tcb.syn_tsval)


def _echoes_outside(q: SegmentOnConnection, latest: int) -> bool:
    stamps, first = q.segment.timestamps, q.tcb.first_tsval
    if stamps is None or stamps.tsecr == 0 or first is None:
        return False
    return not 0 <= distance(stamps.tsecr, first) <= distance(latest, first)


# -- The ACK field --------------------------------------------------------------------------------


@atom("SEG.ACK is left of SND.UNA")
def ACK_OLD(q: SegmentOnConnection) -> bool:
    return after(q.tcb.snd_una, q.segment.ack)


@atom("SEG.ACK is right of SND.NXT")
def ACK_UNSENT(q: SegmentOnConnection) -> bool:
    return after(q.segment.ack, q.tcb.snd_nxt)


@atom("SEG.ACK is further left of SND.UNA than any window was wide, or than was acknowledged")
def ACK_TOO_OLD(q: SegmentOnConnection) -> bool:
    tcb = q.tcb
    reach = min(tcb.max_window, tcb.acknowledged)
    return after(tcb.snd_una, q.segment.ack) and after(add(tcb.snd_una, -reach), q.segment.ack)


@atom("SEG.ACK is ISS + 1")
def ACK_OF_SYN(q: SegmentOnConnection) -> bool:
    return q.segment.ack == add(q.tcb.iss, 1)


# -- The socket -----------------------------------------------------------------------------------


@atom("nothing more is to be received: close(), shutdown() for reading, or a FIN taken")
def RECEIVE_SHUT(q: SegmentOnConnection) -> bool:
    return q.tcb.receive_shut


@atom("the SYN was not retransmitted yet")
def FIRST_SYN(q: SegmentOnConnection) -> bool:
    return q.tcb.retransmissions == 0


# -- Built of them --------------------------------------------------------------------------------


@atom("the window is that of the last segment")
def SAME_WINDOW(q: SegmentOnConnection) -> bool:
    return q.segment.window << q.tcb.snd_scale == q.tcb.snd_wnd


@atom("no flag but ACK and PSH is set")
def PLAIN(q: SegmentOnConnection) -> bool:
    return q.segment.flags & ~tcp.PSH == tcp.ACK


@atom("AE is set, the reserved bit beside CWR")
def AE(q: SegmentOnConnection) -> bool:
    return q.segment.reserved & 1 != 0


PURE_ACK = all_of(ACK, EMPTY)
OLD_TEXT = all_of(SEQ_BEFORE, ~EMPTY, ~SYN, ~RST)
"""tcp_send_dupack(): what has it enters quickack mode."""
FILLED = all_of(FULL_SEGMENT_WAITS, KEEPS_WINDOW)
"""Since 6.6: a window that has grown, by the share of text in the buffers, stays."""
ACKED_AT_ONCE = all_of(FULL_SEGMENT_WAITS, any_of(READ_AT_ONCE, KEEPS_WINDOW, WINDOW_STAYS))
"""__tcp_ack_snd_check(): the right edge of the window advances, since nothing waits to be read or
the share of text in the buffers has grown (tcp_measure_rcv_mss(), scaling_ratio)."""
ACKED_AT_ONCE_6_5 = all_of(FULL_SEGMENT_WAITS, any_of(READ_AT_ONCE, WINDOW_STAYS))
"""The same before 6.6, where half of the buffer is all that there ever is.  A first window of
64,240 octets would stay open beside one buffer of 2,592 or less: what drivers take is not known."""
DISORDERED = all_of(EMPTY, SEQ_IS_RCV_NXT, REPEATS_ACK, REPLAYED)
"""tcp_disordered_ack_check(): what was only reordered; what is empty there has an ACK."""
DISORDERED_6_5 = all_of(EMPTY, SEQ_IS_RCV_NXT, REPEATS_ACK_OR_CLOSES, REPLAYED)
"""tcp_disordered_ack() before 6.6."""
DISORDERED_2_6 = all_of(PURE_ACK, SEQ_IS_RCV_NXT, REPEATS_ACK_OR_CLOSES, REPLAYED_2_6)
"""tcp_disordered_ack() of 2.6.32."""
PREDICTED = all_of(
    *(PLAIN, EMPTY, SEQ_IS_RCV_NXT, SEQ_ACKNOWLEDGED),
    *(SAME_WINDOW, ~ACK_UNSENT, STAMPED, ~TSVAL_BELOW),
)
"""tcp_rcv_established(), header prediction, as far as it tells on the wire: what TS.Recent follows
where no ACK is due (rcv_nxt == rcv_wup)."""
EXPECTED_TEXT = all_of(PLAIN, PAYLOAD, SEQ_IS_RCV_NXT, SAME_WINDOW, QUEUED)
"""tcp_rcv_established(), header prediction: text that is taken before its SEG.ACK is looked at, if
the memory that was set aside for what waits to be read has room for its buffer (sk_forward_alloc),
which depends on the driver.  Once all is read there is none."""
TAKES_TS = all_of(STAMPED, SEQ_ACKNOWLEDGED, ~TSVAL_OLDER, ~ACK_OLD)
