"""How fast a DUT on a network is fired at: a token bucket, in packets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_BURST_SECONDS = 0.1
_ROUNDING = 1e-6


class Pace:
    """``rate`` packets a second on average, and a tenth of that at once.

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
        self._tokens = min(self._tokens + (now - self._filled) * self._rate, self._most)
        self._filled = now
        return self._tokens
