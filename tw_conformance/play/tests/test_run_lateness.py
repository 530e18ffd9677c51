"""What a DUT sends again because the tester was late, and what it sends again of its own."""

from __future__ import annotations

import pytest

from tw_conformance.link.path import Path
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.play.player import play
from tw_conformance.play.tests.scripted import (
    IRS,
    ISS,
    SEND,
    SILENT,
    SYN_ACK,
    ScriptedLink,
    at,
    bad_path,
    in_time_wait,
    performed,
    script,
    segment,
)
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES
from tw_reference.segment import ACK, FIN, PSH, Packet, flag_names

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE

FIN_FIRST = f"{SEND}  - expect: {{flags: FIN|ACK, seq: snd_nxt+1, ack: rcv_nxt}}\n  - wait: 1s\n"


@pytest.mark.parametrize(
    ("again", "after", "expected"),
    [
        (segment(FIN | ACK, 1, IRS), 0.2, INCONCLUSIVE),
        (segment(FIN | ACK, 1, IRS + 1), 0.2, INCONCLUSIVE),
        (segment(FIN | PSH | ACK, 1, IRS + 1), 0.2, INCONCLUSIVE),
        (segment(FIN | ACK, 1, IRS), 0.1, FAIL),
        (segment(ACK, 1, IRS), 0.2, FAIL),
        (segment(FIN | ACK, 2, IRS), 0.2, FAIL),
        (segment(FIN | ACK, 1, IRS, b"t"), 0.2, FAIL),
    ],
)
def test_a_retransmission_is_what_keeps_seq_fin_and_text_and_comes_an_rto_later(
    again: Packet, after: float, expected: Verdict
) -> None:
    first = segment(FIN | ACK, 1, IRS)
    outcome = performed(FIN_FIRST, at((0.0005, first), (0.0005 + after, again)))
    assert outcome.verdict is expected
    assert outcome.late is (expected is INCONCLUSIVE)
    assert expected is FAIL or "was retransmitted by the DUT" in outcome.reason


SHUT = "  - send: {flags: ACK, seq: rcv_nxt, ack: snd_nxt+1, window: 0}\n"


@pytest.mark.parametrize(
    ("came", "after", "expected"),
    [
        (segment(ACK, 0, IRS), 0.2, INCONCLUSIVE),
        (segment(ACK, 1, IRS, b"t"), 0.2, INCONCLUSIVE),
        (segment(PSH | ACK, 1, IRS, b"t"), 0.2, INCONCLUSIVE),
        (segment(ACK, 0, IRS), 0.1, FAIL),
        (segment(ACK, 1, IRS), 0.2, FAIL),
        (segment(ACK, 1, IRS, b"tt"), 0.2, FAIL),
        (segment(FIN | ACK, 1, IRS), 0.2, FAIL),
    ],
)
def test_a_dut_may_ask_a_late_tester_whether_the_window_is_open(
    came: Packet, after: float, expected: Verdict
) -> None:
    outcome = performed(f"{SHUT}  - wait: 300ms\n  - expect: nothing\n", at((after, came)))
    assert outcome.verdict is expected
    assert outcome.late is (expected is INCONCLUSIVE)
    opened = f"{SHUT}{SEND}  - wait: 300ms\n  - expect: nothing\n"
    is_text = bool(came.segment.payload)
    assert performed(opened, at((after, came))).verdict is (FAIL if is_text else expected)
    # It is what the DUT was told when it sent that which counts, not what it is told by now.
    for call, verdict in (("bind", expected), ("{send: 1}", FAIL if is_text else expected)):
        late = ScriptedLink(arrivals=[(after, came)], calling=0.3)
        opened = f"{SHUT}  - call: {call}\n{SEND}  - expect: nothing\n"
        assert performed(opened, late).verdict is verdict


def test_on_virtual_time_a_retransmission_is_judged() -> None:
    first = segment(FIN | ACK, 1, IRS)
    link = at((0.0005, first), (0.3, first))
    assert performed(FIN_FIRST, link, realtime=False).verdict is FAIL


def test_what_the_reference_sends_again_is_judged() -> None:
    case = script("  - wait: 5s\n  - state: FIN-WAIT-1\n", "{state: FIN-WAIT-1}")
    target = InProcessTarget(PROFILES["linux-6.18"])
    outcome = target.start(play(case, target)).result()
    assert outcome.verdict is FAIL
    assert "which no step expects" in outcome.reason


def on_the_way(
    *more: tuple[float, Packet], path: Path | None = None, busy: float = 0.06
) -> Outcome:
    """That of a DUT which sends this besides before it is in TIME-WAIT, to a busy tester."""
    case, link = script(SILENT, "{state: TIME-WAIT}"), in_time_wait(*more)
    link.busy = busy
    return performed(case, link, path=path)


@pytest.mark.parametrize(
    ("copy", "at_time", "expected"),
    [
        (segment(FIN | ACK, ISS + 1, IRS + 1), 0.45, INCONCLUSIVE),
        (segment(FIN | ACK, ISS + 1, IRS + 2), 0.26, INCONCLUSIVE),
        (SYN_ACK, 0.2, INCONCLUSIVE),
        # What comes at once is no retransmission, and an ACK is none.
        (segment(FIN | ACK, ISS + 1, IRS + 1), 0.254, PASS),
        (segment(ACK, ISS + 2, IRS + 1), 0.45, PASS),
    ],
)
def test_a_dut_that_retransmitted_on_the_way_may_be_elsewhere(
    copy: Packet, at_time: float, expected: Verdict
) -> None:
    """netstack is in FIN-WAIT-2 then, not in TIME-WAIT, and so answers otherwise at times."""
    outcome = on_the_way((at_time, copy))
    assert outcome.verdict is expected
    assert outcome.late is (expected is INCONCLUSIVE)
    said = f"retransmitted its {flag_names(copy.segment.flags)} on the way"
    assert expected is PASS or said in outcome.reason


def test_what_a_dut_retransmits_to_a_tester_in_time_is_its_own_doing() -> None:
    again = segment(FIN | ACK, ISS + 1, IRS + 1)
    assert on_the_way((0.45, again), busy=0.0).verdict is PASS


@pytest.mark.parametrize(("busy", "expected"), [(0.046875, PASS), (0.05, INCONCLUSIVE)])
def test_a_tester_has_a_twentieth_of_a_second(busy: float, expected: Verdict) -> None:
    """From the DUT's SYN-ACK to its ACK."""
    fin = segment(FIN | ACK, ISS + 1, IRS + 1)
    link = at((0.0, SYN_ACK), (0.25, SYN_ACK), (1.0, fin))
    link.busy = busy
    assert performed(script(SILENT, "{state: FIN-WAIT-1}"), link).verdict is expected


def test_what_is_lost_on_the_way_is_weighed() -> None:
    again = segment(FIN | ACK, ISS + 1, IRS + 1)
    assert on_the_way((0.45, again), path=bad_path()).verdict is PASS
