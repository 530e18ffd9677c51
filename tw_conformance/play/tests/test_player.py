"""How often a case is performed, and what several performances come to."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from tw_conformance.link.link import Observation
from tw_conformance.link.path import Path, perfect_path
from tw_conformance.model.case import Case
from tw_conformance.model.errors import TargetGone
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.play.player import play
from tw_conformance.play.tests.scripted import (
    BLOCK_ACK,
    BLOCK_RST,
    IRS,
    ISS,
    REACHED,
    SYN_ACK,
    ScriptedLink,
    ScriptedTarget,
    at,
    bad_path,
    in_time_wait,
    in_virtual_time,
    script,
    segment,
)
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES
from tw_reference.segment import ACK, FIN, RST

QUIET = script("  - send: {flags: ACK}\n  - expect: nothing\n    within: 1s\n")
ANSWERED = script(
    "  - send: {flags: ACK}\n  - expect: {flags: ACK, seq: snd_nxt+1}\n    within: 1s\n"
)
TWO_AT_ONCE = script(
    "  - send: {flags: RST, seq: rcv_nxt+1}\n  - expect: nothing\n  - send: {flags: ACK}\n"
    "  - expect: nothing\n  - state: {is: TIME-WAIT, timer: kept}\n",
    "{state: TIME-WAIT}",
)
WAITS = script("  - wait: 1s\n")
TIME_WAIT = "{state: TIME-WAIT}"
PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE

Script = Callable[[], ScriptedLink]


def silent() -> ScriptedLink:
    return ScriptedLink()


def resets() -> ScriptedLink:
    """A packet that no case expects, after what was under way before has been forgotten."""
    return at((0.5, segment(RST)))


def answers() -> ScriptedLink:
    return at((0.5, segment(ACK)))


def gone() -> ScriptedLink:
    """Nothing comes back."""
    return ScriptedLink(echoes=[None] * 18)


def torn() -> ScriptedLink:
    return ScriptedLink(losses=1)


def late() -> ScriptedLink:
    return ScriptedLink(oversleeps=1.0)


def played(
    case: Case, links: Iterable[Script], path: Path | None = None
) -> tuple[Outcome, ScriptedTarget, float]:
    """The outcome, the target afterwards, and how many seconds the player paused."""
    target = ScriptedTarget([link() for link in links], path or perfect_path())
    outcome, paused = in_virtual_time(play(case, target))
    return outcome, target, paused


# -- one performance, and another try -------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "verdict"), [(silent, PASS), (resets, FAIL), (torn, INCONCLUSIVE)]
)
def test_on_a_perfect_path_one_performance_decides(link: Script, verdict: Verdict) -> None:
    outcome, target, paused = played(QUIET, [link])
    assert (outcome.verdict, target.opened, paused) == (verdict, 1, 0.0)


def test_a_machine_that_was_too_slow_tries_again_with_more_air_each_time() -> None:
    outcome, target, paused = played(WAITS, [late, late, silent])
    assert (outcome.verdict, target.opened) == (PASS, 3)
    assert paused == pytest.approx(1.0 + 2.0)


def test_a_machine_that_is_always_too_slow_gives_up_after_five_more_tries() -> None:
    outcome, target, paused = played(WAITS, [late] * 6)
    assert (outcome.verdict, outcome.late, target.opened) == (INCONCLUSIVE, True, 6)
    assert paused == pytest.approx(1 + 2 + 3 + 4 + 5)


EITHER = script(
    "  - send: {flags: ACK}\n  - expect: {any: [nothing, {flags: ACK}]}\n  - wait: 500ms\n"
)


def after_its_echo() -> ScriptedLink:
    """Its answer comes behind the sentinel's."""
    return at((0.3, segment(ACK)))


