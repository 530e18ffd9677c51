"""A Linux kernel as a target, in worlds made for the run: one for each combination of settings.

Which kernel, and how its world is made, is said by a target of its own (netns, uml).
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from typing import Self, TypeVar

from tw_conformance.dut.calls import SocketCalls, opening_of
from tw_conformance.dut.settings import LINUX
from tw_conformance.link.base import Arrival, Observation
from tw_conformance.link.mailbox import Mailbox
from tw_conformance.link.path import Path
from tw_conformance.link.probes import survey
from tw_conformance.model.case import Case
from tw_conformance.model.errors import TargetError
from tw_conformance.targets.base import Play, tester_isn
from tw_conformance.targets.kernel.bench import SHARED_PORT, Bench
from tw_conformance.targets.kernel.release import MSL, Kernel, timer_lateness
from tw_conformance.targets.kernel.world import World
from tw_conformance.targets.loop_thread import LoopThread
from tw_reference.rules.decision import Decision
from tw_reference.segment import Damage, Datagram

T = TypeVar("T")

_OF_THE_WHOLE_TABLE = frozenset({"max_tw_buckets"})
"""Settings under which a connection feels the others: such a case gets a world to itself."""

_STARTING = 16
"""Cases on their way to their first wait.  More at once would make each other and the DUT late."""
_STARTING_ON_A_SLOW_PATH = 128
"""The same where it is the path that they wait for, not the machine."""


class KernelTarget:
    """A Linux kernel held to ``profile``; None: to the documented one of its version.

    ``start`` makes a world on a CPU.  The kernel that it has is ``kernel``; ``where`` completes
    «Linux 6.18 ...» for a reader.

    :raises TargetError: where no world can be had; says what to do.
    """

    name: str
    reads_states = True
    realtime = True

    def __init__(
        self,
        kernel: Kernel,
        where: str,
        start: Callable[[int], World],
        profile: str | None,
        seed: int,
    ) -> None:
        self.profile = profile or kernel.profile
        self.seed = seed
        self.time_variables: Mapping[str, float] = {
            "msl": MSL,
            "tick": timer_lateness(kernel.hz),
        }
        because = kernel.because if self.profile == kernel.profile else "as asked"
        self._description = f"Linux {kernel.release} {where}, held to {self.profile} ({because})"
        self.path = Path()
        self._start_world = start
        cpus = sorted(os.sched_getaffinity(0))
        self._cpu = cpus[os.getpid() % len(cpus)]
        self._benches: dict[frozenset[tuple[str, int]], asyncio.Task[Bench]] = {}
        self._starting = asyncio.Semaphore(_STARTING)
        self._loop = LoopThread(self.name, self._cpu)
        try:
            self._loop.start(self._survey()).result()
        except TargetError:
            self.close()
            raise

    def describe(self) -> str:
        return self._description

    def lacks(self, case: Case) -> str | None:
        return None

    async def open(self, case: Case) -> KernelLink:
        sysctls = {self._sysctl(name): value for name, value in case.settings.items()}
        alone = not _OF_THE_WHOLE_TABLE.isdisjoint(case.settings)
        bench = await (self._new_bench(sysctls) if alone else self._bench(sysctls))
        turn = ExitStack()
        try:
            await self._starting.acquire()
            turn.callback(self._starting.release)
            isn = tester_isn(self.seed, case)
            return await KernelLink.open(bench, case, isn, turn=turn, alone=alone)
        except BaseException:
            turn.close()
            if alone:
                await bench.aclose()
            raise

    async def new_bench(self, settings: Mapping[str, int]) -> Bench:
        """A bench of the caller's own, whose DUT has those settings: for many connections in
        lockstep.

        :raises TargetError: where it can't be had; says what to do.
        """
        sysctls = {self._sysctl(name): value for name, value in settings.items()}
        return await self._new_bench(sysctls)

    def start(self, play: Coroutine[object, object, T]) -> Play[T]:
        return self._loop.start(play)

    def close(self) -> None:
        self._loop.close(self._close_benches)

    async def _survey(self) -> None:
        """Learn what the path does, before a verdict rests on it."""
        bench = await self._bench({})
        with bench.probing("ipv4") as probed:
            await survey(probed, self.path)
        if not self.path.perfect:
            self._starting = asyncio.Semaphore(_STARTING_ON_A_SLOW_PATH)

    async def _bench(self, sysctls: Mapping[str, int]) -> Bench:
        """The bench with those settings, made by the first case that asks for it."""
        key = frozenset(sysctls.items())
        if key not in self._benches:
            self._benches[key] = asyncio.create_task(self._new_bench(sysctls))
        return await asyncio.shield(self._benches[key])

    async def _new_bench(self, sysctls: Mapping[str, int]) -> Bench:
        return await Bench.open(self._cpu, sysctls, self._start_world)

    def _sysctl(self, setting: str) -> str:
        if setting not in LINUX:
            known = ", ".join(LINUX)
            raise TargetError(f"the {self.name} target can't set {setting!r}: it knows {known}")
        return LINUX[setting]

    async def _close_benches(self) -> None:
        for task in self._benches.values():
            if not task.cancelled() and task.exception() is None:
                await task.result().aclose()


class KernelLink:
    """One case's connection to the DUT of a bench.

    ``private_port``: the port is this case's own.  ``alone``: the bench is, too, and goes with the
    link.  ``turn`` is closed when the case first waits.
    """

    def __init__(
        self,
        bench: Bench,
        mailbox: Mailbox,
        calls: SocketCalls,
        isn: int,
        *,
        private_port: bool,
        turn: ExitStack,
        alone: bool,
    ) -> None:
        self.flow = mailbox.flow
        self.tester_isn = isn
        self.echo_ident = mailbox.echo_ident
        self._bench = bench
        self._mailbox = mailbox
        self._calls = calls
        self._private_port = private_port
        self._turn = turn
        self._alone = alone
        self._lost_before = bench.injector.frames_lost()

    @classmethod
    async def open(
        cls, bench: Bench, case: Case, isn: int, *, turn: ExitStack, alone: bool
    ) -> Self:
        """Take a 4-tuple, and a listener of its own where the case makes calls."""
        opening = opening_of(case)
        port = bench.private_port() if opening.private else SHARED_PORT
        mailbox = bench.connect(case.reach.family, port)
        calls = SocketCalls(bench.agent, mailbox.flow, opening)
        if opening.private and opening.listens:
            await calls.listen()
        return cls(bench, mailbox, calls, isn, private_port=opening.private, turn=turn, alone=alone)

    def now(self) -> float:
        return time.monotonic()

    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        return self._bench.injector.send(packet, damage=damage)

    async def receive(self, until: float) -> Arrival | None:
        return await self._mailbox.receive(until)

    async def sleep(self, until: float) -> None:
        self._turn.close()
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(left)

    async def call(self, verb: str, arguments: Mapping[str, int | str]) -> str:
        return await self._calls.make(verb, arguments)

    async def observe(self) -> Observation | None:
        asked, row = await self._bench.agent.ask_at("state", **self._calls.connection)
        return Observation(
            row["state"], asked, time.monotonic(), row["remaining"], row["resolution"]
        )

    def decisions(self) -> list[Decision]:
        return []

    def capture_losses(self) -> int:
        return self._bench.injector.frames_lost() - self._lost_before + self._mailbox.refused

    async def aclose(self) -> None:
        """Give the 4-tuple up; a private listener and what it still holds go with it."""
        self._turn.close()
        self._bench.injector.release(self._mailbox)
        if self._alone:
            await self._bench.aclose()
        elif self._private_port:
            await self._calls.release()


def check_platform(name: str) -> None:
    """:raises TargetError: where worlds can't be made at all."""
    if sys.platform != "linux":
        raise TargetError(f"the {name} target needs Linux: this is {sys.platform}")
