"""Which frames a packet socket is to hear: classic BPF programs (linux/filter.h).

A frame is looked at as it lies on an Ethernet link, without a VLAN's tag.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import TypeAlias

Program: TypeAlias = tuple[tuple[int, int, int, int], ...]
"""Steps: what to do, how many to skip where a comparison holds and where not, and its operand."""

_SO_ATTACH_FILTER = 26
_LOAD_HALF, _LOAD_BYTE = 0x28, 0x30
_IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x15, 0x45, 0x06
_WHOLE, _NOTHING = 1 << 18, 0
"""Octets of the frame that are taken."""

_TYPE, _IPV4, _IPV6, _TCP = 12, 0x0800, 0x86DD, 6
_PROTOCOL = {_IPV4: 23, _IPV6: 20}
_FIRST_OCTET, _PLAIN_IPV4 = 14, 0x45
_FRAGMENT, _OFFSET_AND_MORE = 20, 0x3FFF
_PORTS = {_IPV4: 34, _IPV6: 54}

ALL_BUT_TCP: Program = (
    (_LOAD_HALF, 0, 0, _TYPE),
    (_IF_EQUAL, 0, 2, _IPV4),
    (_LOAD_BYTE, 0, 0, _PROTOCOL[_IPV4]),
    (_IF_EQUAL, 3, 2, _TCP),
    (_IF_EQUAL, 0, 1, _IPV6),
    (_LOAD_BYTE, 0, 0, _PROTOCOL[_IPV6]),
    (_IF_EQUAL, 0, 1, _TCP),
    (_RETURN, 0, 0, _NOTHING),
    (_RETURN, 0, 0, _WHOLE),
)


def tcp_of_port(port: int, *, ipv6: bool) -> Program:
    """TCP from that port or to it, without options or fragments of IP: what has ports where they
    are looked for."""
    family = _IPV6 if ipv6 else _IPV4
    checks: list[tuple[int, int]] = [(_TYPE, family), (_PROTOCOL[family], _TCP)]
    steps: list[tuple[int, int, int, int]] = []
    if not ipv6:
        checks.append((_FIRST_OCTET, _PLAIN_IPV4))
        steps += [(_LOAD_HALF, 0, 0, _FRAGMENT), (_IF_ANY_BIT, 5, 0, _OFFSET_AND_MORE)]
    steps += [
        (_LOAD_HALF, 0, 0, _PORTS[family]),
        (_IF_EQUAL, 2, 0, port),
        (_LOAD_HALF, 0, 0, _PORTS[family] + 2),
        (_IF_EQUAL, 0, 1, port),
        (_RETURN, 0, 0, _WHOLE),
        (_RETURN, 0, 0, _NOTHING),
    ]
    for at, value in reversed(checks):
        load = _LOAD_HALF if at == _TYPE else _LOAD_BYTE
        steps = [(load, 0, 0, at), (_IF_EQUAL, 0, len(steps) - 1, value), *steps]
    return tuple(steps)


def attach(packets: socket.socket, program: Program) -> None:
    """Have that socket hear what the program takes, from now on."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    described = struct.pack("@HP", len(program), ctypes.addressof(code))
    packets.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