@pytest.mark.parametrize(
    ("links", "verdict"),
    [
        ([after_its_echo, after_its_echo], PASS),
        ([after_its_echo, silent], PASS),
        ([after_its_echo, resets], FAIL),
        ([silent], PASS),
        ([resets, resets], FAIL),
    ],
)
def test_of_two_right_answers_the_one_that_comes_late_is_no_stray(
    links: list[Script], verdict: Verdict
) -> None:
    outcome, target, _ = played(EITHER, links)
    assert (outcome.verdict, target.opened) == (verdict, len(links))


SLOW = script("  - wait: 250ms\n  - wait: 250ms\n", "{state: FIN-WAIT-1}")
FIRST_FIN = segment(FIN | ACK, ISS + 1, IRS + 1)


def with_an_rto_of(seconds: float) -> Script:
    """A DUT that sends its FIN again, each time after twice the time."""
    fins = [(0.25 + seconds * (2**n - 1), FIRST_FIN) for n in range(5)]
    return lambda: at((0.125, SYN_ACK), *fins)


@pytest.mark.parametrize(
    ("rto", "performances"), [(0.2, 3), (0.3, 2), (0.6, 1), (0.16, 3), (0.15, 3)]
)
def test_a_dut_whose_timer_is_quicker_than_the_case_may_send_again_before_it(
    rto: float, performances: int
) -> None:
    outcome, target, paused = played(SLOW, [with_an_rto_of(rto)] * 6)
    assert (outcome.verdict, target.opened) == (PASS, performances)
    assert paused == sum(range(performances))


def test_a_timer_that_is_too_quick_for_the_case_at_any_time_leaves_it_undecided() -> None:
    constant = [(0.25 + 0.2 * n, FIRST_FIN) for n in range(20)]
    outcome, target, _ = played(SLOW, [lambda: at((0.125, SYN_ACK), *constant)] * 6)
    assert (outcome.verdict, outcome.late, target.opened) == (INCONCLUSIVE, True, 6)
    assert "too late for the DUT's timer" in outcome.reason


def test_who_does_not_send_again_is_not_waited_for_for_ever() -> None:
    again = at((0.125, SYN_ACK), (0.25, FIRST_FIN), (0.45, FIRST_FIN))
    never = at((0.125, SYN_ACK), (0.25, FIRST_FIN))
    outcome, target, _ = played(SLOW, [lambda: again, lambda: never])
    assert (outcome.verdict, target.opened) == (PASS, 2)
    assert never.clock == pytest.approx(0.25 + 2 + 0.5, abs=0.01)


def test_on_a_bad_path_too_a_case_begins_behind_what_a_quick_timer_sends_again() -> None:
    outcome, target, _ = played(SLOW, [with_an_rto_of(0.2)] * 40, bad_path(lost=1))
    assert (outcome.verdict, target.opened) == (PASS, 10)


def test_what_is_not_this_machines_fault_is_not_tried_again() -> None:
    assert played(QUIET, [torn, silent])[1].opened == 1


# -- on a path with faults ------------------------------------------------------------------------


def test_one_pass_is_no_certainty_where_packets_are_lost() -> None:
    outcome, target, _ = played(QUIET, [silent] * 40, bad_path(lost=5))
    assert outcome.verdict is PASS
    assert target.opened == 4, "19 to 1 each: 130,000 to 1"


def test_performances_do_not_begin_at_the_same_moment() -> None:
    _, target, paused = played(QUIET, [silent] * 40, bad_path(lost=5))
    assert target.opened == 4
    assert paused == pytest.approx(2 * 0.5), "the first alone, and three together"


def test_two_packets_that_should_not_be_there_are_certainty() -> None:
    outcome, target, _ = played(QUIET, [resets] * 40, bad_path(lost=1))
    assert outcome.verdict is FAIL
    assert "expected nothing, but RST" in outcome.reason
    assert target.opened == 5, "the first, and as many together as it would take for a PASS"


def test_an_answer_that_never_comes_takes_more_than_one_performance_to_fail() -> None:
    outcome, target, _ = played(ANSWERED, [silent] * 40, bad_path(lost=20))
    assert outcome.verdict is FAIL
    assert target.opened > 8, "4 to 1 each"


