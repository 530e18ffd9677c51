"""The conditions that FreeBSD's lists for a connection are written in: ``tcp_input.c``,
tcp_do_segment(), and ``tcp_syncache.c``."""

from __future__ import annotations

from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND
from tw_reference.rules.condition import atom
from tw_reference.rules.questions import AckDue, SegmentOnConnection
from tw_reference.rules.vocabulary import HasTcb
from tw_reference.seqnum import add, distance, in_window, seq_gt

_MAX_WINDOW = 65535
"""TCP_MAXWIN."""


@atom("SEG.SEQ is the last ACK sent: RCV.NXT, unless an ACK is put off")
def SEQ_IS_LAST_ACK(q: SegmentOnConnection) -> bool:
    return q.segment.seq == q.tcb.rcv_wup


@atom("SEG.SEQ is in the window, which begins at the last ACK sent")
def IN_WINDOW(q: SegmentOnConnection) -> bool:
    window = q.tcb.rcv_wnd
    return in_window(q.segment.seq, q.tcb.rcv_wup, window) if window else SEQ_IS_LAST_ACK.test(q)


@atom("SEG.SEQ is in the window, which begins at the last ACK sent, or one octet beside it")
def ABOUT_WINDOW(q: SegmentOnConnection) -> bool:
    return -1 <= distance(q.segment.seq, q.tcb.rcv_wup) <= q.tcb.rcv_wnd


@atom("SEG.SEQ is one octet from RCV.NXT at most, or from the last ACK sent")
def SEQ_NEAR_RCV_NXT(q: SegmentOnConnection) -> bool:
    return any(abs(distance(q.segment.seq, at)) <= 1 for at in (q.tcb.rcv_nxt, q.tcb.rcv_wup))


def _left(q: HasTcb) -> int:
    """RCV.NXT - SEG.SEQ as an int: of two numbers half the space apart neither is left."""
    return distance(q.tcb.rcv_nxt, q.segment.seq)


def _syn_cut(q: HasTcb) -> int:
    """1 where a SYN lies left of RCV.NXT, which is the first octet that is cut off."""
    return 1 if _left(q) > 0 and q.segment.flags & tcp.SYN else 0


def _todrop(q: HasTcb) -> int:
    """Octets of text left of RCV.NXT."""
    return _left(q) - _syn_cut(q)


@atom("SEG.SEQ is left of RCV.NXT")
def SEQ_BELOW(q: HasTcb) -> bool:
    return _left(q) > 0


@atom("ISS < SEG.ACK =< SND.NXT")
def ACK_OF_OPENING(q: SegmentOnConnection) -> bool:
    return 0 < distance(q.segment.ack, q.tcb.iss) <= distance(q.tcb.snd_nxt, q.tcb.iss)


@atom("shutdown() has sent the FIN")
def WAS_SHUT(q: SegmentOnConnection) -> bool:
    return q.tcb.fin_sent


@atom("TS.Recent is not 0")
def TS_RECENT_KNOWN(q: HasTcb) -> bool:
    return q.tcb.ts_recent != 0


@atom("all of the segment lies left of RCV.NXT")
def ALL_OLD(q: HasTcb) -> bool:
    old, text = _todrop(q), len(q.segment.payload)
    return _left(q) > 0 and (old > text or (old == text and not q.segment.flags & tcp.FIN))


@atom("something is held that waits for what comes before it")
def HAS_GAP(q: SegmentOnConnection) -> bool:
    return q.tcb.has_gap


@atom("something is held, and the segment begins no further right than it ends")
def JOINS_HELD(q: SegmentOnConnection) -> bool:
    return q.tcb.has_gap and distance(q.segment.seq, q.tcb.held_edge) <= 0


@atom("an ACK is put off already")
def ACK_PUT_OFF(q: SegmentOnConnection) -> bool:
    return q.tcb.ack_put_off


@atom("the text is no longer than the MSS")
def ONE_SEGMENT(q: SegmentOnConnection) -> bool:
    return len(q.segment.payload) <= q.tcb.mss


@atom("nothing of the segment is new: it is empty, or all old")
def NOTHING_NEW(q: SegmentOnConnection) -> bool:
    return q.segment.length == 0 or ALL_OLD.test(q)


@atom("both ends want ECN")
def ECN_IN_USE(q: SegmentOnConnection) -> bool:
    return q.tcb.ecn


@atom("the segment has CWR, and both ends want ECN")
def REDUCED(q: SegmentOnConnection) -> bool:
    return q.tcb.ecn and bool(q.segment.flags & tcp.CWR)


@atom("an ACK is due: for what is all old, or since a segment that was dropped")
def ACK_IS_DUE_UNTIL_12(q: SegmentOnConnection) -> bool:
    return q.tcb.ack_due or ALL_OLD.test(q)


@atom("an ACK is due: for what is old, without SACK all of it, or for CWR, or since it was left so")
def ACK_IS_DUE(q: SegmentOnConnection) -> bool:
    in_part = q.tcb.sack and SEQ_BELOW.test(q)
    return in_part or REDUCED.test(q) or ACK_IS_DUE_UNTIL_12.test(q)


