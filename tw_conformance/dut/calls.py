"""The socket calls of one case, as requests to the agent on the DUT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tw_conformance.dut.client import AgentClient, AgentError, Argument
from tw_conformance.model.case import EOF, OK, ON_SOCKET, Case
from tw_conformance.model.errors import NoSuchCall
from tw_reference.segment import Flow

_ON_LISTENER = frozenset({"unlisten", "fill"})
_ANY = {"ipv4": "0.0.0.0", "ipv6": "::"}
_LOOPBACK = {"ipv4": "127.0.0.1", "ipv6": "::1"}


class Preparation(NamedTuple):
    """What a case needs before its connection can be opened."""

    policy: str
    """Of the listener: ``close``, ``hold`` where the case calls on what is accepted, or ``never``
    where nothing is to be accepted."""
    private: bool
    """Whether the port has to be the case's own."""
    listens: bool
    """Whether somebody listens there; else the DUT opens."""
    reuse_address: bool
    reuse_port: bool
    options: Mapping[str, int]
    """Options of the socket that listens or opens, set beforehand."""
    apart: bool = False
    """Whether the tester's address is to be one that other cases keep off: a DUT keeps a path MTU
    for all connections with it (RFC 1191 section 6.3: for 10 minutes)."""

    @property
    def socket(self) -> dict[str, Argument]:
        """What the socket that listens or opens is like, in the agent's words."""
        switches = {"reuse_address": self.reuse_address, "reuse_port": self.reuse_port}
        return {**switches, "options": self.options}

    @property
    def opener(self) -> dict[str, Argument]:
        """What the socket of a connect() is like where the case says nothing: that which opened."""
        return {} if self.listens else self.socket

    @property
    def listener(self) -> dict[str, Argument]:
        """What the listener is like, in the agent's words."""
        return {"policy": self.policy, **self.socket}


def preparation_of(case: Case) -> Preparation:
    calls, reach = case.calls(), case.reach
    listens = reach.open == "passive"
    policy = "never" if not reach.accepts else "hold" if case.is_held else "close"
    usual = listens and reach.reuse_address and not reach.reuse_port and not reach.options
    return Preparation(
        policy=policy,
        private=policy != "close" or bool(calls) or not usual,
        listens=listens,
        reuse_address=reach.reuse_address,
        reuse_port=reach.reuse_port,
        options=reach.options,
        apart=next(case.told_path_mtus(), None) is not None,
    )


class SocketCalls:
    """Makes the calls of a case about its own 4-tuple, ``flow`` as the tester sends it.

    ``duts`` are the DUT's addresses by family.
    """

    def __init__(
        self, agent: AgentClient, flow: Flow, preparation: Preparation, duts: Mapping[str, str]
    ) -> None:
        dut = flow.reverse
        self.connection: dict[str, str | int] = {
            "local": dut.src,
            "local_port": dut.sport,
            "peer": dut.dst,
            "peer_port": dut.dport,
        }
        """The 4-tuple in the agent's words."""
        self._family = "ipv6" if flow.is_ipv6 else "ipv4"
        self._local_port = dut.sport
        self._port: dict[str, str | int] = {"family": self._family, "port": dut.sport}
        self._endpoint = self._port | {"address": dut.src}
        self._agent = agent
        self._preparation = preparation
        self._duts = duts

    def beside(self, flow: Flow) -> SocketCalls:
        """The calls about another connection to the same port."""
        return SocketCalls(self._agent, flow, self._preparation, self._duts)

    async def make(self, verb: str, arguments: Mapping[str, int | str]) -> str:
        """What the call gives: ``ok``, an errno by name, or ``eof`` of a receive.

        :raises NoSuchCall: where the DUT's system does not have it.
        :raises TargetError: where the DUT is gone.
        """
        try:
            reply = await self._request(verb, arguments)
        except AgentError as error:
            if error.code == "ENOSYS":
                raise NoSuchCall(str(error)) from error
            return error.code
        return EOF if reply.get("end") else OK

    async def listen(self) -> None:
        """:raises AgentError: where the DUT can't."""
        await self._agent.ask("listen", **self._endpoint, **self._preparation.listener)

    async def release(self) -> None:
        """Give up a port of the case's own, and all that is held there."""
        await self._agent.ask("release", **self._port)

    async def _request(self, verb: str, arguments: Mapping[str, int | str]) -> dict[str, Any]:
        if verb in ON_SOCKET or verb == "destroy":
            return await self._agent.ask(verb, **self.connection, **arguments)
        if verb == "connect":
            made = {**self._preparation.opener, **arguments}
            return await self._agent.ask("open", **self.connection, **made)
        if verb == "bind":
            bound = bind_arguments(arguments, self._family, self._local_port, self._duts)
            return await self._agent.ask("bind", **bound)
        if verb == "listen":
            await self.listen()
            return {}
        if verb in _ON_LISTENER:
            return await self._agent.ask(verb, **self._port)
        raise NoSuchCall(f"the agent has no call {verb!r}")


def bind_arguments(
    arguments: Mapping[str, int | str], family: str, port: int, duts: Mapping[str, str]
) -> dict[str, Argument]:
    """The arguments of bind(): where a case says nothing, the connection's own ``family`` and
    ``port``; ``duts`` are the DUT's addresses by family.

    ``address`` is ``dut``, ``any``, ``loopback``, ``mapped`` (the DUT's IPv4 address as an IPv6
    one, RFC 4291 section 2.5.5.2) or itself.

    :raises NoSuchCall: where the DUT has no address of that family within reach.
    """
    word = str(arguments.get("address", "dut"))
    mapped = word == "mapped"
    family = "ipv6" if mapped else str(arguments.get("family", family))
    if mapped:
        address = f"::ffff:{_there('ipv4', duts)}"
    elif word == "dut":
        address = _there(family, duts)
    else:
        address = {"any": _ANY, "loopback": _LOOPBACK}.get(word, {}).get(family, word)
    said = {"v6only": not mapped, **arguments}
    return {"port": port, **said, "family": family, "address": address}


def _there(family: str, duts: Mapping[str, str]) -> str:
    if family not in duts:
        raise NoSuchCall(f"the DUT's {family} address is not known: say it with --dut-ip")
    return duts[family]
