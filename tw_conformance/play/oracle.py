"""The oracle: what each documented stack would have answered where a case was decided.

The reference plays the same case under every profile up to the deciding step and is asked which
rule fired on the last segment and what it sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tw_conformance.model.case import Call, State
from tw_conformance.model.errors import TargetError
from tw_conformance.model.verdict import Outcome
from tw_conformance.play.compare import answer_of, compare, summary
from tw_conformance.play.record import answers
from tw_conformance.play.run import Run
from tw_conformance.play.tester import NotReached
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES
from tw_reference.rules import stages
from tw_reference.rules.decision import Decision
from tw_reference.segment import IcmpError, Packet, Segment


@dataclass(frozen=True, slots=True)
class OracleAnswer:
    """What one profile does at the deciding step."""

    profile: str
    rule: str
    """The ID of the rule that fired on the last segment sent; empty where none did."""
    says: str
    source: tuple[str, ...]
    answer: str
    """The segments that it sends, or ``nothing``; what a call gives, where that decided."""
    state: str
    """Its state afterwards."""
    same_as_seen: bool
    """Whether that is what the DUT did."""


def explain(outcome: Outcome) -> list[OracleAnswer]:
    """Ask every profile that the case is about; none where no step decided."""
    if outcome.step is None:
        return []
    # Steps are equal by value; the deciding one is found by identity.
    index = next(i for i, step in enumerate(outcome.case.steps) if step is outcome.step)
    told = []
    for name, profile in PROFILES.items():
        if not outcome.case.applies_to(name):
            continue
        target = InProcessTarget(profile)
        answer = target.start(_ask(outcome, target, index)).result()
        if answer is not None:
            told.append(answer)
    return told


async def _ask(outcome: Outcome, target: InProcessTarget, last: int) -> OracleAnswer | None:
    """What the target does up to the step ``last``; None where it does not get there."""
    link = await target.open(outcome.case)
    run = Run(outcome.case, target, link)
    try:
        await run.reach()
        for index, step in enumerate(outcome.case.steps[: last + 1]):
            await run.take(index, step)
    except (NotReached, TargetError):
        return None
    state = await link.observe()
    assert state is not None
    decision = _decision(link.decisions())
    transcript = run.tester.transcript
    packets, answer = answers(transcript), ""
    if isinstance(outcome.step, Call):
        decision = link.decisions()[-1] if link.decisions() else None
        answer = run.given or ""
        same = any(m.field == "gives" and m.seen == answer for m in outcome.mismatches)
    elif isinstance(outcome.step, State):
        same = any(m.field == "state" and m.seen == state.state for m in outcome.mismatches)
    else:
        seen = answers(outcome.transcript, until=last)
        same = _alike(packets, transcript.variables, seen, outcome.transcript.variables)
    return OracleAnswer(
        profile=target.profile,
        rule=decision.rule.id if decision else "",
        says=decision.rule.says if decision else "",
        source=decision.rule.source if decision else (),
        answer=answer or ", ".join(summary(p, transcript.variables) for p in packets) or "nothing",
        state=state.state,
        same_as_seen=same,
    )


def _decision(trace: list[Decision]) -> Decision | None:
    """The decision on what arrived last, in TIME-WAIT or FIN-WAIT-2 if it was made there."""
    on_arrivals = [d for d in trace if _arrived(d) is not None and d.stage is not stages.ACK_LIMIT]
    if not on_arrivals:
        return None
    last = _arrived(on_arrivals[-1])
    return next(decision for decision in on_arrivals if _arrived(decision) is last)


def _arrived(decision: Decision) -> Segment | IcmpError | None:
    return decision.segment or decision.error


def _alike(
    ours: Sequence[Packet],
    our_variables: Mapping[str, int],
    theirs: Sequence[Packet],
    their_variables: Mapping[str, int],
) -> bool:
    """Whether two stacks answered the same, each on its own connection."""
    return len(ours) == len(theirs) and not any(
        compare(answer_of(mine, our_variables), other, their_variables)
        for mine, other in zip(ours, theirs, strict=True)
    )
