"""The quick reader of frames: where it says anything, Scapy says the same."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tw_reference.segment import Echo, Packet, Segment
from tw_reference.wire.decode import decode_plain
from tw_reference.wire.tests.test_encode import U16, V4, V6, WIRE, packets

echoes = st.builds(
    lambda pair, ident, sequence, reply, data: Echo(pair[0], pair[1], ident, sequence, reply, data),
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
    packet: Packet, options: bytes, words: int
) -> None:
    frame = _with_options(packet, options, words)
    said = decode_plain(frame)
    if said is not None:
        assert said == WIRE.decode(frame)


def test_padding_behind_the_packet_is_no_part_of_it() -> None:
    echo = Echo(V4[0], V4[1], 7, 1)
    assert decode_plain(WIRE.encode(echo) + b"\0" * 18) == echo


def _with_options(packet: Packet, options: bytes, words: int) -> bytes:
    """A frame whose TCP header has these options and a data offset of so many words: they are sent
    as payload, then the header is made longer, and the checksum right again (RFC 1624)."""
    segment = Segment(seq=1, ack=2, flags=packet.segment.flags, payload=options.ljust(40, b"\1"))
    frame = bytearray(WIRE.encode(replace(packet, segment=segment)))
    tcp = 14 + (40 if packet.flow.is_ipv6 else 20)
    checksum = int.from_bytes(frame[tcp + 16 : tcp + 18], "big")
    total = (checksum ^ 0xFFFF) + (words - 5 << 12)
    mended = (total & 0xFFFF) + (total >> 16) ^ 0xFFFF
    frame[tcp + 12] = words << 4
    frame[tcp + 16 : tcp + 18] = mended.to_bytes(2, "big")
    return bytes(frame)
