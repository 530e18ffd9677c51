"""Patched frames are those that Scapy would have built."""

from __future__ import annotations

import pytest

from tw_conformance.churn.frames import Template
from tw_reference import segment as tcp
from tw_reference.segment import Flow, Packet, Segment
from tw_reference.wire.encode import Encoder

ENCODER = Encoder("02:00:00:00:00:02", "02:00:00:00:00:01")
ENDS = {"ipv4": ("192.0.2.2", "192.0.2.1"), "ipv6": ("2001:db8::2", "2001:db8::1")}
NUMBERS = [(1024, 0, 0), (65535, 0xFFFFFFFF, 0xFFFFFFFF), (40000, 0x12345678, 0x9ABCDEF0)]


@pytest.mark.parametrize("family", ENDS)
@pytest.mark.parametrize(("flags", "mss"), [(tcp.SYN, 1460), (tcp.FIN | tcp.ACK, None)])
def test_a_stamped_frame_is_the_encoded_one(family: str, flags: int, mss: int | None) -> None:
    source, dut = ENDS[family]
    made = Segment(seq=0, ack=0, flags=flags, window=65535, mss=mss)
    template = Template(ENCODER, source, dut, 7, made)
    for port, seq, ack in NUMBERS:
        segment = Segment(seq=seq, ack=ack, flags=flags, window=65535, mss=mss)
        assert template.stamp(port, seq, ack) == ENCODER.encode(
            Packet(Flow(source, port, dut, 7), segment)
        )
