"""What arrived for one connection, in order, until its case asks for it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from tw_conformance.link.link import Arrival
from tw_conformance.model.errors import TargetError
from tw_reference.segment import Flow

_CAPACITY = 4096
"""Arrivals for each connection."""


class Mailbox:
    """Arrivals of one flow, and echo replies with its ``probe_ident``.

    ``flow`` is the 4-tuple as the tester sends it; ``joined`` are those of further connections in
    lockstep with it.  A mailbox takes a limited number for each connection, so that a DUT that
    never stops answering can't use up memory or time; ``refused`` counts what came after that.
    ``catch_up`` delivers whatever the kernel has received by now.
    """

    def __init__(self, flow: Flow, probe_ident: int, catch_up: Callable[[], None]) -> None:
        self.flow = flow
        self.probe_ident = probe_ident
        self.joined: list[Flow] = []
        self.refused = 0
        self._catch_up = catch_up
        self._arrivals: deque[Arrival] = deque()
        self._taken = 0
        self._waiting: asyncio.Future[None] | None = None
        self._failure: TargetError | None = None

    def put(self, arrival: Arrival) -> None:
        if self._taken >= _CAPACITY * (1 + len(self.joined)):
            self.refused += 1
            return
        self._taken += 1
        self._arrivals.append(arrival)
        self._wake()

    def fail(self, failure: TargetError) -> None:
        """From now on :meth:`receive` raises that, once it is empty."""
        self._failure = failure
        self._wake()

    async def receive(self, until: float) -> Arrival | None:
        """The next arrival; None where none arrived by ``until`` (seconds, ``time.monotonic``).

        What counts is when the kernel received a frame, not when this process got round to it.

        :raises TargetError: where the link is gone.
        """
        if not self._arrivals and self._failure is None and until > time.monotonic():
            await self._something(until)
        if not self._arrivals:
            self._catch_up()
        if self._arrivals:
            return self._arrivals.popleft() if self._arrivals[0].time <= until else None
        if self._failure is not None:
            raise self._failure
        return None

    async def _something(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        alarm = loop.call_at(until, self._wake)
        try:
            await self._waiting
        finally:
            alarm.cancel()
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
