"""The oracle: what each documented stack would have answered where a case was decided.

The reference plays the same case under every profile up to the deciding step and is asked which
rule fired on the last segment and what it sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tw_conformance.model.case import Call, Case, ExpectState
from tw_conformance.model.errors import TargetError
from tw_conformance.model.verdict import Outcome
from tw_conformance.play.approach import NotReached
from tw_conformance.play.compare import answer_of, compare, summary
from tw_conformance.play.record import answers
from tw_conformance.play.run import Run
from tw_conformance.targets.direct import DirectTarget
from tw_conformance.targets.in_process import InProcessLink, InProcessTarget
from tw_reference.clock import SECOND
from tw_reference.profiles import PROFILES
from tw_reference.rules.condition import ALWAYS
from tw_reference.rules.deciding import deciding
from tw_reference.rules.decision import Decision
from tw_reference.rules.rule import AnyRule, Rule
from tw_reference.segment import Packet
from tw_reference.state import Snapshot

EXPIRED: AnyRule = Rule(
    "timer-expired",
    ALWAYS,
    (),
    "No segment decided: the timer has expired, and the stack holds nothing any more.",
    ("RFC 9293 section 3.10.8",),
)
"""Stands where a rule would for what time alone brought about."""


@dataclass(frozen=True, slots=True)
class OracleAnswer:
    """What one profile does at the deciding step."""

    profile: str
    rule: AnyRule | None
    """The rule that decided; None where the profile has none, and what the reference does is no
    expectation."""
    answer: str
    """The segments that it sends, or ``nothing``; what a call gives, where that decided."""
    state: str
    """Its state afterwards."""
    same_as_seen: bool
    """Whether that is what the DUT did."""
    settings: Mapping[str, int] = field(default_factory=dict)
    """What it was given beside the case's settings and its defaults."""


def explain(outcome: Outcome, settings: Mapping[str, int]) -> list[OracleAnswer]:
    """Ask every profile that the case is about.  Then ask the case's own again, with each setting
    that the DUT has or may have, and keep the answers that are the DUT's.  None where no step
    decided.

    ``settings`` are those of the DUT that are known.
    """
    if outcome.step is None:
        return []
    asked = [_answer(outcome, profile) for profile in PROFILES if outcome.case.applies_to(profile)]
    told = [answer for answer in asked if answer is not None]
    if any(answer.profile == outcome.profile and not answer.same_as_seen for answer in told):
        given = (_answer(outcome, outcome.profile, each) for each in suspects(outcome, settings))
        told += [answer for answer in given if answer is not None and answer.same_as_seen]
    return told


def rules_by_step(case: Case, profile: str) -> list[AnyRule | None]:
    """The rule of a profile that decides what each step sees, on the reference: that on the last
    segment for what is sent and expected, that on the call for a call.  None where no list is about
    it, and for the steps behind one that the reference does not get through."""
    target = DirectTarget(PROFILES[profile])
    return target.start(_walk(case, target)).result()


async def _walk(case: Case, target: InProcessTarget) -> list[AnyRule | None]:
    link = await target.open(case)
    run = Run(case, target, link)
    rules: list[AnyRule | None] = []
    try:
        await run.reach()
        for index, step in enumerate(case.steps):
            before = len(link.decisions())
            await run.take(index, step)
            if isinstance(step, Call):
                rules.append(_rule(next(reversed(link.decisions()[before:]), None)))
            else:
                rules.append(_rule_or_timer(link))
    except (NotReached, TargetError):
        pass
    return rules + [None] * (len(case.steps) - len(rules))


def suspects(outcome: Outcome, known: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Settings, one at a time, in which the DUT may differ from the profile and the case: its own
    value where that is known, else the other position of a switch."""
    for name, default in PROFILES[outcome.profile].defaults().items():
        if name in outcome.case.settings:
            continue
        switch = {0, 1} if default in (0, 1, 2) else set()
        for value in sorted({known[name]} if name in known else switch):
            if value != default:
                yield {name: value}


def _answer(
    outcome: Outcome, profile: str, settings: Mapping[str, int] | None = None
) -> OracleAnswer | None:
    """One profile's answer; None where the reference does not get to the deciding step."""
    given = dict(settings or {})
    asked = replace(
        outcome, case=replace(outcome.case, settings={**given, **outcome.case.settings})
    )
    index = asked.step_index
    assert index is not None, "a step decided"
    target = DirectTarget(PROFILES[profile])
    answer = target.start(_ask(asked, target, index)).result()
    return None if answer is None else replace(answer, settings=given)


async def _ask(outcome: Outcome, target: InProcessTarget, last: int) -> OracleAnswer | None:
    """What the target did, up to the step ``last``; None where it does not get there."""
    link = await target.open(outcome.case)
    run = Run(outcome.case, target, link)
    try:
        await run.reach()
        for index, step in enumerate(outcome.case.steps[: last + 1]):
            decided_before = len(link.decisions())
            await run.take(index, step)
    except (NotReached, TargetError):
        return None
    assert outcome.step is not None
    tester = run.tester_of(outcome.step)
    state = await tester.link.observe()
    assert state is not None
    rule = _rule_or_timer(link)
    transcript, variables = tester.transcript, tester.variables
    packets, answer = answers(transcript, on=tester.name), ""
    if isinstance(outcome.step, Call):
        # A call that no list is about has no rule, whatever was decided before it.
        rule = _rule(next(reversed(link.decisions()[decided_before:]), None))
        assert run.given is not None
        answer = run.given
        same = any(m.field == "gives" and m.seen == answer for m in outcome.mismatches)
    elif isinstance(outcome.step, ExpectState):
        same = any(m.field == "state" and m.seen == state.state for m in outcome.mismatches)
    else:
        seen = answers(outcome.transcript, until=last, on=tester.name)
        same = _alike(packets, variables, seen, outcome.transcript.variables_of(tester.name))
    return OracleAnswer(
        profile=target.profile,
        rule=rule,
        answer=answer or ", ".join(summary(p, variables) for p in packets) or "nothing",
        state=state.state,
        same_as_seen=same,
    )


def _rule_or_timer(link: InProcessLink) -> AnyRule | None:
    """The rule that decided on the last segment; :data:`EXPIRED`, where the timer that it left
    running has run out since, which on virtual time ends the connection at that moment."""
    match deciding(link.decisions()):
        case Decision(ruled=True, after=Snapshot(expires=int(expires))) if (
            expires <= link.now() * SECOND
        ):
            return EXPIRED
        case decided:
            return _rule(decided)


def _rule(decision: Decision | None) -> AnyRule | None:
    match decision:
        case Decision(ruled=True, rule=rule):
            return rule
    return None


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
