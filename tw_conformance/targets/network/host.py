"""A host across a network, with a service that closes first and nothing of ours."""

from __future__ import annotations

from functools import partial

from tw_conformance.link.access import Access
from tw_conformance.targets.bench import Bench
from tw_conformance.targets.kinds import Order, TargetKind
from tw_conformance.targets.locator import Locator, host_and_port
from tw_conformance.targets.network.one_dut import network_target
from tw_conformance.targets.network.way import attach, find_way
from tw_conformance.targets.wire_target import WireTarget

DAYTIME = 13
"""The port of a host that says none: RFC 867's server closes first, and inetd has it."""


async def attach_host(locator: Locator, access: Access) -> Bench:
    """Reach the host that ``locator`` names.

    :raises TargetError: where it can't be reached; says what to do.
    """
    port = locator.port or access.dut_port or DAYTIME
    return await attach(find_way(locator.host, access), port, access)


def open_host(order: Order) -> WireTarget:
    return network_target(order, partial(attach_host, order.place, order.access))


def place(text: str) -> Locator:
    return Locator("host", *host_and_port(text, text))


KIND = TargetKind(open_host, place=place)