def test_an_answer_that_is_lost_now_and_then_is_no_deviation() -> None:
    outcome, _, _ = played(ANSWERED, [answers, silent, answers] * 14, bad_path(lost=20))
    assert outcome.verdict is PASS


def test_evidence_that_points_both_ways_decides_nothing() -> None:
    outcome, target, _ = played(ANSWERED, [answers, silent] * 20, bad_path(lost=40))
    assert (outcome.verdict, target.opened) == (INCONCLUSIVE, 40)
    assert outcome.reason.startswith(
        "40 performances on this path gave 20 PASS and 20 FAIL, which decides nothing: expected ACK"
    )


def test_a_path_that_is_gone_is_given_up_after_ten_performances() -> None:
    outcome, target, _ = played(QUIET, [gone] * 40, bad_path(lost=500, probes=10_000))
    assert (outcome.verdict, target.opened) == (INCONCLUSIVE, 10)
    assert "0 PASS and 0 FAIL, which decides nothing: nothing came" in outcome.reason


@pytest.mark.parametrize("lost", [1400, 1900, 2150])
def test_where_nothing_is_said_ten_performances_are_come_to_at_once(lost: int) -> None:
    """The first, and nine together, however few it would take for a PASS."""
    _, target, _ = played(QUIET, [gone] * 40, bad_path(lost=lost * 1000, probes=10_000_000))
    assert target.opened == 10


def test_a_case_of_which_one_performance_says_something_is_not_hopeless() -> None:
    links = [*[gone] * 9, *[silent] * 31]
    _, target, _ = played(QUIET, links, bad_path(lost=1_400_000, probes=10_000_000))
    assert target.opened > 10


def test_what_decides_nothing_weighs_nothing_however_many_packets_were_sent() -> None:
    case = script("  - send: {flags: ACK}\n  - send: {flags: ACK}\n  - expect: nothing\n")
    outcome, target, _ = played(case, [gone] * 40, bad_path(lost=500_000, probes=10_000_000))
    assert (outcome.verdict, outcome.by_absence, target.opened) == (INCONCLUSIVE, False, 10)
    assert "0 PASS and 0 FAIL" in outcome.reason


def test_passes_that_are_worth_too_little_decide_nothing() -> None:
    outcome, target, _ = played(QUIET, [silent] * 40, bad_path(lost=4900, probes=10_000))
    assert (outcome.verdict, target.opened) == (INCONCLUSIVE, 40)
    assert (
        outcome.reason
        == "40 performances on this path gave 40 PASS and 0 FAIL, which decides nothing"
    )


def test_the_outcome_that_stands_is_the_last_of_its_verdict() -> None:
    outcome, _, _ = played(QUIET, [resets, silent] + [silent] * 38, bad_path(lost=1))
    assert outcome.verdict is PASS
    assert outcome.reason == ""


# -- what can be played ---------------------------------------------------------------------------


def test_what_can_not_be_asked_for_costs_its_step_not_the_case() -> None:
    state = script("  - send: {flags: ACK}\n  - expect: nothing\n  - state: ESTABLISHED\n")
    target = ScriptedTarget([silent()], reads_states=False)
    outcome, _ = in_virtual_time(play(state, target))
    assert outcome.verdict is PASS
    assert outcome.unseen == ("needs to read on the DUT that it is in ESTABLISHED",)


# -- a performance for each view ------------------------------------------------------------------

TWO_STATES = script(
    "  - send: {flags: ACK}\n  - expect: nothing\n  - state: TIME-WAIT\n"
    "  - send: {flags: ACK}\n  - expect: nothing\n  - state: TIME-WAIT\n",
    TIME_WAIT,
)


def kept() -> ScriptedLink:
    return in_time_wait((REACHED + 0.01, BLOCK_ACK))


def deleted() -> ScriptedLink:
    return in_time_wait((REACHED + 0.01, BLOCK_RST))


