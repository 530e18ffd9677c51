"""The player: a case on a target, performed as often as the path to it makes necessary, and one
verdict."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace

from tw_conformance.model.case import NOTHING, Case, Expect, Reach
from tw_conformance.model.errors import TargetGone
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.play.hindsight import in_hindsight
from tw_conformance.play.judge import decide, is_open_silence, judge, may_be_early
from tw_conformance.play.record import Came, Doubt, Fact, Record, Stray, came_at
from tw_conformance.play.run import Run
from tw_conformance.play.views import View, views
from tw_conformance.play.weighing import conclude, conformity, undecided
from tw_conformance.targets.target import Target

_PERFORMANCES = 40
"""Performances after which a case on a bad path is given up."""
_HOPELESS = 10
"""The case is given up where so many performances are all INCONCLUSIVE."""
_RETRIES = (1.0, 2.0, 3.0, 4.0, 5.0)
"""Seconds to wait before each further performance where this machine was too slow: it may still be
busy."""
_SITTING_OUT = 2
"""Retransmissions of the DUT's FIN, at most, behind which such a performance begins: the steps have
four times its RTO then."""
_REREADINGS = (1.0, 2.0, 3.0)
"""Seconds to wait before each further performance where the reading of a timer failed the case."""
_CONNECTIONS = 3
"""Of which one comes about where a service is there, on a path that loses packets."""
_STAGGER = 0.5
"""Seconds between the beginnings of performances of one case."""


async def play(case: Case, target: Target) -> Outcome:
    """Play one case on a target, as often as the path to it makes necessary.

    :raises TargetError: where the target itself is gone or refuses.
    """
    if target.reads_states:
        return await _play(_Performer(case, target))
    seen, unseen = views(case, target.profile, target.time_variables, target.longest_wait)
    for view in seen:
        outcome = replace(await _play(_Performer(case, target, view)), unseen=tuple(unseen))
        if outcome.verdict is not Verdict.PASS:
            await _must_still_serve(outcome, target)
            break
    return outcome


async def _must_still_serve(outcome: Outcome, target: Target) -> None:
    """What was seen of a DUT whose service has ended in the meantime says nothing of it.

    :raises TargetGone: where no connection comes about any more.
    """
    perfect = target.path.perfect
    if not target.realtime or not (outcome.verdict is Verdict.FAIL or perfect):
        return  # a path that is gone says so itself
    reach = Reach(state="FIN-WAIT-1", family=outcome.case.reach.family)
    case = Case("a connection", "", (), reach, ())
    for _ in range(1 if perfect else _CONNECTIONS):
        facts = (await perform(case, target)).facts
        doubts = [fact.seen for fact in facts if isinstance(fact.seen, Doubt)]
        if not doubts or doubts[0].late:
            return
    raise TargetGone(
        f"the DUT's service is gone ({doubts[0].reason}): start it again, and play the rest"
    )


@dataclass(frozen=True, slots=True)
class _Performer:
    """Performs a case on a target, each time on a fresh connection, with the same view of it."""

    case: Case
    target: Target
    view: View | None = None

    async def once(self, *, sitting_out: int = 0) -> Outcome:
        record = await perform(self.case, self.target, self.view, sitting_out=sitting_out)
        if self.target.realtime and _may_have_been_late(record):
            record = await perform(
                self.case, self.target, self.view, sitting_out=sitting_out, patient=True
            )
        outcome = judge(record)
        return await in_hindsight(outcome) if self.target.realtime else outcome

    async def after(self, delay: float, *, sitting_out: int = 0) -> Outcome:
        """Perform after a delay: performances at the same moment would all suffer from one hiccup,
        and count for no more than one."""
        await asyncio.sleep(delay)
        return await self.once(sitting_out=sitting_out)

    async def in_time(self) -> Outcome:
        """Perform; where this machine was too slow, perform again after a longer wait each time.
        Where a timer of the DUT was too quick for the case, it is left more time each time."""
        outcome, overtaken = await self.once(), 0
        for breath in _RETRIES if self.target.realtime else ():
            if outcome.late:
                overtaken = min(overtaken + outcome.overtaken, _SITTING_OUT)
                outcome = await self.after(breath, sitting_out=overtaken)
        return outcome


async def _play(performer: _Performer) -> Outcome:
    """As many performances as the path makes necessary."""
    outcome, path = await performer.in_time(), performer.target.path
    if path.perfect:
        return await _confirm(outcome, performer)
    outcomes = [outcome]
    while (standing := conclude(outcomes, path)) is None and not _is_hopeless(outcomes):
        needed = conformity(outcomes, path).passes_needed(performer.case.exchanges())
        if _say_nothing(outcomes):
            # As many as it takes to give the case up: on a dead path each is long in coming.
            needed = max(needed, _HOPELESS - len(outcomes))
        more = min(needed, _PERFORMANCES - len(outcomes))
        sitting_out = _SITTING_OUT if any(each.overtaken for each in outcomes) else 0
        outcomes += await asyncio.gather(
            *(performer.after(n * _STAGGER, sitting_out=sitting_out) for n in range(more))
        )
    return standing or undecided(outcomes)


async def _confirm(outcome: Outcome, performer: _Performer) -> Outcome:
    """Confirm a FAIL that rests on the DUT's own time by another performance: on the reading of a
    state or a timer, or on an answer that has a time to come in.  While a DUT gets no CPU, its
    clock and its timers stand still."""
    fields = {mismatch.field for mismatch in outcome.mismatches}
    read = fields & {"state", "timer"} or _missed_answer(outcome)
    if outcome.verdict is not Verdict.FAIL or not read or not performer.target.realtime:
        return outcome
    for breath in _REREADINGS:
        await asyncio.sleep(breath)
        before, outcome = outcome, await performer.in_time()
        if (outcome.verdict, outcome.mismatches) == (before.verdict, before.mismatches):
            return outcome
    return replace(
        outcome,
        verdict=Verdict.INCONCLUSIVE,
        reason=f"the {read.pop()} is another each time: the DUT may be too busy to keep time",
    )


def _missed_answer(outcome: Outcome) -> set[str]:
    step, index = outcome.step, outcome.step_index
    timed = isinstance(step, Expect) and step.within is not None
    missed = timed and index is not None and not came_at(outcome.transcript, index)
    return {"answer"} if missed else set()


def _is_hopeless(outcomes: list[Outcome]) -> bool:
    """Whether more performances would most likely say no more than those that there were."""
    if len(outcomes) >= _PERFORMANCES:
        return True
    return _say_nothing(outcomes) and len(outcomes) >= _HOPELESS


def _say_nothing(outcomes: list[Outcome]) -> bool:
    return all(outcome.verdict is Verdict.INCONCLUSIVE for outcome in outcomes)


async def perform_once(case: Case, target: Target) -> Outcome:
    """Play one case once, on a connection of its own, and judge it."""
    return judge(await perform(case, target))


def _leaves_a_choice(case: Case, profile: str, fact: Fact) -> bool:
    """Whether a silence is right there, and an answer would have been."""
    step = None if fact.step is None else case.steps[fact.step]
    if not isinstance(step, Expect) or not is_open_silence(case, fact):
        return False
    return step.answer.choose(profile) is not NOTHING and decide(case, profile, fact) is None


def _may_have_been_late(record: Record) -> bool:
    """Whether a segment fails the case that may be an answer which came behind a silence: one of
    two that are right there."""
    facts, case, profile = record.facts, record.case, record.profile
    if not facts or not isinstance(facts[-1].seen, Came | Stray):
        return False
    decision = decide(case, profile, facts[-1])
    if decision is None or decision.verdict is not Verdict.FAIL:
        return False
    return any(_leaves_a_choice(case, profile, fact) for fact in facts[:-1])


async def perform(
    case: Case,
    target: Target,
    view: View | None = None,
    *,
    sitting_out: int = 0,
    patient: bool = False,
) -> Record:
    """Play one case once, up to its first deviation: behind that the connection is no longer the
    one that the case is about.  ``sitting_out`` is for :func:`~tw_conformance.play.approach.reach`;
    ``patient``: a silence that is one of two right answers is given time to be the other one.
    """
    link = await target.open(case)
    run = Run(case, target, link, view, sitting_out=sitting_out)
    try:
        async with aclosing(run.play()) as facts:
            async for fact in facts:
                decision = decide(case, target.profile, fact)
                early = decision is not None and may_be_early(case, decision, fact)
                waits = patient and _leaves_a_choice(case, target.profile, fact)
                if early or waits:
                    fact = await run.look_again(fact)
                    decision = decide(case, target.profile, fact)
                if decision is not None:
                    break
        return run.record()
    finally:
        await link.aclose()
