"""The judge on records that no run would make, beside a model that knows sets and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from hypothesis import given
from hypothesis import strategies as st

from tw_conformance.model.case import (
    NOTHING,
    OK,
    REFUSED,
    Answer,
    AnyOf,
    ByProfile,
    Call,
    Case,
    Counters,
    Expect,
    Expected,
    ExpectState,
    Not,
    Reach,
    Send,
    StateIs,
    Step,
)
from tw_conformance.model.verdict import Transcript, Verdict
from tw_conformance.play.judge import judge
from tw_conformance.play.record import (
    Again,
    Came,
    Counted,
    Doubt,
    Fact,
    Gave,
    ProvenSilence,
    Record,
    Seen,
    StateSeen,
    Stray,
    TimerEffect,
)
from tw_conformance.play.tests.scripted import segment
from tw_reference.segment import ACK, RST

PROFILE = "linux-6.18"
AN_ACK, A_RESET = Answer(flags=ACK), Answer(flags=RST)
SILENCE = 0

RIGHT: list[tuple[Expected, frozenset[int]]] = [
    (AN_ACK, frozenset({ACK})),
    (A_RESET, frozenset({RST})),
    (NOTHING, frozenset({SILENCE})),
    (AnyOf((AN_ACK, NOTHING)), frozenset({ACK, SILENCE})),
    (AnyOf((AN_ACK, A_RESET)), frozenset({ACK, RST})),
    (Not(AN_ACK), frozenset({RST, SILENCE})),
    (Not(NOTHING), frozenset({ACK, RST})),
    (AnyOf((AN_ACK, A_RESET, NOTHING)), frozenset({ACK, RST, SILENCE})),
]
"""What may be expected, and which of the three things that can be seen are right then."""
UNNAMED = (Not(AN_ACK), Not(NOTHING))
"""What expects a segment without a word of what it is like: one that a timer sent may fit too."""


class Says(Enum):
    """What a fact says of what the case expects there."""

    RIGHT, WRONG, NOTHING = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


@dataclass(frozen=True)
class Told:
    """Something that was seen, and what the model makes of it."""

    seen: Seen
    says: Says


def wrong_unless(right: bool, *, doubtful: bool = False) -> Says:
    if right:
        return Says.RIGHT
    return Says.NOTHING if doubtful else Says.WRONG


AGAIN = st.sampled_from([None, None, *Again])


@st.composite
def answers(draw: st.DrawFn) -> tuple[Step, Told]:
    expected, right = draw(st.sampled_from(RIGHT))
    what = draw(st.sampled_from([ACK, RST, SILENCE]))
    if what == SILENCE:
        served = draw(st.booleans())
        seen: Seen = ProvenSilence(served)
        says = wrong_unless(SILENCE in right) if served else Says.NOTHING
    else:
        again = draw(AGAIN)
        seen = Came(segment(what), {}, again)
        says = wrong_unless(what in right, doubtful=again is not None)
        if expected in UNNAMED and again is Again.RETRANSMITTED:
            says = Says.NOTHING
    return Expect(ByProfile((("*", expected),))), Told(seen, says)


@st.composite
def calls(draw: st.DrawFn) -> tuple[Step, Told]:
    expected = draw(st.sampled_from([OK, REFUSED, "EINVAL"]))
    given = draw(st.sampled_from([OK, "EINVAL", "EBADF"]))
    right = given == expected or (expected == REFUSED and given != OK)
    return Call("bind", gives=ByProfile((("*", expected),))), Told(Gave(given), wrong_unless(right))


@st.composite
def counts(draw: st.DrawFn) -> tuple[Step, Told]:
    least, moved = draw(st.integers(1, 3)), draw(st.integers(0, 4))
    return Counters({"Drops": least}), Told(Counted({"Drops": moved}), wrong_unless(moved >= least))


EFFECTS: tuple[TimerEffect | None, ...] = ("kept", "restarted", None)


@st.composite
def states(draw: st.DrawFn) -> tuple[Step, Told]:
    names = st.sampled_from(["TIME-WAIT", "CLOSED"])
    effects = st.sampled_from(EFFECTS)
    name, timer = draw(names), draw(effects)
    seen = StateSeen(
        draw(names), effect=draw(effects), has_timer=draw(st.booleans()), apart=draw(st.booleans())
    )
    if seen.state != name:
        says = Says.WRONG
    elif timer is None or seen.apart or seen.effect == timer:
        says = Says.RIGHT
    else:
        says = Says.NOTHING if seen.effect is None or not seen.has_timer else Says.WRONG
    return ExpectState(ByProfile((("*", StateIs(name, timer)),))), Told(seen, says)


@st.composite
def strays(draw: st.DrawFn) -> Told:
    again = draw(AGAIN)
    says = Says.WRONG if again is None else Says.NOTHING
    return Told(Stray(segment(ACK), {}, again), says)


DOUBTS = st.builds(lambda late: Told(Doubt("why", late), Says.NOTHING), st.booleans())
LOOKED_AT = st.one_of(answers(), calls(), counts(), states())


@dataclass(frozen=True)
class Story:
    """A record, and what each of its facts says."""

    record: Record
    says: tuple[Says, ...]
    whole: bool


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Steps whose facts are there or not, in their order or not, with more in between."""
    steps: list[Step] = []
    told: list[tuple[int, Told]] = []
    unseen, left_out = set[int](), set[int]()
    for step, fact in draw(st.lists(LOOKED_AT, min_size=1, max_size=4)):
        steps += [Send(ACK), step]
        at = len(steps) - 1
        for more in draw(st.lists(st.one_of(strays(), DOUBTS), max_size=1)) if draw(RARELY) else ():
            told.append((at, more))
        if not draw(RARELY):
            told.append((at, fact))
        elif draw(st.booleans()):
            left_out.add(at)
        else:
            unseen.add(at)
    if draw(RARELY):
        told = draw(st.permutations(told))
    ended = not draw(RARELY)
    seen_at = {at for at, _ in told}
    record = Record(
        Case("drawn", "", (), Reach(), tuple(steps)),
        "drawn",
        PROFILE,
        Transcript(),
        [Fact(at, each.seen) for at, each in told],
        left_out=left_out,
        ended=ended,
        last_step=len(steps) - 1,
        capture_losses=1 if draw(RARELY) else 0,
    )
    return Story(record, tuple(each.says for _, each in told), ended and unseen <= seen_at)


