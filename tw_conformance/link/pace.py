"""How fast a DUT is fired at: a token bucket, in packets; and how many cases begin at once."""

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
    back those that it did not send.  What it sends beyond is a debt that those after it wait for:
    so a segment is never held back between two others whose distance a verdict may rest on.
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
        """So many of an admission were not sent; below zero: so many more were."""
        self._tokens += packets

    def _fill(self) -> float:
        now = self._clock()
        earned = (now - self._filled) * self._rate if now > self._filled else 0.0
        self._tokens = min(self._tokens + earned, self._most)
        self._filled = now
        return self._tokens


class Admission:
    """What one case may do to a DUT: so many packets, and to be among those that begin."""

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
        """Of somebody who has a DUT for themselves."""
        return cls(Pace(math.inf), 0)

    def sent(self) -> None:
        """A packet of it was sent."""
        self._left -= 1

    def waits(self) -> None:
        """The case lets time pass: another one may begin."""
        self._beginning.close()

    def close(self) -> None:
        """The case is over; what it did not send others may.  May be called twice."""
        self._beginning.close()
        self._pace.settle(self._left)
        self._left = 0
