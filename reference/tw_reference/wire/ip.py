"""The IP header of a frame, and what every checksum behind it needs.

Scapy reads the fixed header; what is of variable length, IPv4's options and IPv6's extension
headers, is followed by its lengths.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6

ETHER = 14
IPV4_HEADER, IPV6_HEADER = 20, 40
TCP, ICMP, ICMPV6 = 6, 1, 58
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _DESTINATION = 0, 43, 44, 60
_PAD1, _PADN = 0, 1


class WireError(ValueError):
    """A frame that a stack drops before TCP looks at it; says why."""


class IpHeader(NamedTuple):
    """What a stack is judged by in an IP header, and where in the frame its payload lies.

    ``ident`` is 0 where there is none, in IPv6.  ``protocol`` is that of the payload, behind all
    extension headers.  Ethernet padding lies behind ``end``.
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

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.src

    def pseudo_header(self) -> int:
        return pseudo_header(self.src, self.dst, self.protocol, self.end - self.start)


def read_ip(frame: bytes) -> IpHeader | None:
    """The header of a frame that carries TCP, ICMP or ICMPv6; None where it carries another.

    :raises WireError: where it is malformed or a fragment.
    """
    kind = frame[12:14]
    if kind == _IPV4:
        return _read_ipv4(frame)
    return _read_ipv6(frame) if kind == _IPV6 else None


def _read_ipv4(frame: bytes) -> IpHeader | None:
    if len(frame) < ETHER + IPV4_HEADER:
        raise WireError("IP header is cut short")
    if frame[ETHER + 9] not in (TCP, ICMP):
        return None
    ip = IP(frame[ETHER : ETHER + IPV4_HEADER])
    if ip.version != 4:
        raise WireError("IP version is not that of the frame's type")
    header = ip.ihl * 4
    start, end = ETHER + header, ETHER + ip.len
    if header < IPV4_HEADER or end < start or end > len(frame):
        raise WireError("IP header or total length is malformed")
    if ip.frag or ip.flags.MF:
        raise WireError("IP fragment")
    if internet_checksum(0, frame[ETHER:start]) != 0:
        raise WireError("IP header checksum is wrong")
    df = bool(ip.flags.DF)
    return IpHeader(ip.src, ip.dst, ip.ttl, ip.tos, df, ip.id, ip.proto, start, end)


def _read_ipv6(frame: bytes) -> IpHeader | None:
    if len(frame) < ETHER + IPV6_HEADER:
        raise WireError("IP header is cut short")
    ip = IPv6(frame[ETHER : ETHER + IPV6_HEADER])
    if ip.version != 6:
        raise WireError("IP version is not that of the frame's type")
    start = ETHER + IPV6_HEADER
    end = start + ip.plen
    if end > len(frame):
        raise WireError("IPv6 payload length is malformed")
    protocol, start = behind_extensions(frame, ip.nh, start, end)
    if protocol not in (TCP, ICMPV6):
        return None
    return IpHeader(ip.src, ip.dst, ip.hlim, ip.tc, True, 0, protocol, start, end)


def behind_extensions(octets: bytes, following: int, start: int, end: int) -> tuple[int, int]:
    """What lies behind the extension headers that begin at ``start`` (RFC 8200 section 4), and
    where: TCP, ICMPv6, or a header that is not known here.

    :raises WireError: where a stack stops on the way: at a fragment, a route with segments left,
        an option that forbids to go on, a header that is cut short.
    """
    first = True
    while following in (_ROUTING, _DESTINATION) or (following == _HOP_BY_HOP and first):
        first = False
        if end - start < 8:
            raise WireError("IPv6 extension header is cut short")
        size = (octets[start + 1] + 1) * 8
        if size > end - start:
            raise WireError("IPv6 extension header is cut short")
        if following != _ROUTING:
            _skip_options(octets[start + 2 : start + size])
        elif octets[start + 3]:
            raise WireError("IPv6 routing header has segments left")
        following = octets[start]
        start += size
    if following == _FRAGMENT:
        raise WireError("IP fragment")
    return following, start


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
def _address_sum(address: str) -> int:
    packed = ip_address(address).packed
    total: int = sum(struct.unpack(f"!{len(packed) // 2}H", packed))
    return total


def pseudo_header(src: str, dst: str, protocol: int, length: int) -> int:
    """The pseudo header's part of the sum (RFC 9293 section 3.1, RFC 8200 section 8.1)."""
    return _address_sum(src) + _address_sum(dst) + protocol + length


def internet_checksum(initial: int, data: bytes | bytearray) -> int:
    """The Internet checksum (RFC 1071); 0 over data that holds a right one."""
    if len(data) % 2:
        data = bytes(data) + b"\0"
    total: int = initial + sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def store_checksum(frame: bytearray, start: int, at: int, initial: int) -> None:
    """Make the checksum at ``at`` right for all from ``start`` on."""
    struct.pack_into("!H", frame, at, 0)
    struct.pack_into("!H", frame, at, internet_checksum(initial, frame[start:]))
