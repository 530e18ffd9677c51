"""Socket calls in a case: what they give is judged, explained, and the same on every target."""

from __future__ import annotations

from pathlib import Path

import pytest

from tw_conformance.dut.calls import preparation_of
from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Mismatch, Outcome, Verdict
from tw_conformance.notation.load import load_text
from tw_conformance.play import oracle
from tw_conformance.play.player import play
from tw_conformance.report.outcome_text import explain_outcome
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES

HEAD = "case: a-case\ntitle: A title\ncites: [RFC 9293]\n"
UNLISTEN = "  - call: unlisten\n"


def only(text: str) -> Case:
    (case,) = load_text(HEAD + text, Path("calls.tw.yaml"))
    return case


def played(text: str, profile: str = "linux-6.18") -> Outcome:
    target = InProcessTarget(PROFILES[profile])
    return target.start(play(only(text), target)).result()


def test_a_call_that_gives_what_is_expected_passes() -> None:
    steps = f"steps:\n{UNLISTEN}  - call: bind\n    gives: EADDRINUSE\n"
    assert played(steps).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("call", "gives", "seen"),
    [
        ("bind", "ok", "EADDRINUSE"),
        ("{bind: {reuse_address: on}}", "EADDRINUSE", "ok"),
        ("{bind: {reuse_address: on}}", "refused", "ok"),
        ("bind", "EADDRNOTAVAIL", "EADDRINUSE"),
    ],
)
def test_a_call_that_gives_another_thing_fails(call: str, gives: str, seen: str) -> None:
    outcome = played(f"steps:\n{UNLISTEN}  - call: {call}\n    gives: {gives}\n")
    assert outcome.verdict is Verdict.FAIL
    assert list(outcome.mismatches) == [Mismatch("gives", gives, seen)]


def test_any_errno_is_a_refusal() -> None:
    steps = f"steps:\n{UNLISTEN}  - call: bind\n    gives: refused\n"
    assert played(steps).verdict is Verdict.PASS


def test_what_a_call_gives_is_explained() -> None:
    outcome = played(f"steps:\n{UNLISTEN}  - call: {{bind: {{reuse_port: on}}}}\n", "linux-6.18")
    answers = {answer.profile: answer for answer in oracle.explain(outcome, {})}
    assert (answers["linux-6.1"].answer, answers["linux-6.1"].same_as_seen) == ("EADDRINUSE", True)
    assert (answers["freebsd-15"].answer, answers["freebsd-15"].same_as_seen) == ("ok", False)
    rule = answers["linux-6.18"].rule
    assert rule is not None
    assert rule.id == "linux.bind-in-use"
    text = explain_outcome(outcome, color=False, capture="", answers=list(answers.values()))
    assert "call bind reuse_port=on gives EADDRINUSE" in text


def test_what_a_case_needs_to_open_its_connection() -> None:
    plain = preparation_of(only("steps: [wait: 1s]"))
    assert (plain.policy, plain.private, plain.listens) == ("close", False, True)
    assert preparation_of(only("steps: [call: bind]")).private
    assert preparation_of(only("reach: {reuse_address: off}\nsteps: [wait: 1s]")).private
    held = preparation_of(only("reach: {state: ESTABLISHED}\nsteps: [call: {set: {ttl: 1}}]"))
    assert (held.policy, held.private) == ("hold", True)
    active = preparation_of(only("reach: {open: active}\nsteps: [wait: 1s]"))
    assert (active.private, active.listens) == (True, False)


@pytest.mark.parametrize("through", ["FIN-WAIT-2", "FIN-WAIT-1", "CLOSING"])
@pytest.mark.parametrize("profile", PROFILES)
def test_the_dut_opens(profile: str, through: str) -> None:
    reach = f"reach: {{open: active, timestamps: on, wscale: 7, through: {through}}}\n"
    outcome = played(f"{reach}steps: [state: TIME-WAIT]\n", profile)
    assert (outcome.verdict, outcome.reason) == (Verdict.PASS, "")
    packets = [event for event in outcome.transcript.events if event.packet is not None]
    assert packets[0].direction == "received", "the first SYN is the DUT's"


@pytest.mark.parametrize(
    ("reach", "segment", "answer", "state"),
    [
        ("state: SYN-SENT, open: active", "flags: SYN|ACK", "ack: rcv_nxt+1", "ESTABLISHED"),
        ("state: SYN-RECEIVED", "flags: ACK", "flags: FIN|ACK, seq: snd_nxt", "FIN-WAIT-1"),
        ("state: CLOSE-WAIT", "flags: RST", "", "CLOSED"),
        ("state: LAST-ACK, open: active", "flags: ACK", "", "CLOSED"),
    ],
)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_case_begins_in_the_states_of_whoever_is_closed_upon(
    profile: str, reach: str, segment: str, answer: str, state: str
) -> None:
    begun = reach.partition(",")[0].removeprefix("state: ")
    expected = f"{{{answer}}}" if answer else "nothing"
    steps = f"steps: [state: {begun}, send: {{{segment}}}, expect: {expected}, state: {state}]\n"
    outcome = played(f"reach: {{{reach}}}\n{steps}", profile)
    assert (outcome.verdict, outcome.reason) == (Verdict.PASS, "")


