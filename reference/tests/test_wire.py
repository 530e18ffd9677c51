"""Frames: what the templates make is what Scapy makes, and nothing broken gets in."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

from reference.segment import ACK, SYN, Echo, Flow, Packet, Segment, Timestamps
from reference.wire import Wire, WireError

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

WIRE = Wire("02:00:00:00:00:01", "02:00:00:00:00:02")


@given(packets)
def test_a_packet_comes_back_as_it_was(packet: Packet) -> None:
    assert WIRE.decode(WIRE.encode(packet)) == packet


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
