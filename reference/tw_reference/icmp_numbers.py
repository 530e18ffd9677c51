"""ICMP errors by number: which exist in which family, under what type and code."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tw_reference.segment import IcmpKind


class Number(NamedTuple):
    """Type and code of a message."""

    type: int
    code: int


ICMP: Mapping[IcmpKind, Number] = MappingProxyType(
    {
        "net-unreachable": Number(3, 0),
        "host-unreachable": Number(3, 1),
        "protocol-unreachable": Number(3, 2),
        "port-unreachable": Number(3, 3),
        "fragmentation-needed": Number(3, 4),
        "admin-prohibited": Number(3, 13),
        "source-quench": Number(4, 0),
        "time-exceeded": Number(11, 0),
        "parameter-problem": Number(12, 0),
    }
)
"""IPv4's errors (RFC 792, RFC 1191 section 4, RFC 1812 section 5.2.7.1)."""

ICMPV6: Mapping[IcmpKind, Number] = MappingProxyType(
    {
        "net-unreachable": Number(1, 0),
        "admin-prohibited": Number(1, 1),
        "host-unreachable": Number(1, 3),
        "port-unreachable": Number(1, 4),
        "packet-too-big": Number(2, 0),
        "time-exceeded": Number(3, 0),
        "parameter-problem": Number(4, 0),
    }
)
"""IPv6's errors (RFC 4443 section 3)."""

WITH_MTU: frozenset[IcmpKind] = frozenset(("fragmentation-needed", "packet-too-big"))
"""The errors that say what would have fitted."""

_ICMP_ALIASES: Mapping[Number, IcmpKind] = MappingProxyType(
    {
        Number(3, 5): "host-unreachable",
        Number(3, 6): "net-unreachable",
        Number(3, 7): "host-unreachable",
        Number(3, 8): "host-unreachable",
        Number(3, 9): "admin-prohibited",
        Number(3, 10): "admin-prohibited",
        Number(3, 11): "net-unreachable",
        Number(3, 12): "host-unreachable",
        Number(11, 1): "time-exceeded",
        Number(12, 1): "parameter-problem",
        Number(12, 2): "parameter-problem",
    }
)
"""Numbers that say the same more closely (RFC 1122 sections 3.2.2.1, 3.2.2.4 and 3.2.2.5)."""

_ICMPV6_ALIASES: Mapping[Number, IcmpKind] = MappingProxyType(
    {
        Number(1, 2): "net-unreachable",
        Number(1, 5): "admin-prohibited",
        Number(1, 6): "admin-prohibited",
        Number(3, 1): "time-exceeded",
        Number(4, 1): "parameter-problem",
        Number(4, 2): "parameter-problem",
    }
)
"""The same for ICMPv6 (RFC 4443 sections 3.1, 3.3 and 3.4)."""

_KINDS: Mapping[bool, Mapping[Number, IcmpKind]] = MappingProxyType(
    {
        False: {number: kind for kind, number in ICMP.items()} | dict(_ICMP_ALIASES),
        True: {number: kind for kind, number in ICMPV6.items()} | dict(_ICMPV6_ALIASES),
    }
)


def numbers(*, ipv6: bool) -> Mapping[IcmpKind, Number]:
    """The errors of one family."""
    return ICMPV6 if ipv6 else ICMP


def kind_of(type_: int, code: int, *, ipv6: bool) -> IcmpKind | None:
    """The error with that type and code; None where it is none that TCP is told about."""
    return _KINDS[ipv6].get(Number(type_, code))
