"""Packets to Ethernet frames and back, through Scapy.

Scapy lays every shape of frame out once (addresses, options present, IP header fields); what
differs from packet to packet is patched into that template and the checksums are made anew, since
a run sends far more packets than shapes.  Every frame that comes in is dissected by Scapy and its
checksums are verified.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from ipaddress import ip_address

from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether

from reference.segment import Echo, Flow, Packet, Segment, Timestamps

_ETHER = 14
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_TCP, _ICMP, _ICMPV6 = 6, 1, 58
_MAX_TEMPLATES = 1024


class WireError(ValueError):
    """A frame that a stack drops before TCP looks at it; says why."""


class Wire:
    """The Ethernet hop between ``local_mac`` and ``remote_mac``, seen from the local side."""

    def __init__(self, local_mac: str, remote_mac: str) -> None:
        self._link = Ether(src=local_mac, dst=remote_mac)
        self._template = lru_cache(_MAX_TEMPLATES)(self._lay_out)
        self._echo_template = lru_cache(_MAX_TEMPLATES)(self._lay_out_echo)

    def encode(self, packet: Packet | Echo, *, checksum_ok: bool = True) -> bytes:
        """The frame that carries ``packet``; with ``checksum_ok`` false its TCP checksum is off by
        one."""
        if isinstance(packet, Echo):
            return self._encode_echo(packet)
        flow, segment = packet.flow, packet.segment
        template = self._template(
            flow.src,
            flow.dst,
            (packet.ttl, packet.tos, packet.df, packet.ip_id),
            (segment.mss, segment.wscale, segment.sack_permitted, segment.other_options),
            segment.timestamps is not None,
        )
        frame = bytearray(template)
        tcp = _ETHER + (40 if flow.is_ipv6 else 20)
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
        pseudo = _pseudo_header(flow.src, flow.dst, _TCP, len(frame) - tcp)
        checksum = internet_checksum(pseudo, frame[tcp:])
        struct.pack_into("!H", frame, tcp + 16, checksum if checksum_ok else checksum ^ 1)
        return bytes(frame)

    def decode(self, frame: bytes) -> Packet | Echo | None:
        """What ``frame`` says; None where it is neither TCP nor an echo.

        :raises WireError: where a checksum is wrong or a header is malformed.
        """
        kind = frame[12:14]
        if kind == _IPV4:
            protocol = frame[_ETHER + 9 : _ETHER + 10]
        elif kind == _IPV6:
            protocol = frame[_ETHER + 6 : _ETHER + 7]
        else:
            return None
        if protocol not in (b"\x06", b"\x01", b"\x3a"):
            return None
        ip = Ether(frame).payload
        start, end = _payload_bounds(frame, ip)
        body = frame[start:end]
        protocol_number = protocol[0]
        if protocol_number == _ICMP:
            pseudo = 0
        else:
            pseudo = _pseudo_header(ip.src, ip.dst, protocol_number, len(body))
        if protocol_number == _TCP:
            return _decode_tcp(ip, body, pseudo)
        return _decode_echo(ip, body, pseudo)

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
        if ":" in src:
            icmpv6 = ICMPv6EchoReply() if reply else ICMPv6EchoRequest()
            return bytes(self._link / header / icmpv6)
        return bytes(self._link / header / ICMP(type=0 if reply else 8))

    def _encode_echo(self, echo: Echo) -> bytes:
        frame = bytearray(self._echo_template(echo.src, echo.dst, echo.reply))
        ipv6 = ":" in echo.src
        icmp = _ETHER + (40 if ipv6 else 20)
        struct.pack_into("!HHH", frame, icmp + 2, 0, echo.ident, echo.sequence)
        if echo.data:
            frame += echo.data
            _set_ip_length(frame, ipv6)
        pseudo = _pseudo_header(echo.src, echo.dst, _ICMPV6, len(frame) - icmp) if ipv6 else 0
        struct.pack_into("!H", frame, icmp + 2, internet_checksum(pseudo, frame[icmp:]))
        return bytes(frame)


def _ip_header(src: str, dst: str, ip: tuple[int, int, bool, int]) -> IP | IPv6:
    ttl, tos, df, ip_id = ip
    if ":" in src:
        return IPv6(src=src, dst=dst, hlim=ttl, tc=tos)
    return IP(src=src, dst=dst, ttl=ttl, tos=tos, id=ip_id, flags="DF" if df else 0)


def _set_ip_length(frame: bytearray, ipv6: bool) -> None:
    if ipv6:
        struct.pack_into("!H", frame, _ETHER + 4, len(frame) - _ETHER - 40)
        return
    struct.pack_into("!H", frame, _ETHER + 2, len(frame) - _ETHER)
    struct.pack_into("!H", frame, _ETHER + 10, 0)
    struct.pack_into("!H", frame, _ETHER + 10, internet_checksum(0, frame[_ETHER : _ETHER + 20]))


def _payload_bounds(frame: bytes, ip: IP | IPv6) -> tuple[int, int]:
    """Where the IP payload starts and ends in ``frame``; Ethernet padding lies behind the end."""
    if isinstance(ip, IP):
        if ip.version != 4:
            raise WireError("IP version is not that of the frame's type")
        header = (ip.ihl or 0) * 4
        start, end = _ETHER + header, _ETHER + (ip.len or 0)
        if header < 20 or end < start or end > len(frame):
            raise WireError("IP header or total length is malformed")
        if ip.frag or ip.flags.MF:
            raise WireError("IP fragment")
        if internet_checksum(0, frame[_ETHER:start]) != 0:
            raise WireError("IP header checksum is wrong")
        return start, end
    if not isinstance(ip, IPv6):
        raise WireError("IP header is malformed")
    start = _ETHER + 40
    end = start + (ip.plen or 0)
    if end > len(frame):
        raise WireError("IPv6 payload length is malformed")
    return start, end


def _decode_tcp(ip: IP | IPv6, body: bytes, pseudo: int) -> Packet:
    tcp = ip.payload
    if not isinstance(tcp, TCP) or len(body) < 20:
        raise WireError("TCP header is cut short")
    header = (tcp.dataofs or 0) * 4
    if header < 20 or header > len(body):
        raise WireError("TCP data offset is malformed")
    if internet_checksum(pseudo, body) != 0:
        raise WireError("TCP checksum is wrong")
    options = _Options(tcp.options)
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
        other_options=tuple(options.others),
        option_octets=body[20:header],
    )
    flow = Flow(ip.src, tcp.sport, ip.dst, tcp.dport)
    if isinstance(ip, IPv6):
        return Packet(flow, segment, ttl=ip.hlim, tos=ip.tc)
    return Packet(flow, segment, ttl=ip.ttl, tos=ip.tos, df=bool(ip.flags.DF), ip_id=ip.id)


class _Options:
    """The TCP options that a stack reads, out of Scapy's list of (name or kind, value)."""

    def __init__(self, listed: list[tuple[object, object]]) -> None:
        self.mss: int | None = None
        self.wscale: int | None = None
        self.sack_permitted = False
        self.timestamps: Timestamps | None = None
        self.others: list[tuple[int, bytes]] = []
        for kind, value in listed:
            match kind, value:
                case "MSS", int():
                    self.mss = value
                case "WScale", int():
                    self.wscale = value
                case "SAckOK", _:
                    self.sack_permitted = True
                case "Timestamp", (int(tsval), int(tsecr)):
                    self.timestamps = Timestamps(tsval, tsecr)
                case int(), bytes():
                    self.others.append((kind, value))
                case _:
                    continue


