"""Frames that are made: what the templates make is what Scapy makes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

from tw_reference.segment import ACK, SYN, Echo, Flow, Packet, Segment, Timestamps
from tw_reference.wire.decode import decode
from tw_reference.wire.encode import Encoder
from tw_reference.wire.tests.strategies import U16, V4, V6, encode, packets


@given(packets, U16)
def test_an_ipv4_packet_keeps_its_identification(packet: Packet, ip_id: int) -> None:
    sent = replace(packet, flow=Flow(V4[0], 1, V4[1], 2), ip_id=ip_id)
    assert encode(sent)[18:20] == ip_id.to_bytes(2, "big")


def test_options_are_laid_out_as_hosts_do_it() -> None:
    stamped = Segment(1, 2, ACK, timestamps=Timestamps(3, 4))
    frame = encode(Packet(Flow(V4[0], 1, V4[1], 2), stamped))
    assert frame[54:] == b"\1\1\x08\x0a" + b"\0\0\0\3" + b"\0\0\0\4"


@pytest.mark.parametrize("pair", [V4, V6])
def test_options_may_be_given_as_they_are_to_lie(pair: tuple[str, str]) -> None:
    lying = b"\x08\x0a\0\0\0\1\0\0\0\2\xfe\0"
    segment = Segment(1, 2, ACK, payload=b"text", mss=9, timestamps=Timestamps(3, 4))
    packet = Packet(Flow(pair[0], 1, pair[1], 2), replace(segment, option_octets=lying))
    frame = encode(packet)
    assert frame.endswith(lying + b"text")
    assert Ether(frame)[TCP].dataofs == 8
    assert len(frame) == len(encode(Packet(packet.flow, Segment(1, 2, ACK)))) + 16


@given(packets)
@settings(max_examples=50)
def test_scapy_would_have_computed_the_same_checksums(packet: Packet) -> None:
    frame = encode(replace(packet, segment=replace(packet.segment, other_options=())))
    rebuilt = Ether(frame)
    del rebuilt[TCP].chksum
    if not packet.flow.is_ipv6:
        del rebuilt.payload.chksum
    assert bytes(rebuilt) == frame


@pytest.mark.parametrize("pair", [V4, V6])
@pytest.mark.parametrize("data", [b"", b"odd"])
def test_scapy_would_have_made_the_same_echo(pair: tuple[str, str], data: bytes) -> None:
    frame = encode(Echo(*pair, 4711, 3, False, data))
    rebuilt = Ether(frame)
    rebuilt.payload.payload.delfieldval("cksum" if pair == V6 else "chksum")
    assert bytes(rebuilt) == frame


MSS, NOP, SCALE, SACK, END = b"\x02\x04\x05\xb4", b"\x01", b"\x03\x03\x07", b"\x04\x02", b"\x00"
STAMPS = b"\x08\x0a" + (5).to_bytes(4, "big") + (9).to_bytes(4, "big")
LINUX = {
    (False, False): MSS + NOP + SCALE,
    (False, True): MSS + NOP + NOP + STAMPS + NOP + SCALE,
    (True, False): MSS + NOP + NOP + SACK + NOP + SCALE,
    (True, True): MSS + SACK + STAMPS + NOP + SCALE,
}
"""``tcp_output.c, tcp_options_write()``, by SACK and timestamps."""
FREEBSD = {
    (False, False): MSS + NOP + SCALE,
    (False, True): MSS + NOP + SCALE + NOP + NOP + STAMPS,
    (True, False): MSS + NOP + SCALE + SACK + END + END,
    (True, True): MSS + NOP + SCALE + SACK + STAMPS,
}
"""``tcp_output.c, tcp_addoptions()``."""


@pytest.mark.parametrize("stamped", [False, True])
def test_sack_blocks_stand_behind_timestamps_and_two_nops(stamped: bool) -> None:
    blocks = bytes(range(16))
    stamps = Timestamps(5, 9) if stamped else None
    ack = Segment(1, 2, ACK, timestamps=stamps, other_options=((5, blocks),))
    packet = decode(encode(Packet(Flow(V4[0], 1, V4[1], 2), ack)))
    assert isinstance(packet, Packet)
    before = NOP + NOP + STAMPS if stamped else b""
    assert packet.segment.option_octets == before + NOP + NOP + bytes((5, 18)) + blocks
    assert packet.segment == ack


@pytest.mark.parametrize(("scale_first", "layouts"), [(False, LINUX), (True, FREEBSD)])
@pytest.mark.parametrize("sack", [False, True])
@pytest.mark.parametrize("stamped", [False, True])
def test_the_options_of_a_syn_lie_as_in_linux_or_as_in_freebsd(
    scale_first: bool, layouts: dict[tuple[bool, bool], bytes], sack: bool, stamped: bool
) -> None:
    stamps = Timestamps(5, 9) if stamped else None
    syn = Segment(1, 0, SYN, mss=1460, wscale=7, sack_permitted=sack, timestamps=stamps)
    encoder = Encoder("02:00:00:00:00:01", "02:00:00:00:00:02", scale_first=scale_first)
    packet = decode(encoder.encode(Packet(Flow(V4[0], 1, V4[1], 2), syn)))
    assert isinstance(packet, Packet)
    assert packet.segment.option_octets == layouts[sack, stamped]
    assert packet.segment == syn
