"""Worlds made for the run: one DUT for each combination of settings."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from tw_conformance.dut.client import AgentClient
from tw_conformance.dut.settings import OF_THE_WHOLE_TABLE, DutSettings
from tw_conformance.link.capture.packet_socket import PacketSocket
from tw_conformance.link.injector import Injector
from tw_conformance.model.case import Case
from tw_conformance.model.errors import TargetError
from tw_conformance.targets.bench import SHARED_PORT, Bench
from tw_conformance.targets.kernel import world
from tw_conformance.targets.kernel.release import MSL, Kernel, timer_lateness
from tw_conformance.targets.kernel.world import World
from tw_conformance.targets.kinds import Order
from tw_conformance.targets.wire_target import WireTarget
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile

_TESTER_MAC = "02:00:00:00:00:02"
_DUT = {"ipv4": world.DUT_IPV4, "ipv6": world.DUT_IPV6}

StartWorld = Callable[[int], World]
"""Makes a world on that CPU; blocks.  Raises TargetError."""


def kernel_target(order: Order, kernel: Kernel, where: str, start: StartWorld) -> WireTarget:
    """A Linux kernel held to the profile that the order says; None: to that of its version.

    ``start`` makes the worlds.  The kernel that they have is ``kernel``; ``where`` completes
    «Linux 6.18 ...» for a reader.

    :raises TargetError: where no world can be had; says what to do.
    """
    held_to = order.profile or kernel.profile
    because = kernel.because if held_to == kernel.profile else "as asked"
    described = f"Linux {kernel.release} {where}, held to {held_to} ({because})"
    cpus = sorted(os.sched_getaffinity(0))
    cpu = cpus[os.getpid() % len(cpus)]
    duts = Worlds(described, kernel, start, cpu)
    return WireTarget(
        order.name,
        PROFILES[held_to],
        duts,
        seed=order.seed,
        max_wait=order.access.max_wait,
        cpu=cpu,
    )


def check_platform(name: str) -> None:
    """:raises TargetError: where worlds can't be made at all."""
    if sys.platform != "linux":
        raise TargetError(f"the {name} target needs Linux: this is {sys.platform}")


class Worlds:
    """The DUTs of one kernel (:class:`~tw_conformance.targets.wire_target.Duts`)."""

    own = True

    def __init__(self, described: str, kernel: Kernel, start: StartWorld, cpu: int) -> None:
        self._described = described
        self._kernel = kernel
        self._start = start
        self._cpu = cpu
        self._benches: dict[frozenset[tuple[str, int]], asyncio.Task[Bench]] = {}
        self.settings: Mapping[str, int] = {}

    async def start(self) -> Bench:
        bench = await self._bench({})
        self._settings = await DutSettings.of(bench.agent)
        self.settings = await self._settings.read()
        return bench

    def lacks(self, case: Case) -> str | None:
        return self._settings.lacks(case)

    def assume(self, settings: Mapping[str, int]) -> None:
        """Nothing: all of them are read."""

    def describe(self) -> str:
        return self._described

    def time_variables(self, stack: Profile) -> Mapping[str, float]:
        """Those of the kernel, whatever it is held to."""
        return {"msl": MSL, "tick": timer_lateness(self._kernel.hz)}

    @asynccontextmanager
    async def holding(self, settings: Mapping[str, int]) -> AsyncIterator[Bench]:
        """The bench with those settings, made when first asked for.  A case whose connection would
        feel the others' has one to itself."""
        if OF_THE_WHOLE_TABLE.isdisjoint(settings):
            yield await self._bench(settings)
            return
        bench = await self.new(settings)
        try:
            yield bench
        finally:
            await bench.aclose()

    async def new(self, settings: Mapping[str, int]) -> Bench:
        return await make_bench(self._cpu, settings, self._start)

    async def aclose(self) -> None:
        for task in self._benches.values():
            if not task.cancelled() and task.exception() is None:
                await task.result().aclose()

    async def _bench(self, settings: Mapping[str, int]) -> Bench:
        key = frozenset(settings.items())
        if key not in self._benches:
            self._benches[key] = asyncio.create_task(self.new(settings))
        return await asyncio.shield(self._benches[key])


async def make_bench(
    cpu: int, settings: Mapping[str, int], start: StartWorld = World.start
) -> Bench:
    """Have ``start`` make a world on that CPU, whose DUT takes these settings.

    :raises TargetError: where it can't be had; says what to do.
    """
    async with AsyncExitStack() as closing:
        made = await _started(start, cpu)
        closing.push_async_callback(asyncio.to_thread, made.close)
        agent = AgentClient(*await asyncio.open_connection(sock=made.agent))
        closing.push_async_callback(agent.aclose)
        addresses = (*world.TESTER_IPV4, *world.TESTER_IPV6)
        capture = PacketSocket(made.packets, made.spares)
        injector = Injector(capture, _TESTER_MAC, addresses, apart=world.APART)
        closing.callback(injector.close)
        if settings:
            await (await DutSettings.of(agent)).switch_to(settings)
        for address in _DUT.values():
            await injector.resolve(address)
        bench = Bench(injector, _DUT, {}, closing, agent)
        await bench.serve(SHARED_PORT)
        bench.closing = closing.pop_all()
        return bench


async def _started(start: StartWorld, cpu: int) -> World:
    """What ``start`` makes; cancelled, it waits for the world all the same, to end it."""
    starting = asyncio.get_running_loop().run_in_executor(None, start, cpu)
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        (await starting).close()
        raise
