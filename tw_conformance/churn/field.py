"""The DUT under churn: reached, asked what it can be asked, loaded."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from random import Random
from typing import Any, Protocol, TypeVar

from tw_conformance.churn.generator import Generator, TellProgress
from tw_conformance.churn.trace import LoadPlan, LoadTrace
from tw_conformance.churn.wire import Wire
from tw_conformance.dut.client import AgentClient, AgentError
from tw_conformance.model.errors import TargetError, UsageError
from tw_conformance.targets.wire_target import WireTarget

T = TypeVar("T")

_BETWEEN = (0.3, 0.7)
"""Seconds between two questions to the DUT: at no period, lest it be found."""
LEAST = 1.0
"""Connections a second below which nothing is tried."""
CLOSEST = 0.05
"""How near the highest loss-free rate is approached, as a share of it."""
_TRIES = 3
"""How often the DUT is asked for what can be asked for only now, before nothing is known of it."""


class LoadedDut:
    """One DUT of ``target``, with these settings, loaded from the one address family.

    The tester's thread keeps off the CPU of the target's loop, where a DUT in a namespace has its
    process.
    """

    def __init__(self, target: WireTarget, settings: Mapping[str, int], family: str) -> None:
        """:raises TargetError: where it can't be had."""
        self._target = target
        self._random = Random(0)
        self._held = AsyncExitStack()
        self._client: AgentClient | None = None
        try:
            self._wire = self._run(self._reach(settings, family))
        except BaseException:
            self._run(self._held.aclose())
            raise

    def churn(self, plan: LoadPlan, tell: TellProgress) -> LoadTrace:
        """Load it as planned.

        :raises UsageError: where the plan asks for more 4-tuples than there are.
        :raises TargetError: where the DUT is gone, or does not do its part at all.
        """
        generator = Generator(self._wire, plan, tell)
        trace = generator.trace
        asker = Asker(self._client, trace.unknown)
        self._stop.clear()  # nobody waits for it yet
        before = self._run(asker.ask("counters"))
        sampling = self._target.start(sample(asker, trace.population, self._stop, self._random))
        try:
            with _undisturbed(self._target.cpu):
                generator.run()
        finally:
            self._run(self._end_sampling())
            sampling.result()
        if before is not None and (after := self._run(asker.ask("counters"))) is not None:
            trace.counters = {name: after[name] - before.get(name, 0) for name in after}
        _check_part(trace)
        return trace

    def loss_free(
        self, plan: LoadPlan, tell: TellProgress, say: Callable[[LoadTrace], None]
    ) -> float | None:
        """The highest rate at which no segment is lost, in connections a second, ``plan`` being
        the first that is tried; None where this machine was the limit, or the user interrupted.

        :raises TargetError: as :meth:`churn`.
        """
        low, high, rate = 0.0, 0.0, plan.rate
        while not high or (high - low > CLOSEST * high and high > LEAST):
            trace = self.churn(LoadPlan(rate, plan.seconds, plan.tester_closes, 0, plan.seed), tell)
            say(trace)
            if trace.interrupted or trace.limit:
                return None
            if trace.loss_free:
                low = rate
            else:
                high = rate
            rate = (low + high) / 2 if high else 2 * low
        return low

    def close(self) -> None:
        """May be called twice."""
        self._run(self._held.aclose())

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._target.start(coroutine).result()

    async def _reach(self, settings: Mapping[str, int], family: str) -> Wire:
        bench = await self._held.enter_async_context(self._target.holding(settings))
        if family not in bench.duts:
            raise UsageError(f"the DUT has no {family} address here: --family says which")
        self._client, self._stop = bench.client, asyncio.Event()
        wire = Wire(bench.injector.hand_over(bench.duts[family]), bench.ports[family])
        self._held.callback(wire.close)
        return wire

    async def _end_sampling(self) -> None:
        self._stop.set()


class Asked(Protocol):
    """As much of an agent as is asked (:class:`tw_conformance.dut.client.AgentClient`)."""

    async def ask_at(self, verb: str) -> tuple[float, Mapping[str, int]]: ...


class Asker:
    """Asks the DUT's agent, where it has one.  ``unknown`` takes a sentence for each thing that it
    was asked for and did not tell."""

    def __init__(self, client: Asked | None, unknown: list[str]) -> None:
        self._client = client
        self._unknown = unknown

    async def ask(self, verb: str) -> Mapping[str, int] | None:
        """What it answers, asked again where no answer comes; None where it does not tell."""
        answer = await self.ask_at(verb, _TRIES)
        return None if answer is None else answer[1]

    async def ask_at(self, verb: str, tries: int) -> tuple[float, Mapping[str, int]] | None:
        """The same, with the moment at which the request left (seconds, ``time.monotonic``)."""
        if self._client is None:
            return None
        for left in range(tries - 1, -1, -1):
            try:
                return await self._client.ask_at(verb)
            except TargetError as error:
                if isinstance(error, AgentError) or not left:
                    self._note(str(error))
                    return None
        return None

    def _note(self, why: str) -> None:
        if why not in self._unknown:
            self._unknown.append(why)


async def sample(
    asker: Asker, population: list[tuple[float, int]], stop: asyncio.Event, random: Random
) -> None:
    """How many blocks there are, in seconds from now, until ``stop`` is set, and once more then.
    A question without an answer costs one sample, and no more."""
    start = time.monotonic()
    last = False
    while True:
        asked = await asker.ask_at("time_waits", _TRIES if last else 1)
        if asked is not None:
            population.append((asked[0] - start, asked[1]["blocks"]))
        if last:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), random.uniform(*_BETWEEN))
        last = stop.is_set()


def _check_part(trace: LoadTrace) -> None:
    """:raises TargetError: where no connection came to an end: there is nothing to be measured."""
    if trace.connections or trace.interrupted:
        return
    if trace.resets == trace.opened:
        raise TargetError("the DUT resets every connection: does anything listen on that port?")
    who = "--closer tester" if not trace.plan.tester_closes else "--closer dut"
    raise TargetError(
        f"none of {trace.opened:,} connections ended: nobody is there, or it is not the DUT that"
        f" closes first (--dut-port of a service that does, or {who})"
    )


@contextmanager
def _undisturbed(busy: int | None) -> Iterator[None]:
    """On another CPU than ``busy``, where there is one, and without pauses for garbage."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, allowed - {busy} or allowed)
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        os.sched_setaffinity(0, allowed)
