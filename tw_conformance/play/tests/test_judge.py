"""The judge alone: facts in, decisions out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tw_conformance.model.case import (
    NOTHING,
    AllOf,
    Answer,
    AnyOf,
    ByProfile,
    Case,
    Expect,
    Expected,
    Not,
    Reach,
    Send,
)
from tw_conformance.model.expressions import SequenceExpression
from tw_conformance.model.verdict import Mismatch, Transcript, Verdict
from tw_conformance.play.judge import Judgement, decide, judge
from tw_conformance.play.record import (
    Again,
    Came,
    Doubt,
    Fact,
    ProvenSilence,
    Record,
    Seen,
    StateSeen,
    Stray,
)
from tw_conformance.play.tests.scripted import script, segment
from tw_reference.segment import ACK, FIN, RST

AN_ACK, A_RESET = Answer(flags=ACK), Answer(flags=RST)
ACK_CAME, RST_CAME = Came(segment(ACK), {}), Came(segment(RST), {})
TEXT = segment(ACK)
TEXT_CAME = Came(replace(TEXT, segment=replace(TEXT.segment, payload=b"text")), {})


def decided(expected: Expected, seen: Seen) -> Judgement | None:
    case = Case("judged", "", (), Reach(), (Expect(ByProfile((("*", expected),))),))
    return decide(case, "linux-6.18", Fact(0, seen))


def fails(expected: Expected, seen: Seen) -> bool:
    decision = decided(expected, seen)
    assert decision is None or decision.verdict is not Verdict.INCONCLUSIVE
    return decision is not None


def undecided(expected: Expected, seen: Seen) -> bool:
    decision = decided(expected, seen)
    return decision is not None and decision.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("expected", "right", "wrong"),
    [
        (AN_ACK, [ACK_CAME], [RST_CAME, ProvenSilence()]),
        (NOTHING, [ProvenSilence()], [ACK_CAME, RST_CAME]),
        (AN_ACK, [TEXT_CAME], []),
        (Answer(flags=ACK, length=0), [ACK_CAME], [TEXT_CAME]),
        (Answer(flags=ACK, length=4), [TEXT_CAME], [ACK_CAME]),
        (Answer(ttl=64), [ACK_CAME, TEXT_CAME], []),
        (AllOf((Answer(length=4), AnyOf((AN_ACK, A_RESET)))), [TEXT_CAME], [ACK_CAME]),
        (AllOf((AN_ACK, AnyOf((Answer(length=4), A_RESET)))), [TEXT_CAME], [ACK_CAME]),
        (AnyOf((AN_ACK, A_RESET)), [ACK_CAME, RST_CAME], [ProvenSilence()]),
        (AnyOf((AN_ACK, NOTHING)), [ACK_CAME, ProvenSilence()], [RST_CAME]),
        (Not(AN_ACK), [RST_CAME, ProvenSilence()], [ACK_CAME]),
        (Not(NOTHING), [ACK_CAME, RST_CAME], [ProvenSilence()]),
        (AllOf((AN_ACK, Not(Answer(ttl=64)))), [], [ACK_CAME, RST_CAME, ProvenSilence()]),
        (AllOf((AN_ACK, Not(Answer(ttl=1)))), [ACK_CAME], [RST_CAME, ProvenSilence()]),
    ],
)
def test_what_is_right_and_what_is_wrong(
    expected: Expected, right: list[Seen], wrong: list[Seen]
) -> None:
    assert not any(fails(expected, seen) for seen in right)
    assert all(fails(expected, seen) for seen in wrong)


@pytest.mark.parametrize(
    "expected", [AN_ACK, AnyOf((AN_ACK, A_RESET)), Not(AN_ACK), NOTHING, Not(NOTHING)]
)
def test_a_service_that_may_not_have_been_served_is_not_silent(expected: Expected) -> None:
    assert undecided(expected, ProvenSilence(served=False))


@pytest.mark.parametrize("again", Again)
def test_what_may_be_an_older_segment_fails_nothing(again: Again) -> None:
    wrong: tuple[Expected, ...] = (NOTHING, AN_ACK, AnyOf((AN_ACK, NOTHING)), Not(A_RESET))
    for expected in wrong:
        assert undecided(expected, Came(segment(RST), {}, again))
    assert undecided(AN_ACK, Stray(segment(RST), {}, again))
    fitting: tuple[Expected, ...] = (
        A_RESET,
        AnyOf((NOTHING, A_RESET)),
        AllOf((Not(AN_ACK), A_RESET)),
    )
    for expected in fitting:
        assert decided(expected, Came(segment(RST), {}, again)) is None, "right is right"


@pytest.mark.parametrize("expected", [Answer(length=0), Not(NOTHING), AnyOf((NOTHING, Answer()))])
def test_what_a_timer_sent_is_no_answer_where_the_case_leaves_its_flags_open(
    expected: Expected,
) -> None:
    assert undecided(expected, Came(segment(FIN | ACK), {}, Again.RETRANSMITTED))
    for again in (None, Again.PROBED, Again.REPEATED):
        assert decided(expected, Came(segment(FIN | ACK), {}, again)) is None


A_COPY = Answer(flags=RST, seq=SequenceExpression("ans_seq"))


@pytest.mark.parametrize(
    ("behind", "rests"),
    [(A_RESET, True), (AN_ACK, False), (NOTHING, False), (A_COPY, False)],
)
def test_the_answer_behind_the_one_that_a_path_may_have_lost_fails_by_absence(
    behind: Expected, rests: bool
) -> None:
    steps = tuple(Expect(ByProfile((("*", each),))) for each in (AN_ACK, behind))
    case = Case("judged", "", (), Reach(), steps)
    decision = decide(case, "linux-6.18", Fact(0, RST_CAME))
    assert decision is not None
    assert (decision.verdict, decision.by_absence) == (Verdict.FAIL, rests)
    assert decision.doubted is rests


def test_only_this_machines_fault_is_worth_another_try() -> None:
    late = decided(NOTHING, Came(segment(RST), {}, Again.RETRANSMITTED))
    repeated = decided(NOTHING, Came(segment(RST), {}, Again.REPEATED))
    assert late is not None
    assert repeated is not None
    ahead = decided(NOTHING, Came(segment(RST), {}, Again.AHEAD))
    assert ahead is not None
    assert (late.late, repeated.late, ahead.late) == (True, False, False)
    assert (late.doubted, repeated.doubted, ahead.doubted) == (False, True, True)
    gone = decided(NOTHING, RST_CAME)
    assert gone is not None
    assert not gone.doubted
    assert decided(NOTHING, Doubt("why", late=True)) == Judgement(
        Verdict.INCONCLUSIVE, "why", late=True
    )


def test_of_several_choices_the_one_that_comes_nearest_is_held_against_the_answer() -> None:
    far = Answer(flags=RST, length=5, ttl=1)
    decision = decided(AnyOf((far, AN_ACK)), RST_CAME)
    assert decision is not None
    assert decision.mismatches == (Mismatch("flags", "ACK", "RST"),)
    assert decision.reason == "expected ACK, but RST seq=1 ack=9000 came: flags"


def test_an_absence_is_told_from_a_packet() -> None:
    by_absence = [
        decision.by_absence
        for expected, seen in (
            (AN_ACK, ProvenSilence()),
            (Not(NOTHING), ProvenSilence()),
            (Not(AN_ACK), ACK_CAME),
            (A_RESET, ACK_CAME),
            (NOTHING, ACK_CAME),
        )
        if (decision := decided(expected, seen)) is not None
    ]
    assert by_absence == [True, True, False, False, False]


def test_what_is_wrong_on_another_connection_says_on_which() -> None:
    case = Case("judged", "", (), Reach(), (Expect(ByProfile((("*", AN_ACK),)), on="second"),))
    assert decide(case, "linux-6.18", Fact(0, ACK_CAME, "second")) is None
    decision = decide(case, "linux-6.18", Fact(0, RST_CAME, "second"))
    assert decision is not None
    assert decision.reason == "on second: expected ACK, but RST seq=1 ack=9000 came: flags"


def test_numbers_are_those_of_the_moment() -> None:
    expected = Answer(seq=SequenceExpression("seg_seq+1"))
    assert not fails(expected, Came(segment(seq=8), {"seg_seq": 7}))
    assert fails(expected, Came(segment(seq=8), {"seg_seq": 8}))


def test_the_first_fact_that_decides_is_the_verdict() -> None:
    steps = tuple(Expect(ByProfile((("*", what),))) for what in (AN_ACK, A_RESET, NOTHING))
    case = Case("judged", "", (), Reach(), steps)
    facts = [Fact(0, ACK_CAME), Fact(1, ACK_CAME), Fact(2, ACK_CAME)]
    record = Record(case, "t", "linux-6.18", Transcript(), facts, last_step=2, duration=1.5)
    outcome = judge(record)
    assert (outcome.verdict, outcome.step) == (Verdict.FAIL, steps[1])
    assert outcome.step is steps[1]
    assert outcome.reason == "expected RST, but ACK seq=1 ack=9000 came: flags"
    assert outcome.duration == 1.5


@pytest.mark.parametrize(
    ("facts", "left_out", "ended", "verdict"),
    [
        ([Fact(0, ACK_CAME), Fact(1, RST_CAME)], (), True, Verdict.PASS),
        ([Fact(0, ACK_CAME), Fact(1, RST_CAME)], (), False, Verdict.INCONCLUSIVE),
        ([Fact(0, ACK_CAME)], (), True, Verdict.INCONCLUSIVE),
        ([Fact(1, RST_CAME)], (), True, Verdict.INCONCLUSIVE),
        ([Fact(0, ACK_CAME)], (1,), True, Verdict.PASS),
        ([Fact(0, ACK_CAME)], (0,), True, Verdict.INCONCLUSIVE),
        ([], (), True, Verdict.INCONCLUSIVE),
        ([Fact(0, RST_CAME)], (), False, Verdict.FAIL),
    ],
)
def test_what_was_not_seen_is_no_pass(
    facts: list[Fact], left_out: tuple[int, ...], ended: bool, verdict: Verdict
) -> None:
    steps = tuple(Expect(ByProfile((("*", what),))) for what in (AN_ACK, A_RESET))
    case = Case("judged", "", (), Reach(), (Send(ACK), *steps, Send(ACK)))
    moved = [replace(fact, step=fact.step + 1) for fact in facts if fact.step is not None]
    moved_out = [index + 1 for index in left_out]
    record = Record(case, "t", "linux-6.18", Transcript(), moved, moved_out, ended)
    assert judge(record).verdict is verdict


@pytest.mark.parametrize(
    ("expected", "apart", "verdict"),
    [("", False, None), (", timer: restarted", True, None), (", timer: restarted", False, "FAIL")],
)
def test_a_timer_counts_where_one_is_expected_and_this_run_is_to_see_it(
    expected: str, apart: bool, verdict: str | None
) -> None:
    case = script(f"  - send: {{flags: ACK}}\n  - state: {{is: TIME-WAIT{expected}}}\n")
    seen = StateSeen("TIME-WAIT", effect="kept", has_timer=True, apart=apart)
    judgement = decide(case, "linux-6.18", Fact(1, seen))
    assert (judgement and judgement.verdict.value) == verdict


@pytest.mark.parametrize(
    ("seen", "verdict", "by_absence", "late"),
    [
        (StateSeen("CLOSED"), Verdict.FAIL, True, False),
        (StateSeen("TIME-WAIT", effect="kept", has_timer=True), Verdict.FAIL, True, False),
        (StateSeen("TIME-WAIT", has_timer=True), Verdict.INCONCLUSIVE, False, True),
        (StateSeen("TIME-WAIT"), Verdict.INCONCLUSIVE, False, False),
    ],
)
def test_a_state_may_be_what_a_lost_segment_left(
    seen: StateSeen, verdict: Verdict, by_absence: bool, late: bool
) -> None:
    steps = "  - send: {flags: ACK}\n  - state: {is: TIME-WAIT, timer: restarted}\n"
    judgement = decide(script(steps), "linux-6.18", Fact(1, seen))
    assert judgement is not None
    assert (judgement.verdict, judgement.by_absence, judgement.late) == (verdict, by_absence, late)
