"""The options of «serve», and the plan that they make."""

from __future__ import annotations

import argparse
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import ip_address

from tw_reference.clock import MICROSECOND
from tw_reference.profiles import ALIASES, PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.profiles.releases import NoStandIn, named
from tw_reference.serve.errors import UnknownName
from tw_reference.serve.services import SERVICES, Service

_ADDRESSES = ("192.0.2.1", "2001:db8::1")
_LONGEST_INTERFACE = 15
_DEAREST = 1e6
_MAC = re.compile(r"[0-9a-f][02468ace](:[0-9a-f]{2}){5}")

EPILOG = """\
examples:
  serve --profile freebsd-10 --tap tap0 --port 80 --service hello
      then, in another terminal:
      ip addr add 192.0.2.254/24 dev tap0; ip addr add 2001:db8::fe/64 dev tap0 nodad
      ping 192.0.2.1; curl http://192.0.2.1/
  serve --profile linux --interface eth0 --address 192.0.2.77 --port 80=hello --port 7 --trace
      on a link that other hosts are on; 192.0.2.77 must be nobody's

exit codes: 0 ended by SIGINT or SIGTERM; 2 the command line is wrong; 3 the link can't be had, or
is gone, or another host has the address
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to serve, and where: on the TAP device ``tap``, or on ``interface``."""

    profile: Profile
    settings: Mapping[str, int]
    tap: str | None
    interface: str | None
    addresses: tuple[str, ...]
    mac: str
    services: Mapping[int, tuple[str, Service]]
    """The name of the service and the service, by port."""
    seed: int
    trace: bool
    reap_cost: int = 0
    """Nanoseconds that it takes to close an expired block."""
    one_at_a_time: bool = False
    """Whether frames are taken between one such block and the next."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--profile",
        required=True,
        metavar="NAME",
        help=f"the documented stack to be: {', '.join((*PROFILES, *ALIASES))}",
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--tap", metavar="NAME", help="serve on this TAP device; made for the run if it isn't there"
    )
    where.add_argument(
        "--interface", metavar="NAME", help="serve on this Ethernet interface, as one more host"
    )
    parser.add_argument(
        "--address",
        action="append",
        metavar="IP",
        help="an IPv4 or IPv6 address to have, which no other host has; repeatable. "
        f"Default: {' and '.join(_ADDRESSES)}",
    )
    parser.add_argument(
        "--mac", metavar="MAC", help="link-layer address. Default: made of the first address"
    )
    parser.add_argument(
        "--port",
        action="append",
        metavar="PORT[=SERVICE]",
        help="a TCP port to listen on; repeatable. Default: 7",
    )
    parser.add_argument(
        "--service",
        default="close",
        metavar="NAME",
        help="what ports do that don't say: close (at once), hello (answer one HTTP request, then "
        "close), discard or echo (let the peer close first). Default: close",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the profile, such as rfc1337=1; repeatable",
    )
    parser.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="seed of the initial sequence numbers. Default: another one each time, which is said",
    )
    parser.add_argument(
        "--reap-cost",
        type=float,
        default=0.0,
        metavar="US",
        help="microseconds that it takes to close an expired TIME-WAIT block, in which the host "
        "does nothing else. Default: 0",
    )
    parser.add_argument(
        "--reaping",
        choices=("batch", "one"),
        default="batch",
        help="batch: a scan closes all that has expired in one go, as FreeBSD 10.0 did (default); "
        "one: frames are taken between one block and the next, as since its r264321",
    )
    parser.add_argument("--trace", action="store_true", help="print each decision, one a line")


def plan(arguments: argparse.Namespace) -> Plan:
    """The plan that the options make.

    :raises UnknownName: where one of them names what is not there, or makes no sense.
    """
    profile = _profile(arguments.profile)
    addresses = tuple(dict.fromkeys(map(_address, arguments.address or _ADDRESSES)))
    for name in (arguments.tap, arguments.interface):
        if name is not None and not 0 < len(name.encode()) <= _LONGEST_INTERFACE:
            raise UnknownName(f"{name!r} can't be an interface: 1 to {_LONGEST_INTERFACE} octets")
    return Plan(
        profile=profile,
        settings=dict(_setting(profile, text) for text in arguments.set),
        tap=arguments.tap,
        interface=arguments.interface,
        addresses=addresses,
        mac=_mac_of(addresses[0]) if arguments.mac is None else _mac(arguments.mac),
        services=_services(arguments.port or ["7"], arguments.service),
        seed=secrets.randbits(32) if arguments.seed is None else arguments.seed,
        trace=arguments.trace,
        reap_cost=_cost(arguments.reap_cost),
        one_at_a_time=arguments.reaping == "one",
    )


def _profile(name: str) -> Profile:
    try:
        meant = named(name)
    except NoStandIn as error:
        raise UnknownName(f"no profile {name!r}: {error}") from None
    if meant is None:
        raise _unknown("profile", name, (*PROFILES, *ALIASES))
    return PROFILES[meant.profile]


def _cost(microseconds: float) -> int:
    if not 0 <= microseconds <= _DEAREST:
        raise UnknownName(f"--reap-cost {microseconds:g}: write 0 to {_DEAREST:g} microseconds")
    return round(microseconds * MICROSECOND)


def _setting(profile: Profile, text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    if name not in profile.settings:
        raise _unknown(f"setting of {profile.name}", name, profile.settings)
    try:
        return name, int(value)
    except ValueError:
        raise UnknownName(f"--set {text}: write {name}=NUMBER") from None


def _services(ports: Sequence[str], default: str) -> dict[int, tuple[str, Service]]:
    services: dict[int, tuple[str, Service]] = {}
    for text in ports:
        port, _, name = text.partition("=")
        name = name or default
        if name not in SERVICES:
            raise _unknown("service", name, SERVICES)
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise UnknownName(f"--port {text}: a port is a number from 1 to 65535")
        services[int(port)] = name, SERVICES[name]()
    return services


def _address(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        raise UnknownName(f"--address {text}: no IPv4 or IPv6 address (without a /)") from None
    if address.is_multicast or address.is_unspecified or address.is_loopback:
        raise UnknownName(f"--address {text}: a host can't have that one on a link")
    return str(address)


def _mac(text: str) -> str:
    mac = text.lower()
    if not _MAC.fullmatch(mac):
        raise UnknownName(f"--mac {text}: write a unicast one as 02:00:00:00:00:01")
    return mac


def _mac_of(address: str) -> str:
    """Locally administered, and as unique on the link as the address is."""
    return (b"\x02\0" + ip_address(address).packed[-4:]).hex(":")


def _unknown(what: str, word: str, known: Iterable[str]) -> UnknownName:
    known = tuple(known)
    near = get_close_matches(word, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return UnknownName(f"no {what} {word!r}{hint} (known: {', '.join(known)})")
