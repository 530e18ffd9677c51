"""A userspace stack that runs already, and holds a TAP device of this machine (Linux)."""

from __future__ import annotations

import re
from functools import partial

from tw_conformance.link.access import Access, by_family
from tw_conformance.link.capture import open_capture
from tw_conformance.link.consent import check_may_fire
from tw_conformance.link.route import Route
from tw_conformance.model.errors import UsageError
from tw_conformance.targets.bench import Bench
from tw_conformance.targets.kernel.world import DUT_IPV4, DUT_IPV6, TESTER_IPV4, TESTER_IPV6
from tw_conformance.targets.kinds import Order, TargetKind
from tw_conformance.targets.locator import Locator
from tw_conformance.targets.network.one_dut import network_target
from tw_conformance.targets.network.way import Way, attach_to
from tw_conformance.targets.wire_target import WireTarget

PORT = 7
"""Where a stack that says nothing else closes first."""

_LONGEST_INTERFACE = 15


async def attach_tap(locator: Locator, access: Access) -> Bench:
    """Reach the stack that holds the TAP device which ``locator`` names.

    :raises TargetError: where there is no such device, or nobody answers behind it.
    """
    capture = open_capture(locator.detail)
    return await attach_to(
        capture, way_on_tap(locator.detail, access), access.dut_port or PORT, access
    )


def way_on_tap(interface: str, access: Access) -> Way:
    """The way to a stack behind that TAP device, where no kernel has an address.

    :raises TargetError: where an address is no host's.
    """
    duts = by_family(access.dut_ips or (DUT_IPV4, DUT_IPV6))
    for address in duts.values():
        check_may_fire(address, own=(), broadcast=(), owned=True)
    defaults = by_family((TESTER_IPV4[0], TESTER_IPV6[0]))
    testers = defaults | by_family(access.tester_ips)
    routes = {family: Route(interface, "", "", address) for family, address in duts.items()}
    on_the_link = {family: testers[family] for family in duts}
    return Way(duts, routes, on_the_link, assumed=not access.dut_ips)


def open_tap(order: Order) -> WireTarget:
    return network_target(order, partial(attach_tap, order.place, order.access))


def place(text: str) -> Locator:
    """:raises UsageError: where that is no interface's name."""
    if not 0 < len(text.encode()) <= _LONGEST_INTERFACE or re.search(r"[\s/]", text):
        raise UsageError(f"'tap:{text}': write tap:NAME, with the name of a TAP device")
    return Locator("tap", detail=text)


KIND = TargetKind(open_tap, place=place)
