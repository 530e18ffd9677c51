"""What a stack does with a script: its answers and its state after every step, in words of a case.

A script is a case that expects nothing: its steps are sends, waits and calls.  What a stack did
can be put in as what is expected, and then the script is an ordinary case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tw_conformance.link.link import Link, Observation
from tw_conformance.model.case import (
    NOTHING,
    Answer,
    ByProfile,
    Call,
    Case,
    Expect,
    Expected,
    ExpectState,
    Injection,
    Send,
    StateIs,
    Step,
    Wait,
)
from tw_conformance.model.expressions import SequenceExpression, TimeExpression
from tw_conformance.model.words import number_of, was
from tw_conformance.play import state_probe
from tw_conformance.play.compare import answer_of
from tw_conformance.play.record import Doubt, StateSeen, answers, came_at
from tw_conformance.play.run import Run
from tw_conformance.play.switches import STANDARD
from tw_conformance.targets.target import Target
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import ConnectionAction
from tw_reference.rules.rule import NOT_RULED, AnyRule
from tw_reference.segment import RST, SYN, Packet

T = TypeVar("T")

_SOME_TICKS = 0.05
"""Seconds in which the next tick is sure to come."""
_LATE_ACK = TimeExpression("500ms")
"""What a machine may be late by with it."""

IN_QUESTION = frozenset(("TIME-WAIT", "FIN-WAIT-2", "CLOSED"))
"""States that every profile has rules for, from TIME-WAIT on."""


class Undecided(Exception):
    """Nothing can be said of what the DUT did; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class StepEffect:
    """What a stack did after one step.

    ``state`` is None where the target can't tell it; ``given`` is what a call came to.  ``rules``
    are those that fired, where the stack can be asked; two effects are equal whatever their rules.
    """

    answers: tuple[Answer, ...]
    state: StateIs | None
    given: str | None = None
    rules: tuple[AnyRule, ...] = field(default=(), compare=False)
    comes_later: bool = field(default=False, compare=False)
    """Whether a timer answers, of which nobody knows into which step it falls."""
    put_off: bool = field(default=False, compare=False)
    """Whether the answer is an ACK that was put off by a tick, and waited for."""


def ruled_states(profile: Profile) -> frozenset[str]:
    """The states in which that profile has rules for a segment that arrives."""
    return IN_QUESTION | {str(rules.stage) for rules in profile.lists()}


async def observe(
    script: Case, target: Target, ruled: Collection[str] = IN_QUESTION
) -> tuple[StepEffect, ...]:
    """The effects to a script's steps, on a fresh connection; none after one that leads to a state
    that is not ``ruled``, and none that no rule decides or that a timer answers.

    :raises NotReached: where the script's first state is not reached.
    :raises Undecided: where delivery can't be proven, or the transcript has holes.
    :raises TargetError: where the target itself is gone or refuses.
    """
    link = await target.open(script)
    run = Run(script, target, link)
    try:
        return await _effects(run, ruled)
    finally:
        run.record()
        await link.aclose()


async def _effects(run: Run, ruled: Collection[str]) -> tuple[StepEffect, ...]:
    await run.reach()
    effects = []
    for index, step in enumerate(run.case.steps):
        effect = await _effect(run, index, step)
        if NOT_RULED in effect.rules or effect.comes_later:
            break
        effects.append(effect)
        if effect.state is not None and effect.state.name not in ruled:
            break
    if effects and effects[-1].state is None:
        effects[-1] = replace(effects[-1], state=await state_on_the_wire(run))
    if lost := run.link.capture_losses():
        raise Undecided(
            f"{number_of(lost, 'frame')} {was(lost)} lost in capture: the transcript has holes"
        )
    return tuple(effects)


async def state_on_the_wire(run: Run) -> StateIs | None:
    """The state of a DUT that nobody can look into, after the last step; None where its answer to a
    question does not tell it.  To ask changes it."""
    telling = run.target.acquaintance.telling
    came = tuple(answers(run.tester.transcript))
    reopened = any(state_probe.is_syn_ack(packet.segment) for packet in came)
    tellable = state_probe.tellable(run.case.reach.state, reopened=reopened)
    if not tellable or not telling.apart:
        return None
    told = await state_probe.ask(run.tester, came, telling)
    return StateIs(told.state) if isinstance(told, StateSeen) and told.state in tellable else None


async def _effect(run: Run, index: int, step: Step) -> StepEffect:
    link, tester = run.link, run.tester
    decided_before = len(link.decisions())
    fact = await run.take(index, step)
    if fact is not None and isinstance(fact.seen, Doubt):
        raise Undecided(fact.seen.reason)
    if not await tester.prove_delivery():
        raise Undecided("no echo probe was answered: what was sent can't be shown to have arrived")
    put_off = _is_put_off(link, decided_before) and await _wait_for_ack(run)
    seen = await link.observe()
    packets = came_at(tester.transcript, index)
    # When a timer sends something again depends on a path that no oracle knows.
    sent_again = isinstance(step, Wait) and any(
        packet.segment.length and tester.heard.has_come_before(packet) for packet in packets
    )
    return StepEffect(
        answers=tuple(_answer(run, index, packet) for packet in packets),
        state=None if seen is None else _state(run, seen),
        given=run.given if isinstance(step, Call) else None,
        rules=_rules(link, decided_before),
        comes_later=sent_again
        or _comes_later(link, decided_before)
        or (run.case.reach.sack and _is_flight(packets)),
        put_off=put_off,
    )


