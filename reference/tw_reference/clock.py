"""Time as the reference knows it: a number that the caller advances, and timers that wait on it.

Times are whole nanoseconds, so that jiffies, ticks and milliseconds are exact and a run repeats
bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush, heapreplace

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000

_STALE = 64
"""Entries of cancelled timers that the clock may carry along, beside as many as live ones."""


class Timer:
    """One appointment.  ``when`` is in nanoseconds on the clock that made it."""

    __slots__ = ("_clock", "action", "entry", "when")

    def __init__(self, clock: Clock, when: int, action: Callable[[], None]) -> None:
        self._clock = clock
        self.when = when
        self.entry = when
        """The time that the clock's heap has for it: never later than ``when``."""
        self.action: Callable[[], None] | None = action

    @property
    def pending(self) -> bool:
        return self.action is not None

    def cancel(self) -> None:
        if self.action is not None:
            self.action = None
            self._clock.note_stale()

    def move(self, when: int) -> None:
        """Fire at another time.  Later costs nothing: it is looked at when its old time comes."""
        self.when = when
        if when < self.entry:
            self._clock.insert(self)


class Clock:
    """A clock that stands still until :meth:`advance`; timers fire in order of time, then of
    making."""

    def __init__(self, now: int = 0) -> None:
        self.now = now
        self._made = 0
        self._stale = 0
        self._timers: list[tuple[int, int, Timer]] = []

    def call_at(self, when: int, action: Callable[[], None]) -> Timer:
        """Have ``action`` called once the clock reads ``when``; at the next advance if that is
        past."""
        timer = Timer(self, when, action)
        self.insert(timer)
        return timer

    def insert(self, timer: Timer) -> None:
        """Put a timer where its time says; an entry that it had before is passed over."""
        timer.entry = timer.when
        self._made += 1
        heappush(self._timers, (timer.when, self._made, timer))

    def note_stale(self) -> None:
        """A timer was cancelled; now and then the heap is cleared of such."""
        self._stale += 1
        if self._stale > _STALE + len(self._timers) // 2:
            self._timers = [e for e in self._timers if e[2].pending and e[2].entry == e[0]]
            heapify(self._timers)
            self._stale = 0

    def next_timer(self) -> int | None:
        """When the earliest pending timer fires, in nanoseconds; None without one."""
        timers = self._timers
        while timers:
            when, _, timer = timers[0]
            if timer.action is None or timer.entry != when:
                heappop(timers)
            elif timer.when != when:
                timer.entry = timer.when
                self._made += 1
                heapreplace(timers, (timer.when, self._made, timer))
            else:
                return when
        return None

    def advance(self, to: int) -> None:
        """Let time pass until ``to``, firing what falls due; never backwards."""
        while (when := self.next_timer()) is not None and when <= to:
            self.now = max(self.now, when)
            timer = heappop(self._timers)[2]
            action, timer.action = timer.action, None
            if action is not None:
                action()
        self.now = max(self.now, to)
