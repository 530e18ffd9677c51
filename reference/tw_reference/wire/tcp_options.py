"""The TCP options of a header, read from its octets."""

from __future__ import annotations

import struct
from typing import NamedTuple

from tw_reference.segment import Timestamps

_END, _NO_OPERATION = 0, 1


class TcpOptions(NamedTuple):
    """The four options that a stack is judged by, and all others as (kind, value), in order."""

    mss: int | None
    wscale: int | None
    sack_permitted: bool
    timestamps: Timestamps | None
    others: tuple[tuple[int, bytes], ...]


def read_options(octets: bytes) -> TcpOptions:
    """What stands behind the fixed header, up to the data offset.

    As stacks do it (Linux ``tcp_parse_options()``, FreeBSD ``tcp_dooptions()``): of an option that
    comes twice the last one counts, and a length that can't be right ends the list.  One of the
    four with another length than its own is none of them, and stands with the others.
    """
    mss = wscale = timestamps = None
    sack_permitted = False
    others = []
    at = 0
    while at < len(octets) and octets[at] != _END:
        kind = octets[at]
        if kind == _NO_OPERATION:
            at += 1
            continue
        size = octets[at + 1] if at + 1 < len(octets) else 0
        if size < 2 or at + size > len(octets):
            break
        value = octets[at + 2 : at + size]
        at += size
        match kind, len(value):
            case (2, 2):
                mss = int.from_bytes(value, "big")
            case (3, 1):
                wscale = value[0]
            case (4, 0):
                sack_permitted = True
            case (8, 8):
                timestamps = Timestamps(*struct.unpack("!II", value))
            case _:
                others.append((kind, value))
    return TcpOptions(mss, wscale, sack_permitted, timestamps, tuple(others))
