"""What Scapy reads in a frame, as the decoder's judge.

Scapy dissects whatever it is given and verifies nothing, so what a stack refuses is said here once
more, over Scapy's fields and with Scapy's own checksums.  Where Scapy gives up, or reads a
malformed list in a way of its own, it has no opinion; the reasons are :class:`NoOpinion`'s.
"""

from __future__ import annotations

import struct
from enum import Enum
from typing import Any, Literal, TypeAlias

from scapy.layers.inet import (
    ICMP,
    IP,
    TCP,
    IPerror,
    IPOption_LSRR,
    IPOption_SSRR,
    TCPerror,
    TCPOptions,
    in4_chksum,
)
from scapy.layers.inet6 import (
    IPerror6,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    IPv6ExtHdrSegmentRouting,
    Pad1,
    in6_chksum,
)
from scapy.layers.l2 import Ether
from scapy.packet import Packet as Layer
from scapy.utils import checksum

from tw_reference.icmp_numbers import Number, kind_of
from tw_reference.segment import (
    Datagram,
    Echo,
    Flow,
    IcmpError,
    Packet,
    Segment,
    Timestamps,
)

Refused: TypeAlias = Literal["refused"]
REFUSED: Refused = "refused"


class NoOpinion(Enum):
    """Why Scapy is no judge of a frame."""

    NO_LAYER = "a header that it gave up on"
    OPTIONS = "TCP options that it would not build again as they lay"
    SOURCE_ROUTE = "a source route, whose last address it puts into the pseudo header"
    EXTENSIONS = "IPv6 extension headers with options of another length than it gives them"


Reading: TypeAlias = Datagram | Refused | NoOpinion | None


def scapy_reads(frame: bytes) -> Reading:
    """The datagram in ``frame``, None where it is none that a host here looks at, or that a stack
    refuses it, or why Scapy can't tell."""
    kind, size = frame[12:14], len(frame) - 14
    layer = Ether(frame).payload if size > 0 else None
    if kind == b"\x08\x00":
        if size < 20:
            return REFUSED
        return _ipv4(layer, size) if type(layer) is IP else NoOpinion.NO_LAYER
    if kind == b"\x86\xdd":
        if size < 40:
            return REFUSED
        return _ipv6(layer, size) if type(layer) is IPv6 else NoOpinion.NO_LAYER
    return None


def _ipv4(ip: Layer, size: int) -> Reading:
    if ip.proto not in (1, 6):
        return None
    header = ip.ihl * 4
    if ip.version != 4 or header < 20 or not header <= ip.len <= size:
        return REFUSED
    if ip.frag or ip.flags.MF or checksum(ip.original[:header]):
        return REFUSED
    if any(isinstance(option, IPOption_LSRR | IPOption_SSRR) for option in ip.options):
        return NoOpinion.SOURCE_ROUTE
    body = ip.original[header : ip.len]
    if ip.proto == 1:
        return _icmp(ip, body)
    if len(body) < 20:
        return REFUSED
    if type(ip.payload) is not TCP:
        return NoOpinion.NO_LAYER
    wrong = in4_chksum(6, ip, body)
    return _tcp(ip.payload, body, wrong, ip, (ip.ttl, ip.tos, bool(ip.flags.DF), ip.id, 0))


def _ipv6(ip: Layer, size: int) -> Reading:
    if ip.version != 6 or ip.plen > size - 40:
        return REFUSED
    last = _behind_extensions(ip)
    if not isinstance(last, Layer):
        return last
    body = last.payload.original[: ip.plen] if last.nh in (6, 58) else b""
    match last.nh:
        case 6 if len(body) < 20:
            return REFUSED
        case 6 if type(last.payload) is TCP:
            wrong = in6_chksum(6, last.payload, body)
            return _tcp(last.payload, body, wrong, ip, (ip.hlim, ip.tc, True, 0, ip.fl))
        case 6:
            return NoOpinion.NO_LAYER
        case 58:
            return _icmpv6(ip, last.payload, body)
    return None


def _behind_extensions(ip: Layer) -> Layer | Refused | NoOpinion | None:
    """The header whose Next Header is that of the payload, of ``ip`` and those that follow it."""
    layer = ip
    while layer.nh in (0, 43, 44, 60):
        if layer.nh == 0 and layer is not ip:
            return layer
        following = layer.payload
        match following:
            case IPv6ExtHdrRouting() | IPv6ExtHdrSegmentRouting():
                if following.segleft:
                    return REFUSED
            case IPv6ExtHdrHopByHop() | IPv6ExtHdrDestOpt():
                if not all(_is_whole(option) for option in following.options):
                    return NoOpinion.EXTENSIONS
                if any(option.otype > 1 and option.otype >> 6 for option in following.options):
                    return REFUSED
            case IPv6ExtHdrFragment() if following.offset or following.m:
                return REFUSED
            case IPv6ExtHdrFragment():
                layer = following
                continue
            case _:
                return NoOpinion.NO_LAYER
        held = len(following.original) - len(following.payload.original)
        if held != (following.len + 1) * 8:
            return NoOpinion.EXTENSIONS
        layer = following
    return layer


def _is_whole(option: Layer) -> bool:
    return type(option) is Pad1 or (hasattr(option, "otype") and option.optlen == len(option) - 2)


