"""Whether a FAIL on real time says something of the DUT, or of how late the tester was.

A case is written for a tester that loses no time.  Where one does, a timer of the DUT is ahead of
the next step: an ACK that was put off goes, a window is asked for, an exchange that paused is no
longer interactive.  Which timers there are and what they come to the reference knows.  So the case
is played on it again under the DUT's profile, with as long a way to its first state, and each step
at the moment at which it was taken: where that fails though the case passes without delay, the FAIL
says nothing of the DUT.  So it is where the timers of the DUT that the way made longer are as late
as a stack's may be.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import NamedTuple

from tw_conformance.model.case import Case, Expect, Open, Send, SendIcmp, Step
from tw_conformance.model.expressions import TimeExpression
from tw_conformance.model.verdict import Event, Outcome, Verdict
from tw_conformance.play.judge import decide, may_be_early
from tw_conformance.play.record import Fact
from tw_conformance.play.run import Run
from tw_conformance.targets.direct import DirectTarget
from tw_conformance.targets.in_process import InProcessLink
from tw_conformance.targets.target import Target
from tw_reference.profiles import PROFILES
from tw_reference.segment import Damage, Datagram, Packet

_GRAIN = 1 / 8
"""The share by which a timer may be late: Linux keeps those of many ticks no finer
(`kernel/time/timer.c`, LVL_CLK_SHIFT)."""


async def in_hindsight(outcome: Outcome) -> Outcome:
    """The outcome of a run on real time; INCONCLUSIVE in place of a FAIL where the profile's own
    stack fails at these times too."""
    last = outcome.step_index
    if outcome.verdict is not Verdict.FAIL or last is None:
        return outcome
    both = (outcome.case, _with_late_timers(outcome))
    cases = [case for case in both if _passes(outcome, case, [])]
    if outcome.case not in cases:
        return outcome
    for moments in _ways_to_be_late(outcome.case.steps[: last + 1], outcome.transcript.events):
        await asyncio.sleep(0)  # other cases have a clock that runs
        if not all(_passes(outcome, case, moments) for case in cases):
            return replace(
                outcome,
                verdict=Verdict.INCONCLUSIVE,
                reason=f"{outcome.reason}; {outcome.profile} itself fails at the moments at which"
                " the steps were taken: the path or this machine is too slow for this case",
                mismatches=(),
                by_absence=False,
                late=True,
            )
    return outcome


class _Span(NamedTuple):
    """When the DUT noticed what the tester did, at the earliest and at the latest: seconds since
    the case began."""

    earliest: float
    latest: float


class _Done(NamedTuple):
    """What the tester did, and when: a step, by its index, or something on the way to the first
    state of a connection, by that connection's name.  ``sent``: a segment."""

    step: int | None
    on: str
    sent: bool
    span: _Span


class _Moment(NamedTuple):
    done: _Done
    time: float


def _ways_to_be_late(steps: Sequence[Step], events: Sequence[Event]) -> Iterator[list[_Moment]]:
    """When all may have been done: there was one pause, and nobody knows at what."""
    spans = [_span(index, step, events) for index, step in enumerate(steps)]
    # What decided had come by then: it may be what a timer sent in the meantime.
    decided = max(event.time for event in events if event.step is None or event.step < len(steps))
    spans[-1] = spans[-1]._replace(latest=decided)
    done = [_Done(index, "", False, span) for index, span in enumerate(spans)]
    done = sorted([*_on_the_way(events), *done], key=lambda each: each.span.earliest)
    for pause in range(len(done)):
        yield [
            _Moment(each, each.span.latest if place >= pause else each.span.earliest)
            for place, each in enumerate(done)
        ]


def _on_the_way(events: Sequence[Event]) -> Iterator[_Done]:
    for index, event in enumerate(events):
        if event.step is None and event.probe is None:
            sent = event.direction == "sent"
            latest = _noticed(index, events, by_answer=True) if sent else event.time
            yield _Done(None, event.connection, sent, _Span(event.time, latest))


def _span(index: int, step: Step, events: Sequence[Event]) -> _Span:
    places = [
        place for place, each in enumerate(events) if each.step == index and _is_the_testers(each)
    ]
    if not places or isinstance(step, Open):  # each segment on the way of that has its own moment
        return _Span(0.0, 0.0)
    first, last = places[0], places[-1]
    if isinstance(step, Send | SendIcmp):
        return _Span(events[first].time, _noticed(last, events))
    # It began behind what was before; an answer of the agent may have been long in coming.
    return _Span(events[max(first - 1, 0)].time, events[last].time)


