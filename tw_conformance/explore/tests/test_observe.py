"""What is said of an answer holds of every performance of its script."""

from __future__ import annotations

from dataclasses import replace

from tw_conformance.explore.observe import observe, ruled_states
from tw_conformance.model.case import Call, Case, Reach, Send
from tw_conformance.model.expressions import SequenceExpression
from tw_conformance.targets.direct import DirectTarget
from tw_reference.profiles import PROFILES
from tw_reference.segment import ACK, FIN, RST, SYN


def send(flags: int, seq: str) -> Send:
    return Send(flags, seq=SequenceExpression(seq))


def test_numbers_of_a_new_incarnation_are_not_said_in_those_of_the_old_one() -> None:
    """One ISS in four lies just below the wrap, the old one and the new one."""
    target = DirectTarget(PROFILES["linux-6.18"])
    steps = send(RST, "rcv_nxt"), send(SYN, "rcv_nxt+1"), send(SYN, "seg_seq-100")
    said: set[SequenceExpression | None] = set()
    for number in range(64):
        script = Case(f"drawn-{number}", "A new one", ("RFC 9293",), Reach("TIME-WAIT"), steps)
        *_, last = target.start(observe(script, target, {"SYN-RECEIVED", "CLOSED"})).result()
        said.update(answer.seq for answer in last.answers)
    assert said == {None}


def test_what_follows_a_syn_at_the_windows_edge_is_said_from_that_edge() -> None:
    """A window that no rule decides is another on each DUT, and so is what it acknowledges."""
    target = DirectTarget(PROFILES["linux-6.18"])
    steps = send(SYN, "rcv_nxt+rcv_wnd-4999"), send(SYN, "rcv_nxt")
    script = Case("edge", "A new one", ("RFC 9293",), Reach("TIME-WAIT", wscale=7), steps)
    seen = target.start(observe(script, target, {"SYN-RECEIVED", "CLOSED"})).result()
    said = [answer.ack and answer.ack.text for effect in seen for answer in effect.answers]
    assert said == ["seg_seq+1", "rcv_nxt+rcv_wnd-4999+1"]


def test_a_block_tells_a_window_of_before_that_no_rule_decided() -> None:
    """With window scaling Linux's window follows its memory, and its block has the last told."""
    target = DirectTarget(PROFILES["linux-6.18"])
    acknowledge = Send(FIN | ACK, ack=SequenceExpression("snd_nxt+1"))
    for scale, is_said in ((None, True), (7, False)):
        steps = Call("close"), replace(acknowledge, flags=ACK), acknowledge
        script = Case("frozen", "Told", ("RFC 9293",), Reach("ESTABLISHED", wscale=scale), steps)
        seen = target.start(observe(script, target, ruled_states(PROFILES["linux-6.18"]))).result()
        assert [a.window is not None for e in seen for a in e.answers] == [is_said, is_said]


def test_a_script_ends_where_the_end_of_a_flight_may_be_asked_for() -> None:
    """On a wire a tail loss probe may fall into any step that follows."""
    target = DirectTarget(PROFILES["linux-6.18"])
    for sack, octets, told in ((True, 3000, 0), (True, 1000, 1), (False, 3000, 1)):
        sends = (Call("send", {"length": octets}),)
        script = Case("flight", "Sent", ("RFC 8985",), Reach("ESTABLISHED", sack=sack), sends)
        assert len(target.start(observe(script, target, {"ESTABLISHED"})).result()) == told
