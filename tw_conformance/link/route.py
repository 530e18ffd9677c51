"""The way out of this machine to a DUT, as Scapy reads the routing table of any of its systems."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# Scapy knows the interfaces' addresses only once these layers are there.
from scapy.config import conf
from scapy.layers import inet, inet6
from scapy.route import Route as Routes
from scapy.route6 import Route6 as Routes6

from tw_conformance.model.errors import TargetError

SYSTEM_LAYERS = (inet, inet6)
_ETHERNET = (1,) if sys.platform == "linux" else (0x06, 0x87, 0xA1, 0xD1)
"""Kinds of interface that carry Ethernet frames: ARPHRD_ETHER of Linux's if_arp.h; IFT_ETHER,
IFT_L2VLAN, IFT_IEEE8023ADLAG and IFT_BRIDGE of BSD's net/if_types.h, never seen at work here."""
_NO_GATEWAY = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Route:
    """``source`` is this machine's own address towards the DUT, ``mac`` the interface's;
    ``next_hop`` is who has to be asked for a link-layer address: the DUT, or a router."""

    interface: str
    mac: str
    source: str
    next_hop: str


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """This machine's own addresses, and the broadcast addresses of its links."""

    own: frozenset[str]
    broadcast: frozenset[str]


def neighbourhood() -> Neighbourhood:
    """As it is now: interfaces come and go."""
    with _quiet():
        conf.ifaces.reload()
        table = Routes()
        broadcast = {a for name in conf.ifaces.values() for a in table.get_if_bcast(name.name)}
    own = {
        address
        for interface in conf.ifaces.values()
        for addresses in interface.ips.values()
        for address in addresses
    }
    return Neighbourhood(frozenset(own), frozenset(broadcast))


def route_to(address: str) -> Route:
    """The route to an address.

    :raises TargetError: where there is none, or it does not leave through an Ethernet link.
    """
    with _quiet():
        table = Routes6() if ":" in address else Routes()
        interface, source, gateway = table.route(address)
    if interface is None or interface == conf.loopback_name:
        raise TargetError(f"no route to {address}: is the link up, and has it an address?")
    conf.ifaces.reload()
    link = conf.ifaces.dev_from_name(interface)
    if link.type not in _ETHERNET or not link.mac:
        raise TargetError(
            f"{address} is reached through {interface}, which is no Ethernet link:"
            " the suite needs one (a VLAN, a bridge, a TAP or a veth is one too)"
        )
    next_hop = address if gateway in _NO_GATEWAY else gateway
    return Route(interface, link.mac, source, next_hop)


@contextmanager
def _quiet() -> Iterator[None]:
    """Scapy says by its log what here is an error of our own, or none."""
    log = logging.getLogger("scapy.runtime")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)
