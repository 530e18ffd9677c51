"""This machine's own kernel as the DUT, in a world made for the run.

A veth hands a frame to the backlog of the CPU that sends it, and every CPU works its own backlog
off by itself.  So frames stay in order, and an echo probe proves that what was sent before it has
been processed, as long as one CPU sends them all: the loop's thread and the DUT's process are
pinned to the same one.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Coroutine, Mapping
from typing import Self, TypeVar

from reference.rules import Decision
from reference.segment import Echo, Packet
from tw_conformance.agent import kernel_hz
from tw_conformance.case import Call, Case
from tw_conformance.errors import TargetError
from tw_conformance.mailbox import Mailbox
from tw_conformance.targets.base import Arrival, Observation, Play, tester_isn
from tw_conformance.targets.bench import SHARED_PORT, Bench
from tw_conformance.targets.kernel import MSL, running_kernel, timer_lateness
from tw_conformance.targets.loop_thread import LoopThread
from tw_conformance.targets.world import World

T = TypeVar("T")

SYSCTLS: Mapping[str, str] = {
    "timestamps": "net.ipv4.tcp_timestamps",
    "rfc1337": "net.ipv4.tcp_rfc1337",
    "invalid_ratelimit": "net.ipv4.tcp_invalid_ratelimit",
    "fin_timeout": "net.ipv4.tcp_fin_timeout",
    "max_tw_buckets": "net.ipv4.tcp_max_tw_buckets",
    "tw_reuse": "net.ipv4.tcp_tw_reuse",
    "syncookies": "net.ipv4.tcp_syncookies",
    "window_scaling": "net.ipv4.tcp_window_scaling",
    "sack": "net.ipv4.tcp_sack",
    "ecn": "net.ipv4.tcp_ecn",
}
"""Where Linux keeps the settings that a case may ask for."""

_OF_THE_WHOLE_TABLE = frozenset({"max_tw_buckets"})
"""Settings under which a connection feels the others: such a case gets a world to itself."""

_CONNECTION_CALLS = frozenset({"close", "shutdown", "abort"})


class NetnsTarget:
    """The running kernel, held to ``profile``; None: to the documented one of its version.

    :raises TargetError: where this machine or this user can't have a world; says what to do.
    """

    name = "netns"
    realtime = True

    def __init__(self, profile: str | None = None, seed: int = 0) -> None:
        kernel = running_kernel()
        self.profile = profile or kernel.profile
        self.seed = seed
        self.time_variables: Mapping[str, float] = {
            "msl": MSL,
            "tick": timer_lateness(kernel_hz()),
        }
        because = kernel.because if self.profile == kernel.profile else "as asked"
        self._description = (
            f"this machine's Linux {kernel.release} in a network namespace of its own,"
            f" held to {self.profile} ({because})"
        )
        _check_platform()
        cpus = sorted(os.sched_getaffinity(0))
        self._cpu = cpus[os.getpid() % len(cpus)]
        self._benches: dict[frozenset[tuple[str, int]], asyncio.Task[Bench]] = {}
        self._loop = LoopThread("netns", self._cpu)
        try:
            self._loop.start(self._bench({})).result()
        except TargetError:
            self.close()
            raise

    @staticmethod
    def available() -> str | None:
        """None where a world can be had, else a sentence that says why not.  Makes one to see."""
        try:
            _check_platform()
            World.start(cpu=min(os.sched_getaffinity(0))).close()
        except TargetError as error:
            return str(error)
        return None

    def describe(self) -> str:
        return self._description

    async def open(self, case: Case) -> NetnsLink:
        sysctls = {_sysctl(name): value for name, value in case.settings.items()}
        alone = not _OF_THE_WHOLE_TABLE.isdisjoint(case.settings)
        bench = await (Bench.open(self._cpu, sysctls) if alone else self._bench(sysctls))
        try:
            return await NetnsLink.open(bench, case, tester_isn(self.seed, case), alone=alone)
        except BaseException:
            if alone:
                await bench.aclose()
            raise

    def start(self, play: Coroutine[object, object, T]) -> Play[T]:
        return self._loop.start(play)

    def close(self) -> None:
        self._loop.close(self._close_benches)

    async def _bench(self, sysctls: Mapping[str, int]) -> Bench:
        """The bench with those settings, made by the first case that asks for it."""
        key = frozenset(sysctls.items())
        if key not in self._benches:
            self._benches[key] = asyncio.create_task(Bench.open(self._cpu, sysctls))
        return await asyncio.shield(self._benches[key])

    async def _close_benches(self) -> None:
        for task in self._benches.values():
            if not task.cancelled() and task.exception() is None:
                await task.result().aclose()


class NetnsLink:
    """One case's connection to the DUT of a bench.

    ``private_port``: the port is this case's own.  ``policy`` is that of its listener.  ``alone``:
    the bench is, too, and goes with the link.
    """

    def __init__(
        self,
        bench: Bench,
        mailbox: Mailbox,
        case: Case,
        isn: int,
        *,
        private_port: bool,
        policy: str,
        alone: bool,
    ) -> None:
        self.flow = mailbox.flow
        self.tester_isn = isn
        self.echo_ident = mailbox.echo_ident
        self._bench = bench
        self._mailbox = mailbox
        self._family = case.reach.family
        self._private_port = private_port
        self._policy = policy
        self._alone = alone
        self._lost_before = bench.injector.frames_lost()

    @classmethod
    async def open(cls, bench: Bench, case: Case, isn: int, *, alone: bool) -> Self:
        """Take a 4-tuple, and a listener of its own where the case makes calls."""
        calls = {step.verb for step in case.steps if isinstance(step, Call)}
        holds = case.reach.state == "ESTABLISHED" or not calls.isdisjoint(_CONNECTION_CALLS)
        policy = "hold" if holds else "close"
        private = holds or bool(calls)
        port = bench.private_port() if private else SHARED_PORT
        family = case.reach.family
        mailbox = bench.connect(family, port)
        if private:
            await bench.listen(family, port, policy=policy)
        return cls(bench, mailbox, case, isn, private_port=private, policy=policy, alone=alone)

    def now(self) -> float:
        return time.monotonic()

    def send(self, packet: Packet | Echo, *, checksum_ok: bool = True) -> tuple[float, bytes]:
        return self._bench.injector.send(packet, checksum_ok=checksum_ok)

    async def receive(self, until: float) -> Arrival | None:
        return await self._mailbox.receive(until)

    async def sleep(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(left)

    async def call(self, verb: str, arguments: Mapping[str, str | int]) -> None:
        agent = self._bench.agent
        if verb in _CONNECTION_CALLS:
            await agent.ask(verb, **self._connection(), **arguments)
        elif verb == "listen":
            await self._bench.listen(self._family, self.flow.dport, policy=self._policy)
        elif verb in ("unlisten", "fill"):
            await agent.ask(verb, family=self._family, port=self.flow.dport)
        else:
            raise TargetError(f"the netns target has no call {verb!r}")

    async def observe(self) -> Observation | None:
        asked = time.monotonic()
        row = await self._bench.agent.ask("state", **self._connection())
        return Observation(
            row["state"], asked, time.monotonic(), row["remaining"], row["resolution"]
        )

    def decisions(self) -> list[Decision]:
        return []

    def capture_losses(self) -> int:
        return self._bench.injector.frames_lost() - self._lost_before + self._mailbox.refused

    async def aclose(self) -> None:
        """Give the 4-tuple up; a private listener and what it still holds go with it."""
        self._bench.injector.release(self._mailbox)
        if self._alone:
            await self._bench.aclose()
        elif self._private_port:
            await self._bench.agent.ask("release", family=self._family, port=self.flow.dport)

    def _connection(self) -> dict[str, str | int]:
        flow = self.flow.reverse
        return {
            "local": flow.src,
            "local_port": flow.sport,
            "peer": flow.dst,
            "peer_port": flow.dport,
        }


def _sysctl(setting: str) -> str:
    if setting not in SYSCTLS:
        raise TargetError(f"the netns target can't set {setting!r}: it knows {', '.join(SYSCTLS)}")
    return SYSCTLS[setting]


def _check_platform() -> None:
    if sys.platform != "linux":
        raise TargetError(f"the netns target needs Linux: this is {sys.platform}")
