"""The socket calls of one case, as requests to the agent on the DUT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tw_conformance.dut.client import AgentClient, AgentError
from tw_conformance.model.case import OK, Case
from tw_conformance.model.errors import NoSuchCall
from tw_reference.segment import Flow

_ON_CONNECTION = frozenset({"close", "shutdown", "abort", "set"})
_ON_LISTENER = frozenset({"unlisten", "fill"})


class Opening(NamedTuple):
    """What a case needs before its connection can be opened."""

    policy: str
    """Of the listener: ``close``, or ``hold`` where the case calls on what is accepted."""
    private: bool
    """Whether the port has to be the case's own."""
    listens: bool
    """Whether somebody listens there; else the DUT opens."""
    reuse_address: bool

    @property
    def listener(self) -> dict[str, str | int]:
        """What the listener is like, in the agent's words."""
        return {"policy": self.policy, "reuse_address": self.reuse_address}


def opening_of(case: Case) -> Opening:
    calls, reach = case.calls(), case.reach
    holds = reach.state == "ESTABLISHED" or not calls.isdisjoint(_ON_CONNECTION)
    listens = reach.open == "passive"
    return Opening(
        policy="hold" if holds else "close",
        private=bool(holds or calls or not listens or not reach.reuse_address),
        listens=listens,
        reuse_address=reach.reuse_address,
    )


class SocketCalls:
    """Makes the calls of a case about its own 4-tuple, ``flow`` as the tester sends it."""

    def __init__(self, agent: AgentClient, flow: Flow, opening: Opening) -> None:
        dut = flow.reverse
        self.connection: dict[str, str | int] = {
            "local": dut.src,
            "local_port": dut.sport,
            "peer": dut.dst,
            "peer_port": dut.dport,
        }
        """The 4-tuple in the agent's words."""
        family = "ipv6" if flow.is_ipv6 else "ipv4"
        self._port: dict[str, str | int] = {"family": family, "port": dut.sport}
        self._endpoint = self._port | {"address": dut.src}
        self._agent = agent
        self._opening = opening

    async def make(self, verb: str, arguments: Mapping[str, int | str]) -> str:
        """What the call gives: ``ok``, or an errno by name.

        :raises NoSuchCall: where the DUT's system does not have it.
        :raises TargetError: where the DUT is gone.
        """
        try:
            await self._request(verb, arguments)
        except AgentError as error:
            if error.code == "ENOSYS":
                raise NoSuchCall(str(error)) from error
            return error.code
        return OK

    async def listen(self) -> None:
        """:raises AgentError: where the DUT can't."""
        await self._agent.ask("listen", **self._endpoint, **self._opening.listener)

    async def release(self) -> None:
        """Give up a port of the case's own, and all that is held there."""
        await self._agent.ask("release", **self._port)

    async def _request(self, verb: str, arguments: Mapping[str, int | str]) -> None:
        if verb in _ON_CONNECTION:
            await self._agent.ask(verb, **self.connection, **arguments)
        elif verb == "connect":
            await self._agent.ask("open", **self.connection, **arguments)
        elif verb == "bind":
            await self._agent.ask("bind", **self._endpoint, **arguments)
        elif verb == "listen":
            await self.listen()
        elif verb in _ON_LISTENER:
            await self._agent.ask(verb, **self._port)
        else:
            raise NoSuchCall(f"the agent has no call {verb!r}")
