"""What a trace of the model says, in the report's own figures."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from tw_reference.contention.reaping_strategies import Strategy
from tw_reference.contention.simulation import ReceivePath, Trace

AFTER_A_STALL = 0.2
"""Seconds behind a hold of the lock in which a connection's time is that stall's."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Connection times are in seconds; ``peaks`` are the longest around each scan that found
    blocks, in order, as (seconds from the start, connection time)."""

    connections: int
    dropped: int
    fullest: int
    median: float
    p999: float
    longest_before_expiry: float
    """Of connections that began before the first block expired."""
    longest: float
    """Of all that had no packet dropped."""
    longest_hold: float
    """The longest time that the reaper held the lock."""
    peaks: tuple[tuple[float, float], ...]


def figures(
    trace: Trace, path: ReceivePath, strategy: Strategy, retransmit: float = 1.0
) -> Figures:
    """:raises ValueError: where no connection ended."""
    if not trace.connections:
        raise ValueError("no connection ended in that time")
    times = sorted(time for _, time in trace.connections)
    whole = [time for time in times if time < retransmit]
    early = (time for begun, time in trace.connections if begun + time < path.lifetime)
    return Figures(
        connections=len(times),
        dropped=trace.dropped,
        fullest=trace.fullest,
        median=times[len(times) // 2],
        p999=times[len(times) * 999 // 1000],
        longest_before_expiry=max(early, default=0.0),
        longest=max(whole, default=0.0),
        longest_hold=max((held for _, held, _ in trace.holds), default=0.0),
        peaks=_peaks(trace, strategy, retransmit),
    )


def _peaks(trace: Trace, strategy: Strategy, retransmit: float) -> tuple[tuple[float, float], ...]:
    if not strategy.period:
        return ()
    begins = _scans(trace, strategy.period)
    longest: dict[int, tuple[float, float]] = {}
    for begun, time in trace.connections:
        # A connection belongs to the scan that came while it was under way, or just before it.
        scan = bisect_right(begins, begun + time) - 1
        if scan >= 0 and time < retransmit and begun + time - begins[scan] <= AFTER_A_STALL:
            longest[scan] = max(longest.get(scan, (0.0, 0.0)), (begun, time), key=lambda p: p[1])
    return tuple(longest[scan] for scan in sorted(longest))


def _scans(trace: Trace, period: float) -> list[float]:
    """When each scan that found blocks took the lock first."""
    begins: list[float] = []
    last = -period
    for begun, held, _ in trace.holds:
        if begun - last > period / 2:
            begins.append(begun)
        last = begun + held
    return begins
