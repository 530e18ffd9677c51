"""Frames gone wrong: what a broken or hostile sender can do to the bytes of a real one."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

from tw_reference.wire.ip import internet_checksum

Mutation = Callable[[Random, bytearray], None]

_ETHER = 14
_IPV4, _IPV6 = 0x0800, 0x86DD
_TCP, _ICMP, _ICMPV6 = 6, 1, 58
_EXTENSION_HEADERS = (0, 43, 44, 50, 51, 60, 135, 139, 140)
"""IPv6's, by their Next Header value (IANA; RFC 8200 section 4)."""
_FOLLOWED = (_HOP_BY_HOP, _ROUTING, _DESTINATION) = (0, 43, 60)


def mutate(random: Random, frame: bytes) -> bytes:
    """``frame`` with one to three things wrong; its checksums are right again, most of the time, so
    that the mutant gets past them."""
    mutant = bytearray(frame)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        random.choice(MUTATIONS)(random, mutant)
    if random.random() < 0.8:
        fix_checksums(mutant)
    return bytes(mutant)


def with_extension_headers(random: Random, frame: bytes) -> bytes:
    """An IPv6 frame with one to three extension headers that a stack looks past."""
    kinds = random.sample(_FOLLOWED, random.randrange(1, 4))
    extended = bytearray(frame)
    for kind in sorted(kinds, reverse=True):  # the hop-by-hop options have to come first
        octets = 6 + 8 * random.randrange(3)
        # A route without segments left, or an option that pads.
        inside = bytes(octets) if kind == _ROUTING else bytes((1, octets - 2)).ljust(octets, b"\0")
        header = bytes((extended[_ETHER + 6], (octets - 6) // 8)) + inside
        extended[_ETHER + 40 : _ETHER + 40] = header
        extended[_ETHER + 6] = kind
    _set_ip_length(extended)
    return bytes(extended)


def fix_checksums(frame: bytearray) -> None:
    """Make the IPv4 header's checksum right, and that of the TCP or ICMP behind it, as far as the
    lengths in the frame allow."""
    ip = _ip(frame)
    if ip == _IPV4 and len(frame) >= _ETHER + 20:
        start = _ETHER + max((frame[_ETHER] & 0x0F) * 4, 20)
        _store(frame, _ETHER + 10, 0, frame[_ETHER:start])
        end = _ETHER + struct.unpack_from("!H", frame, _ETHER + 2)[0]
        protocol, addresses = frame[_ETHER + 9], frame[_ETHER + 12 : _ETHER + 20]
    elif ip == _IPV6 and len(frame) >= _ETHER + 40:
        protocol, start = _behind_extensions(frame)
        end = _ETHER + 40 + struct.unpack_from("!H", frame, _ETHER + 4)[0]
        addresses = frame[_ETHER + 8 : _ETHER + 40]
    else:
        return
    body = frame[start:end]
    at = {_TCP: 16, _ICMP: 2, _ICMPV6: 2}.get(protocol)
    if at is not None and len(body) >= at + 2:
        pseudo = addresses + struct.pack("!II", len(body), protocol)
        _store(frame, start + at, 0 if protocol == _ICMP else _sum(pseudo), body, start)


def _store(frame: bytearray, at: int, initial: int, covered: bytearray, start: int = 14) -> None:
    covered[at - start : at - start + 2] = b"\0\0"
    struct.pack_into("!H", frame, at, internet_checksum(initial, covered))


def _sum(data: bytes | bytearray) -> int:
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


def _ip(frame: bytearray) -> int:
    return int.from_bytes(frame[12:14], "big")


def _transport(frame: bytearray) -> int:
    """Where TCP or ICMP starts, whatever an IPv4 frame says of options."""
    if _ip(frame) == _IPV6 and len(frame) >= _ETHER + 40:
        return _behind_extensions(frame)[1]
    return _ETHER + (40 if _ip(frame) == _IPV6 else 20)


def _behind_extensions(frame: bytearray) -> tuple[int, int]:
    """What follows the IPv6 extension headers that can be followed, and where."""
    following, start = frame[_ETHER + 6], _ETHER + 40
    while following in _FOLLOWED and start + 2 <= len(frame):
        following, start = frame[start], start + 8 * (frame[start + 1] + 1)
    return following, start


def _set_ip_length(frame: bytearray, length: int | None = None) -> None:
    """To what follows, or to ``length``."""
    ipv6 = _ip(frame) == _IPV6
    if len(frame) < _ETHER + (40 if ipv6 else 20):
        return
    true = len(frame) - _ETHER - (40 if ipv6 else 0)
    struct.pack_into(
        "!H", frame, _ETHER + (4 if ipv6 else 2), (true if length is None else length) & 0xFFFF
    )


# -- mutations -----------------------------------------------------------------------------------


def flip_bits(random: Random, frame: bytearray) -> None:
    for _ in range(random.choice((1, 1, 2, 8))):
        if frame:
            frame[random.randrange(len(frame))] ^= 1 << random.randrange(8)


def overwrite(random: Random, frame: bytearray) -> None:
    """A few bytes become others that parsers find hard."""
    at = random.randrange(len(frame) + 1)
    size = random.choice((1, 2, 4))
    frame[at : at + size] = random.choice((b"\0", b"\xff", b"\x7f", b"\x80", b"\x01")) * size


def cut(random: Random, frame: bytearray) -> None:
    """The frame ends early."""
    del frame[random.randrange(len(frame) + 1) :]


def cut_datagram(random: Random, frame: bytearray) -> None:
    """The datagram ends early, and says so."""
    cut(random, frame)
    _set_ip_length(frame)


def pad(random: Random, frame: bytearray) -> None:
    """Bytes behind the end, as Ethernet's minimum size makes them."""
    frame += random.randbytes(random.choice((1, 6, 40)))


def repeat_slice(random: Random, frame: bytearray) -> None:
    start = random.randrange(len(frame) + 1)
    piece = frame[start : start + random.randrange(1, 40)]
    frame[start:start] = piece
    if random.random() < 0.5:
        _set_ip_length(frame)


def remove_slice(random: Random, frame: bytearray) -> None:
    start = random.randrange(len(frame) + 1)
    del frame[start : start + random.randrange(1, 20)]
    if random.random() < 0.5:
        _set_ip_length(frame)


def lie_about_ip_length(random: Random, frame: bytearray) -> None:
    near = len(frame) - _ETHER + random.randrange(-45, 5)
    _set_ip_length(frame, random.choice((0, 19, 20, 0xFFFF, near)))


def lie_about_header_lengths(random: Random, frame: bytearray) -> None:
    """IHL or the TCP data offset."""
    at = random.choice((_ETHER, _transport(frame) + 12))
    if at < len(frame):
        nibble = random.randrange(16)
        high, low = frame[at] & 0xF0, frame[at] & 0x0F
        frame[at] = high | nibble if at == _ETHER else nibble << 4 | low


def tcp_options(random: Random, frame: bytearray) -> None:
    """Other options, of all kinds and with lengths that need not be theirs; the data offset covers
    them."""
    start = _transport(frame)
    if len(frame) < start + 20:
        return
    options = bytearray()
    while len(options) < 40 and random.random() < 0.8:
        kind = random.choice((*range(9), 14, 19, 25, 28, 30, 34, 253, random.randrange(256)))
        value = random.randbytes(random.choice((0, 1, 2, 3, 4, 8, 10, 16)))
        length = len(value) + 2
        if random.random() < 0.25:
            length = random.choice((0, 1, 2, length - 1, length + 1, 255))
        options += bytes((kind,)) if kind < 2 else bytes((kind, length & 0xFF)) + value
    del options[40:]
    options += bytes(-len(options) % 4)
    held = (frame[start + 12] >> 4) * 4
    frame[start + 20 : start + max(held, 20)] = options
    frame[start + 12] = (5 + len(options) // 4) << 4 | frame[start + 12] & 0x0F
    _set_ip_length(frame)


def ip_options(random: Random, frame: bytearray) -> None:
    """IPv4 options in front of TCP, right in length and wrong in content."""
    if _ip(frame) != _IPV4 or len(frame) < _ETHER + 20:
        return
    words = random.randrange(1, 11)
    options = bytearray(random.randbytes(words * 4))
    if random.random() < 0.5:
        options[:2] = bytes((random.choice((7, 68, 131, 137, 148)), random.randrange(5)))
    frame[_ETHER + 20 : _ETHER + 20] = options
    frame[_ETHER] = frame[_ETHER] & 0xF0 | 5 + words
    _set_ip_length(frame)


def extension_headers(random: Random, frame: bytearray) -> None:
    """One to three IPv6 extension headers in front of TCP."""
    if _ip(frame) != _IPV6 or len(frame) < _ETHER + 40:
        return
    for _ in range(random.randrange(1, 4)):
        kind = random.choice(_EXTENSION_HEADERS)
        words = random.choice((0, 0, 1, 2, random.randrange(256)))
        header = bytes((frame[_ETHER + 6], words)) + random.randbytes(6 + 8 * min(words, 4))
        frame[_ETHER + 40 : _ETHER + 40] = header
        frame[_ETHER + 6] = kind
    _set_ip_length(frame)


def fragment(random: Random, frame: bytearray) -> None:
    """The first fragment, one further on, or one with nonsense for an offset."""
    if _ip(frame) == _IPV4 and len(frame) >= _ETHER + 20:
        field = random.choice((0x2000, 0x2003, 0x0003, 0x1FFF, random.randrange(1 << 16)))
        struct.pack_into("!H", frame, _ETHER + 6, field)
    elif _ip(frame) == _IPV6 and len(frame) >= _ETHER + 40:
        field = random.choice((0x0001, 0x0018, 0x0000, random.randrange(1 << 16)))
        frame[_ETHER + 40 : _ETHER + 40] = struct.pack("!BBHI", frame[_ETHER + 6], 0, field, 7)
        frame[_ETHER + 6] = 44
        _set_ip_length(frame)


def other_protocol(random: Random, frame: bytearray) -> None:
    """The same bytes under another protocol number, EtherType or IP version."""
    ipv6 = _ip(frame) == _IPV6
    match random.randrange(3):
        case 0 if len(frame) >= _transport(frame):
            frame[_ETHER + (6 if ipv6 else 9)] = random.choice((_TCP, _ICMP, _ICMPV6, 17, 59))
        case 1:
            frame[12:14] = random.choice((b"\x08\x00", b"\x86\xdd", b"\x08\x06", b"\x81\x00"))
        case _ if len(frame) > _ETHER:
            frame[_ETHER] = random.choice((0x00, 0x45, 0x60, 0x65, 0x4F)) | frame[_ETHER] & 0x0F


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    flip_bits,
    overwrite,
    cut,
    cut_datagram,
    pad,
    repeat_slice,
    remove_slice,
    lie_about_ip_length,
    lie_about_header_lengths,
    tcp_options,
    tcp_options,
    ip_options,
    extension_headers,
    fragment,
    other_protocol,
)
