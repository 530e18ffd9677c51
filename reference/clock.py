"""Time as the reference knows it: a number that the caller advances, and timers that wait on it.

Times are whole nanoseconds, so that jiffies, ticks and milliseconds are exact and a run repeats
bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000


class Timer:
    """One appointment.  ``when`` is in nanoseconds on the clock that made it."""

    __slots__ = ("action", "when")

    def __init__(self, when: int, action: Callable[[], None]) -> None:
        self.when = when
        self.action: Callable[[], None] | None = action

    @property
    def pending(self) -> bool:
        return self.action is not None

    def cancel(self) -> None:
        self.action = None


class Clock:
    """A clock that stands still until :meth:`advance`; timers fire in order of time, then of
    making."""

    def __init__(self, now: int = 0) -> None:
        self.now = now
        self._made = 0
        self._timers: list[tuple[int, int, Timer]] = []

    def call_at(self, when: int, action: Callable[[], None]) -> Timer:
        """Have ``action`` called once the clock reads ``when``; at the next advance if that is
        past."""
        timer = Timer(when, action)
        self._made += 1
        heappush(self._timers, (when, self._made, timer))
        return timer

    def next_timer(self) -> int | None:
        """When the earliest pending timer fires, in nanoseconds; None without one."""
        while self._timers and not self._timers[0][2].pending:
            heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def advance(self, to: int) -> None:
        """Let time pass until ``to``, firing what falls due; never backwards."""
        while (when := self.next_timer()) is not None and when <= to:
            self.now = max(self.now, when)
            timer = heappop(self._timers)[2]
            action, timer.action = timer.action, None
            if action is not None:
                action()
        self.now = max(self.now, to)
