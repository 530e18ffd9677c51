"""What a stack does with a script: its answers and its state after every step, in words of a case.

A script is a case that expects nothing: its steps are sends, waits and calls.  What a stack did
can be put in as what is expected, and then the script is an ordinary case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tw_conformance.link.base import Link, Observation
from tw_conformance.model.case import (
    NOTHING,
    Answer,
    ByProfile,
    Case,
    Expect,
    Expected,
    Injection,
    State,
    StateIs,
    Step,
)
from tw_conformance.model.expressions import SequenceExpression
from tw_conformance.play.compare import nearest
from tw_conformance.play.record import Doubt, came_at
from tw_conformance.play.run import Run
from tw_conformance.targets.base import Target
from tw_reference import segment as tcp
from tw_reference.rules import stages
from tw_reference.rules.rule import AnyRule
from tw_reference.segment import Packet

T = TypeVar("T")

_IN_QUESTION = frozenset(("TIME-WAIT", "FIN-WAIT-2", "CLOSED"))
"""States whose rules the profiles document; in any other TIME-WAIT is over, and so is a script."""


class Undecided(Exception):
    """Nothing can be said of what the DUT did; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a stack did after one step.

    ``state`` is None where the target can't tell it.  ``rules`` are those that fired, where the
    stack can be asked; two turns are equal whatever their rules.
    """

    answers: tuple[Answer, ...]
    state: StateIs | None
    rules: tuple[AnyRule, ...] = field(default=(), compare=False)


async def observe(script: Case, target: Target) -> tuple[Turn, ...]:
    """The turns to a script's steps, on a fresh connection; none after TIME-WAIT is over.

    :raises NotReached: where the script's first state is not reached.
    :raises Undecided: where delivery can't be proven, or the transcript has holes.
    :raises TargetError: where the target itself is gone or refuses.
    """
    link = await target.open(script)
    run = Run(script, target, link)
    try:
        return await _turns(run)
    finally:
        run.record()
        await link.aclose()


async def _turns(run: Run) -> tuple[Turn, ...]:
    await run.reach()
    turns = []
    for index, step in enumerate(run.case.steps):
        turn = await _turn(run, index, step)
        turns.append(turn)
        if turn.state is not None and turn.state.name not in _IN_QUESTION:
            break
    if lost := run.link.capture_losses():
        raise Undecided(f"{lost} frames were lost in capture: the transcript has holes")
    return tuple(turns)


async def _turn(run: Run, index: int, step: Step) -> Turn:
    link, tester = run.link, run.tester
    decided_before = len(link.decisions())
    fact = await run.take(index, step)
    if fact is not None and isinstance(fact.seen, Doubt):
        raise Undecided(fact.seen.reason)
    if not await tester.prove_delivery():
        raise Undecided("no echo probe was answered: what was sent can't be shown to have arrived")
    seen = await link.observe()
    packets = came_at(tester.transcript, index)
    return Turn(
        answers=tuple(answer_of(packet, tester.variables) for packet in packets),
        state=None if seen is None else _state(run, seen),
        rules=_rules(link, decided_before),
    )


def _state(run: Run, seen: Observation) -> StateIs:
    return StateIs(seen.state, run.timer(seen) if seen.state == "TIME-WAIT" else None)


def _rules(link: Link, since: int) -> tuple[AnyRule, ...]:
    """The rules that fired since then; first the one that decided, then its limit on ACKs."""
    decisions = sorted(link.decisions()[since:], key=lambda d: d.stage is stages.ACK_LIMIT)
    return tuple(decision.rule for decision in decisions)


# -- a packet in words of a case ------------------------------------------------------------------


def answer_of(packet: Packet, variables: Mapping[str, int]) -> Answer:
    """All that can be asked of an answer, relative to the DUT's variables.

    Left open: what is random (an ordinary ISS), what runs on with a clock (TSval), what routers
    change (TTL), and what a new connection offers of itself (the options and window of a SYN-ACK).
    """
    segment = packet.segment
    is_syn = segment.flags & tcp.SYN
    stamps = segment.timestamps
    scale = variables.get("rcv_scale", 0)
    window = None if is_syn else _window(segment.window << scale, variables)
    return Answer(
        flags=segment.flags,
        seq=_seq(packet, variables),
        ack=_ack(packet, variables),
        window=window,
        length=len(segment.payload),
        timestamps="present" if stamps else "absent",
        tsecr=None if stamps is None else _tsecr(stamps.tsecr, variables),
        tos=None if is_syn else packet.tos,
        df=None if packet.flow.is_ipv6 else packet.df,
    )


def _seq(packet: Packet, variables: Mapping[str, int]) -> SequenceExpression | None:
    segment = packet.segment
    if segment.flags & tcp.SYN:
        # An ISS is random, or follows the old connection's numbers (RFC 6191, Linux's tw_isn).
        return _exact(segment.seq, variables, "snd_nxt+65537")
    if segment.flags & tcp.RST:
        # RFC 9293 section 3.10.7.1: SEQ=SEG.ACK for a segment with ACK, else SEQ=0.
        usual = "0" if segment.flags & tcp.ACK else "seg_ack"
        return _exact(segment.seq, variables, usual, "snd_nxt")
    return _near(segment.seq, variables, "snd_nxt")


def _ack(packet: Packet, variables: Mapping[str, int]) -> SequenceExpression | None:
    segment = packet.segment
    if not segment.flags & tcp.ACK:
        return None
    if segment.flags & tcp.SYN:
        return _exact(segment.ack, variables, "seg_seq+1") or _near(
            segment.ack, variables, "rcv_nxt"
        )
    if segment.flags & tcp.RST:
        return _exact(segment.ack, variables, "seg_seq+seg_len", "rcv_nxt")
    return _near(segment.ack, variables, "rcv_nxt", "seg_seq")


def _window(window: int, variables: Mapping[str, int]) -> SequenceExpression | None:
    return _exact(window, variables, "rcv_wnd", "0") or _near(window, variables, "rcv_wnd")


def _tsecr(tsecr: int, variables: Mapping[str, int]) -> SequenceExpression | None:
    usual = _exact(tsecr, variables, "ts_recent", "seg_tsval", "0")
    return usual or _near(tsecr, variables, "ts_recent", "seg_tsval")


def _exact(value: int, variables: Mapping[str, int], *texts: str) -> SequenceExpression | None:
    """The first of the expressions that has that value."""
    for expression in map(SequenceExpression, texts):
        if expression.names <= variables.keys() and expression.evaluate(variables) == value:
            return expression
    return None


def _near(value: int, variables: Mapping[str, int], *names: str) -> SequenceExpression | None:
    """An offset from the first of the variables that the value is near to."""
    text = nearest(value, variables, *names)
    return None if text == str(value) else SequenceExpression(text)


# -- turns as expectations --------------------------------------------------------------------


def held_to(script: Case, turns: Sequence[Turn], profile: str) -> Case:
    """The case that expects these turns of that profile, as far as they go."""
    return _case(script, (profile,), [[(profile, turn)] for turn in turns])


def held_to_both(
    script: Case,
    first: tuple[str, Sequence[Turn]],
    second: tuple[str, Sequence[Turn]],
) -> Case:
    """The case that expects of two profiles what each does, as far as both go."""
    names = first[0], second[0]
    pairs = zip(first[1], second[1], strict=False)
    return _case(script, names, [list(zip(names, pair, strict=True)) for pair in pairs])


def _case(script: Case, profiles: tuple[str, ...], turns: Sequence[list[tuple[str, Turn]]]) -> Case:
    steps: list[Step] = []
    for step, by_profile in zip(script.steps, turns, strict=False):
        steps.append(step)
        answers = [(name, turn.answers) for name, turn in by_profile]
        most = max(len(given) for _, given in answers)
        least = 1 if isinstance(step, Injection) else 0
        for number in range(max(most, least)):
            choices = [(name, _nth(given, number)) for name, given in answers]
            steps.append(Expect(_choice(choices)))
        states = [(name, turn.state) for name, turn in by_profile if turn.state is not None]
        if len(states) == len(by_profile):
            steps.append(State(_choice(states)))
    return replace(script, steps=tuple(steps), profiles=profiles)


def _nth(answers: tuple[Answer, ...], number: int) -> Expected:
    return answers[number] if number < len(answers) else NOTHING


def _choice(choices: list[tuple[str, T]]) -> ByProfile[T]:
    """A value by profile, or one for all where they agree."""
    value = choices[0][1]
    if all(other == value for _, other in choices):
        return ByProfile((("*", value),))
    return ByProfile(tuple(choices))
