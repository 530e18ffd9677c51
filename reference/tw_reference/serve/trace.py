"""Decisions in one line each, as they are taken."""

from __future__ import annotations

from tw_reference.clock import SECOND
from tw_reference.rules.decision import Decision
from tw_reference.segment import ACK, Segment, flag_names
from tw_reference.seqnum import distance
from tw_reference.state import Snapshot


def in_words(decision: Decision, start: int) -> str:
    """When (seconds since ``start``, which is in nanoseconds), who, what came, which rule of which
    list decided, and what became of the state."""
    elapsed = (decision.time - start) / SECOND
    flow, before, after = decision.flow, decision.before, decision.after
    what = "" if decision.segment is None else f"  {_segment(decision.segment, before)}"
    if decision.error is not None:
        what = f"  ICMP {decision.error.name}"
    change = f"{before.state} -> {after.state}" if before.state != after.state else before.state
    restarted = before.expires is not None and after.expires not in (None, before.expires)
    if restarted and before.state == after.state:
        change += ", timer restarted"
    peer = f"{flow.dst}:{flow.dport} > {flow.sport}"
    return f"{elapsed:10.6f}  {peer}{what}  {decision.rule.id} ({decision.stage})  {change}"


def _segment(segment: Segment, before: Snapshot) -> str:
    """Flags and numbers; SEG.SEQ from RCV.NXT where there is a block."""
    seq = f"seq={segment.seq}"
    if before.rcv_nxt is not None:
        offset = distance(segment.seq, before.rcv_nxt)
        seq = f"seq=rcv_nxt{offset:+d}" if offset else "seq=rcv_nxt"
    words = [flag_names(segment.flags), seq]
    if segment.flags & ACK:
        words.append(f"ack={segment.ack}")
    if segment.payload:
        words.append(f"length={len(segment.payload)}")
    if segment.timestamps is not None:
        words.append(f"TSval={segment.timestamps.tsval}")
    return " ".join(words)
