"""How a DUT on a link may be reached: what the user said about it, beside where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import MappingProxyType

from tw_conformance.link.path import Sentinel
from tw_conformance.model.errors import UsageError

GENTLE = 200.0
"""Packets a second that a DUT gets unless told otherwise: some 15 connections a second."""
HOUR = 3600.0
RESOLVE_SECONDS = 5.0
"""How long an address is asked for unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Access:
    """``None``, or empty, means that the user did not say.

    ``tester_ips`` and ``dut_ips`` have at most one address of each family.  ``dut_port`` is where
    the DUT closes first; ``start_timeout`` is the seconds that it may take to answer at first: its
    address, and then its service.  ``borrow``: the tester uses this machine's own address.
    ``rate`` is in packets a second; ``max_time`` in seconds, for the whole run; ``max_wait``, for
    one case, on any target whose time is real.
    ``sentinel`` proves silence, a :class:`~tw_conformance.link.path.Sentinel`.  ``owned``: the user
    may fire at this host wherever it is.  ``settings`` are the DUT's that differ from its profile's
    defaults, by the profile's names.
    """

    tester_ips: tuple[str, ...] = ()
    dut_ips: tuple[str, ...] = ()
    dut_port: int | None = None
    borrow: bool = False
    rate: float = GENTLE
    max_time: float = HOUR
    max_wait: float = HOUR
    start_timeout: float | None = None
    sentinel: str | None = None
    owned: bool = False
    settings: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """:raises UsageError: where two of these exclude each other, or a number makes no sense."""
        if self.borrow and self.tester_ips:
            raise UsageError(
                "--source-ip borrows this machine's address and --tester-ip names another one:"
                " give one of the two"
            )
        numbers = (
            ("--rate", self.rate),
            ("--max-time", self.max_time),
            ("--max-wait", self.max_wait),
            ("--start-timeout", self.start_timeout),
        )
        for option, value in numbers:
            if value is not None and not value > 0:
                raise UsageError(f"{option} {value:g}: write a number above zero")
        if self.sentinel not in (None, *Sentinel):
            raise UsageError(f"--sentinel {self.sentinel}: write {' or '.join(Sentinel)}")
        for option, addresses in (("--tester-ip", self.tester_ips), ("--dut-ip", self.dut_ips)):
            _one_of_each_family(option, addresses)


def by_family(addresses: tuple[str, ...]) -> dict[str, str]:
    """Canonical addresses as ``{"ipv4": ..., "ipv6": ...}``."""
    return {family_of(address): str(ip_address(address)) for address in addresses}


def family_of(address: str) -> str:
    return "ipv6" if ":" in address else "ipv4"


def _one_of_each_family(option: str, addresses: tuple[str, ...]) -> None:
    for address in addresses:
        try:
            ip_address(address)
        except ValueError:
            raise UsageError(f"{option} {address}: no IPv4 or IPv6 address") from None
    if len(by_family(addresses)) < len(addresses):
        raise UsageError(f"{option} may be given once for IPv4 and once for IPv6")