@pytest.mark.parametrize(
    ("links", "verdict", "opened"),
    [
        ([kept, kept], PASS, 2),
        ([deleted, deleted, kept], FAIL, 3),
        ([kept, deleted, deleted, kept], FAIL, 4),
    ],
)
def test_views_are_performed_until_one_fails(
    links: list[Script], verdict: Verdict, opened: int
) -> None:
    """A FAIL takes a second performance that says the same, and a service that is there yet."""
    target = ScriptedTarget([link() for link in links], reads_states=False)
    outcome, _ = in_virtual_time(play(TWO_STATES, target))
    assert (outcome.verdict, target.opened) == (verdict, opened), outcome.reason
    assert outcome.inferred


def unserved() -> ScriptedLink:
    return at()


def test_a_fail_of_a_service_that_is_gone_is_none() -> None:
    links = [deleted(), deleted(), unserved()]
    with pytest.raises(TargetGone, match=r"the DUT.s service is gone .* no answer to the SYN"):
        in_virtual_time(play(TWO_STATES, ScriptedTarget(links, reads_states=False)))
    assert all(link.closed for link in links)


def asked_for_its_service(
    case: Case, links: Iterable[Script], path: Path, *, realtime: bool = True
) -> tuple[Verdict, int]:
    """The verdict, and how many connections were opened beyond the performances."""
    target = ScriptedTarget([link() for link in links], path, realtime, reads_states=False)
    outcome, _ = in_virtual_time(play(case, target))
    return outcome.verdict, target.opened


def test_a_service_is_asked_for_where_what_was_seen_may_be_its_end() -> None:
    """A FAIL anywhere, and a doubt where the path can't be its cause; not on virtual time."""
    perfect, bad = perfect_path(), bad_path(lost=20)
    assert asked_for_its_service(QUIET, [resets, deleted], perfect) == (FAIL, 2)
    assert asked_for_its_service(QUIET, [resets], perfect, realtime=False) == (FAIL, 1)
    assert asked_for_its_service(QUIET, [torn, deleted], perfect) == (INCONCLUSIVE, 2)
    assert asked_for_its_service(QUIET, [torn] * 10, bad) == (INCONCLUSIVE, 10)


@pytest.mark.parametrize(("tries", "gone"), [(1, False), (3, False), (4, True)])
def test_on_a_path_that_loses_packets_a_service_is_asked_for_three_times(
    tries: int, gone: bool
) -> None:
    """The performances that fail, then as many that nobody answers but the last."""
    fails = [resets] * 5
    links = [each() for each in [*fails, *[unserved] * (tries - 1), deleted]]
    target = ScriptedTarget(links, bad_path(lost=1), reads_states=False)
    if gone:
        with pytest.raises(TargetGone):
            in_virtual_time(play(QUIET, target))
        assert target.opened == 5 + 3
    else:
        assert in_virtual_time(play(QUIET, target))[0].verdict is FAIL
        assert target.opened == 5 + tries


# -- a DUT that answers echoes first -------------------------------------------------------------

AT_ONCE = script("  - send: {flags: ACK}\n  - expect: {flags: ACK, seq: snd_nxt+1}\n")
NOTHING = script("  - send: {flags: ACK}\n  - expect: nothing\n")


@pytest.mark.parametrize(("after", "verdict"), [(0.0005, PASS), (0.3, PASS), (0.6, FAIL)])
def test_what_would_fail_a_case_by_its_absence_has_half_a_second_more(
    after: float, verdict: Verdict
) -> None:
    target = ScriptedTarget([at((after, segment(ACK)))])
    assert in_virtual_time(play(AT_ONCE, target))[0].verdict is verdict
    assert target.path.overtaken == (verdict is PASS and after > 0.001)


def test_another_answer_that_comes_late_fails_by_what_it_is() -> None:
    outcome, _ = in_virtual_time(play(AT_ONCE, ScriptedTarget([at((0.3, segment(RST)))])))
    assert outcome.verdict is FAIL
    assert "but RST" in outcome.reason


