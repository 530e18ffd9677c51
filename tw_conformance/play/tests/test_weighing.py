"""What several performances come to: where they contradict each other, and where they doubt."""

from __future__ import annotations

import pytest

from tw_conformance.link.path import Path
from tw_conformance.model.verdict import Outcome, Transcript, Verdict
from tw_conformance.play.tests.scripted import bad_path, script
from tw_conformance.play.weighing import conclude, conformity, undecided

CASE = script(
    "  - send: {flags: ACK}\n  - expect: nothing\n"
    "  - send: {flags: ACK}\n  - expect: nothing\n  - state: TIME-WAIT\n",
    "{state: TIME-WAIT}",
)
FIRST, SECOND, STATE = 1, 3, 4
"""The places of the steps that see something."""


def outcome(verdict: Verdict, at: int | None = None, *, doubted: bool = False) -> Outcome:
    return Outcome(
        CASE,
        "t",
        "linux-6.18",
        verdict,
        Transcript(),
        reason="" if verdict is Verdict.PASS else f"{verdict.value} at {at}",
        step=None if at is None else CASE.steps[at],
        by_absence=verdict is Verdict.FAIL,
        doubted=doubted,
    )


PASSED = outcome(Verdict.PASS)
UNREACHED = outcome(Verdict.INCONCLUSIVE)


def failed(at: int) -> Outcome:
    return outcome(Verdict.FAIL, at)


def unsure(at: int, *, doubted: bool = False) -> Outcome:
    return outcome(Verdict.INCONCLUSIVE, at, doubted=doubted)


def path() -> Path:
    """One packet in twenty is lost.  A PASS, of two exchanges, is worth 18 to 1; a FAIL 19 to 1 at
    the first step, after one exchange, and 9 to 1 at the others."""
    return bad_path(lost=50, probes=1000)


def verdict(*outcomes: Outcome) -> Verdict | None:
    standing = conclude(outcomes, path())
    return None if standing is None else standing.verdict


@pytest.mark.parametrize(
    ("outcomes", "comes_to"),
    [
        ([PASSED] * 3, None),
        ([PASSED] * 4, Verdict.PASS),
        ([UNREACHED] * 9 + [PASSED] * 4, Verdict.PASS),
        ([PASSED] * 5 + [failed(FIRST)], Verdict.PASS),
        ([PASSED] * 4 + [failed(FIRST)], None),
        ([failed(FIRST)] * 3, None),
        ([failed(FIRST)] * 4, Verdict.FAIL),
        ([failed(SECOND)] * 5, None),
        ([failed(SECOND)] * 6, Verdict.FAIL),
        ([UNREACHED] * 9 + [failed(FIRST)] * 4, Verdict.FAIL),
        ([PASSED] + [failed(FIRST)] * 4, None),
        ([PASSED] + [failed(FIRST)] * 5, Verdict.FAIL),
        ([PASSED] + [failed(SECOND)] * 6, None),
        ([PASSED] + [failed(SECOND)] * 7, Verdict.FAIL),
        ([failed(FIRST)] * 3 + [failed(SECOND)] * 3, None),
        ([failed(FIRST)] * 3 + [failed(SECOND)] * 6, Verdict.FAIL),
        ([failed(FIRST)] * 4 + [failed(SECOND)] * 3, None),
    ],
)
def test_a_verdict_stands_where_the_evidence_outweighs_the_path(
    outcomes: list[Outcome], comes_to: Verdict | None
) -> None:
    assert verdict(*outcomes) is comes_to
    assert verdict(*reversed(outcomes)) is comes_to


def test_a_deviation_that_is_always_doubted_is_not_passed_by_what_was_lost() -> None:
    doubts = [unsure(FIRST, doubted=True)] * 20
    assert verdict(*doubts, *[PASSED] * 6) is None
    assert verdict(*doubts, *[PASSED] * 12) is Verdict.PASS, "so many were not all lost"
    assert verdict(*[unsure(FIRST)] * 20, *[PASSED] * 4) is Verdict.PASS
    assert verdict(*doubts[:1], *[PASSED] * 5) is Verdict.PASS, "one in six may be the path's"


def test_the_answer_behind_the_expected_one_fails_nothing_where_the_path_reorders() -> None:
    """Half of all pairs may come the other way round, whatever share of packets is lost."""
    ahead = [outcome(Verdict.FAIL, FIRST, doubted=True)] * 6
    assert verdict(*ahead) is Verdict.FAIL
    reorders = bad_path(lost=50, reordered=1, probes=1000)
    assert conclude(ahead, reorders) is None
    assert conclude([*ahead, *[PASSED] * 12], reorders) is PASSED
    assert conclude([failed(FIRST)] * 6, reorders) is not None


def test_a_few_failures_among_many_doubts_fail_nothing() -> None:
    """A flight of ten segments seldom comes in order: nobody gets past it who would speak for the
    DUT."""
    assert verdict(*[unsure(FIRST, doubted=True)] * 5, *[failed(FIRST)] * 5) is None
    assert verdict(*[unsure(FIRST, doubted=True)] * 4, *[failed(FIRST)] * 5) is Verdict.FAIL


def test_what_is_doubted_fails_nothing() -> None:
    assert verdict(*[unsure(FIRST, doubted=True)] * 40) is None


@pytest.mark.parametrize(
    ("at", "later", "comes_to"),
    [
        (FIRST, SECOND, None),
        (FIRST, STATE, None),
        (SECOND, SECOND, Verdict.FAIL),
        (SECOND, FIRST, Verdict.FAIL),
        (STATE, STATE, None),
        (STATE, SECOND, Verdict.FAIL),
    ],
)
def test_who_gets_past_a_step_does_not_deviate_there(
    at: int, later: int, comes_to: Verdict | None
) -> None:
    """That something later can't be seen makes no failure of what was lost before it.  Where a
    state's timer can't be read, the state is right."""
    assert verdict(*[failed(at)] * 6, *[unsure(later)] * 4) is comes_to


def test_the_outcome_that_stands_is_the_latest_that_says_so() -> None:
    first, last = failed(FIRST), failed(FIRST)
    assert conclude([first, *[failed(FIRST)] * 5, last, UNREACHED], path()) is last
    mixed = [failed(SECOND)] * 7 + [failed(FIRST)]
    standing = conclude(mixed, path())
    assert standing is not None
    assert standing.step is CASE.steps[SECOND], "the step at which it deviates"
    assert conclude([outcome(Verdict.PASS)] * 3 + [PASSED], path()) is PASSED


def test_one_doubt_alone_says_nothing() -> None:
    """All of the performances ended in one, so it is as likely of a DUT that conforms."""
    assert conformity([unsure(FIRST, doubted=True)], path()).weight == 0


def test_what_is_undecided_says_why_and_how_often() -> None:
    told = undecided([PASSED, failed(FIRST), unsure(SECOND), PASSED])
    assert (told.verdict, told.reason) == (
        Verdict.INCONCLUSIVE,
        "4 performances on this path gave 2 PASS and 1 FAIL, which decides nothing:"
        " INCONCLUSIVE at 3",
    )
    assert undecided([PASSED] * 2).reason == (
        "2 performances on this path gave 2 PASS and 0 FAIL, which decides nothing"
    )


def test_what_is_needed_counts_what_is_doubted() -> None:
    def needed(*outcomes: Outcome) -> int:
        return conformity([PASSED, *outcomes], path()).passes_needed(2)

    assert [needed(), needed(unsure(FIRST))] == [3, 3]
    assert needed(unsure(FIRST, doubted=True)) == 4
