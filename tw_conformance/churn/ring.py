"""TCP segments of one port, both ways, out of a ring that is shared with the kernel.

A packet socket with PACKET_RX_RING (``af_packet.c``, tpacket_rcv(); TPACKET_V2): the kernel writes
each frame and the time at which it had it into a slot, and no system call is needed to read it.
Frames that another socket sends are there too, with the time at which they reached the device.
"""

from __future__ import annotations

import mmap
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from tw_conformance.link.capture.filters import attach, tcp_of_port

# linux/if_packet.h
_SOL_PACKET = 263
_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION = 5, 6, 10
_TPACKET_V2 = 1
_TP_STATUS_KERNEL, _TP_STATUS_USER = 0, 1
_PACKET_OUTGOING = 4
_ETH_P_ALL = 0x0003

SLOT = 256
"""Octets: headers of the ring, of Ethernet, IP and TCP fit; what follows is cut off."""
SLOTS = 1 << 16
"""Two seconds of 5,000 connections a second."""
_BLOCK = 1 << 16

_HEAD = struct.Struct("=IIIHHII18xB")
"""struct tpacket2_hdr as far as tp_nsec, and the packet type of the sockaddr_ll behind it."""
_STATUS = struct.Struct("=I")
_IPV4 = struct.Struct(">2xH8xIIHHIIH")
_IPV6 = struct.Struct(">4xH2x12xI12xIHHIIH")
"""Length, then the last 32 bits of both addresses, ports, SEG.SEQ, SEG.ACK, data offset and
flags."""


class RingSegment(NamedTuple):
    """One segment.  ``time`` is in nanoseconds of the wall clock; ``tester`` is the last 32 bits of
    the tester's address and ``port`` its port; ``length`` is that of the text."""

    outgoing: bool
    time: int
    tester: int
    port: int
    seq: int
    ack: int
    flags: int
    length: int


class Ring:
    """Takes over a packet socket that is not bound yet."""

    def __init__(self, packets: socket.socket, interface: str, port: int, *, ipv6: bool) -> None:
        self._packets = packets
        self._layout, self._network = (_IPV6, 40) if ipv6 else (_IPV4, 20)
        self._lost = 0
        attach(packets, tcp_of_port(port, ipv6=ipv6))
        packets.setsockopt(_SOL_PACKET, _PACKET_VERSION, struct.pack("@i", _TPACKET_V2))
        size = SLOT * SLOTS
        shape = struct.pack("@IIII", _BLOCK, size // _BLOCK, SLOT, SLOTS)
        packets.setsockopt(_SOL_PACKET, _PACKET_RX_RING, shape)
        self._memory = mmap.mmap(packets.fileno(), size)
        self._at = 0
        packets.bind((interface, _ETH_P_ALL))

    def fileno(self) -> int:
        return self._packets.fileno()

    def read(self, most: int) -> Iterator[RingSegment]:
        """What is there by now, ``most`` at most."""
        memory, at = self._memory, self._at
        head, layout, network = _HEAD.unpack_from, self._layout.unpack_from, self._network
        end = SLOT * SLOTS
        for _ in range(most):
            status, _, _, _, net, seconds, nanoseconds, kind = head(memory, at)
            if not status & _TP_STATUS_USER:
                break
            length, src, dst, sport, dport, seq, ack, bits = layout(memory, at + net)
            outgoing = kind == _PACKET_OUTGOING
            header = (bits >> 10) & 0x3C
            length -= header + (network if network == 20 else 0)
            _STATUS.pack_into(memory, at, _TP_STATUS_KERNEL)
            at += SLOT
            if at == end:
                at = 0
            self._at = at
            time = seconds * 1_000_000_000 + nanoseconds
            if outgoing:
                yield RingSegment(True, time, src, sport, seq, ack, bits & 0x3F, length)
            else:
                yield RingSegment(False, time, dst, dport, seq, ack, bits & 0x3F, length)

    def lost(self) -> int:
        """Frames so far that found no free slot."""
        statistics = self._packets.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        self._lost += struct.unpack("@II", statistics)[1]  # since it was last asked
        return self._lost

    def close(self) -> None:
        """May be called twice."""
        self._memory.close()
        self._packets.close()
