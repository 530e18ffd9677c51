"""A case with more than one connection: each is told apart in what is seen, judged and printed."""

from __future__ import annotations

import pytest

from tw_conformance.link.path import Path, perfect_path
from tw_conformance.model.verdict import Verdict
from tw_conformance.play.player import perform_once
from tw_conformance.play.tests.scripted import (
    IRS,
    ISS,
    RIGHT,
    ScriptedLink,
    ScriptedTarget,
    at,
    bad_path,
    in_time_wait,
    script,
    segment,
)
from tw_conformance.report.ladder import ladder
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES
from tw_reference.segment import ACK, FIN, RST

FIN_OF_SERVICE = segment(FIN | ACK, ISS + 1, IRS + 1)
TWO = """
  - open: second
  - on: second
    send: {flags: ACK, seq: rcv_nxt}
  - on: second
    expect: {flags: ACK, ack: rcv_nxt}
"""


def performed(
    steps: str, first: ScriptedLink, *others: ScriptedLink, path: Path | None = None
) -> tuple[Verdict, str]:
    first.others = list(others)
    target = ScriptedTarget([first], path or perfect_path())
    outcome = target.start(perform_once(script(steps), target)).result()
    return outcome.verdict, outcome.reason


def test_an_answer_counts_on_its_own_connection() -> None:
    assert performed(TWO, at(), at((0.0005, RIGHT))) == (Verdict.PASS, "")


def test_an_answer_on_another_connection_is_none() -> None:
    told, reason = performed(TWO, at((0.0005, RIGHT)), at())
    assert told is Verdict.FAIL
    assert reason.startswith("on second: expected ACK ack=rcv_nxt, but nothing came")


@pytest.mark.parametrize("on_second", [False, True])
def test_what_no_step_expects_fails_on_either(on_second: bool) -> None:
    stray, silent = at((0.0, RIGHT)), at()
    links = (silent, stray) if on_second else (stray, silent)
    told, reason = performed("  - open: second\n  - wait: 1s\n", *links)
    assert told is Verdict.FAIL
    assert reason.startswith("on second: ") == on_second


def test_a_connection_comes_from_the_peer_that_is_said() -> None:
    first = at()
    steps = "  - open: second\n  - open: {name: third, peer: other}\n"
    assert performed(steps, first, at(), at()) == (Verdict.PASS, "")
    assert first.peers == ["same", "other"]


def test_each_of_many_is_opened() -> None:
    first = at()
    steps = "  - open: {name: crowd, times: 2}\n  - on: crowd-2\n    send: {flags: ACK}\n"
    assert performed(steps, first, at(), at()) == (Verdict.PASS, "")


def test_what_was_under_way_on_a_connection_before_it_was_there_is_forgotten() -> None:
    """Where the path may have been late with it."""
    for path, told in ((bad_path(), Verdict.PASS), (perfect_path(), Verdict.FAIL)):
        stray = at((0.0, segment(RST)))
        assert performed("  - open: second\n", at(), stray, path=path)[0] is told


def test_a_dut_that_retransmitted_on_the_way_may_be_elsewhere() -> None:
    second = in_time_wait((0.45, FIN_OF_SERVICE))
    second.busy = 0.06
    told, reason = performed("  - open: {name: second, state: TIME-WAIT}\n", at(), second)
    assert told is Verdict.INCONCLUSIVE
    assert reason.startswith("the DUT retransmitted its FIN|ACK on the way to TIME-WAIT")


def test_a_connection_that_does_not_come_to_its_state_decides_nothing() -> None:
    steps = "  - open: {name: crowd, times: 2, state: ESTABLISHED}\n"
    assert performed(steps, at(), at((0.0, segment(RST)))) == (
        Verdict.INCONCLUSIVE,
        "crowd-1 did not come to ESTABLISHED: the DUT answered the SYN with RST",
    )


def test_the_ladder_says_which_connection_it_was() -> None:
    case = script(TWO, reach="{state: TIME-WAIT}")
    target = InProcessTarget(PROFILES["linux-6.18"])
    outcome = target.start(perform_once(case, target)).result()
    rungs = ladder(outcome.transcript, case, width=80, color=False).splitlines()
    words = [rung.split("|", 1)[1].rstrip("->| ") for rung in rungs if "|" in rung]
    reached = words.index(" · second: TIME-WAIT reached")
    assert words[reached + 1 :] == [
        "-- second: ACK seq=rcv_nxt ack=snd_nxt win=65535",
        " · second: probe answered",
    ]
    assert words[reached - 1].startswith("<- second: ACK seq=iss+2 ack=irs+2")
