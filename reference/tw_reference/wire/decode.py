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


def decode(frame: bytes, *, kept: int | None = None) -> Datagram | None:
    """What ``frame`` says; None where it is neither TCP, nor an echo, nor an error about TCP.

    ``kept``: it stands in a capture, which has the first so many octets of it, with zeros in the
    place of the rest.  Then a checksum that its sender's card was yet to make is right, and one
    over what was not kept is not looked at.

    :raises WireError: where a checksum is wrong, a header is malformed, or it is a fragment, or a
        header was not kept.
    """
    ip = read_ip(frame, captured=kept is not None)
    if ip is None:
        return None
    body = frame[ip.start : ip.end]
    if ip.protocol != TCP:
        return read_icmp(ip, body) if kept is None or kept >= ip.end else None
    return _read_tcp(ip, body, None if kept is None else kept - ip.start)


def _check(ip: IpHeader, body: bytes, header: int, kept: int | None) -> None:
    if kept is not None and kept < header:
        raise WireError("TCP header is cut short")
    if kept is not None and kept < len(body):
        return
    if internet_checksum(ip.pseudo_header(), body) != 0:
        if kept is not None and _is_yet_to_be_made(ip, body):
            return
        raise WireError(_wrong_checksum(ip, body))


def _is_yet_to_be_made(ip: IpHeader, body: bytes) -> bool:
    """Whether the checksum is the sum of the pseudo header alone, with the length or without: a
    card adds the rest (``CHECKSUM_PARTIAL`` in Linux's skbuff.h)."""
    said = int.from_bytes(body[_CHECKSUM])
    sums = (ip.pseudo_header(), ip.pseudo_header() - len(body))
    return said == 0 or said in (total % 0xFFFF for total in sums)


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


def _read_tcp(ip: IpHeader, body: bytes, kept: int | None) -> Packet:
    if min(len(body), len(body) if kept is None else kept) < _TCP_HEADER:
        raise WireError("TCP header is cut short")
    sport, dport, seq, ack, offset, flags, window, urgent = _FIELDS.unpack_from(body)
    header = (offset >> 4) * 4
    if header < _TCP_HEADER or header > len(body):
        raise WireError("TCP data offset is malformed")
    _check(ip, body, header, kept)
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