HELD = """\
reach: {state: ESTABLISHED}
steps:
  - call: shutdown
  - expect: {flags: FIN|ACK}
  - send: {flags: FIN|ACK, ack: snd_nxt+1}
  - expect: {flags: ACK, ack: rcv_nxt+1}
  - state: TIME-WAIT
"""


@pytest.mark.parametrize(
    ("calls", "state"),
    [
        ("  - call: close\n", "TIME-WAIT"),
        ("  - call: close\n  - call: close\n    gives: EBADF\n", "TIME-WAIT"),
        ("  - call: shutdown\n    gives: ENOTCONN\n", "TIME-WAIT"),
        ("  - call: {send: 10}\n    gives: EPIPE\n", "TIME-WAIT"),
        ("  - call: {set: {ttl: 3}}\n", "TIME-WAIT"),
        ("  - call: error\n", "TIME-WAIT"),
        ("  - call: abort\n", "TIME-WAIT"),
        ("  - call: destroy\n  - call: destroy\n    gives: ENOENT\n", "CLOSED"),
    ],
)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_descriptor_outlives_its_connection(profile: str, calls: str, state: str) -> None:
    outcome = played(f"{HELD}{calls}  - expect: nothing\n  - state: {state}\n", profile)
    assert (outcome.verdict, outcome.reason) == (Verdict.PASS, "")


def test_a_process_learns_of_a_reset_once() -> None:
    steps = (
        "reach: {state: ESTABLISHED}\nsteps:\n  - send: {flags: RST}\n  - expect: nothing\n"
        "  - call: error\n    gives: ECONNRESET\n  - call: error\n"
        "  - call: {send: 1}\n    gives: EPIPE\n  - call: close\n"
    )
    outcome = played(steps)
    assert (outcome.verdict, outcome.reason) == (Verdict.PASS, "")


@pytest.mark.parametrize(
    ("text", "lack"),
    [
        ("steps: [counters: {PAWSTimewait: 1}]", "the counter PAWSTimewait, which freebsd-10"),
        (
            "profiles: [freebsd-*]\nsettings: {sack: 0}\nreach: {sack: on}\nsteps: [wait: 1s]",
            "SACK, which",
        ),
        ("reach: {ecn: on}\nsteps: [wait: 1s]", "ECN, which freebsd-10 does not take up"),
        ("reach: {ecn: on, open: active}\nsteps: [wait: 1s]", "ECN, which freebsd-10 does not ask"),
    ],
)
def test_what_the_reference_lacks_is_said_by_its_name(text: str, lack: str) -> None:
    target = InProcessTarget(PROFILES["freebsd-10"])
    assert (target.lacks(only(text)) or "").startswith(f"needs {lack}")
    calls = "call: {bind: {port: 0}}, call: {send: 1}, call: {shutdown: read}"
    steps = f"steps: [{calls}, call: {{bind: {{address: any}}}}]"
    assert target.lacks(only(f"reach: {{state: ESTABLISHED}}\n{steps}")) is None


@pytest.mark.parametrize(("option", "field"), [("ttl: 6", "ttl: 6"), ("tos: 8", "tos: 8")])
@pytest.mark.parametrize("opened", ["active", "passive"])
def test_options_are_set_before_the_connection(option: str, field: str, opened: str) -> None:
    steps = f"steps: [call: close, expect: {{flags: FIN|ACK, {field}}}]"
    reach = f"reach: {{state: ESTABLISHED, open: {opened}, options: {{{option}}}}}\n"
    outcome = played(reach + steps)
    assert (outcome.verdict, outcome.reason) == (Verdict.PASS, "")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_process_receives_what_came_and_then_the_end(profile: str) -> None:
    steps = (
        "reach: {state: ESTABLISHED}\nsteps:\n"
        "  - call: {receive: 1}\n    gives: EAGAIN\n"
        "  - send: {flags: PSH|ACK, length: 10}\n"
        "  - expect: {flags: ACK, ack: rcv_nxt+10}\n    within: 1s\n"
        "  - call: {receive: 4}\n  - call: {receive: 6}\n"
        "  - send: {flags: FIN|ACK, seq: rcv_nxt+10}\n"
        "  - expect: {flags: ACK, ack: rcv_nxt+11}\n    within: 1s\n"
        "  - call: {receive: 1}\n    gives: eof\n"
        "  - call: close\n  - expect: {flags: FIN|ACK, seq: snd_nxt}\n"
    )
    outcome = played(steps, profile)
    assert (outcome.verdict, outcome.reason) == (Verdict.PASS, "")
