"""A packet socket on an interface that other hosts are on (Linux: packet(7)).

What hears everything on FreeBSD and macOS is a BPF device, which is no socket; the injector does
not know those yet.
"""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
import sys

from tw_conformance.errors import TargetError

_SIOCETHTOOL = 0x8946
_ETHTOOL_GGRO = 0x2B
_ETHTOOL_GFLAGS = 0x25
_ETH_FLAG_LRO = 1 << 15

_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_MR_PROMISC = 1
_ETH_P_ALL = 0x0003


def open_packet_socket(interface: str) -> socket.socket:
    """A packet socket that hears all frames on ``interface``, also those for link-layer addresses
    that are not its own.

    :raises TargetError: where this user, or this system, can't have one.
    """
    if sys.platform != "linux":
        raise TargetError(f"packet sockets are Linux's: this is {sys.platform}")
    try:
        packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError:
        raise TargetError(
            "packet sockets need CAP_NET_RAW: run as root, or give python that capability"
        ) from None
    try:
        packets.bind((interface, _ETH_P_ALL))
        index = socket.if_nametoindex(interface)
        membership = struct.pack("iHH8x", index, _PACKET_MR_PROMISC, 0)
        packets.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, membership)
    except OSError as error:
        packets.close()
        raise TargetError(f"the interface {interface} can't be had: {error.strerror}") from None
    return packets


def joins_segments(interface: str) -> bool:
    """Whether what arrives on that interface may be several segments joined to one: generic and
    large receive offload (linux/ethtool.h)."""
    if sys.platform != "linux":
        return False
    joined = _ethtool(interface, _ETHTOOL_GGRO) != 0
    return joined or _ethtool(interface, _ETHTOOL_GFLAGS) & _ETH_FLAG_LRO != 0


def _ethtool(interface: str, question: int) -> int:
    """A value of the interface's driver; 0 where it has none."""
    value = ctypes.create_string_buffer(struct.pack("II", question, 0))
    request = struct.pack("16sP8x", interface.encode(), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            fcntl.ioctl(any_socket, _SIOCETHTOOL, request)
        except OSError:
            return 0
    answer: int = struct.unpack("II", value.raw[:8])[1]
    return answer
