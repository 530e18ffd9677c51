"""From the clock that kernels stamp frames by to the one that the suite goes by."""

from __future__ import annotations

import time

_TRIES = 4
_TIGHT = 10_000
"""Nanoseconds between two readings of a clock within which nothing else has happened."""


def monotonic_minus_wall() -> int:
    """Nanoseconds by which ``time.monotonic`` is ahead of the wall clock now, or a little more.

    Kernels stamp frames with the wall clock, which may be set in the middle of a run, so this is
    asked again for every burst.  A busy machine may do something else for milliseconds between the
    readings of the two clocks: the quickest of a few tries counts.  The result is never too small,
    so that no answer seems to come before its question.
    """
    readings = []
    for _ in range(_TRIES):
        before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        if after - before < _TIGHT:
            return after - wall
        readings.append((after - before, after - wall))
    return min(readings)[1]