@pytest.mark.parametrize(("lag", "verdict"), [(0.0, PASS), (0.002, FAIL)])
def test_a_silence_of_a_dut_that_was_seen_to_be_late_is_longer(
    lag: float, verdict: Verdict
) -> None:
    """What no step expects comes 12 ms behind the answer of the probe: 8 times 2 ms are waited."""
    path = perfect_path()
    path.answered_behind(lag)
    target = ScriptedTarget([at((0.013, segment(RST)))], path=path)
    assert in_virtual_time(play(NOTHING, target))[0].verdict is verdict


def test_where_time_is_virtual_an_answer_may_be_as_late() -> None:
    """Or a case would fail there that every DUT passes, whose ACK waits for a tick."""
    target = ScriptedTarget([at((0.3, segment(ACK)))], realtime=False)
    assert in_virtual_time(play(AT_ONCE, target))[0].verdict is PASS


# -- timers of a DUT that gets no CPU ------------------------------------------------------------

RESTARTS = script(
    "  - wait: 1s\n  - send: {flags: ACK}\n  - expect: nothing\n"
    "  - state: {is: TIME-WAIT, timer: restarted}\n"
)
KEPT, RESTARTED = 0.5, 1.95
ACKED_IN_TIME = script("  - send: {flags: ACK}\n  - expect: {flags: ACK}\n    within: 1s\n")


def reads(remaining: float) -> ScriptedLink:
    """2MSL is 2 s, and the segment leaves at 1 s."""
    before = Observation("TIME-WAIT", 0.0, 0.0, 2.0)
    return ScriptedLink(readings=[before, Observation("TIME-WAIT", 1.1, 1.1, remaining)])


@pytest.mark.parametrize(
    ("readings", "verdict", "pauses"),
    [
        ([RESTARTED], PASS, 0.0),
        ([KEPT, KEPT], FAIL, 1.0),
        ([KEPT, RESTARTED, RESTARTED], PASS, 1.0 + 2.0),
        ([KEPT, RESTARTED, KEPT, KEPT], FAIL, 1.0 + 2.0 + 3.0),
        ([KEPT, RESTARTED, KEPT, RESTARTED], INCONCLUSIVE, 1.0 + 2.0 + 3.0),
    ],
)
def test_a_timer_that_fails_a_case_is_read_again_in_another_performance(
    readings: list[float], verdict: Verdict, pauses: float
) -> None:
    target = ScriptedTarget([reads(remaining) for remaining in readings])
    outcome, paused = in_virtual_time(play(RESTARTS, target))
    assert (outcome.verdict, paused) == (verdict, pauses)
    assert target.opened == len(readings)


@pytest.mark.parametrize(
    ("links", "verdict", "pauses"),
    [
        ([silent, silent], FAIL, 1.0),
        ([silent, answers, answers], PASS, 1.0 + 2.0),
        ([silent, answers, silent, answers], INCONCLUSIVE, 1.0 + 2.0 + 3.0),
        ([resets], FAIL, 0.0),
    ],
)
def test_what_does_not_come_in_its_time_is_waited_for_in_another_performance(
    links: list[Script], verdict: Verdict, pauses: float
) -> None:
    outcome, target, paused = played(ACKED_IN_TIME, links)
    assert (outcome.verdict, paused) == (verdict, pauses)
    assert target.opened == len(links)


def test_a_timer_on_virtual_time_is_read_once() -> None:
    target = ScriptedTarget([reads(KEPT)], realtime=False)
    assert in_virtual_time(play(RESTARTS, target))[0].verdict is FAIL


def test_a_timer_that_virtual_time_can_not_tell_is_not_asked_for_again() -> None:
    """Nobody is late there: another performance would say the same."""
    reference = InProcessTarget(PROFILES["linux-6.18"])
    outcome = reference.start(play(TWO_AT_ONCE, reference)).result()
    assert outcome.verdict is INCONCLUSIVE
    assert "finely enough" in outcome.reason
