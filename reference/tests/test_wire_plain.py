"""The quick reader of frames: where it says anything, Scapy says the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from reference.segment import Echo, Packet
from reference.tests.test_wire import U16, V4, V6, WIRE, packets
from reference.wire import WireError
from reference.wire_plain import decode_plain

echoes = st.builds(
    lambda pair, ident, sequence, reply, data: Echo(*pair, ident, sequence, reply, data),
    st.sampled_from((V4, V6)),
    U16,
    U16,
    st.booleans(),
    st.binary(max_size=20),
)


@given(packets | echoes)
def test_plain_frames_are_read_without_scapy(packet: Packet | Echo) -> None:
    assert decode_plain(WIRE.encode(packet)) == packet


@given(packets | echoes, st.data())
@settings(max_examples=300)
def test_of_a_frame_damaged_anywhere_it_says_what_scapy_says_or_nothing(
    packet: Packet | Echo, data: st.DataObject
) -> None:
    frame = bytearray(WIRE.encode(packet))
    for _ in range(data.draw(st.integers(1, 3))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(frame[: data.draw(st.integers(14, len(frame)))])
    said = decode_plain(damaged)
    if said is not None:
        assert said == WIRE.decode(damaged)


@given(packets, st.binary(min_size=1, max_size=40), st.integers(5, 15))
@settings(max_examples=300)
def test_of_options_of_any_kind_it_says_what_scapy_says_or_nothing(
    packet: Packet, junk: bytes, words: int
) -> None:
    """The checksum is made right again, so that it is the options that are judged."""
    frame = _with_options(WIRE.encode(packet), junk, words)
    said = decode_plain(frame)
    if said is not None:
        assert said == _by_scapy(frame)


def test_padding_behind_the_packet_is_no_part_of_it() -> None:
    echo = Echo(*V4, 7, 1)
    assert decode_plain(WIRE.encode(echo) + b"\0" * 18) == echo


def _by_scapy(frame: bytes) -> Packet | Echo | None:
    try:
        return WIRE.decode(frame)
    except WireError:
        return None


def _with_options(frame: bytes, options: bytes, words: int) -> bytes:
    """``frame`` with its TCP options overwritten by ``options`` and a data offset of ``words``,
    checksums mended."""
    from scapy.layers.inet import TCP
    from scapy.layers.l2 import Ether

    layers = Ether(frame)
    raw = bytearray(bytes(layers[TCP]))
    body = bytes(raw[:20]) + options.ljust(40, b"\1")
    offset = bytes([words << 4 | body[12] & 0x0F])
    layers[TCP].remove_payload()
    ip = layers.payload
    ip.remove_payload()
    ip.add_payload(body[:12] + offset + body[13:16] + b"\0\0" + body[18:])
    if ip.version == 4:
        del ip.len, ip.chksum
    else:
        del ip.plen
    mended = bytearray(bytes(layers))
    start = 14 + (20 if ip.version == 4 else 40)
    from ipaddress import ip_address

    from reference.wire import internet_checksum

    pseudo = ip_address(ip.src).packed + ip_address(ip.dst).packed
    total = internet_checksum(0, pseudo) ^ 0xFFFF
    checksum = internet_checksum(total + 6 + len(mended) - start, mended[start:])
    mended[start + 16 : start + 18] = checksum.to_bytes(2, "big")
    return bytes(mended)