async def _wait_for_ack(run: Run) -> bool:
    """Whether an ACK comes that was put off by a tick: on a wire it may fall into either step."""
    arrival = await run.tester.receive(run.link.now() + _SOME_TICKS)
    if arrival is not None:
        run.tester.pending.append(arrival)
    return arrival is not None


def _answer(run: Run, index: int, packet: Packet) -> Answer:
    """What may be said of it; DF is each stack's own, and the standard is none."""
    answer = answer_of(packet, run.tester.variables)
    if not packet.segment.flags & (SYN | RST) and _iss_was_drawn(run, index):
        answer = replace(answer, seq=None)
    if not packet.segment.flags & RST and _window_was_open(run, index):
        answer = replace(answer, window=None)
    if (of_its_syn := _behind_a_syn_at_the_edge(run, index, packet)) is not None:
        answer = replace(answer, ack=of_its_syn)
    stands_for_all = run.target.profile == STANDARD and not run.target.realtime
    return replace(answer, df=None) if stands_for_all else answer


def _iss_was_drawn(run: Run, before: int) -> bool:
    """Whether the DUT opened again with a random ISS, before that step: by chance it may lie near
    the old one's numbers, which say nothing of it."""
    known = run.tester.variables
    return any(
        state_probe.is_syn_ack(packet.segment)
        and packet.segment.seq != known["iss"]
        and answer_of(packet, known).seq is None
        for packet in _came(run, before)
    )


def _window_was_open(run: Run, before: int) -> bool:
    """Whether the DUT told a window that no rule decides, before that step: what it tells later may
    rest on it."""
    return not all(packet.window_is_ruled for packet in _came(run, before))


def _came(run: Run, before: int) -> Iterator[Packet]:
    for index in range(before):
        yield from came_at(run.tester.transcript, index)


def _behind_a_syn_at_the_edge(run: Run, index: int, packet: Packet) -> SequenceExpression | None:
    """What is acknowledged, said from where the tester opened again, if that was said from RCV.WND:
    each DUT has a window of its own, and so an IRS of its own."""
    for step in run.case.steps[:index]:
        if isinstance(step, Send) and step.flags & SYN and step.seq and "rcv_wnd" in step.seq.names:
            behind = SequenceExpression(f"{step.seq.text}+1")
            if behind.evaluate(run.tester.variables) == packet.segment.ack:
                return behind
    return None


def _state(run: Run, seen: Observation) -> StateIs:
    return StateIs(seen.state, run.timer(seen) if seen.state == "TIME-WAIT" else None)


def _rules(link: Link, since: int) -> tuple[AnyRule, ...]:
    """The rules that fired since then; first the one that decided, then its limit on ACKs."""
    decisions = sorted(link.decisions()[since:], key=lambda d: d.stage in stages.LIMITS)
    return tuple(decision.rule for decision in decisions)


def _is_put_off(link: Link, since: int) -> bool:
    return any(ConnectionAction.ACK_NEXT_TICK in d.then for d in link.decisions()[since:])


def _comes_later(link: Link, since: int) -> bool:
    return any(ConnectionAction.RESEND_SOON in d.then for d in link.decisions()[since:])


def _is_flight(packets: Sequence[Packet]) -> bool:
    """Whether there are several segments of text, whose end a stack with SACK soon asks for where
    nothing acknowledges it (RFC 8985 section 7)."""
    return sum(bool(packet.segment.payload) for packet in packets) > 1


# -- effects as expectations --------------------------------------------------------------------


def held_to(script: Case, effects: Sequence[StepEffect], profile: str) -> Case:
    """The case that expects these effects of that profile, as far as they go."""
    return _case(script, (profile,), [[(profile, effect)] for effect in effects])


def held_to_both(
    script: Case,
    first: tuple[str, Sequence[StepEffect]],
    second: tuple[str, Sequence[StepEffect]],
) -> Case:
    """The case that expects of two profiles what each does, as far as both go."""
    names = first[0], second[0]
    pairs = zip(first[1], second[1], strict=False)
    return _case(script, names, [list(zip(names, pair, strict=True)) for pair in pairs])


def _case(
    script: Case, profiles: tuple[str, ...], effects: Sequence[list[tuple[str, StepEffect]]]
) -> Case:
    steps: list[Step] = []
    for step, by_profile in zip(script.steps, effects, strict=False):
        steps.append(_with_result(step, by_profile))
        answers = [(name, effect.answers) for name, effect in by_profile]
        most = max(len(given) for _, given in answers)
        least = 1 if isinstance(step, Injection) else 0
        within = _LATE_ACK if any(effect.put_off for _, effect in by_profile) else None
        for number in range(max(most, least)):
            choices = [(name, _nth(given, number)) for name, given in answers]
            steps.append(Expect(_choice(choices), within=within))
        states = [(name, effect.state) for name, effect in by_profile if effect.state is not None]
        if len(states) == len(by_profile):
            steps.append(ExpectState(_choice(states)))
    return replace(script, steps=tuple(steps), profiles=profiles)


def _with_result(step: Step, by_profile: Sequence[tuple[str, StepEffect]]) -> Step:
    """A call with what it gives."""
    results = [(name, effect.given) for name, effect in by_profile if effect.given is not None]
    if isinstance(step, Call) and len(results) == len(by_profile):
        return replace(step, gives=_choice(results))
    return step


def _nth(answers: tuple[Answer, ...], number: int) -> Expected:
    return answers[number] if number < len(answers) else NOTHING


def _choice(choices: list[tuple[str, T]]) -> ByProfile[T]:
    """A value by profile, or one for all where they agree."""
    value = choices[0][1]
    if all(other == value for _, other in choices):
        return ByProfile((("*", value),))
    return ByProfile(tuple(choices))
