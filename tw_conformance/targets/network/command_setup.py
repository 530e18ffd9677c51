"""Turns its own process into a userspace stack on a TAP device that nobody else can see (Linux).

:mod:`~tw_conformance.targets.network.stack` calls :func:`main` in a process of its own.  The device
is in an anonymous network namespace, where this kernel has no address and says nothing.  A packet
socket on the kernel's side of the device goes out through CONTROL_FD; then the process becomes the
command. When that ends, and the socket is closed, nothing is left.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys

from tw_conformance.targets.kernel import world_setup
from tw_conformance.targets.kernel.world_setup import ETH_P_ALL, Impossible

_TUN = "/dev/net/tun"
_TUNSETIFF = 0x400454CA
_TUNSETPERSIST = 0x400454CB
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_PR_SET_PDEATHSIG = 1


def main(control_fd: str, tap: str, *command: str) -> None:
    """Become the command, in a namespace with that TAP device; what keeps us from it is said
    through CONTROL_FD."""
    with socket.socket(fileno=int(control_fd)) as control:
        try:
            world_setup.enter_own_namespaces()
            world_setup.turn_ipv6_off()
            packets = world_setup.packet_sockets()
            make_tap(tap)
            world_setup.bring_up(tap)
            packets[0].bind((tap, ETH_P_ALL))
            world_setup.send_sockets(control, packets)
        except (Impossible, OSError) as error:
            control.send(str(error).encode())
            sys.exit(1)
    # A stack need not know how to end with the suite.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]} can't be run: {error.strerror}")


def make_tap(name: str) -> None:
    """Make a TAP device that stays until its namespace goes."""
    device = os.open(_TUN, os.O_RDWR)
    request = struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI)
    fcntl.ioctl(device, _TUNSETIFF, request)
    fcntl.ioctl(device, _TUNSETPERSIST, 1)
    os.close(device)
