"""A frame damaged on purpose, in one way and no other."""

from __future__ import annotations

import struct

from tw_reference.segment import Damage
from tw_reference.wire.ip import ETHER, IPV4_HEADER, IPV6_HEADER, TCP, store_checksum

_CHECKSUM = 16
_OFFSET = 12
_SHORT, _LONG = 4, 15
"""Data offsets in words: a header has 5 at least, and 15 at most."""


def damaged(frame: bytes, damage: Damage) -> bytes:
    """A TCP frame without IP options, with that one thing wrong; the other checksums are right.

    :raises ValueError: where IPv6 is to have a header checksum, or a data offset can't reach
        beyond so long a segment.
    """
    ipv6 = frame[ETHER] >> 4 == 6
    tcp = ETHER + (IPV6_HEADER if ipv6 else IPV4_HEADER)
    spoilt = bytearray(frame)
    match damage:
        case "tcp-checksum":
            spoilt[tcp + _CHECKSUM + 1] ^= 1
        case "ip-checksum":
            if ipv6:
                raise ValueError("IPv6 has no header checksum")
            spoilt[ETHER + 11] ^= 1
        case "short-data-offset":
            _set_data_offset(spoilt, tcp, _SHORT)
        case "long-data-offset":
            if len(frame) - tcp >= _LONG * 4:
                raise ValueError(f"a data offset can't point beyond {len(frame) - tcp} octets")
            _set_data_offset(spoilt, tcp, _LONG)
    return bytes(spoilt)


def _set_data_offset(frame: bytearray, tcp: int, words: int) -> None:
    frame[tcp + _OFFSET] = words << 4 | frame[tcp + _OFFSET] & 0x0F
    addresses = frame[ETHER + 8 : tcp] if frame[ETHER] >> 4 == 6 else frame[ETHER + 12 : tcp]
    pseudo = sum(struct.unpack(f"!{len(addresses) // 2}H", addresses)) + TCP + len(frame) - tcp
    store_checksum(frame, tcp, tcp + _CHECKSUM, pseudo)