def _noticed(index: int, events: Sequence[Event], *, by_answer: bool = False) -> float:
    """By when the DUT had processed what was sent at ``index``: it may have lost the CPU as well.
    ``by_answer``: what comes then is no timer's."""
    sent = events[index]
    proofs = (
        each.time
        for each in events[index:]
        if each.direction == "received"
        and each.time >= sent.time
        and (each.probe is not None or (by_answer and each.connection == sent.connection))
    )
    return next(proofs, sent.time)


def _is_the_testers(event: Event) -> bool:
    """Whether it says how far the tester was, and not when the DUT sent something."""
    return event.direction != "received" or event.probe is not None


def _passes(outcome: Outcome, case: Case, moments: Sequence[_Moment]) -> bool:
    """Whether nothing speaks against the profile's own stack where these are the moments at which
    all was done, up to the step that decided."""
    target = DirectTarget(PROFILES[outcome.profile])
    return target.start(_play(outcome, case, target, moments)).result()


def _with_late_timers(outcome: Outcome) -> Case:
    """The case for a stack whose timers are late, played on one whose are not."""
    times = DirectTarget(PROFILES[outcome.profile]).time_variables
    steps = tuple(_sooner(step, times) for step in outcome.case.steps)
    return replace(outcome.case, steps=steps)


def _sooner(step: Step, times: Mapping[str, float]) -> Step:
    """A step that waits for no timer that is late."""
    if not isinstance(step, Expect) or step.within is None:
        return step
    within = step.within.evaluate(times) * (1 - _GRAIN)
    return replace(step, within=TimeExpression(f"{within * 1000:.0f}ms"))


async def _play(
    outcome: Outcome, case: Case, target: DirectTarget, moments: Sequence[_Moment]
) -> bool:
    last = outcome.step_index
    assert last is not None
    link = _LateLink.open(target, case)
    ways = (
        deque(each for each in moments if each.done.step is None and each.done.on == name)
        for name in case.connections()
    )
    link.follow(link.now(), deque(ways))
    steps = {each.done.step: each.time for each in moments}
    run = _LateRun(case, target, link, steps)
    async with aclosing(run.play()) as facts:
        async for fact in facts:
            if fact.step is None or fact.step > last:
                return True
            decision = decide(case, target.profile, fact)
            if decision is not None and may_be_early(case, decision, fact):
                decision = decide(case, target.profile, await run.look_again(fact))
            if decision is not None:
                return False
    return True


class _LateLink(InProcessLink):
    """The link of a run that is as long on its way as another was: the round trip of the handshake
    is the DUT's first, and its RTO goes by that."""

    zero: float
    """When the case began."""
    _ways: deque[deque[_Moment]]
    """Of each connection, in the order in which they are opened; the first is this link's."""

    def follow(self, zero: float, ways: deque[deque[_Moment]]) -> None:
        """Be as late as that, until the first state is reached."""
        self.zero, self._ways = zero, ways
        self._way = ways.popleft()

    async def beside(self, *, other_peer: bool = False) -> _LateLink:
        link = await super().beside(other_peer=other_peer)
        link.follow(self.zero, self._ways)
        return link

    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        while self._way and not self._way[0].done.sent:
            self._way.popleft()
        if self._way and isinstance(packet, Packet):
            self.advance(self.zero + self._way.popleft().time)
        return super().send(packet, damage=damage)

    async def call(self, verb: str, arguments: Mapping[str, int | str]) -> str:
        if self._way:
            self.advance(self.zero + self._way[0].time)  # what the call brought about came then
        return await super().call(verb, arguments)


class _LateRun(Run):
    """A run whose steps are taken no sooner than at these moments."""

    def __init__(
        self, case: Case, target: Target, link: _LateLink, moments: Mapping[int | None, float]
    ) -> None:
        super().__init__(case, target, link)
        self._moments, self._zero = moments, link.zero

    async def take(self, index: int, step: Step) -> Fact | None:
        await self.link.sleep(self._zero + self._moments.get(index, 0.0))
        return await super().take(index, step)