def _tcp(
    tcp: Layer, body: bytes, wrong: int, ip: Layer, traits: tuple[int, int, bool, int, int]
) -> Reading:
    header = tcp.dataofs * 4
    if wrong or not 20 <= header <= len(body):
        return REFUSED
    octets = body[20:header]
    options = [_octets(name, value) for name, value in tcp.options if name != "EOL"]
    if not _lay_so(options, octets, ended=("EOL", None) in tcp.options):
        return NoOpinion.OPTIONS
    known = {name: value for name, value in tcp.options if _is_field(name, value)}
    segment = Segment(
        seq=tcp.seq,
        ack=tcp.ack,
        flags=int(tcp.flags) & 0xFF,
        window=tcp.window,
        payload=body[header:],
        mss=known.get("MSS"),
        wscale=known.get("WScale"),
        sack_permitted="SAckOK" in known,
        timestamps=Timestamps(*known["Timestamp"]) if "Timestamp" in known else None,
        urgent=tcp.urgptr,
        reserved=tcp.reserved << 1 | int(tcp.flags) >> 8,
        other_options=tuple(
            octets
            for octets, (name, value) in zip(options, tcp.options, strict=False)
            if name != "NOP" and not _is_field(name, value)
        ),
        option_octets=octets,
    )
    ttl, tos, df, ident, label = traits
    flow = Flow(ip.src, tcp.sport, ip.dst, tcp.dport)
    return Packet(flow, segment, ttl, tos, df, ident, label)


def _is_field(name: str | int, value: object) -> bool:
    """Whether a segment has a field for that option; not where its length is wrong."""
    match name, value:
        case ("MSS" | "WScale", int()) | ("Timestamp", tuple()) | ("SAckOK", b""):
            return True
    return False


def _octets(name: str | int, value: Any) -> tuple[int, bytes]:
    """An option's kind and value as they lay; Scapy's own i2m() raises TypeError for some."""
    kind = name if isinstance(name, int) else TCPOptions[1][name]
    if value is None or isinstance(value, bytes | Layer):
        return kind, bytes(value or b"")
    values = value if isinstance(value, tuple) else (value,)
    layout = f"!{len(values)}I" if name == "SAck" else TCPOptions[0][kind][1]
    return kind, struct.pack(layout, *values)


def _lay_so(options: list[tuple[int, bytes]], octets: bytes, *, ended: bool) -> bool:
    built = b"".join(
        b"\1" if kind == 1 else bytes((kind, len(value) + 2)) + value for kind, value in options
    )
    return octets.startswith(built + b"\0") if ended else octets == built


def _icmp(ip: Layer, body: bytes) -> Reading:
    if len(body) < 8:
        return REFUSED
    icmp = ip.payload
    if type(icmp) is not ICMP:
        return NoOpinion.NO_LAYER
    number = Number(icmp.type, icmp.code)
    kind = kind_of(number, ipv6=False)
    echo = icmp.type in (0, 8) and icmp.code == 0
    if kind is None and not echo:
        return None
    if checksum(body):
        return REFUSED
    if kind is None:
        return Echo(ip.src, ip.dst, icmp.id, icmp.seq, icmp.type == 0, body[8:])
    if len(body) < 28:
        return REFUSED
    quoted = icmp.payload
    if type(quoted) is not IPerror:
        return NoOpinion.NO_LAYER
    if quoted.version != 4 or quoted.proto != 6 or quoted.frag or quoted.ihl < 5:
        return None
    if len(body) < 8 + quoted.ihl * 4 + 8:
        return REFUSED
    mtu = icmp.nexthopmtu if kind == "too-big" else 0
    return _error(ip, number, quoted, mtu)


def _icmpv6(ip: Layer, icmp: Layer, body: bytes) -> Reading:
    if len(body) < 8:
        return REFUSED
    number = Number(body[0], body[1])
    kind = kind_of(number, ipv6=True)
    echo = body[0] in (128, 129) and body[1] == 0
    if kind is None and not echo:
        return None
    if in6_chksum(58, icmp, body):
        return REFUSED
    if kind is None:
        return Echo(ip.src, ip.dst, icmp.id, icmp.seq, icmp.type == 129, body[8:])
    if len(body) < 48:
        return REFUSED
    quoted = icmp.payload
    if type(quoted) is not IPerror6:
        return NoOpinion.NO_LAYER
    last = _behind_extensions(quoted)
    if not isinstance(last, Layer):
        return last
    if quoted.version != 6 or last.nh != 6:
        return None
    if len(last.payload.original) < 8:
        # Scapy ends the quote where its header says that the packet ended.
        return NoOpinion.NO_LAYER if quoted.plen < len(body) - 48 else REFUSED
    return _error(ip, number, quoted, icmp.mtu if kind == "too-big" else 0)


def _error(ip: Layer, number: Number, quoted: Layer, mtu: int) -> Reading:
    tcp = quoted.getlayer(TCPerror)
    if tcp is None:
        return NoOpinion.NO_LAYER
    flow = Flow(quoted.src, tcp.sport, quoted.dst, tcp.dport)
    return IcmpError(ip.src, ip.dst, number, flow, tcp.seq, mtu)
