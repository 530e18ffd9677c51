"""Frames of any link as the Ethernet frames that the decoder reads: tags and other headers off.

The numbers of link types are those of the registry at tcpdump.org (LINKTYPE_...).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

_ADDRESSES = bytes(12)
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_VLAN_TAGS = frozenset((b"\x81\x00", b"\x88\xa8", b"\x91\x00"))
_NAMED = {
    b"\x88\x47": "MPLS",
    b"\x88\x48": "MPLS",
    b"\x88\x63": "PPPoE discovery",
    b"\x88\x64": "PPPoE",
    b"\x88\xe5": "MACsec",
}
"""Types of frames that may carry TCP, which is not looked for there."""
_BY_VERSION = {4: _IPV4, 6: _IPV6}
_LINKS = {105: "IEEE 802.11", 127: "IEEE 802.11 with radiotap", 9: "PPP", 195: "IEEE 802.15.4"}
_ETHERNET = 1


class NotHandled(Exception):
    """A frame in which TCP may be and is not looked for; the message names the kind."""


def as_ethernet(link: int, octets: bytes) -> bytes | None:
    """The same as an Ethernet frame without tags; None where it carries no IP, or is cut before
    that is known.

    :raises NotHandled: with what it is, in words.
    """
    if link == _ETHERNET and octets[12:14] in (_IPV4, _IPV6):
        return octets
    read = _READERS.get(link)
    if read is None:
        name = _LINKS.get(link)
        raise NotHandled(f"link type {link}" + (f" ({name})" if name else ""))
    return read(octets)


def _of_type(kind: bytes, octets: bytes, start: int) -> bytes | None:
    """What lies behind the type of a frame, and behind its VLAN tags."""
    while kind in _VLAN_TAGS:
        kind, start = octets[start + 2 : start + 4], start + 4
    if kind in (_IPV4, _IPV6):
        return _ADDRESSES + kind + octets[start:]
    if kind in _NAMED:
        raise NotHandled(_NAMED[kind])
    return None


def _raw(octets: bytes) -> bytes | None:
    kind = _BY_VERSION.get(octets[0] >> 4) if octets else None
    return None if kind is None else _ADDRESSES + kind + octets


_READERS: Mapping[int, Callable[[bytes], bytes | None]] = MappingProxyType(
    {
        _ETHERNET: lambda octets: _of_type(octets[12:14], octets, 14),
        # BSD's loopback: four octets of address family, which has another number everywhere.
        0: lambda octets: _raw(octets[4:]),
        108: lambda octets: _raw(octets[4:]),
        12: _raw,
        14: _raw,
        101: _raw,
        228: _raw,
        229: _raw,
        113: lambda octets: _of_type(octets[14:16], octets, 16),  # Linux's SLL
        276: lambda octets: _of_type(octets[0:2], octets, 20),  # SLL2
    }
)


def whole(frame: bytes, on_wire: int) -> bytes:
    """An Ethernet frame that was ``on_wire`` octets long, as long as its IP header says: zeros for
    what the capture left out.  A length of 0, which a card fills in that cuts segments itself,
    becomes what was on the wire."""
    if frame[12:14] == _IPV4 and len(frame) >= 34:
        total = int.from_bytes(frame[16:18])
        if total == 0:
            total = min(on_wire - 14, 0xFFFF)
            frame = frame[:16] + total.to_bytes(2) + frame[18:]
    elif frame[12:14] == _IPV6 and len(frame) >= 54:
        total = 40 + int.from_bytes(frame[18:20])
    else:
        return frame
    missing = 14 + total - len(frame)
    return frame + bytes(missing) if missing > 0 and on_wire > len(frame) else frame
