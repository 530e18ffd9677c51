"""Frames through a packet socket (Linux: packet(7))."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Self

from tw_conformance.link.capture.filters import ALL_BUT_TCP, attach
from tw_conformance.link.capture.stamps import monotonic_minus_wall
from tw_conformance.model.errors import TargetError

# linux/if_packet.h
_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_STATISTICS = 6
_PACKET_AUXDATA = 8
_PACKET_IGNORE_OUTGOING = 23
_PACKET_MR_PROMISC = 1
_PACKET_OUTGOING = 4
_TP_STATUS_VLAN_VALID = 1 << 4
_AUXDATA = struct.Struct("@IIIHHHH")

# netdevice(7)
_SIOCGIFMTU = 0x8921
_IFNAMSIZ = 16

_ETH_P_ALL = 0x0003
_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")
_PACKET_TYPE = 2
"""Where the packet type stands in the address of a received frame."""
_VLAN_ID = 0x0FFF
"""Of a tag's control information; 0: the tag gives a priority only."""

_MAX_FRAME = 9216
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size) + socket.CMSG_SPACE(_AUXDATA.size)
_RECEIVE_BUFFER = 16 << 20
_BURST = 256


class PacketSocket:
    """A capture on a packet socket that is bound to its interface; takes the socket over.

    ``spares`` are of the same network namespace, where this process may have none of its own.
    """

    def __init__(self, packets: socket.socket, spares: Sequence[socket.socket] = ()) -> None:
        self.tagged: Counter[int] = Counter()
        self._packets = packets
        self._spares = list(spares)
        self._dropped = 0
        packets.setblocking(False)
        packets.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        for option in (
            _PACKET_AUXDATA,
            # Spares a wake-up for each frame sent; before Linux 4.20 they are read and passed over.
            _PACKET_IGNORE_OUTGOING,
        ):
            with contextlib.suppress(OSError):
                packets.setsockopt(_SOL_PACKET, option, 1)
        try:
            packets.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        except PermissionError:
            packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)

    @classmethod
    def open(cls, interface: str) -> Self:
        """:raises TargetError: where this user can't have one there."""
        packets = _new_socket()
        try:
            packets.bind((interface, _ETH_P_ALL))
            index = socket.if_nametoindex(interface)
            membership = struct.pack("iHH8x", index, _PACKET_MR_PROMISC, 0)
            packets.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, membership)
        except OSError as error:
            packets.close()
            raise TargetError(f"the interface {interface} can't be had: {error.strerror}") from None
        return cls(packets)

    def fileno(self) -> int:
        return self._packets.fileno()

    def send(self, frame: bytes) -> None:
        self._packets.send(frame)

    def read(self) -> Iterator[tuple[bytes, float]]:
        ahead = monotonic_minus_wall()
        for _ in range(_BURST):
            try:
                frame, ancillary, _, address = self._packets.recvmsg(_MAX_FRAME, _ANCILLARY)
            except BlockingIOError:
                return
            if address[_PACKET_TYPE] == _PACKET_OUTGOING:
                continue
            moment, vlan = _described(ancillary, ahead)
            if vlan:
                self.tagged[vlan] += 1
            else:
                yield frame, moment

    def dropped(self) -> int:
        with contextlib.suppress(OSError):  # the socket is closed: what was counted stands
            statistics = self._packets.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
            _, dropped = struct.unpack("@II", statistics)  # since it was last asked
            self._dropped += dropped
        return self._dropped

    def another(self) -> socket.socket:
        """A packet socket of the caller's own for the same interface, not bound yet.

        :raises TargetError: where there is none to be had.
        """
        if self._spares:
            return self._spares.pop()
        return _new_socket()

    @property
    def interface(self) -> str:
        """By its name in the namespace where it is."""
        name: str = self._packets.getsockname()[0]
        return name

    @property
    def mtu(self) -> int | None:
        """Octets of the longest packet that the interface sends; None where it is gone."""
        try:
            request = struct.pack("16s16x", self.interface.encode())
            answer = fcntl.ioctl(self._packets, _SIOCGIFMTU, request)
        except OSError:
            return None
        found: int = struct.unpack_from("i", answer, _IFNAMSIZ)[0]
        return found

    def pass_tcp_over(self) -> None:
        """Hear no TCP any more: somebody else does."""
        attach(self._packets, ALL_BUT_TCP)

    def close(self) -> None:
        for each in (self._packets, *self._spares):
            each.close()


def _new_socket() -> socket.socket:
    """:raises TargetError: where this user can't have one."""
    try:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError:
        raise TargetError(
            "packet sockets need CAP_NET_RAW: run as root, or give python that capability"
        ) from None


def _described(ancillary: list[tuple[int, int, bytes]], ahead: int) -> tuple[float, int]:
    """When the kernel received the frame, and the VLAN that it is tagged for (0: none).

    The kernel has taken the tag out of the frame (skbuff.c, skb_vlan_untag), so here alone is it
    seen that a frame does not belong to this link.
    """
    moment = time.monotonic()
    vlan = 0
    for level, kind, data in ancillary:
        if level == _SOL_PACKET and kind == _PACKET_AUXDATA:
            status, _, _, _, _, tag, _ = _AUXDATA.unpack(data)
            if status & _TP_STATUS_VLAN_VALID:
                vlan = tag & _VLAN_ID
        elif level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            moment = min(moment, (seconds * 1_000_000_000 + nanoseconds + ahead) / 1e9)
    return moment, vlan
