"""Where frames go: a TAP device, or an interface that the local kernel uses too."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import struct
import sys
from typing import Protocol, Self

from tw_reference.serve.errors import ServeError
from tw_reference.wire.ip import internet_checksum

_TUN = "/dev/net/tun"
_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914
_IFF_UP = 0x1

_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_VNET_HDR = 15
_PACKET_IGNORE_OUTGOING = 23
_PACKET_MR_PROMISC = 1
_ETH_P_ALL = 0x0003
_ARPHRD_ETHER = 1

_VNET = struct.Struct("=BBHHHH")
"""struct virtio_net_hdr: flags, GSO type, header length, GSO size, where summing starts, where the
sum goes."""
_NEEDS_CHECKSUM = 1
_PLAIN = bytes(_VNET.size)

_LARGEST_FRAME = 1 << 17
_BUFFER = 4 << 20


class FrameLink(Protocol):
    """Frames in and out, without waiting; its ``fileno`` is readable when one has come in."""

    name: str

    def fileno(self) -> int: ...

    def receive(self) -> bytes | None:
        """The next frame; None where none waits.

        :raises ServeError: where the link is gone.
        """

    def send(self, frame: bytes) -> bool:
        """Put a frame on the link; False where the link loses it, as links may."""

    def close(self) -> None:
        """Leave nothing behind."""


class TapLink:
    """A TAP device, made if it is not there; one that was made is gone when this is closed.

    :raises ServeError: where this machine or this user can't have it.
    """

    def __init__(self, name: str) -> None:
        _check_platform()
        self.name = name
        try:
            self._device = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except PermissionError:
            raise ServeError(f"this user may not open {_TUN}: run as root") from None
        except OSError as error:
            raise ServeError(
                f"no TAP devices here: {_TUN} can't be opened ({error.strerror});"
                " load the kernel module tun, or give the container that device"
            ) from None
        try:
            self._attach()
            _bring_up(name)
        except ServeError:
            self.close()
            raise

    def _attach(self) -> None:
        name = self.name
        request = struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI)
        try:
            fcntl.ioctl(self._device, _TUNSETIFF, request)
        except OSError as error:
            reasons = {
                errno.EPERM: f"this user may not make or use the TAP device {name}: run as root,"
                f" or have root do «ip tuntap add dev {name} mode tap user USER»",
                errno.EBUSY: f"another process holds the TAP device {name}: choose another name",
                errno.EINVAL: f"{name} is there, and no TAP device: choose another name",
            }
            reason = reasons.get(error.errno or 0, f"no TAP device {name}: {error.strerror}")
            raise ServeError(reason) from None

    def fileno(self) -> int:
        return self._device

    def receive(self) -> bytes | None:
        try:
            return os.read(self._device, _LARGEST_FRAME)
        except BlockingIOError:
            return None
        except OSError as error:
            raise ServeError(f"the TAP device {self.name} is gone: {error.strerror}") from None

    def send(self, frame: bytes) -> bool:
        with contextlib.suppress(OSError):
            return os.write(self._device, frame) == len(frame)
        return False

    def close(self) -> None:
        os.close(self._device)


class PacketLink:
    """A packet socket on an Ethernet interface, which it takes over.

    The local kernel sees the same frames; it leaves alone those for a link-layer address and IP
    addresses that are not its own.  Frames that it has not finished (checksums left to the card,
    or segments joined for it) are taken as they are and summed here.
    """

    def __init__(self, packets: socket.socket, name: str) -> None:
        self.name = name
        self._packets = packets
        packets.setblocking(False)
        packets.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
        packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        # Spares a wake-up for each frame sent; before Linux 4.20 they are read and passed over.
        with contextlib.suppress(OSError):
            packets.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)

    @classmethod
    def open(cls, name: str) -> Self:
        """:raises ServeError: where the interface is not there, or this user may not listen."""
        _check_platform()
        try:
            packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except PermissionError:
            raise ServeError("packet sockets need CAP_NET_RAW: run as root") from None
        try:
            _bind(packets, name)
        except ServeError:
            packets.close()
            raise
        return cls(packets, name)

    def fileno(self) -> int:
        return self._packets.fileno()

    def receive(self) -> bytes | None:
        try:
            received = self._packets.recv(_LARGEST_FRAME)
        except BlockingIOError:
            return None
        except OSError as error:
            raise ServeError(f"the interface {self.name} went down: {error.strerror}") from None
        flags, _, _, _, start, offset = _VNET.unpack_from(received)
        frame = received[_VNET.size :]
        return _summed(frame, start, offset) if flags & _NEEDS_CHECKSUM else frame

    def send(self, frame: bytes) -> bool:
        with contextlib.suppress(OSError):
            return self._packets.send(_PLAIN + frame) > 0
        return False

    def close(self) -> None:
        self._packets.close()


def _bind(packets: socket.socket, name: str) -> None:
    try:
        index = socket.if_nametoindex(name)
    except OSError:
        known = ", ".join(interface for _, interface in socket.if_nameindex())
        raise ServeError(f"no interface {name} here (there are: {known})") from None
    if not _flags(name) & _IFF_UP:
        raise ServeError(f"the interface {name} is down: «ip link set {name} up»")
    packets.bind((name, _ETH_P_ALL))
    if packets.getsockname()[3] != _ARPHRD_ETHER:
        raise ServeError(f"the interface {name} is no Ethernet link: choose one that is")
    # The card must hand on frames for a link-layer address that is not its own.
    membership = struct.pack("iHH8x", index, _PACKET_MR_PROMISC, 0)
    packets.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, membership)


def _summed(frame: bytes, start: int, offset: int) -> bytes:
    """The frame with the checksum that its sender left open: its field holds the sum of the pseudo
    header, so that it sums to the right one from ``start`` on."""
    checksum = internet_checksum(0, frame[start:])
    at = start + offset
    return frame[:at] + struct.pack("!H", checksum) + frame[at + 2 :]


def _flags(name: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16sH14x", name.encode(), 0))
    flags: int = struct.unpack_from("H", answer, 16)[0]
    return flags


def _bring_up(name: str) -> None:
    flags = _flags(name)
    if flags & _IFF_UP:
        return
    request = struct.pack("16sH14x", name.encode(), flags | _IFF_UP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)
        except PermissionError:
            raise ServeError(
                f"the TAP device {name} is down, and this user may not change that:"
                f" have root do «ip link set {name} up»"
            ) from None


def _check_platform() -> None:
    if sys.platform != "linux":
        raise ServeError(
            f"serving needs Linux (TAP devices, packet sockets): this is {sys.platform}"
        )