@atom("the header is predicted: at RCV.NXT, the same window, either text or a new SEG.ACK, no FIN")
def PREDICTED(q: SegmentOnConnection) -> bool:
    """What is plain is done with early, whatever else is due."""
    segment, tcb = q.segment, q.tcb
    plain = segment.flags & (tcp.SYN | tcp.FIN | tcp.RST | tcp.URG | tcp.ACK) == tcp.ACK
    same = segment.window != 0 and segment.window << tcb.snd_scale == tcb.snd_wnd
    newly = distance(segment.ack, tcb.snd_una)
    one_way = newly == 0 if segment.payload else newly > 0 and segment.ack == tcb.snd_nxt
    return plain and same and one_way and segment.seq == tcb.rcv_nxt and not tcb.has_gap


@atom("the segment has text that is not left of RCV.NXT")
def TEXT_KEPT(q: HasTcb) -> bool:
    return bool(q.segment.payload) and _todrop(q) < len(q.segment.payload)


@atom("the segment begins beyond the window, or has text at its right edge")
def BEYOND_WINDOW(q: HasTcb) -> bool:
    """Of what is left when that left of RCV.NXT is cut off."""
    text = len(q.segment.payload)
    cut = min(max(_todrop(q), 0), text)
    end, edge = add(q.segment.seq, _syn_cut(q) + text), add(q.tcb.rcv_nxt, q.tcb.rcv_wnd)
    over = distance(end, edge)
    return over > 0 and over >= text - cut


@atom("of what is left, SEG.SEQ =< the last ACK sent =< SEG.SEQ + SEG.LEN")
def SPANS_LAST_ACK(q: SegmentOnConnection) -> bool:
    """Of what is left when the SYN and what lies left of RCV.NXT is cut off, and with it a FIN."""
    text, old = len(q.segment.payload), _todrop(q)
    cut = min(max(old, 0), text)
    fin = bool(q.segment.flags & tcp.FIN) and old <= text
    start = add(q.segment.seq, _syn_cut(q) + cut)
    return 0 <= distance(q.tcb.rcv_wup, start) <= text - cut + fin


def _acknowledges_nothing(q: SegmentOnConnection) -> bool:
    """Whether SEG.ACK is SND.UNA, not SND.NXT, without text; what answers a probe of a closed
    window is passed over, since no retransmission timer runs."""
    tcb = q.tcb
    probed = tcb.snd_wnd == 0 and not tcb.fin_sent
    return q.segment.ack == tcb.snd_una != tcb.snd_nxt and not probed and not TEXT_KEPT.test(q)


def _has_same_window(q: SegmentOnConnection) -> bool:
    return q.segment.window << q.tcb.snd_scale == q.tcb.snd_wnd


@atom("a duplicate ACK, no SACK: SEG.ACK = SND.UNA, not SND.NXT, no text, the same window")
def DUPLICATE_ACK_UNTIL_13_0(q: SegmentOnConnection) -> bool:
    """With SACK only what tells something new of it is one."""
    return not q.tcb.sack and _acknowledges_nothing(q) and _has_same_window(q)


@atom("a duplicate ACK: SEG.ACK = SND.UNA, not SND.NXT, no text, the same window, or any with SACK")
def DUPLICATE_ACK(q: SegmentOnConnection) -> bool:
    """With SACK what has blocks is one only if they tell something new (tcp_is_sack_recovery())."""
    blocks = any(kind == tcp.SACK for kind, _ in q.segment.other_options)
    alike = not blocks if q.tcb.sack else _has_same_window(q)
    return alike and _acknowledges_nothing(q)


@atom("fewer than two duplicate ACKs have come")
def FEW_DUPLICATES(q: SegmentOnConnection) -> bool:
    return q.tcb.duplicate_acks < 2


@atom("two duplicate ACKs have come")
def TWO_DUPLICATES(q: SegmentOnConnection) -> bool:
    return q.tcb.duplicate_acks == 2


@atom("the segment brings a FIN that is not old")
def FIRST_FIN(q: HasTcb) -> bool:
    return bool(q.segment.flags & tcp.FIN) and not ALL_OLD.test(q)


@atom("SEG.SEQ is left of IRS")
def SEQ_BELOW_IRS(q: SegmentOnConnection) -> bool:
    return distance(q.segment.seq, q.tcb.irs) < 0


@atom("TSecr is the TSval of the <SYN,ACK>")
def ECHOES_SYN_ACK(q: SegmentOnConnection) -> bool:
    stamps = q.segment.timestamps
    return stamps is not None and stamps.tsecr == q.tcb.syn_tsval


@atom("SND.NXT < SEG.ACK (SEQ_GT)")
def ACK_ABOVE_SND_NXT(q: SegmentOnConnection) -> bool:
    return seq_gt(q.segment.ack, q.tcb.snd_nxt)


@atom("SEG.ACK is left of ISS+1, or further left of SND.UNA than any window was wide")
def GHOST_ACK(q: SegmentOnConnection) -> bool:
    tcb = q.tcb
    least = add(tcb.snd_una, -tcb.max_window)
    first = add(tcb.iss, 1)
    if distance(tcb.snd_una, tcb.iss) < _MAX_WINDOW << tcb.snd_scale and distance(first, least) > 0:
        least = first
    return distance(q.segment.ack, least) < 0


@atom("ack_war_timewindow is over since the first challenge ACK that was counted, or none was")
def WINDOW_OVER(q: AckDue) -> bool:
    return q.since is None or q.now - q.since > q.settings["ack_war_timewindow"] * MILLISECOND


@atom("fewer than ack_war_cnt were counted")
def FEW_CHALLENGES(q: AckDue) -> bool:
    return q.counted < q.settings["ack_war_cnt"]
