"""Segments without text, built once and patched in place: what a fast sender sends."""

from __future__ import annotations

import struct

from tw_reference.segment import Flow, Packet, Segment
from tw_reference.wire.encode import Encoder
from tw_reference.wire.ip import ETHER, IPV4_HEADER, IPV6_HEADER

_CHECKSUM = 16
_PORT = _SUM = struct.Struct(">H")
_NUMBERS = struct.Struct(">II")


class Template:
    """One kind of segment from one address to one port of the DUT."""

    def __init__(self, encoder: Encoder, source: str, dut: str, port: int, made: Segment) -> None:
        blank = Segment(seq=0, ack=0, flags=made.flags, window=made.window, mss=made.mss)
        self._frame = bytearray(encoder.encode(Packet(Flow(source, 0, dut, port), blank)))
        self._tcp = ETHER + (IPV6_HEADER if ":" in dut else IPV4_HEADER)
        (sealed,) = _SUM.unpack_from(self._frame, self._tcp + _CHECKSUM)
        self._base = ~sealed & 0xFFFF
        """The sum (RFC 1071) of all but the source port and the two numbers."""

    def stamp(self, port: int, seq: int, ack: int) -> bytearray:
        """The frame with these; the same buffer each time."""
        total = self._base + port + (seq >> 16) + (seq & 0xFFFF) + (ack >> 16) + (ack & 0xFFFF)
        total = (total & 0xFFFF) + (total >> 16)
        total = (total & 0xFFFF) + (total >> 16)
        frame, tcp = self._frame, self._tcp
        _PORT.pack_into(frame, tcp, port)
        _NUMBERS.pack_into(frame, tcp + 4, seq, ack)
        _SUM.pack_into(frame, tcp + _CHECKSUM, ~total & 0xFFFF)
        return frame
