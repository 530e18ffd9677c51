"""A test bed: one DUT, the injector on its link, the agent in it where there is one, listeners.

Every kind of target makes its own in its own way (:mod:`tw_conformance.targets.kernel`,
:mod:`tw_conformance.targets.network`); what is done on one is the same for all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, cycle

from tw_conformance.dut.calls import Preparation, SocketCalls
from tw_conformance.dut.client import AgentClient, AgentError, Argument
from tw_conformance.link.injector import Injector
from tw_conformance.link.link import Arrival
from tw_conformance.link.mailbox import Mailbox
from tw_conformance.model.errors import TargetError
from tw_reference.segment import Echo, Flow, Packet

SHARED_PORT = 7
"""Where a DUT of our own accepts and closes at once, for every case that needs no more."""

_PRIVATE_PORTS = range(1024, 32768)
"""Below those that Linux chooses for connections of its own."""
_PRIVATE_TRIES = 100
"""Ports in a row that somebody else may have."""


@dataclass(slots=True)
class Bench:
    """One DUT within reach.  Made and used on one event loop.

    ``duts`` are the DUT's addresses by family, ``ports`` where it accepts and closes at once.
    ``client`` asks the agent, None where nothing of ours runs on the DUT.  ``routed``: there are
    routers in between.  ``closing`` undoes all that was done to get there.
    """

    injector: Injector
    duts: Mapping[str, str]
    ports: dict[str, int]
    closing: AsyncExitStack
    client: AgentClient | None = None
    routed: bool = False
    _private: Iterator[int] | None = None

    async def serve(self, port: int, *, first_private: int = 0) -> None:
        """Have the agent listen on that port, 0 for one that the DUT chooses, and close first.

        Ports of a case's own are taken from the ``first_private``-th on.

        :raises TargetError: where it can't.
        """
        first = first_private % len(_PRIVATE_PORTS)
        self._private = cycle(chain(_PRIVATE_PORTS[first:], _PRIVATE_PORTS[:first]))
        for family in self.duts:
            self.ports[family] = await self.listen(family, port, policy="close")

    async def listen(self, family: str, port: int, *, policy: str) -> int:
        """Have the DUT listen, on a port that it chooses where that is 0; ``policy`` is the
        agent's.  Returns the port.

        :raises TargetError: where it can't.
        """
        return await self._asked_to_listen(family, port, {"policy": policy})

    async def aclose(self) -> None:
        """Undo all; may be called twice."""
        await self.closing.aclose()

    def connect(self, family: str, port: int) -> Mailbox:
        """A 4-tuple to that port of the DUT, never used before.

        :raises TargetError: where every source port has been used.
        """
        return self.injector.open(self.duts[family], port)

    def probe_flow(self, flow: Flow) -> Flow:
        """The 4-tuple of probes by TCP on the path of ``flow``."""
        port = self.ports["ipv6" if flow.is_ipv6 else "ipv4"]
        return self.injector.probe_flow(flow._replace(dport=port))

    def private_port(self) -> int:
        """A port of the DUT that no other open case has."""
        assert self._private is not None, "only an agent serves"
        return next(self._private)

    @property
    def agent(self) -> AgentClient:
        """Who asks the agent; there has to be one."""
        assert self.client is not None, "nothing of ours runs on this DUT"
        return self.client

    async def open(self, family: str, needs: Preparation) -> tuple[Mailbox, SocketCalls | None]:
        """A 4-tuple, with a listener of its own where the case needs one, and the calls about it;
        None where there is no agent to make them.

        :raises TargetError: where it can't be had.
        """
        port = self.ports[family]
        if self.client is None:
            return await self._connect_in_time(family, port, needs), None
        if needs.private:
            port = await self._listen_in_private(family, needs)
        mailbox = await self._connect_in_time(family, port, needs)
        calls = SocketCalls(self.agent, mailbox.flow, needs, self.duts)
        if not needs.listens:
            await calls.release()  # it was only to see that nobody else has the port
        return mailbox, calls

    async def _connect_in_time(self, family: str, port: int, needs: Preparation) -> Mailbox:
        if needs.apart and self.injector.keeps_apart:
            return self.injector.open_apart(self.duts[family], port)
        return await self.injector.open_in_time(self.duts[family], port)

    async def _listen_in_private(self, family: str, needs: Preparation) -> int:
        for _ in range(_PRIVATE_TRIES):
            try:
                return await self._asked_to_listen(family, self.private_port(), needs.listener)
            except AgentError as error:
                if error.code != "EADDRINUSE":
                    raise
        raise TargetError(f"no free port on the DUT: {_PRIVATE_TRIES} in a row are in use")

    async def _asked_to_listen(
        self, family: str, port: int, listener: Mapping[str, Argument]
    ) -> int:
        reply = await self.agent.ask(
            "listen", family=family, address=self.duts[family], port=port, **listener
        )
        match reply:
            case {"port": int(chosen)} if 0 < chosen < 65536:
                return chosen
            case _:
                raise TargetError("the agent does not say where it listens: is it ours?")

    @contextmanager
    def probing(self, family: str) -> Iterator[ProbeLine]:
        """A link to the DUT that only sends probes."""
        mailbox = self.connect(family, self.ports[family])
        try:
            yield ProbeLine(self.injector, mailbox, self.probe_flow(mailbox.flow))
        finally:
            self.injector.release(mailbox)


class ProbeLine:
    """What probes need of a link (:class:`~tw_conformance.link.probes.Probed`): no connection."""

    def __init__(self, injector: Injector, mailbox: Mailbox, probe_flow: Flow) -> None:
        self.flow = mailbox.flow
        self.probe_flow = probe_flow
        self.probe_ident = mailbox.probe_ident
        self._injector = injector
        self._mailbox = mailbox

    def now(self) -> float:
        return time.monotonic()

    def send(self, packet: Packet | Echo) -> tuple[float, bytes]:
        return self._injector.send(packet)

    async def receive(self, until: float) -> Arrival | None:
        return await self._mailbox.receive(until)
