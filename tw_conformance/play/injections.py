"""What a run sent last on each connection, and what that did to the 2MSL timer."""

from __future__ import annotations

from typing import NamedTuple

from tw_conformance.link.link import Observation
from tw_conformance.link.path import Path
from tw_conformance.play.record import TimerEffect

BEHIND = 0.05
"""Seconds beyond the usual round trip in which a DUT that gets CPU answers."""


class InjectionTimes(NamedTuple):
    """When it was sent, and by when the DUT had processed all that was sent there before."""

    sent: float
    settled: float


class Injections:
    """The latest on each connection, by the connection's name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._latest: dict[str, InjectionTimes] = {}

    def note(self, on: str, injection: InjectionTimes) -> None:
        self._latest[on] = injection

    def latest(self, on: str) -> InjectionTimes | None:
        return self._latest.get(on)

    def effect(
        self, on: str, seen: Observation, lifetime: float, *, answered: float
    ) -> TimerEffect | None:
        """What the latest did to a timer of ``lifetime`` seconds; None where the reading can't
        tell.  ``answered``: by when the DUT had processed it."""
        last = self.latest(on)
        if last is None or self._was_behind(last, answered):
            return None
        return timer_effect(seen, lifetime, settled=last.settled, sent=last.sent)

    def _was_behind(self, last: InjectionTimes, answered: float) -> bool:
        """Whether the DUT took longer for that segment than had passed before it: its timers may be
        as late, of which a reading then says nothing."""
        took = answered - last.sent - self._path.quickest
        return took > max(last.sent - last.settled, BEHIND)


def timer_effect(
    seen: Observation, lifetime: float, *, settled: float, sent: float
) -> TimerEffect | None:
    """What a segment did to a 2MSL timer of ``lifetime`` seconds; None where the reading can't
    tell.

    The timer was started at some moment between ``earliest`` and ``latest``: the reading was taken
    between two moments, and has a resolution.  It was kept if that was before the segment was
    ``sent``, and restarted if it was after all that came before it had been processed
    (``settled``).  Both at once says that the DUT's own clock was behind.
    """
    if seen.remaining is None:
        return None
    begun = seen.remaining - lifetime
    earliest = seen.asked + begun - seen.resolution
    latest = seen.answered + begun + seen.resolution
    kept, restarted = latest < sent, earliest > settled
    if kept == restarted:
        return None
    return "kept" if kept else "restarted"
