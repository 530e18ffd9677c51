"""A DUT behind a trunk port: its frames leave with a tag of its VLAN (IEEE 802.1Q), and what comes
to it loses one.

The DUT's stack has a TAP device; a thread of its process is the switch between that and ``lab0``.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import threading

VLAN = 10
DEVICE = "dut0"

_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_ETH_P_ALL = 0x0003
TAG = struct.pack("!HH", 0x8100, VLAN)
FRAME = 65535


def be_tagged(trunk: str) -> None:
    """Make the TAP device for the DUT's stack, and switch between it and ``trunk`` from now on."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _IFF_TAP | _IFF_NO_PI))
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    port.bind((trunk, _ETH_P_ALL))
    threading.Thread(target=_switch, args=(device, port), daemon=True).start()


def _switch(device: int, port: socket.socket) -> None:
    while True:
        ready, _, _ = select.select([device, port.fileno()], [], [])
        if device in ready:
            frame = os.read(device, FRAME)
            port.send(frame[:12] + TAG + frame[12:])
        if port.fileno() in ready:
            # The kernel has taken the tag off (skbuff.c, skb_vlan_untag), where there was one.
            frame, (_, _, kind, *_) = port.recvfrom(FRAME)
            if kind != socket.PACKET_OUTGOING:
                os.write(device, frame)
