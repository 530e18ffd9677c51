"""Whether a FAIL on real time says something of the DUT, or of how late the tester was.

A case is written for a tester that loses no time.  Where one does, a timer of the DUT is ahead of
the next step: an ACK that was put off goes, a window is asked for, an exchange that paused is no
longer interactive.  Which timers there are and what they come to the reference knows.  So the case
is played on it again under the DUT's profile, with as long a way to its first state, and each step
at the moment at which it was taken: where that fails though the case passes without delay, the FAIL
says nothing of the DUT.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import NamedTuple

from tw_conformance.model.case import Case, Send, SendIcmp, Step
from tw_conformance.model.verdict import Event, Outcome, Verdict
from tw_conformance.play.judge import decide
from tw_conformance.play.record import Fact
from tw_conformance.play.run import Run
from tw_conformance.targets.direct import DirectTarget
from tw_conformance.targets.in_process import InProcessLink
from tw_conformance.targets.target import Target
from tw_reference.profiles import PROFILES
from tw_reference.segment import Damage, Datagram, Packet


async def in_hindsight(outcome: Outcome) -> Outcome:
    """The outcome of a run on real time; INCONCLUSIVE in place of a FAIL where the profile's own
    stack fails at these times too."""
    last = outcome.step_index
    if outcome.verdict is not Verdict.FAIL or last is None:
        return outcome
    if not _passes(outcome, [], [0.0] * (last + 1)):
        return outcome
    events = outcome.transcript.events
    way = [event for event in events if event.step is None and event.probe is None]
    for moments in _ways_to_be_late(outcome.case.steps[: last + 1], events):
        await asyncio.sleep(0)  # other cases have a clock that runs
        if not _passes(outcome, way, moments):
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
    """When the DUT noticed a step, at the earliest and at the latest: seconds since the case
    began."""

    earliest: float
    latest: float


def _ways_to_be_late(steps: Sequence[Step], events: Sequence[Event]) -> Iterator[list[float]]:
    """When each step may have been taken: there was one pause, and nobody knows at which step."""
    spans = [_span(index, step, events) for index, step in enumerate(steps)]
    # What decided had come by then: it may be what a timer sent in the meantime.
    decided = max(event.time for event in events if event.step is None or event.step < len(steps))
    spans[-1] = spans[-1]._replace(latest=decided)
    for pause in range(len(spans)):
        yield [each.earliest for each in spans[:pause]] + [each.latest for each in spans[pause:]]


def _span(index: int, step: Step, events: Sequence[Event]) -> _Span:
    ours = [each.time for each in events if each.step == index and _is_the_testers(each)]
    if not ours:
        return _Span(0.0, 0.0)
    latest = ours[-1]
    if isinstance(step, Send | SendIcmp):
        # By then the DUT had processed it: it may have lost the CPU as well.
        proofs = (each.time for each in events if each.time >= latest and _is_proof(each))
        latest = next(proofs, latest)
    return _Span(ours[0], latest)


def _is_the_testers(event: Event) -> bool:
    """Whether it says how far the tester was, and not when the DUT sent something."""
    return event.direction != "received" or event.probe is not None


def _is_proof(event: Event) -> bool:
    return event.direction == "received" and event.probe is not None


def _passes(outcome: Outcome, way: Sequence[Event], moments: Sequence[float]) -> bool:
    """Whether nothing speaks against the profile's own stack where these are the moments of the
    steps, up to the last of them, and ``way`` is what happened until its first state was there."""
    target = DirectTarget(PROFILES[outcome.profile])
    return target.start(_play(outcome.case, target, way, moments)).result()


async def _play(
    case: Case, target: DirectTarget, way: Sequence[Event], moments: Sequence[float]
) -> bool:
    link = _LateLink.open(target, case)
    link.follow(way)
    async with aclosing(_LateRun(case, target, link, moments).play()) as facts:
        async for fact in facts:
            if fact.step is None or fact.step >= len(moments):
                return True
            if decide(case, target.profile, fact) is not None:
                return False
    return True


class _LateLink(InProcessLink):
    """The link of a run that is as long on its way as another was: the round trip of the handshake
    is the DUT's first, and its RTO goes by that."""

    zero: float
    """When the case began."""
    _way: deque[Event]

    def follow(self, way: Sequence[Event]) -> None:
        """Be as late as that, until the first state is reached."""
        self._way = deque(way)
        self.zero = self.now() - (way[0].time if way else 0.0)

    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        while self._way and self._way[0].direction != "sent":
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
        self, case: Case, target: Target, link: _LateLink, moments: Sequence[float]
    ) -> None:
        super().__init__(case, target, link)
        self._moments, self._zero = moments, link.zero

    async def take(self, index: int, step: Step) -> Fact | None:
        if index < len(self._moments):
            await self.link.sleep(self._zero + self._moments[index])
        return await super().take(index, step)
