"""What an interface does to segments before a capture sees them."""

from __future__ import annotations

import ctypes
import fcntl
import re
import socket
import struct
import subprocess
import sys

# linux/ethtool.h
_SIOCETHTOOL = 0x8946
_ETHTOOL_GGRO = 0x2B
_ETHTOOL_GFLAGS = 0x25
_ETH_FLAG_LRO = 1 << 15

_SECONDS = 10.0


def how_not_to_join(interface: str) -> str | None:
    """The command that stops the interface from merging received segments (generic and large
    receive offload); None where it merges none, as far as can be told."""
    if sys.platform != "linux":
        return f"ifconfig {interface} -lro" if joins_by(_ifconfig(interface)) else None
    joins = _ethtool(interface, _ETHTOOL_GGRO) != 0
    joins = joins or _ethtool(interface, _ETHTOOL_GFLAGS) & _ETH_FLAG_LRO != 0
    return f"ethtool -K {interface} gro off lro off" if joins else None


def joins_by(ifconfig: str) -> bool:
    """Whether an interface merges segments, by what ifconfig(8) of FreeBSD or macOS prints."""
    options = re.search(r"^\s+options=[0-9a-f]+<([^>]*)>", ifconfig, re.MULTILINE)
    return options is not None and "LRO" in options[1].split(",")


def _ifconfig(interface: str) -> str:
    """Nothing where there is no such command."""
    try:
        done = subprocess.run(
            ["/sbin/ifconfig", interface],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


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
