"""The way to a DUT on a link, and a test bed at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from ipaddress import ip_address

from tw_conformance.link.access import RESOLVE_SECONDS, Access, by_family
from tw_conformance.link.capture import Capture, open_capture
from tw_conformance.link.consent import check_may_fire
from tw_conformance.link.firewall import Muting, Quiet
from tw_conformance.link.injector import Injector
from tw_conformance.link.ports import SourcePortLease
from tw_conformance.link.probes import is_accepted
from tw_conformance.link.route import Route, neighbourhood, route_to
from tw_conformance.model.errors import TargetError
from tw_conformance.targets.bench import Bench
from tw_conformance.targets.locator import resolve

PORTS = range(20000, 61000)
BORROWED_PORTS = range(20000, 32000)
"""Below those that kernels choose for connections of their own."""


@dataclass(frozen=True, slots=True)
class Way:
    """The way to a DUT, and who the tester is on it; nothing has been sent yet.

    ``duts`` and ``routes`` are by family, and so are ``testers``, who have every one of those.
    ``assumed``: nobody said that the DUT has both addresses; one that answers will do.
    """

    duts: Mapping[str, str]
    routes: Mapping[str, Route]
    testers: Mapping[str, str]
    assumed: bool = False

    @property
    def interface(self) -> str:
        return next(iter(self.routes.values())).interface

    @property
    def routed(self) -> bool:
        """Whether there are routers in between."""
        return any(route.next_hop != self.duts[family] for family, route in self.routes.items())

    @property
    def mac(self) -> str:
        """This machine's own link-layer address there."""
        return next(iter(self.routes.values())).mac


def find_way(host: str, access: Access) -> Way:
    """Find the way to a host, and check that the suite may go it.

    :raises TargetError: where there is none, or it may not be gone; says what to do.
    """
    duts = by_family(resolve(host)) | by_family(access.dut_ips)
    around = neighbourhood()
    for address in duts.values():
        check_may_fire(address, own=around.own, broadcast=around.broadcast, owned=access.owned)
    testers = by_family(access.tester_ips)
    if testers:
        duts = {family: address for family, address in duts.items() if family in testers}
    if not duts:
        raise TargetError(f"{host} has no address of the family that --tester-ip has one of")
    routes = {family: route_to(address) for family, address in duts.items()}
    if len({route.interface for route in routes.values()}) > 1:
        raise TargetError(
            f"the addresses of {host} are reached through different interfaces:"
            " test one of them at a time, by its address"
        )
    if access.borrow:
        testers = {family: route.source for family, route in routes.items()}
    elif not testers:
        raise TargetError(_how_to_choose(next(iter(routes.values()))))
    else:
        for family, route in routes.items():
            _check_on_link(testers[family], route, around.own)
    return Way(duts, routes, testers)


async def attach(way: Way, port: int, access: Access) -> Bench:
    """Make the tester a host on the link, and reach the DUT.

    :raises TargetError: where the link, an address or the DUT is not to be had; says what to do.
    """
    return await attach_to(open_capture(way.interface), way, port, access)


async def attach_to(capture: Capture, way: Way, port: int, access: Access) -> Bench:
    """The same with a capture that is there; takes it over."""
    borrow = access.borrow
    async with AsyncExitStack() as closing:
        closing.callback(capture.close)
        # Of a borrowed address the firewall lets no other ports through than were leased first.
        lease = SourcePortLease.take(BORROWED_PORTS if borrow else PORTS, grows=not borrow)
        closing.callback(lease.close)
        if borrow:
            for number, dut in enumerate(way.duts.values()):
                closing.callback(Quiet.keep(Muting(dut, lease.ports), number).close)
        addresses = tuple(way.testers[family] for family in way.duts)
        mac = way.mac if borrow else mac_of(addresses[0])
        injector = Injector(capture, mac, addresses, lease)
        closing.callback(injector.close)
        if not borrow:
            await injector.claim()
        bench = Bench(injector, {}, {}, closing, routed=way.routed)
        began = asyncio.get_running_loop().time()
        bench.duts = await resolved(injector, way, access.start_timeout)
        bench.ports = dict.fromkeys(bench.duts, port)
        if port and access.start_timeout is not None:
            await _accepted(bench, began + access.start_timeout)
        bench.closing = closing.pop_all()
        return bench


async def _accepted(bench: Bench, until: float) -> None:
    """Wait for the service of a DUT that is about to start; what is wrong with one that accepts
    nothing then, the first case says."""
    for family in bench.duts:
        with bench.probing(family) as line:
            await is_accepted(line, until)


_UP_BY_NOW = 1.0
"""Seconds in which a DUT that has answered for another address does for this one."""


async def resolved(injector: Injector, way: Way, start_timeout: float | None) -> dict[str, str]:
    """The DUT's addresses that answer on the link; once one does, the others have no longer than a
    DUT that is up.

    :raises TargetError: where one that was said does not, or none does.
    """
    answering, silent = set[str](), dict[str, TargetError]()

    async def ask(family: str, seconds: float) -> None:
        dut = way.duts[family]
        try:
            await injector.resolve(dut, way.routes[family].next_hop, seconds=seconds)
            answering.add(family)
        except TargetError as error:
            silent[family] = error

    for family in way.duts:
        seconds = RESOLVE_SECONDS if answering else start_timeout or RESOLVE_SECONDS
        await ask(family, seconds)
        for early in list(silent) if family in answering else ():
            # It was asked before the DUT was up.
            del silent[early]
            await ask(early, _UP_BY_NOW)
    silence = next(iter(silent.values()), None)
    if silence is not None and not (way.assumed and answering):
        given = start_timeout or RESOLVE_SECONDS
        raise TargetError(
            f"{silence} It was asked for {given:g} s: where it is about to start, --start-timeout"
            " asks longer"
        )
    return {family: dut for family, dut in way.duts.items() if family in answering}


def mac_of(address: str) -> str:
    """A locally administered link-layer address, as unique on the link as the IP address is."""
    return (b"\x02\x74" + ip_address(address).packed[-4:]).hex(":")


def _how_to_choose(route: Route) -> str:
    return (
        "the tester needs an address of its own: give one with --tester-ip that no host has, in"
        f" the network of {route.interface} ({route.source} is this machine's) and outside the"
        " range that a DHCP server gives away; or use this machine's with --source-ip"
    )


def _check_on_link(tester: str, route: Route, own: frozenset[str]) -> None:
    if tester in own:
        raise TargetError(
            f"--tester-ip {tester} is this machine's own address, whose kernel would reset every"
            " connection: choose one that no host has, or borrow this one with --source-ip"
        )
    back = route_to(tester)
    if back.interface != route.interface or back.next_hop != tester:
        raise TargetError(
            f"--tester-ip {tester} is not in a network of {route.interface}, so no answer would"
            f" come back: choose one next to {route.source}"
        )
