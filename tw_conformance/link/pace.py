"""How fast packets are sent to a DUT: a token bucket, in packets; and how many cases begin at
once."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Self

_BURST_SECONDS = 0.1
_ROUNDING = 1e-6


class Pace:
    """``rate`` packets a second on average, and a tenth of that at once; infinity: no limit.

    A connection is admitted once the bucket holds as many packets as it is going to need; it gives
    back those that it did not send.  What it sends beyond that is a debt, for which later
    connections wait.  So no segment is held back in the middle of a case, where a verdict may rest
    on the time between two segments.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._most = rate * _BURST_SECONDS
        self._tokens = self._most
        self._filled = clock()
        self._turn = asyncio.Lock()

    async def admit(self, packets: int) -> None:
        """Wait until that many packets may be sent."""
        async with self._turn:
            while (missing := min(packets, self._most) - self._fill()) > _ROUNDING:
                await asyncio.sleep(missing / self._rate)
            self._tokens -= packets

    def settle(self, packets: int) -> None:
        """Give back the packets of an admission that were not sent; below zero: so many more were
        sent."""
        self._tokens += packets

    def _fill(self) -> float:
        now = self._clock()
        earned = (now - self._filled) * self._rate if now > self._filled else 0.0
        self._tokens = min(self._tokens + earned, self._most)
        self._filled = now
        return self._tokens


class Admission:
    """Permission for one case to begin, and to send a number of packets."""

    def __init__(self, pace: Pace, packets: int) -> None:
        self._pace = pace
        self._left = packets
        self._beginning = ExitStack()

    @classmethod
    async def take(cls, pace: Pace, packets: int, beginning: asyncio.Semaphore) -> Self:
        """Wait until that many packets may be sent, and one case more may begin."""
        await pace.admit(packets)
        turn = cls(pace, packets)
        try:
            await beginning.acquire()
        except BaseException:
            turn.close()
            raise
        turn._beginning.callback(beginning.release)
        return turn

    @classmethod
    def free(cls) -> Self:
        """For a caller that has the DUT to itself: nothing is limited."""
        return cls(Pace(math.inf), 0)

    def sent(self) -> None:
        """A packet of it was sent."""
        self._left -= 1

    def waits(self) -> None:
        """The case lets time pass: another one may begin."""
        self._beginning.close()

    def close(self) -> None:
        """The case is over; what it did not send is free for others.  May be called twice."""
        self._beginning.close()
        self._pace.settle(self._left)
        self._left = 0


class Room:
    """Places for connections at a DUT that has few; who comes first is served first."""

    def __init__(self) -> None:
        self._taken = 0
        self._turn = asyncio.Lock()
        self._given = asyncio.Event()

    async def take(self, places: int, most: float) -> None:
        """Wait until that many are free of ``most``; who needs more than there are, until all
        are."""
        async with self._turn:
            while self._taken and self._taken + places > most:
                self._given.clear()
                await self._given.wait()
            self._taken += places

    def give(self, places: int) -> None:
        """Give them back."""
        self._taken -= places
        self._given.set()
