"""What bind() gives a socket beside its port: the addresses at which it has it."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple, Self

_ANY = "*"


class Endpoint(NamedTuple):
    """An address of each family: none, one, or any."""

    ipv4: str = ""
    ipv6: str = ""

    @classmethod
    def of(cls, address: str, *, v6only: bool = True) -> Self:
        """That of a socket which is bound to that address; an IPv6 one may be bound to IPv4's too,
        where it is not ``v6only`` (RFC 3493 sections 3.7 and 5.3).

        :raises ValueError: for an IPv4-mapped address of a socket that is for IPv6 alone, or where
            it is no address.
        """
        given = ip_address(address)
        any_or_it = _ANY if given.is_unspecified else address
        if not isinstance(given, IPv6Address):
            return cls(ipv4=any_or_it)
        if given.ipv4_mapped is None:
            return cls(ipv4=_ANY if given.is_unspecified and not v6only else "", ipv6=any_or_it)
        if v6only:
            raise ValueError(f"{address} is none of IPv6 alone")
        return cls(ipv4=str(given.ipv4_mapped))

    def addresses(self) -> Iterator[str]:
        """Those that are said one by one."""
        return (address for address in self if address not in ("", _ANY))

    def takes(self, address: str) -> bool:
        """Whether what comes for that address comes to the socket."""
        return (self.ipv6 if ":" in address else self.ipv4) in (_ANY, address)

    def overlaps(self, other: Endpoint) -> bool:
        """Whether there is an address that both have (``ipv6_rcv_saddr_equal()``)."""
        pairs = zip(self, other, strict=True)
        return any(a and b and (a == b or _ANY in (a, b)) for a, b in pairs)


EVERYWHERE = Endpoint(_ANY, _ANY)
"""Every address of a host."""
