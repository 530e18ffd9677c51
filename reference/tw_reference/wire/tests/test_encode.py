"""Frames: what the templates make is what Scapy makes, and nothing broken gets in."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

from tw_reference.segment import ACK, SYN, Echo, Flow, Packet, Segment, Timestamps
from tw_reference.tests.frame_mutations import with_extension_headers
from tw_reference.wire.decode import decode_plain
from tw_reference.wire.encode import Wire, WireError
from tw_reference.wire.options import read_options

U16, U32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
V4 = ("192.0.2.1", "192.0.2.2")
V6 = ("2001:db8::1", "2001:db8::2")

segments = st.builds(
    Segment,
    seq=U32,
    ack=U32,
    flags=st.integers(0, 255),
    window=U16,
    payload=st.binary(max_size=40),
    mss=st.none() | U16,
    wscale=st.none() | st.integers(0, 14),
    sack_permitted=st.booleans(),
    timestamps=st.none() | st.builds(Timestamps, U32, U32),
    urgent=U16,
    reserved=st.integers(0, 15),
)
flows = st.builds(
    lambda pair, sport, dport: Flow(pair[0], sport, pair[1], dport),
    st.sampled_from((V4, V6)),
    U16,
    U16,
)
packets = st.builds(
    Packet, flow=flows, segment=segments, ttl=st.integers(1, 255), tos=st.integers(0, 255)
)

other_options = st.lists(
    st.tuples(st.sampled_from((5, 14, 19, 28, 30, 34, 253)), st.binary(max_size=3)), max_size=2
)

WIRE = Wire("02:00:00:00:00:01", "02:00:00:00:00:02")


@given(packets, other_options)
def test_a_packet_comes_back_as_it_was(packet: Packet, others: list[tuple[int, bytes]]) -> None:
    segment = replace(packet.segment, other_options=tuple(others))
    packet = replace(packet, segment=segment)
    assert WIRE.decode(WIRE.encode(packet)) == packet


@given(packets, U16)
def test_an_ipv4_packet_keeps_its_identification(packet: Packet, ip_id: int) -> None:
    sent = replace(packet, flow=Flow(V4[0], 1, V4[1], 2), ip_id=ip_id)
    frame = WIRE.encode(sent)
    assert frame[18:20] == ip_id.to_bytes(2, "big")
    assert WIRE.decode(frame) == decode_plain(frame) == sent


def test_the_octets_of_the_options_are_kept_as_they_lay() -> None:
    stamped = Segment(1, 2, ACK, timestamps=Timestamps(3, 4))
    frame = WIRE.encode(Packet(Flow(V4[0], 1, V4[1], 2), stamped))
    for read in (WIRE.decode(frame), decode_plain(frame)):
        assert isinstance(read, Packet)
        assert read.segment.option_octets == b"\1\1\x08\x0a" + b"\0\0\0\3" + b"\0\0\0\4"


@given(packets)
@settings(max_examples=50)
def test_scapy_would_have_computed_the_same_checksums(packet: Packet) -> None:
    frame = WIRE.encode(packet)
    rebuilt = Ether(frame)
    del rebuilt[TCP].chksum
    if not packet.flow.is_ipv6:
        del rebuilt.payload.chksum
    assert bytes(rebuilt) == frame


@given(packets, st.data())
def test_a_flipped_bit_is_noticed_or_changes_nothing_that_tcp_sees(
    packet: Packet, data: st.DataObject
) -> None:
    frame = bytearray(WIRE.encode(packet))
    start = 14 + (40 if packet.flow.is_ipv6 else 20)
    at = data.draw(st.integers(start, len(frame) - 1))
    frame[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(WireError):
        WIRE.decode(bytes(frame))


@given(st.binary(max_size=120), st.sampled_from((b"\x08\x00", b"\x86\xdd", b"\x08\x06")))
def test_random_frames_raise_nothing_but_a_wire_error(body: bytes, kind: bytes) -> None:
    with suppress(WireError):
        assert WIRE.decode(bytes(12) + kind + body) is None or body


@pytest.mark.parametrize("pair", [V4, V6])
@pytest.mark.parametrize("reply", [False, True])
@pytest.mark.parametrize("data", [b"", b"odd"])
def test_echo_probes_cross(pair: tuple[str, str], reply: bool, data: bytes) -> None:
    echo = Echo(*pair, 4711, 3, reply, data)
    assert WIRE.decode(WIRE.encode(echo)) == echo


def test_ethernet_padding_is_no_payload() -> None:
    packet = Packet(Flow(V4[0], 1, V4[1], 2), Segment(1, 2, SYN))
    assert WIRE.decode(WIRE.encode(packet) + bytes(6)) == packet


# -- TCP options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (5, bytes(range(16))),
        (14, b"\2"),
        (19, bytes(16)),
        (28, b"\x80\x05"),
        (29, bytes(14)),
        (30, bytes(10)),
        (34, b"cookie01"),
        (253, b""),
    ],
)
def test_options_of_every_kind_are_kept_as_they_are(kind: int, value: bytes) -> None:
    packet = Packet(Flow(V4[0], 1, V4[1], 2), Segment(1, 2, SYN, other_options=((kind, value),)))
    assert WIRE.decode(WIRE.encode(packet)) == packet


@pytest.mark.parametrize(
    ("octets", "mss", "others"),
    [
        ("02040218 030105", 0x218, ()),  # a length below 2 ends the list
        ("1e00 02040218", None, ()),
        ("02040218 1e14 0000", 0x218, ()),  # so does one that leads out of the header
        ("02040218 00 02040219", 0x218, ()),  # and the end-of-options option
        ("02040218 02040219", 0x219, ()),  # the last of two counts
        ("0203ff 02040218", 0x218, ((2, b"\xff"),)),  # a wrong length makes it another option
        ("0402 0303", None, ()),
    ],
)
def test_a_list_of_options_is_read_as_stacks_read_it(
    octets: str, mss: int | None, others: tuple[tuple[int, bytes], ...]
) -> None:
    options = read_options(bytes.fromhex(octets))
    assert (options.mss, options.others) == (mss, others)


@given(st.binary(max_size=40))
def test_any_octets_are_some_options(octets: bytes) -> None:
    options = read_options(octets)
    assert sum(2 + len(value) for _, value in options.others) <= len(octets)


# -- IPv6 extension headers ------------------------------------------------------------------------

HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60
SIX = Packet(Flow(V6[0], 1, V6[1], 2), Segment(1, 2, SYN, mss=1220))


def behind(packet: Packet | Echo, *headers: tuple[int, bytes]) -> bytes:
    """The frame of ``packet`` with extension headers: of each, its kind and what follows its Next
    Header field."""
    frame = WIRE.encode(packet)
    following, chain = frame[20], b""
    for kind, rest in reversed(headers):
        chain = bytes((following,)) + rest + chain
        following = kind
    length = struct.pack("!H", len(frame) - 54 + len(chain))
    return frame[:18] + length + bytes((following,)) + frame[21:54] + chain + frame[54:]


PAD = bytes.fromhex("00 0104 00000000")
LONG_PAD = bytes.fromhex("01 010c") + bytes(12)
NO_SEGMENTS_LEFT = bytes.fromhex("00 02 00 00000000")


@pytest.mark.parametrize(
    "headers",
    [
        ((HOP_BY_HOP, PAD),),
        ((DESTINATION, LONG_PAD),),
        ((ROUTING, NO_SEGMENTS_LEFT),),
        ((HOP_BY_HOP, PAD), (ROUTING, NO_SEGMENTS_LEFT), (DESTINATION, PAD), (DESTINATION, PAD)),
        ((DESTINATION, bytes.fromhex("00 1e0400000000")),),  # unknown, and may be skipped
        ((DESTINATION, bytes(7)),),  # Pad1 six times
    ],
)
@pytest.mark.parametrize("packet", [SIX, Echo(*V6, 7, 1)])
def test_extension_headers_are_followed(
    packet: Packet | Echo, headers: tuple[tuple[int, bytes], ...]
) -> None:
    frame = behind(packet, *headers)
    assert WIRE.decode(frame) == packet
    assert decode_plain(frame) is None


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ((FRAGMENT, bytes(7)), "IP fragment"),
        ((ROUTING, bytes.fromhex("00 02 01 00000000")), "segments left"),
        ((DESTINATION, bytes.fromhex("ff 0104 00000000")), "extension header is cut short"),
        ((DESTINATION, bytes.fromhex("00 0105 00000000")), "option is cut short"),
        ((HOP_BY_HOP, bytes.fromhex("00 000000000001")), "option is cut short"),
        ((HOP_BY_HOP, bytes.fromhex("00 5e0400000000")), "may not be skipped"),
    ],
)
def test_some_end_the_way(header: tuple[int, bytes], sentence: str) -> None:
    with pytest.raises(WireError, match=sentence):
        WIRE.decode(behind(SIX, header))


@pytest.mark.parametrize("headers", [((59, PAD),), ((50, PAD),), ((DESTINATION, PAD), (0, PAD))])
def test_what_is_not_followed_is_no_tcp(headers: tuple[tuple[int, bytes], ...]) -> None:
    """No Next Header, ESP, and hop-by-hop options in the wrong place."""
    assert WIRE.decode(behind(SIX, *headers)) is None


@given(packets.filter(lambda packet: packet.flow.is_ipv6), st.integers(0, 2**32))
def test_the_fuzzers_extension_headers_are_followed(packet: Packet, seed: int) -> None:
    assert WIRE.decode(with_extension_headers(Random(seed), WIRE.encode(packet))) == packet
