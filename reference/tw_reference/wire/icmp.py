"""Echoes and errors of ICMP and ICMPv6 (RFC 792, RFC 4443), through Scapy."""

from __future__ import annotations

import struct
from typing import Any

from scapy.layers.inet import ICMP, IPerror, TCPerror
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPerror6,
)

from tw_reference.icmp import WITH_MTU, kind_of, numbers
from tw_reference.segment import Echo, Flow, IcmpError
from tw_reference.wire.ip import (
    IPV4_HEADER,
    IPV6_HEADER,
    TCP,
    IpHeader,
    WireError,
    behind_extensions,
    internet_checksum,
)

HEADER = 8
_QUOTED_TCP = 8
"""Octets of a quoted TCP header that are there in any case: ports and SEQ (RFC 792)."""
_ICMPV6_ERRORS = {
    1: ICMPv6DestUnreach,
    2: ICMPv6PacketTooBig,
    3: ICMPv6TimeExceeded,
    4: ICMPv6ParamProblem,
}


def echo_header(*, ipv6: bool, reply: bool) -> Any:
    """The Scapy layer of an echo."""
    if ipv6:
        return ICMPv6EchoReply() if reply else ICMPv6EchoRequest()
    return ICMP(type=0 if reply else 8)


def error_message(error: IcmpError) -> Any:
    """The Scapy layers of an error, the quoted segment's header included, which is a FIN's.

    :raises ValueError: where the family has no such error.
    """
    flow, ipv6 = error.quoted, error.quoted.is_ipv6
    number = numbers(ipv6=ipv6).get(error.kind)
    if number is None:
        raise ValueError(f"{'ICMPv6' if ipv6 else 'ICMP'} has no {error.kind}")
    tcp = TCPerror(sport=flow.sport, dport=flow.dport, seq=error.seq, flags="FA")
    mtu = {"mtu" if ipv6 else "nexthopmtu": error.mtu} if error.kind in WITH_MTU else {}
    if ipv6:
        message = _ICMPV6_ERRORS[number.type](code=number.code, **mtu)
        return message / IPerror6(src=flow.src, dst=flow.dst) / tcp
    message = ICMP(type=number.type, code=number.code, **mtu)
    return message / IPerror(src=flow.src, dst=flow.dst, flags="DF") / tcp


def decode_icmp(ip: IpHeader, body: bytes) -> Echo | IcmpError | None:
    """An echo, or an error about a TCP segment; None where the message is neither.

    :raises WireError: where the checksum is wrong or the message is cut short.
    """
    if len(body) < HEADER:
        raise WireError("ICMP header is cut short")
    type_, code = body[0], body[1]
    request, reply = (128, 129) if ip.is_ipv6 else (8, 0)
    is_echo = code == 0 and type_ in (request, reply)
    kind = kind_of(type_, code, ipv6=ip.is_ipv6)
    if kind is None and not is_echo:
        return None
    if internet_checksum(ip.pseudo_header() if ip.is_ipv6 else 0, body) != 0:
        raise WireError("ICMP checksum is wrong")
    if kind is None:
        ident, sequence = struct.unpack_from("!HH", body, 4)
        return Echo(ip.src, ip.dst, ident, sequence, reply=type_ == reply, data=body[HEADER:])
    quoted = _quoted_segment(body[HEADER:], ipv6=ip.is_ipv6)
    if quoted is None:
        return None
    mtu = 0
    if kind in WITH_MTU:
        (mtu,) = struct.unpack_from("!I" if ip.is_ipv6 else "!2xH", body, 4)
    return IcmpError(ip.src, ip.dst, kind, *quoted, mtu)


def _quoted_segment(quote: bytes, *, ipv6: bool) -> tuple[Flow, int] | None:
    """The flow and SEQ of the segment in a quote; None where it quotes no first part of a TCP
    segment.  Its checksums are nobody's business: a quote may end anywhere."""
    if len(quote) < (IPV6_HEADER if ipv6 else IPV4_HEADER):
        raise WireError("ICMP error quotes no whole IP header")
    if ipv6:
        ip = IPerror6(quote[:IPV6_HEADER])
        protocol, start = behind_extensions(quote, ip.nh, IPV6_HEADER, len(quote))
        version = 6
    else:
        ip = IPerror(quote[:IPV4_HEADER])
        protocol, start, version = ip.proto, ip.ihl * 4, 4
        if ip.frag:
            return None
    if ip.version != version or protocol != TCP or start < IPV4_HEADER:
        return None
    if len(quote) < start + _QUOTED_TCP:
        raise WireError("ICMP error quotes too little of the TCP header")
    tcp = TCPerror(quote[start : start + _QUOTED_TCP])
    return Flow(ip.src, tcp.sport, ip.dst, tcp.dport), tcp.seq
