"""Ethernet frames to packets, by the layout of their octets.

Every checksum is verified, as a stack does it; Scapy is this module's judge in its tests.
"""

from __future__ import annotations

import struct

from tw_reference.segment import Datagram, Flow, Packet, Segment, flag_names
from tw_reference.wire.icmp import read_icmp
from tw_reference.wire.ip import TCP, IpHeader, WireError, internet_checksum, read_ip
from tw_reference.wire.tcp_options import read_options

__all__ = ["WireError", "decode"]

_TCP_HEADER = 20
_FIELDS = struct.Struct("!HHIIBBHxxH")
_CHECKSUM = slice(16, 18)


def decode(frame: bytes) -> Datagram | None:
    """What ``frame`` says; None where it is neither TCP, nor an echo, nor an error about TCP.

    :raises WireError: where a checksum is wrong, a header is malformed, or it is a fragment.
    """
    ip = read_ip(frame)
    if ip is None:
        return None
    body = frame[ip.start : ip.end]
    return _read_tcp(ip, body) if ip.protocol == TCP else read_icmp(ip, body)


def _wrong_checksum(ip: IpHeader, body: bytes) -> str:
    """With all that its sender needs to find it."""
    sport, _, seq, ack, _, flags, _, _ = _FIELDS.unpack_from(body)
    said = int.from_bytes(body[_CHECKSUM])
    right = internet_checksum(
        ip.pseudo_header(), body[: _CHECKSUM.start] + bytes(2) + body[_CHECKSUM.stop :]
    )
    return (
        f"TCP checksum is wrong: {said:#06x} where {right:#06x} is right, in {flag_names(flags)}"
        f" seq={seq} ack={ack} from port {sport}"
    )


def _read_tcp(ip: IpHeader, body: bytes) -> Packet:
    if len(body) < _TCP_HEADER:
        raise WireError("TCP header is cut short")
    sport, dport, seq, ack, offset, flags, window, urgent = _FIELDS.unpack_from(body)
    header = (offset >> 4) * 4
    if header < _TCP_HEADER or header > len(body):
        raise WireError("TCP data offset is malformed")
    if internet_checksum(ip.pseudo_header(), body) != 0:
        raise WireError(_wrong_checksum(ip, body))
    octets = body[_TCP_HEADER:header]
    options = read_options(octets)
    segment = Segment(
        seq=seq,
        ack=ack,
        flags=flags,
        window=window,
        payload=body[header:],
        mss=options.mss,
        wscale=options.wscale,
        sack_permitted=options.sack_permitted,
        timestamps=options.timestamps,
        urgent=urgent,
        reserved=offset & 0x0F,
        other_options=options.others,
        option_octets=octets,
    )
    flow = Flow(ip.src, sport, ip.dst, dport)
    return Packet(flow, segment, ip.ttl, ip.tos, ip.df, ip.ident, ip.flow_label)
