"""Packets to Ethernet frames, through Scapy.

Scapy lays every shape of frame out once (addresses, options present, IP header fields); what
differs from packet to packet is patched into that template and the checksums are made anew, since
a run sends far more packets than shapes.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, IPerror, TCPerror
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPerror6,
    IPv6,
)
from scapy.layers.l2 import Ether

from tw_reference.segment import SACK, Damage, Datagram, Echo, IcmpError, Packet
from tw_reference.wire import ip as wire_ip
from tw_reference.wire.damage import damaged
from tw_reference.wire.icmp import ECHO, ECHO_REPLY
from tw_reference.wire.ip import (
    ETHER,
    IPV4_HEADER,
    IPV6_HEADER,
    internet_checksum,
    pseudo_header,
    store_checksum,
)

_MAX_TEMPLATES = 1024
_ICMPV6_ERRORS = {
    1: ICMPv6DestUnreach,
    2: ICMPv6PacketTooBig,
    3: ICMPv6TimeExceeded,
    4: ICMPv6ParamProblem,
}


def _room_of_blocks(others: tuple[tuple[int, bytes], ...]) -> int:
    """Octets that SACK blocks take up, with the two NOPs before them and what fills up the last
    word behind them."""
    room = sum(4 + len(value) for kind, value in others if kind == SACK)
    return room + -room % 4


class Encoder:
    """Makes the frames that go from ``local_mac`` to ``remote_mac``.

    ``scale_first``: the window scale stands before SACK and timestamps, as in FreeBSD
    (``tcp_output.c, tcp_addoptions()``); else behind them, as in Linux (``tcp_output.c,
    tcp_options_write()``).
    """

    def __init__(self, local_mac: str, remote_mac: str, *, scale_first: bool = False) -> None:
        self._scale_first = scale_first
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
                header = _ip_header(packet.src, packet.dst, (64, 0, False))
                return bytes(self._link / header / _error_message(packet))

    def _encode_segment(self, packet: Packet) -> bytes:
        flow, segment = packet.flow, packet.segment
        template = self._template(
            flow.src,
            flow.dst,
            (packet.ttl, packet.tos, packet.df),
            (segment.mss, segment.wscale, segment.sack_permitted, segment.other_options),
            segment.timestamps is not None,
            segment.option_octets,
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
        if segment.timestamps is not None and not segment.option_octets:
            # Behind the option's two numbers stands a window scale or SACK blocks, or nothing.
            scaled = segment.wscale is not None and not self._scale_first
            behind = (12 if scaled else 8) + _room_of_blocks(segment.other_options)
            struct.pack_into("!II", frame, tcp + header * 4 - behind, *segment.timestamps)
        if segment.payload:
            frame += segment.payload
            _set_ip_length(frame, flow.is_ipv6)
        if flow.is_ipv6:
            _set_flow_label(frame, packet.flow_label)
        elif packet.ip_id:
            _set_ip_id(frame, packet.ip_id)
        pseudo = pseudo_header(flow.src, flow.dst, wire_ip.TCP, len(frame) - tcp)
        store_checksum(frame, tcp, tcp + 16, pseudo)
        return bytes(frame)

    def _lay_out(
        self,
        src: str,
        dst: str,
        ip: tuple[int, int, bool],
        options: tuple[int | None, int | None, bool, tuple[tuple[int, bytes], ...]],
        timestamps: bool,
        as_they_lie: bytes,
    ) -> bytes:
        header = self._link / _ip_header(src, dst, ip)
        if as_they_lie:
            return bytes(header / TCP(dataofs=5 + len(as_they_lie) // 4) / as_they_lie)
        mss, wscale, sack_permitted, others = options
        listed: list[tuple[object, object]] = []
        if mss is not None:
            listed.append(("MSS", mss))
        scale: list[tuple[object, object]] = []
        if wscale is not None:
            scale = [("NOP", None), ("WScale", wscale)]
        if self._scale_first:
            listed += scale
        before = [option for option in others if option[0] != SACK]
        listed += before
        length = sum(2 + len(value) for _, value in before)
        if sack_permitted:
            # Timestamps behind it need no NOPs; alone FreeBSD has the end of the list behind it.
            alone = not (timestamps or self._scale_first)
            listed += [("NOP", None)] * ((2 * alone - length) % 4)
            listed.append(("SAckOK", b""))
            length = 0 if alone else 2
        if timestamps:
            listed += [("NOP", None)] * ((2 - length) % 4)
            listed.append(("Timestamp", (0, 0)))
        for option in others:
            if option[0] == SACK:
                listed += [("NOP", None), ("NOP", None), option]
        if not self._scale_first:
            listed += scale
        return bytes(header / TCP(options=listed))

    def _lay_out_echo(self, src: str, dst: str, reply: bool) -> bytes:
        header = _ip_header(src, dst, (64, 0, False))
        return bytes(self._link / header / _echo_header(ipv6=":" in src, reply=reply))

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


def _ip_header(src: str, dst: str, ip: tuple[int, int, bool]) -> IP | IPv6:
    ttl, tos, df = ip
    if ":" in src:
        return IPv6(src=src, dst=dst, hlim=ttl, tc=tos)
    return IP(src=src, dst=dst, ttl=ttl, tos=tos, id=0, flags="DF" if df else 0)


def _set_ip_length(frame: bytearray, ipv6: bool) -> None:
    if ipv6:
        struct.pack_into("!H", frame, ETHER + 4, len(frame) - ETHER - IPV6_HEADER)
        return
    struct.pack_into("!H", frame, ETHER + 2, len(frame) - ETHER)
    _sum_ip_header(frame)


def _set_ip_id(frame: bytearray, ip_id: int) -> None:
    struct.pack_into("!H", frame, ETHER + 4, ip_id)
    _sum_ip_header(frame)


def _set_flow_label(frame: bytearray, flow_label: int) -> None:
    (first,) = struct.unpack_from("!I", frame, ETHER)
    struct.pack_into("!I", frame, ETHER, first | flow_label)


def _sum_ip_header(frame: bytearray) -> None:
    struct.pack_into("!H", frame, ETHER + 10, 0)
    header = frame[ETHER : ETHER + IPV4_HEADER]
    struct.pack_into("!H", frame, ETHER + 10, internet_checksum(0, header))


def _echo_header(*, ipv6: bool, reply: bool) -> Any:
    if ipv6:
        return ICMPv6EchoReply() if reply else ICMPv6EchoRequest()
    return ICMP(type=ECHO_REPLY if reply else ECHO)


def _error_message(error: IcmpError) -> Any:
    """The Scapy layers of an error, the quoted segment's header included, which is a FIN's.

    :raises ValueError: where the family has no such error.
    """
    flow, ipv6 = error.quoted, error.quoted.is_ipv6
    number = error.number
    if error.kind is None:
        raise ValueError(f"{'ICMPv6' if ipv6 else 'ICMP'} has no error {error.name}")
    tcp = TCPerror(sport=flow.sport, dport=flow.dport, seq=error.seq, flags="FA")
    mtu = {"mtu" if ipv6 else "nexthopmtu": error.mtu} if error.kind == "too-big" else {}
    if ipv6:
        message = _ICMPV6_ERRORS[number.type](code=number.code, **mtu)
        return message / IPerror6(src=flow.src, dst=flow.dst) / tcp
    message = ICMP(type=number.type, code=number.code, **mtu)
    return message / IPerror(src=flow.src, dst=flow.dst, flags="DF") / tcp
