"""One case's connection to a DUT on a test bed, in real time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from random import Random
from typing import Any, Self

from tw_conformance.dut.calls import SocketCalls, preparation_of
from tw_conformance.dut.client import AgentError
from tw_conformance.link.link import Arrival, Observation
from tw_conformance.link.mailbox import Mailbox
from tw_conformance.link.pace import Admission
from tw_conformance.model.case import Case
from tw_conformance.model.errors import NoSuchCall, TargetError
from tw_conformance.targets.bench import Bench
from tw_reference.rules.decision import Decision
from tw_reference.segment import Damage, Datagram, Flow, Packet

_FIRST_TTLS = (32, 64, 128, 255)


class WireLink:
    """A 4-tuple, and the calls about it: None where there is no agent, and so no reading of states.

    ``turn`` is what the case may send; ``private``: the port is its own; ``apart``: the tester's
    address is one that other cases keep off; ``holding`` is what ends with the link.
    """

    def __init__(
        self,
        bench: Bench,
        mailbox: Mailbox,
        calls: SocketCalls | None,
        isn: int,
        turn: Admission,
        *,
        private: bool,
        apart: bool,
        holding: AsyncExitStack,
    ) -> None:
        self.flow = mailbox.flow
        self.tester_isn = isn
        self.probe_ident = mailbox.probe_ident
        self._bench = bench
        self._injector = bench.injector
        self._mailbox = mailbox
        self._calls = calls
        self._turn = turn
        self._private = private
        self._apart = apart
        self._holding = holding
        self._beside: list[WireLink] = []
        self._lost_before = self._injector.frames_lost()

    @classmethod
    async def open(
        cls, bench: Bench, case: Case, isn: int, turn: Admission, holding: AsyncExitStack
    ) -> Self:
        """Take a 4-tuple, with a listener of its own where the case makes calls; and, with
        success, all that ``holding`` has.

        :raises TargetError: where it can't be had.
        """
        needs = preparation_of(case)
        mailbox, calls = await bench.open(case.reach.family, needs)
        apart = needs.apart and bench.injector.keeps_apart
        private, held = needs.private, holding.pop_all()
        return cls(bench, mailbox, calls, isn, turn, private=private, apart=apart, holding=held)

    async def beside(self, *, other_peer: bool = False) -> WireLink:
        mailbox = self._from(other_peer)
        calls = None if self._calls is None else self._calls.beside(mailbox.flow)
        isn = Random(f"{self.tester_isn}:{len(self._beside)}").getrandbits(32)
        link = WireLink(
            self._bench,
            mailbox,
            calls,
            isn,
            self._turn,
            private=False,
            apart=self._apart,
            holding=AsyncExitStack(),
        )
        self._beside.append(link)
        return link

    def _from(self, other_peer: bool) -> Mailbox:
        """A further connection, from the same address or from another."""
        ours, dut, port = self.flow.src, self.flow.dst, self.flow.dport
        if self._apart:
            return self._injector.open_apart(dut, port, None if other_peer else ours)
        return self._injector.open(dut, port, unlike=ours if other_peer else None)

    @property
    def probe_flow(self) -> Flow:
        return self._bench.probe_flow(self.flow)

    def now(self) -> float:
        return time.monotonic()

    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        self._turn.sent()
        return self._injector.send(packet, damage=damage)

    async def receive(self, until: float) -> Arrival | None:
        arrival = await self._mailbox.receive(until)
        return _as_it_left(arrival) if arrival is not None and self._bench.routed else arrival

    async def sleep(self, until: float) -> None:
        self._turn.waits()
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(left)

    async def call(self, verb: str, arguments: Mapping[str, int | str]) -> str:
        if self._calls is None:
            raise NoSuchCall(f"nothing on the DUT can make the call «{verb}»")
        return await self._calls.make(verb, arguments)

    async def observe(self) -> Observation | None:
        if self._calls is None:
            return None
        asked, row = await self._bench.agent.ask_at("state", **self._calls.connection)
        return observation_of(row, asked, time.monotonic())

    async def counters(self) -> Mapping[str, int]:
        if self._calls is None:
            return {}
        try:
            return await self._bench.agent.ask("counters")
        except AgentError:  # this system has none
            return {}

    def decisions(self) -> list[Decision]:
        return []

    def capture_losses(self) -> int:
        return self._injector.frames_lost() - self._lost_before + self._mailbox.refused

    async def aclose(self) -> None:
        """Give the 4-tuple up; a private listener and what it still holds go with it."""
        for link in self._beside:
            await link.aclose()
        self._turn.close()
        self._injector.release(self._mailbox)
        try:
            if self._private and self._calls is not None:
                await self._calls.release()
        finally:
            await self._holding.aclose()


def observation_of(row: Mapping[str, Any], asked: float, answered: float) -> Observation:
    """A row of the DUT's state table, as the agent answers.

    :raises TargetError: where it is none.
    """
    match row:
        case {
            "state": str(state),
            "remaining": (int() | float() | None) as remaining,
            "resolution": (int() | float()) as resolution,
        }:
            return Observation(state, asked, answered, remaining, resolution)
        case _:
            raise TargetError("the agent answers no state: this is not our agent")


def _as_it_left(arrival: Arrival) -> Arrival:
    """The arrival with the TTL that it had before routers took theirs: the nearest of those that
    stacks begin with."""
    packet = arrival.packet
    if not isinstance(packet, Packet):
        return arrival
    ttl = next(first for first in _FIRST_TTLS if first >= packet.ttl)
    return replace(arrival, packet=replace(packet, ttl=ttl))
