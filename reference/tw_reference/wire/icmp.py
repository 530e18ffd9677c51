"""Echoes and errors of ICMP and ICMPv6 (RFC 792, RFC 4443), read from their octets."""

from __future__ import annotations

import struct

from tw_reference.icmp_numbers import Number, kind_of
from tw_reference.segment import Echo, Flow, IcmpError
from tw_reference.wire.ip import (
    IPV4_HEADER,
    IPV6_HEADER,
    TCP,
    IpHeader,
    WireError,
    address_text,
    behind_extensions,
    internet_checksum,
)

HEADER = 8
ECHO, ECHO_REPLY = 8, 0
ECHO_V6, ECHO_REPLY_V6 = 128, 129
_FIELDS = struct.Struct("!BBxxHH")
_PORTS_AND_SEQ = struct.Struct("!HHI")
"""The octets of a quoted TCP header that are there in any case (RFC 792)."""
_IPV4_FIELDS = struct.Struct("!B5xHxB2x4s4s")
_IPV6_FIELDS = struct.Struct("!B5xBx16s16s")
_FRAGMENT_OFFSET = 0x1FFF


def read_icmp(ip: IpHeader, body: bytes) -> Echo | IcmpError | None:
    """An echo, or an error about a TCP segment; None where the message is neither.

    :raises WireError: where the checksum is wrong or the message is cut short.
    """
    if len(body) < HEADER:
        raise WireError("ICMP header is cut short")
    type_, code, third, fourth = _FIELDS.unpack_from(body)
    request, reply = (ECHO_V6, ECHO_REPLY_V6) if ip.is_ipv6 else (ECHO, ECHO_REPLY)
    is_echo = code == 0 and type_ in (request, reply)
    number = Number(type_, code)
    kind = None if is_echo else kind_of(number, ipv6=ip.is_ipv6)
    if kind is None and not is_echo:
        return None
    if internet_checksum(ip.pseudo_header() if ip.is_ipv6 else 0, body) != 0:
        raise WireError("ICMP checksum is wrong")
    if kind is None:
        return Echo(ip.src, ip.dst, third, fourth, type_ == reply, body[HEADER:])
    quoted = (_quoted_ipv6 if ip.is_ipv6 else _quoted_ipv4)(body[HEADER:])
    if quoted is None:
        return None
    mtu = (third << 16 | fourth if ip.is_ipv6 else fourth) if kind == "too-big" else 0
    return IcmpError(ip.src, ip.dst, number, *quoted, mtu)


def _quoted_ipv4(quote: bytes) -> tuple[Flow, int] | None:
    """The flow and SEQ of the segment in a quote; None where it quotes no first part of a TCP
    segment.  Its checksums are nobody's business: a quote may end anywhere."""
    if len(quote) < IPV4_HEADER:
        raise WireError("ICMP error quotes no whole IP header")
    version_and_size, fragment, protocol, src, dst = _IPV4_FIELDS.unpack_from(quote)
    start = (version_and_size & 0x0F) * 4
    whole = not fragment & _FRAGMENT_OFFSET and start >= IPV4_HEADER
    if version_and_size >> 4 != 4 or protocol != TCP or not whole:
        return None
    return _ports_and_seq(quote, start, src, dst)


def _quoted_ipv6(quote: bytes) -> tuple[Flow, int] | None:
    """The same of IPv6."""
    if len(quote) < IPV6_HEADER:
        raise WireError("ICMP error quotes no whole IP header")
    version, following, src, dst = _IPV6_FIELDS.unpack_from(quote)
    protocol, start = behind_extensions(quote, following, IPV6_HEADER, len(quote))
    if version >> 4 != 6 or protocol != TCP:
        return None
    return _ports_and_seq(quote, start, src, dst)


def _ports_and_seq(quote: bytes, start: int, src: bytes, dst: bytes) -> tuple[Flow, int]:
    if len(quote) < start + _PORTS_AND_SEQ.size:
        raise WireError("ICMP error quotes too little of the TCP header")
    sport, dport, seq = _PORTS_AND_SEQ.unpack_from(quote, start)
    return Flow(address_text(src), sport, address_text(dst), dport), seq