RARELY = st.integers(0, 4).map(lambda drawn: drawn == 4)


def verdict_of(story: Story) -> Verdict:
    """What may be concluded: the first thing that is not right decides, if it says anything; what
    was not seen is not right; and where frames were lost nobody knows what was seen."""
    if story.record.capture_losses:
        return Verdict.INCONCLUSIVE
    for says in story.says:
        if says is not Says.RIGHT:
            return Verdict(says.value)
    return Verdict.PASS if story.whole else Verdict.INCONCLUSIVE


@given(stories())
def test_no_more_is_concluded_than_was_seen(story: Story) -> None:
    outcome = judge(story.record)
    assert outcome.verdict is verdict_of(story), outcome.reason
    assert (outcome.reason == "") == (outcome.verdict is Verdict.PASS)
    assert not outcome.by_absence or outcome.verdict is Verdict.FAIL
    assert not outcome.late or outcome.verdict is Verdict.INCONCLUSIVE


@given(stories(), st.lists(strays(), min_size=1, max_size=2))
def test_what_comes_after_the_deciding_fact_changes_nothing(story: Story, more: list[Told]) -> None:
    before = judge(story.record)
    at = story.record.last_step
    facts = [*story.record.facts, *(Fact(at, each.seen) for each in more)]
    after = judge(replace(story.record, facts=facts))
    decided = any(says is not Says.RIGHT for says in story.says)
    if decided:
        assert after == before
    else:
        assert after.verdict is not Verdict.PASS


@given(stories(), st.data())
def test_a_record_that_was_cut_short_says_no_more(story: Story, data: st.DataObject) -> None:
    """A part of it fails where the whole does, or says nothing; it passes never."""
    facts = story.record.facts
    cut = replace(story.record, facts=facts[: data.draw(st.integers(0, len(facts)))], ended=False)
    part = judge(cut).verdict
    assert part is not Verdict.PASS
    assert part is judge(story.record).verdict or part is Verdict.INCONCLUSIVE
