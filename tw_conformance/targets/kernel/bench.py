"""A world, ready to be used: the injector on its link, the agent in its DUT, listeners open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Self

from tw_conformance.dut.client import AgentClient, AgentError
from tw_conformance.link.base import Arrival
from tw_conformance.link.capture.packet_socket import PacketSocket
from tw_conformance.link.injector import Injector
from tw_conformance.link.mailbox import Mailbox
from tw_conformance.model.errors import TargetError
from tw_conformance.targets.kernel import world
from tw_conformance.targets.kernel.world import World
from tw_reference.segment import Echo, Packet

SHARED_PORT = 7
"""Where the DUT accepts and closes at once, for every case that needs no more than that."""

_PRIVATE_PORTS = range(1024, 32768)
_TESTER_MAC = "02:00:00:00:00:02"
_DUT = {"ipv4": world.DUT_IPV4, "ipv6": world.DUT_IPV6}


@dataclass(slots=True)
class Bench:
    """One DUT with one combination of settings.  Made and used on one event loop."""

    injector: Injector
    agent: AgentClient
    _world: World
    _ports: cycle[int]

    @classmethod
    async def open(
        cls, cpu: int, sysctls: Mapping[str, int], start: Callable[[int], World] = World.start
    ) -> Self:
        """Have ``start`` make a world on that CPU, and set those sysctls in its DUT.

        :raises TargetError: where it can't be had; says what to do.
        """
        async with AsyncExitStack() as on_failure:
            made = await _started(start, cpu)
            on_failure.push_async_callback(asyncio.to_thread, made.close)
            agent = AgentClient(*await asyncio.open_connection(sock=made.agent))
            on_failure.push_async_callback(agent.aclose)
            capture = PacketSocket(made.packets)
            injector = Injector(capture, _TESTER_MAC, (*world.TESTER_IPV4, *world.TESTER_IPV6))
            on_failure.callback(injector.close)
            bench = cls(injector, agent, made, cycle(_PRIVATE_PORTS))
            await bench._prepare(sysctls)
            on_failure.pop_all()
        return bench

    async def _prepare(self, sysctls: Mapping[str, int]) -> None:
        for name, value in sysctls.items():
            try:
                await self.agent.ask("sysctl_set", name=name, value=value)
            except AgentError as error:
                raise TargetError(f"this kernel can't set {name} to {value}: {error}") from error
        for family, address in _DUT.items():
            await self.injector.resolve(address)
            await self.listen(family, SHARED_PORT, policy="close")

    async def aclose(self) -> None:
        """End the world; may be called twice."""
        self.injector.close()
        await self.agent.aclose()
        await asyncio.to_thread(self._world.close)

    async def listen(self, family: str, port: int, *, policy: str) -> None:
        """Have the DUT listen; ``policy`` is the agent's, ``close`` or ``hold``."""
        await self.agent.ask(
            "listen", family=family, address=_DUT[family], port=port, policy=policy
        )

    def private_port(self) -> int:
        """A port of the DUT that no other open case has."""
        return next(self._ports)

    def connect(self, family: str, port: int) -> Mailbox:
        """A 4-tuple to that port of the DUT, never used before.

        :raises TargetError: where every source port has been used.
        """
        return self.injector.open(_DUT[family], port)

    @contextmanager
    def probing(self, family: str) -> Iterator[ProbeLine]:
        """A line to the DUT for echo probes alone."""
        mailbox = self.connect(family, SHARED_PORT)
        try:
            yield ProbeLine(self.injector, mailbox)
        finally:
            self.injector.release(mailbox)


class ProbeLine:
    """What probes need of a link (:class:`~tw_conformance.link.probes.Probed`): no connection."""

    def __init__(self, injector: Injector, mailbox: Mailbox) -> None:
        self.flow = mailbox.flow
        self.echo_ident = mailbox.echo_ident
        self._injector = injector
        self._mailbox = mailbox

    def now(self) -> float:
        return time.monotonic()

    def send(self, packet: Packet | Echo) -> tuple[float, bytes]:
        return self._injector.send(packet)

    async def receive(self, until: float) -> Arrival | None:
        return await self._mailbox.receive(until)


async def _started(start: Callable[[int], World], cpu: int) -> World:
    """What ``start`` makes; cancelled, it waits for the world all the same, to end it."""
    starting = asyncio.get_running_loop().run_in_executor(None, start, cpu)
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        (await starting).close()
        raise
