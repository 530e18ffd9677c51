"""What several performances of a case on a path with faults come to.

Two questions, by Wald's test (:mod:`tw_conformance.link.path`), and for each an INCONCLUSIVE
performance is read as what speaks against the answer, if it may be that:

* **Does the DUT conform?**  A segment that fails the case unless the path repeated it may be the
  DUT's deviation.  Else a DUT whose deviation is always doubted would pass by the performances in
  which its telling packet was lost.
* **Does it deviate at that step?**  Whatever got past the step, whatever became of it then, is what
  a DUT that conforms does there.  Else a DUT of which something later can't be seen would fail by
  the performances in which a packet was lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tw_conformance.link.path import Evidence, Path
from tw_conformance.model.case import ExpectState
from tw_conformance.model.verdict import Outcome, Verdict


def conclude(outcomes: Sequence[Outcome], path: Path) -> Outcome | None:
    """The outcome that stands for all performances of a case, of which there is one at least; None
    where they decide nothing yet."""
    if conformity(outcomes, path).conforms:
        return _last(outcomes, Verdict.PASS)
    failed = [outcome for outcome in outcomes if _fails(outcome, path)]
    return next((each for each in reversed(failed) if _deviates(outcomes, path, each)), None)


def undecided(outcomes: Sequence[Outcome]) -> Outcome:
    """What stands where no more performances are worth their time."""
    count = Counter(outcome.verdict for outcome in outcomes)
    # Where all are PASS any of them will do.
    last = max(reversed(outcomes), key=lambda outcome: outcome.verdict is not Verdict.PASS)
    tally = f"{count[Verdict.PASS]} PASS and {count[Verdict.FAIL]} FAIL"
    return replace(
        last,
        verdict=Verdict.INCONCLUSIVE,
        reason=f"{len(outcomes)} performances on this path gave {tally}, which decides nothing"
        + (f": {last.reason}" if last.reason else ""),
    )


def conformity(outcomes: Sequence[Outcome], path: Path) -> Evidence:
    """What speaks for a DUT that conforms, and against it."""
    evidence = Evidence(path)
    doubts = sum(outcome.doubted and not _fails(outcome, path) for outcome in outcomes)
    passes = sum(outcome.verdict is Verdict.PASS for outcome in outcomes)
    doubtful = doubts / max(doubts + passes, 1)
    for outcome in outcomes:
        if outcome.verdict is Verdict.PASS:
            evidence.passed(outcome.case.exchanges(), doubtful)
        elif _fails(outcome, path):
            _add_failure(evidence, outcome)
        elif outcome.doubted:
            evidence.doubted(doubtful)
    return evidence


def _deviates(outcomes: Sequence[Outcome], path: Path, failed: Outcome) -> bool:
    """Whether the DUT deviates at the step at which a performance failed."""
    evidence, at, failures, doubts = Evidence(path), failed.step_index, 0, 0
    for outcome in outcomes:
        if _fails(outcome, path) and outcome.step_index == at:
            failures += 1
            _add_failure(evidence, outcome)
        elif _got_past(outcome, at):
            evidence.passed(_exchanges(failed))
        elif outcome.doubted:
            doubts += 1
    # Where most that came so far was out of order, the rest are a few of many tries.
    return evidence.deviates and failures > doubts


def _fails(outcome: Outcome, path: Path) -> bool:
    """Whether it is a FAIL that no reordering of this path can have brought about."""
    return outcome.verdict is Verdict.FAIL and not (outcome.doubted and path.reordered)


def _add_failure(evidence: Evidence, outcome: Outcome) -> None:
    if outcome.by_absence:
        evidence.failed_by_absence(_exchanges(outcome))
    else:
        evidence.failed_by_packet()


def _exchanges(outcome: Outcome) -> int:
    """How many exchanges may have been disturbed until the step that decided."""
    return outcome.case.exchanges(outcome.step_index)


def _got_past(outcome: Outcome, at: int | None) -> bool:
    """Whether all that was seen at a step was right.  Of a state whose timer says nothing, the
    state itself was."""
    if outcome.verdict is Verdict.PASS:
        return True
    place = outcome.step_index
    if place is None or at is None:
        return False
    return place > at or (place == at and isinstance(outcome.step, ExpectState))


def _last(outcomes: Sequence[Outcome], verdict: Verdict) -> Outcome:
    return next(outcome for outcome in reversed(outcomes) if outcome.verdict is verdict)
