"""The IP header of a frame, and what every checksum behind it needs."""

from __future__ import annotations

import socket
import struct
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

ETHER = 14
IPV4_HEADER, IPV6_HEADER = 20, 40
TCP, ICMP, ICMPV6 = 6, 1, 58
_ETHER_TYPE = slice(12, 14)
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_IPV4_FIELDS = struct.Struct("!BBHHHBBxx4s4s")
_IPV6_FIELDS = struct.Struct("!IHBB16s16s")
_IPV4_CHECKSUM = slice(24, 26)
_DONT_FRAGMENT = 0x4000
_MORE_OR_LATER = 0x3FFF
"""More Fragments, and the fragment offset: neither is set in a whole datagram."""
_LATER_OR_MORE = 0xFFF9
"""In an IPv6 fragment header: the offset, and whether more follow."""
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _DESTINATION = 0, 43, 44, 60
_PAD1, _PADN = 0, 1


class WireError(ValueError):
    """A frame that a stack drops before TCP looks at it; says why."""


class IpHeader(NamedTuple):
    """What a stack is judged by in an IP header, and where in the frame its payload lies.

    ``ident`` is 0 where there is none, in IPv6, and ``flow_label`` in IPv4.  ``protocol`` is that
    of the payload, behind all extension headers.  Ethernet padding lies behind ``end``.
    """

    src: str
    dst: str
    ttl: int
    tos: int
    df: bool
    ident: int
    protocol: int
    start: int
    end: int
    is_ipv6: bool
    flow_label: int = 0

    def pseudo_header(self) -> int:
        return pseudo_header(self.src, self.dst, self.protocol, self.end - self.start)


def read_ip(frame: bytes, *, captured: bool = False) -> IpHeader | None:
    """The header of a frame that carries TCP, ICMP or ICMPv6; None where it carries another.

    ``captured``: where its sender may have left the checksum of the header to a card.

    :raises WireError: where it is malformed or a fragment.
    """
    kind = frame[_ETHER_TYPE]
    if kind == _IPV4:
        return _read_ipv4(frame, captured)
    return _read_ipv6(frame) if kind == _IPV6 else None


def _read_ipv4(frame: bytes, captured: bool) -> IpHeader | None:
    if len(frame) < ETHER + IPV4_HEADER:
        raise WireError("IP header is cut short")
    fields = _IPV4_FIELDS.unpack_from(frame, ETHER)
    version_and_size, tos, length, ident, fragment, ttl, protocol, src, dst = fields
    if protocol not in (TCP, ICMP):
        return None
    if version_and_size >> 4 != 4:
        raise WireError("IP version is not that of the frame's type")
    header = (version_and_size & 0x0F) * 4
    start, end = ETHER + header, ETHER + length
    if header < IPV4_HEADER or end < start or end > len(frame):
        raise WireError("IP header or total length is malformed")
    if fragment & _MORE_OR_LATER:
        raise WireError("IP fragment")
    is_yet_to_be_made = captured and frame[_IPV4_CHECKSUM] == b"\0\0"
    if not is_yet_to_be_made and internet_checksum(0, frame[ETHER:start]) != 0:
        raise WireError("IP header checksum is wrong")
    df = fragment & _DONT_FRAGMENT != 0
    return IpHeader(
        address_text(src), address_text(dst), ttl, tos, df, ident, protocol, start, end, False
    )


def _read_ipv6(frame: bytes) -> IpHeader | None:
    if len(frame) < ETHER + IPV6_HEADER:
        raise WireError("IP header is cut short")
    first, length, following, ttl, src, dst = _IPV6_FIELDS.unpack_from(frame, ETHER)
    if first >> 28 != 6:
        raise WireError("IP version is not that of the frame's type")
    start = ETHER + IPV6_HEADER
    end = start + length
    if end > len(frame):
        raise WireError("IPv6 payload length is malformed")
    protocol, start = behind_extensions(frame, following, start, end)
    if protocol not in (TCP, ICMPV6):
        return None
    tos, label = first >> 20 & 0xFF, first & 0xFFFFF
    return IpHeader(
        address_text(src), address_text(dst), ttl, tos, True, 0, protocol, start, end, True, label
    )


def behind_extensions(octets: bytes, following: int, start: int, end: int) -> tuple[int, int]:
    """What lies behind the extension headers that begin at ``start`` (RFC 8200 section 4), and
    where: TCP, ICMPv6, or a header that is not known here.  A fragment that is all of a packet is
    that packet (section 4.5, RFC 6946).

    :raises WireError: where a stack stops on the way: at a fragment, a route with segments left,
        an option that forbids to go on, a header that is cut short.
    """
    first = True
    while following in (_ROUTING, _DESTINATION, _FRAGMENT) or (following == _HOP_BY_HOP and first):
        first = False
        if end - start < 8:
            raise WireError("IPv6 extension header is cut short")
        size = 8 if following == _FRAGMENT else (octets[start + 1] + 1) * 8
        if size > end - start:
            raise WireError("IPv6 extension header is cut short")
        _pass(following, octets[start : start + size])
        following = octets[start]
        start += size
    return following, start


def _pass(kind: int, header: bytes) -> None:
    if kind == _FRAGMENT:
        if int.from_bytes(header[2:4]) & _LATER_OR_MORE:
            raise WireError("IP fragment")
    elif kind != _ROUTING:
        _skip_options(header[2:])
    elif header[3]:
        raise WireError("IPv6 routing header has segments left")


def _skip_options(options: bytes) -> None:
    """An option that is not known says in its two highest bits whether it may be skipped (RFC 8200
    section 4.2)."""
    at = 0
    while at < len(options):
        kind = options[at]
        if kind == _PAD1:
            at += 1
            continue
        if kind != _PADN and kind >> 6:
            raise WireError("IPv6 option is unknown and may not be skipped")
        if at + 1 >= len(options):
            raise WireError("IPv6 option is cut short")
        at += 2 + options[at + 1]
    if at > len(options):
        raise WireError("IPv6 option is cut short")


@lru_cache(4096)
def address_text(packed: bytes) -> str:
    """An address of 4 or 16 octets in its canonical form (RFC 5952)."""
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


@lru_cache(4096)
def _address_sum(address: str) -> int:
    return int.from_bytes(ip_address(address).packed) % 0xFFFF


def pseudo_header(src: str, dst: str, protocol: int, length: int) -> int:
    """The pseudo header's part of the sum (RFC 9293 section 3.1, RFC 8200 section 8.1)."""
    return _address_sum(src) + _address_sum(dst) + protocol + length


def internet_checksum(initial: int, data: bytes | bytearray) -> int:
    """The Internet checksum (RFC 1071) of what sums up to ``initial`` and of ``data``, an odd octet
    padded; 0 over what holds a right one.

    A sum of 16-bit words in one's complement is a remainder modulo 2^16 - 1, and 2^16 leaves 1: so
    all words together, read as one number, leave the same remainder as their sum.
    """
    total = initial + (int.from_bytes(data) << 8 * (len(data) % 2))
    return -total % 0xFFFF if total else 0xFFFF


def store_checksum(frame: bytearray, start: int, at: int, initial: int) -> None:
    """Make the checksum at ``at`` right for all from ``start`` on."""
    struct.pack_into("!H", frame, at, 0)
    struct.pack_into("!H", frame, at, internet_checksum(initial, frame[start:]))
