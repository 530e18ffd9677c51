"""Packets to Ethernet frames and back, through Scapy.

Scapy lays every shape of frame out once (addresses, options present, IP header fields); what
differs from packet to packet is patched into that template and the checksums are made anew, since
a run sends far more packets than shapes.  Of a frame that comes in Scapy dissects the headers, and
every checksum is verified.
"""

from __future__ import annotations

import struct
from functools import lru_cache

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from tw_reference.segment import Damage, Datagram, Echo, Flow, IcmpError, Packet, Segment
from tw_reference.wire import ip as wire_ip
from tw_reference.wire.damage import damaged
from tw_reference.wire.icmp import decode_icmp, echo_header, error_message
from tw_reference.wire.ip import (
    ETHER,
    IPV4_HEADER,
    IPV6_HEADER,
    IpHeader,
    WireError,
    internet_checksum,
    pseudo_header,
    read_ip,
    store_checksum,
)
from tw_reference.wire.options import read_options

__all__ = ["Wire", "WireError"]

_MAX_TEMPLATES = 1024


class Wire:
    """The Ethernet hop between ``local_mac`` and ``remote_mac``, seen from the local side."""

    def __init__(self, local_mac: str, remote_mac: str) -> None:
        self._link = Ether(src=local_mac, dst=remote_mac)
        self._template = lru_cache(_MAX_TEMPLATES)(self._lay_out)
        self._echo_template = lru_cache(_MAX_TEMPLATES)(self._lay_out_echo)

    def encode(self, packet: Datagram, *, damage: Damage | None = None) -> bytes:
        """The frame that carries ``packet``, a segment with that one thing wrong.

        :raises ValueError: where that can't be wrong with this packet, or its family has no such
            ICMP error.
        """
        match packet:
            case Packet():
                frame = self._encode_segment(packet)
                return frame if damage is None else damaged(frame, damage)
            case Echo():
                return self._encode_echo(packet)
            case IcmpError():
                header = _ip_header(packet.src, packet.dst, (64, 0, False, 0))
                return bytes(self._link / header / error_message(packet))

    def _encode_segment(self, packet: Packet) -> bytes:
        flow, segment = packet.flow, packet.segment
        template = self._template(
            flow.src,
            flow.dst,
            (packet.ttl, packet.tos, packet.df, packet.ip_id),
            (segment.mss, segment.wscale, segment.sack_permitted, segment.other_options),
            segment.timestamps is not None,
        )
        frame = bytearray(template)
        tcp = ETHER + (IPV6_HEADER if flow.is_ipv6 else IPV4_HEADER)
        header = frame[tcp + 12] >> 4
        struct.pack_into(
            "!HHIIBBHHH",
            frame,
            tcp,
            flow.sport,
            flow.dport,
            segment.seq,
            segment.ack,
            header << 4 | segment.reserved,
            segment.flags,
            segment.window,
            0,
            segment.urgent,
        )
        if segment.timestamps is not None:
            # The option is always the last one: kind, length, TSval, TSecr.
            struct.pack_into("!II", frame, tcp + header * 4 - 8, *segment.timestamps)
        if segment.payload:
            frame += segment.payload
            _set_ip_length(frame, flow.is_ipv6)
        pseudo = pseudo_header(flow.src, flow.dst, wire_ip.TCP, len(frame) - tcp)
        store_checksum(frame, tcp, tcp + 16, pseudo)
        return bytes(frame)

    def decode(self, frame: bytes) -> Datagram | None:
        """What ``frame`` says; None where it is neither TCP, nor an echo, nor an error about TCP.

        :raises WireError: where a checksum is wrong or a header is malformed.
        """
        ip = read_ip(frame)
        if ip is None:
            return None
        body = frame[ip.start : ip.end]
        return _decode_tcp(ip, body) if ip.protocol == wire_ip.TCP else decode_icmp(ip, body)

    def _lay_out(
        self,
        src: str,
        dst: str,
        ip: tuple[int, int, bool, int],
        options: tuple[int | None, int | None, bool, tuple[tuple[int, bytes], ...]],
        timestamps: bool,
    ) -> bytes:
        mss, wscale, sack_permitted, others = options
        listed: list[tuple[object, object]] = []
        if mss is not None:
            listed.append(("MSS", mss))
        if wscale is not None:
            listed += [("NOP", None), ("WScale", wscale)]
        if sack_permitted:
            listed += [("NOP", None), ("NOP", None), ("SAckOK", b"")]
        listed += others
        if timestamps:
            length = sum(2 + len(value) for _, value in others) % 4
            listed += [("NOP", None)] * ((2 - length) % 4)
            listed.append(("Timestamp", (0, 0)))
        return bytes(self._link / _ip_header(src, dst, ip) / TCP(options=listed))

    def _lay_out_echo(self, src: str, dst: str, reply: bool) -> bytes:
        header = _ip_header(src, dst, (64, 0, False, 0))
        return bytes(self._link / header / echo_header(ipv6=":" in src, reply=reply))

    def _encode_echo(self, echo: Echo) -> bytes:
        frame = bytearray(self._echo_template(echo.src, echo.dst, echo.reply))
        ipv6 = ":" in echo.src
        icmp = ETHER + (IPV6_HEADER if ipv6 else IPV4_HEADER)
        struct.pack_into("!HHH", frame, icmp + 2, 0, echo.ident, echo.sequence)
        if echo.data:
            frame += echo.data
            _set_ip_length(frame, ipv6)
        length = len(frame) - icmp
        pseudo = pseudo_header(echo.src, echo.dst, wire_ip.ICMPV6, length) if ipv6 else 0
        store_checksum(frame, icmp, icmp + 2, pseudo)
        return bytes(frame)


def _ip_header(src: str, dst: str, ip: tuple[int, int, bool, int]) -> IP | IPv6:
    ttl, tos, df, ip_id = ip
    if ":" in src:
        return IPv6(src=src, dst=dst, hlim=ttl, tc=tos)
    return IP(src=src, dst=dst, ttl=ttl, tos=tos, id=ip_id, flags="DF" if df else 0)


def _set_ip_length(frame: bytearray, ipv6: bool) -> None:
    if ipv6:
        struct.pack_into("!H", frame, ETHER + 4, len(frame) - ETHER - IPV6_HEADER)
        return
    struct.pack_into("!H", frame, ETHER + 2, len(frame) - ETHER)
    struct.pack_into("!H", frame, ETHER + 10, 0)
    header = frame[ETHER : ETHER + IPV4_HEADER]
    struct.pack_into("!H", frame, ETHER + 10, internet_checksum(0, header))


def _decode_tcp(ip: IpHeader, body: bytes) -> Packet:
    if len(body) < 20:
        raise WireError("TCP header is cut short")
    header = (body[12] >> 4) * 4
    if header < 20 or header > len(body):
        raise WireError("TCP data offset is malformed")
    if internet_checksum(ip.pseudo_header(), body) != 0:
        raise WireError("TCP checksum is wrong")
    tcp = TCP(body[:20])
    options = read_options(body[20:header])
    segment = Segment(
        seq=tcp.seq,
        ack=tcp.ack,
        flags=body[13],
        window=tcp.window,
        payload=body[header:],
        mss=options.mss,
        wscale=options.wscale,
        sack_permitted=options.sack_permitted,
        timestamps=options.timestamps,
        urgent=tcp.urgptr,
        reserved=body[12] & 0x0F,
        other_options=options.others,
        option_octets=body[20:header],
    )
    flow = Flow(ip.src, tcp.sport, ip.dst, tcp.dport)
    return Packet(flow, segment, ip.ttl, ip.tos, ip.df, ip.ident)
