"""One case's connection to a DUT on a link."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from tw_conformance.dut.calls import SocketCalls
from tw_conformance.dut.client import AgentClient
from tw_conformance.link.base import Arrival, Observation
from tw_conformance.link.mailbox import Mailbox
from tw_conformance.link.pace import Pace
from tw_conformance.model.case import Case
from tw_conformance.model.errors import NoSuchCall, TargetError
from tw_conformance.targets.network.attachment import Attachment
from tw_reference.rules.decision import Decision
from tw_reference.segment import Damage, Datagram, Packet

_TO_REACH_AND_LEAVE = 10
_FIRST_TTLS = (32, 64, 128, 255)
_FOR_A_SEGMENT = 2
"""Packets: the segment, and the probe behind it."""


def packets_of(case: Case) -> int:
    """About as many packets as a case sends."""
    return _TO_REACH_AND_LEAVE + _FOR_A_SEGMENT * case.injections()


class NetworkLink:
    """A 4-tuple, and nothing on the DUT: no calls, no reading of states.

    ``admitted`` packets of it have been allowed for by ``pace``.
    """

    def __init__(
        self, attachment: Attachment, mailbox: Mailbox, isn: int, pace: Pace, admitted: int
    ) -> None:
        self.flow = mailbox.flow
        self.tester_isn = isn
        self.echo_ident = mailbox.echo_ident
        self._routed = attachment.routed
        self._injector = attachment.injector
        self._mailbox = mailbox
        self._pace = pace
        self._admitted = admitted
        self._lost_before = self._injector.frames_lost()

    def now(self) -> float:
        return time.monotonic()

    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        self._admitted -= 1
        return self._injector.send(packet, damage=damage)

    async def receive(self, until: float) -> Arrival | None:
        arrival = await self._mailbox.receive(until)
        return _as_it_left(arrival) if arrival is not None and self._routed else arrival

    async def sleep(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(left)

    async def call(self, verb: str, arguments: Mapping[str, int | str]) -> str:
        raise NoSuchCall(f"nothing on the DUT can make the call «{verb}»: use ssh://")

    async def observe(self) -> Observation | None:
        return None

    def decisions(self) -> list[Decision]:
        return []

    def capture_losses(self) -> int:
        return self._injector.frames_lost() - self._lost_before + self._mailbox.refused

    async def aclose(self) -> None:
        self._injector.release(self._mailbox)
        self._pace.settle(self._admitted)
        self._admitted = 0


class AgentLink(NetworkLink):
    """A 4-tuple, and the agent on the DUT.

    ``private_port``: the port is this case's own; ``holding`` is what ends with the link.
    """

    def __init__(
        self,
        attachment: Attachment,
        agent: AgentClient,
        calls: SocketCalls,
        mailbox: Mailbox,
        isn: int,
        pace: Pace,
        admitted: int,
        *,
        private_port: bool,
        holding: AsyncExitStack,
    ) -> None:
        super().__init__(attachment, mailbox, isn, pace, admitted)
        self._agent = agent
        self._calls = calls
        self._private_port = private_port
        self._holding = holding

    async def call(self, verb: str, arguments: Mapping[str, int | str]) -> str:
        return await self._calls.make(verb, arguments)

    async def observe(self) -> Observation | None:
        asked = time.monotonic()
        row = await self._agent.ask("state", **self._calls.connection)
        return _observation(row, asked, time.monotonic())

    async def aclose(self) -> None:
        """Give the 4-tuple up; a private listener and what it still holds go with it."""
        await super().aclose()
        try:
            if self._private_port:
                await self._calls.release()
        finally:
            await self._holding.aclose()


def _as_it_left(arrival: Arrival) -> Arrival:
    """The arrival with the TTL that it had before routers took theirs: the nearest of those that
    stacks begin with."""
    packet = arrival.packet
    if not isinstance(packet, Packet):
        return arrival
    ttl = next(first for first in _FIRST_TTLS if first >= packet.ttl)
    return replace(arrival, packet=replace(packet, ttl=ttl))


def _observation(row: Mapping[str, Any], asked: float, answered: float) -> Observation:
    """:raises TargetError: where the agent's answer is no row of a state table."""
    match row:
        case {
            "state": str(state),
            "remaining": (int() | float() | None) as remaining,
            "resolution": (int() | float()) as resolution,
        }:
            return Observation(state, asked, answered, remaining, resolution)
        case _:
            raise TargetError("the agent answers no state: this is not our agent")
