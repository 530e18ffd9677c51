"""Ways to get rid of expired blocks, by what each does to the lock of packet input."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Strategy:
    """When expired blocks are closed, and how the lock is held for it.

    ``period`` is in seconds; 0: each block has a timer of its own.  ``batch`` is how many blocks
    are closed each time the lock is held; None: all that have expired.  ``close`` seconds a block
    and ``handover`` seconds each time count as held.  A ``polite`` reaper takes the lock only when
    nobody else wants it.  One with ``own_lock`` never takes that of packet input.
    """

    name: str
    says: str
    period: float
    batch: int | None
    close: float = 1.82e-6
    handover: float = 0.0
    polite: bool = False
    own_lock: bool = False


CLOSE = 1.82e-6
"""Seconds to close one of many blocks in a row.  Fitted: at 40,000 connections a second the blocks
of a period, half a second and the scan itself, hold the lock for as long as the rings take."""
HANDOVER = 3.2e-6
"""Seconds that taking the lock costs where four receive queues want it too.  Fitted: the patched
system loses its first packet at 53,000 connections a second."""
QUOTA = 100
"""INET_TWDR_TWKILL_QUOTA (``inet_timewait_sock.c`` of Linux 2.6.32)."""
CALENDAR_PERIOD = 7.5
"""INET_TWDR_TWKILL_SLOTS slots in TCP_TIMEWAIT_LEN: 60 s / 8."""

BATCH = Strategy(
    "batch", "close all that expired in one go, 500 ms after the last time", 0.5, None, CLOSE
)
ONE = Strategy("one", "the patch: one at a time, the lock dropped between", 0.5, 1, CLOSE, HANDOVER)
OWN_LOCK = replace(BATCH, name="own-lock", says="a lock of its own for the queue", own_lock=True)
TRY_LOCK = replace(
    ONE, name="try-lock", says="one at a time, while nobody wants the lock", polite=True
)
OFTEN = replace(BATCH, name="often", says="close all that expired, every 10 ms", period=0.01)
CALENDAR = Strategy(
    "calendar",
    "Linux 2.6.32: a slot every 7.5 s, 100 blocks at a time",
    CALENDAR_PERIOD,
    QUOTA,
    CLOSE,
    HANDOVER,
)
TIMERS = Strategy("timers", "a timer for each block", 0.0, 1, CLOSE, HANDOVER)

STRATEGIES = (BATCH, ONE, OWN_LOCK, TRY_LOCK, OFTEN, CALENDAR, TIMERS)
