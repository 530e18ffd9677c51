"""What is read in a frame: what Scapy reads there, and nothing of what a stack refuses."""

from __future__ import annotations

import struct
from collections import Counter
from contextlib import suppress
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tw_reference.segment import SYN, Datagram, Echo, Flow, Packet, Segment, Timestamps
from tw_reference.tests.frame_mutations import mutate, with_extension_headers
from tw_reference.wire.decode import WireError, decode
from tw_reference.wire.tcp_options import read_options
from tw_reference.wire.tests.scapy_judge import REFUSED, NoOpinion, Reading, scapy_reads
from tw_reference.wire.tests.strategies import V4, V6, echoes, encode, errors, packets

datagrams = packets | echoes | errors()


def we_read(frame: bytes) -> Reading:
    try:
        return decode(frame)
    except WireError:
        return REFUSED


@given(datagrams)
@example(
    Packet(
        Flow("192.0.2.1", 1, "192.0.2.2", 2),
        Segment(0, 0, 0, 0, timestamps=Timestamps(1, 65793), other_options=((5, b"\0"),)),
    )
)
def test_a_datagram_comes_back_as_it_was(datagram: Datagram) -> None:
    frame = encode(datagram)
    assert decode(frame) == scapy_reads(frame) == datagram


@given(packets)
def test_the_octets_of_the_options_are_kept_as_they_lay(packet: Packet) -> None:
    frame = encode(packet)
    ours, scapys = decode(frame), scapy_reads(frame)
    assert isinstance(ours, Packet)
    assert isinstance(scapys, Packet)
    assert ours.segment.option_octets == scapys.segment.option_octets
    assert ours.segment.option_octets in frame


@given(datagrams, st.integers(0, 2**32))
@settings(max_examples=1000)
def test_of_a_spoilt_frame_scapy_reads_the_same_or_both_refuse_it(
    datagram: Datagram, seed: int
) -> None:
    frame = mutate(Random(seed), encode(datagram))
    scapys = scapy_reads(frame)
    assert isinstance(scapys, NoOpinion) or we_read(frame) == scapys, frame.hex()


def test_scapy_has_an_opinion_on_nearly_every_frame() -> None:
    """Else the test before would say nothing."""
    random, opinions = Random(1), Counter[bool]()
    for number in range(1500):
        segment = Segment(random.getrandbits(32), 2, number % 256, payload=bytes(number % 9))
        ours, theirs = (V4, V6)[number % 2]
        frame = mutate(random, encode(Packet(Flow(ours, 1, theirs, 2), segment)))
        opinions[isinstance(scapy_reads(frame), NoOpinion)] += 1
    assert opinions[False] > 0.9 * opinions.total()


@given(packets, st.data())
def test_a_flipped_bit_is_noticed_or_changes_nothing_that_tcp_sees(
    packet: Packet, data: st.DataObject
) -> None:
    frame = bytearray(encode(packet))
    start = 14 + (40 if packet.flow.is_ipv6 else 20)
    at = data.draw(st.integers(start, len(frame) - 1))
    frame[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(WireError):
        decode(bytes(frame))


@given(st.binary(max_size=120), st.sampled_from((b"\x08\x00", b"\x86\xdd", b"\x08\x06")))
def test_random_frames_raise_nothing_but_a_wire_error(body: bytes, kind: bytes) -> None:
    with suppress(WireError):
        assert decode(bytes(12) + kind + body) is None or body


@given(datagrams, st.integers(0, 200))
def test_a_frame_that_ends_early_is_refused_or_nothing(datagram: Datagram, size: int) -> None:
    frame = encode(datagram)
    if size < len(frame):
        assert we_read(frame[:size]) in (None, REFUSED)


@given(datagrams, st.binary(min_size=1, max_size=18))
def test_padding_behind_the_packet_is_no_part_of_it(datagram: Datagram, padding: bytes) -> None:
    assert decode(encode(datagram) + padding) == datagram


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
    assert decode(encode(packet)) == packet


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
    frame = encode(packet)
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
        ((FRAGMENT, bytes(7)),),  # all of a packet
        ((FRAGMENT, bytes.fromhex("ff 0006 00000001")), (DESTINATION, bytes(7))),
    ],
)
@pytest.mark.parametrize("packet", [SIX, Echo(*V6, 7, 1)])
def test_extension_headers_are_followed(
    packet: Packet | Echo, headers: tuple[tuple[int, bytes], ...]
) -> None:
    frame = behind(packet, *headers)
    assert decode(frame) == packet


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ((FRAGMENT, bytes.fromhex("00 0001 00000000")), "IP fragment"),
        ((FRAGMENT, bytes.fromhex("00 0008 00000000")), "IP fragment"),
        ((ROUTING, bytes.fromhex("00 02 01 00000000")), "segments left"),
        ((DESTINATION, bytes.fromhex("ff 0104 00000000")), "extension header is cut short"),
        ((DESTINATION, bytes.fromhex("00 0105 00000000")), "option is cut short"),
        ((HOP_BY_HOP, bytes.fromhex("00 000000000001")), "option is cut short"),
        ((HOP_BY_HOP, bytes.fromhex("00 5e0400000000")), "may not be skipped"),
    ],
)
def test_some_end_the_way(header: tuple[int, bytes], sentence: str) -> None:
    with pytest.raises(WireError, match=sentence):
        decode(behind(SIX, header))


@pytest.mark.parametrize("headers", [((59, PAD),), ((50, PAD),), ((DESTINATION, PAD), (0, PAD))])
def test_what_is_not_followed_is_no_tcp(headers: tuple[tuple[int, bytes], ...]) -> None:
    """No Next Header, ESP, and hop-by-hop options in the wrong place."""
    assert decode(behind(SIX, *headers)) is None


@given(packets.filter(lambda packet: packet.flow.is_ipv6), st.integers(0, 2**32))
def test_the_fuzzers_extension_headers_are_followed(packet: Packet, seed: int) -> None:
    assert decode(with_extension_headers(Random(seed), encode(packet))) == packet