def _decode_echo(ip: IP | IPv6, body: bytes, pseudo: int) -> Echo | None:
    if len(body) < 8:
        raise WireError("ICMP header is cut short")
    kind, code = body[0], body[1]
    request, reply = (128, 129) if isinstance(ip, IPv6) else (8, 0)
    if code != 0 or kind not in (request, reply):
        return None
    if internet_checksum(pseudo, body) != 0:
        raise WireError("ICMP checksum is wrong")
    ident, sequence = struct.unpack_from("!HH", body, 4)
    return Echo(ip.src, ip.dst, ident, sequence, reply=kind == reply, data=body[8:])


@lru_cache(4096)
def _address_sum(address: str) -> int:
    packed = ip_address(address).packed
    total: int = sum(struct.unpack(f"!{len(packed) // 2}H", packed))
    return total


def _pseudo_header(src: str, dst: str, protocol: int, length: int) -> int:
    """The pseudo header's part of the sum (RFC 9293 section 3.1, RFC 8200 section 8.1)."""
    return _address_sum(src) + _address_sum(dst) + protocol + length


def internet_checksum(initial: int, data: bytes | bytearray) -> int:
    """The Internet checksum (RFC 1071); 0 over data that holds a right one."""
    if len(data) % 2:
        data = bytes(data) + b"\0"
    total: int = initial + sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
