"""Which hosts the suite may send test packets to."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from tw_conformance.model.errors import TargetError

_OF_THE_LAB = tuple(
    ip_network(network)
    for network in (
        # RFC 1918 and RFC 4193, RFC 3927 and RFC 4291 section 2.5.6: private, link-local.
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
        *("169.254.0.0/16", "fe80::/10"),
        # RFC 5737, RFC 3849 and RFC 9637: documentation.
        *("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
    )
)
_LIMITED_BROADCAST = IPv4Address("255.255.255.255")


def check_may_fire(
    address: str, *, own: Collection[str], broadcast: Collection[str], owned: bool
) -> None:
    """Refuse an address that is not one single other host, or that may belong to somebody else.

    ``own`` are this machine's addresses, ``broadcast`` those of its links.  ``owned``: the user
    said that the host is theirs.

    :raises TargetError: with what to do.
    """
    parsed = _unmapped(ip_address(address))
    text = str(parsed)
    if parsed.is_multicast or parsed.is_unspecified:
        raise TargetError(f"{address} is no host: name the address of one")
    if parsed == _LIMITED_BROADCAST or text in broadcast:
        raise TargetError(f"{address} is a broadcast address: name one host")
    if parsed.is_loopback or text in own:
        raise TargetError(
            f"{address} is this machine itself: for its own kernel use --target netns"
        )
    if not owned and not any(parsed in network for network in _OF_THE_LAB):
        raise TargetError(
            f"{address} is a public address: if this host is yours to test,"
            " say so with --yes-i-own-this-host"
        )


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """``::ffff:8.8.8.8`` is 8.8.8.8."""
    return getattr(address, "ipv4_mapped", None) or address
