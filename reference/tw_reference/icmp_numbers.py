"""ICMP errors: their numbers, and a name for each that a standard has named.

An error is a type and a code; what has a name is called by it everywhere, and what has none as
``3/77``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

IcmpKind: TypeAlias = Literal[
    "unreachable",
    "too-big",
    "source-quench",
    "redirect",
    "time-exceeded",
    "parameter-problem",
]
"""What an error is about, whatever its code."""


class Number(NamedTuple):
    """Type and code of a message, 8 bits each."""

    type: int
    code: int


ICMP: Mapping[str, Number] = MappingProxyType(
    {
        "net-unreachable": Number(3, 0),
        "host-unreachable": Number(3, 1),
        "protocol-unreachable": Number(3, 2),
        "port-unreachable": Number(3, 3),
        "fragmentation-needed": Number(3, 4),
        "source-route-failed": Number(3, 5),
        "net-unknown": Number(3, 6),
        "host-unknown": Number(3, 7),
        "source-host-isolated": Number(3, 8),
        "net-prohibited": Number(3, 9),
        "host-prohibited": Number(3, 10),
        "net-unreachable-for-tos": Number(3, 11),
        "host-unreachable-for-tos": Number(3, 12),
        "admin-prohibited": Number(3, 13),
        "precedence-violation": Number(3, 14),
        "precedence-cutoff": Number(3, 15),
        "source-quench": Number(4, 0),
        "redirect-net": Number(5, 0),
        "redirect-host": Number(5, 1),
        "redirect-net-for-tos": Number(5, 2),
        "redirect-host-for-tos": Number(5, 3),
        "time-exceeded": Number(11, 0),
        "reassembly-time-exceeded": Number(11, 1),
        "parameter-problem": Number(12, 0),
        "option-missing": Number(12, 1),
        "bad-length": Number(12, 2),
    }
)
"""IPv4's errors (RFC 792, RFC 1122 section 3.2.2, RFC 1191 section 4, RFC 1812 section 5.2.7)."""

ICMPV6: Mapping[str, Number] = MappingProxyType(
    {
        "net-unreachable": Number(1, 0),
        "admin-prohibited": Number(1, 1),
        "beyond-scope": Number(1, 2),
        "host-unreachable": Number(1, 3),
        "port-unreachable": Number(1, 4),
        "policy-failed": Number(1, 5),
        "reject-route": Number(1, 6),
        "source-route-failed": Number(1, 7),
        "packet-too-big": Number(2, 0),
        "time-exceeded": Number(3, 0),
        "reassembly-time-exceeded": Number(3, 1),
        "parameter-problem": Number(4, 0),
        "next-header-unknown": Number(4, 1),
        "option-unknown": Number(4, 2),
    }
)
"""IPv6's errors (RFC 4443 section 3, RFC 6554 section 3.1)."""

_NAMES: Mapping[bool, Mapping[Number, str]] = MappingProxyType(
    {
        False: {number: name for name, number in ICMP.items()},
        True: {number: name for name, number in ICMPV6.items()},
    }
)
_KINDS: Mapping[bool, Mapping[int, IcmpKind]] = MappingProxyType(
    {
        False: {
            3: "unreachable",
            4: "source-quench",
            5: "redirect",
            11: "time-exceeded",
            12: "parameter-problem",
        },
        True: {1: "unreachable", 2: "too-big", 3: "time-exceeded", 4: "parameter-problem"},
    }
)
"""The types of errors that a transport is told of; a redirect of IPv6 is no error (RFC 4861)."""


def says_mtu(name: str) -> bool:
    """Whether an error says what would have fitted."""
    return name in ("fragmentation-needed", "packet-too-big") or name.startswith("2/")


def numbers(*, ipv6: bool) -> Mapping[str, Number]:
    """The errors of one family that have names."""
    return ICMPV6 if ipv6 else ICMP


def name_of(number: Number, *, ipv6: bool) -> str:
    """``port-unreachable``; ``3/77`` for what has no name."""
    return _NAMES[ipv6].get(number) or f"{number.type}/{number.code}"


def number_of(name: str, *, ipv6: bool) -> Number | None:
    """The error of that name, or that ``TYPE/CODE`` says; None where the family has none such."""
    found = re.fullmatch(r"(\d{1,3})/(\d{1,3})", name, re.ASCII)
    if found is None:
        return numbers(ipv6=ipv6).get(name)
    number = Number(int(found.group(1)), int(found.group(2)))
    return number if kind_of(number, ipv6=ipv6) is not None and number.code < 256 else None


def kind_of(number: Number, *, ipv6: bool) -> IcmpKind | None:
    """What an error with that number is about; None where it is none that TCP is told about."""
    if number == ICMP["fragmentation-needed"] and not ipv6:
        return "too-big"
    return _KINDS[ipv6].get(number.type)
