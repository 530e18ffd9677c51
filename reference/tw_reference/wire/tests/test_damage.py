"""A damaged frame has one thing wrong, and is refused for it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tw_reference.segment import ACK, FIN, RST, Damage, Flow, Packet, Segment, Timestamps
from tw_reference.wire.decode import WireError, decode
from tw_reference.wire.ip import IpHeader, internet_checksum, read_ip
from tw_reference.wire.tests.strategies import V4, V6, encode

REFUSED: dict[Damage, str] = {
    "tcp-checksum": "TCP checksum is wrong",
    "ip-checksum": "IP header checksum is wrong",
    "short-data-offset": "TCP data offset is malformed",
    "long-data-offset": "TCP data offset is malformed",
}

short_packets = st.builds(
    lambda pair, flags, stamps, data: Packet(
        Flow(pair[0], 1, pair[1], 2), Segment(3, 4, flags, payload=data, timestamps=stamps)
    ),
    st.sampled_from((V4, V6)),
    st.sampled_from((ACK, FIN | ACK, RST)),
    st.sampled_from((None, Timestamps(5, 6))),
    st.binary(max_size=15),
)


@pytest.mark.parametrize("damage", REFUSED)
@given(packet=short_packets)
@settings(max_examples=30)
def test_it_is_refused_for_that(damage: Damage, packet: Packet) -> None:
    if damage == "ip-checksum" and packet.flow.is_ipv6:
        with pytest.raises(ValueError, match="IPv6 has no header checksum"):
            encode(packet, damage=damage)
        return
    frame = encode(packet, damage=damage)
    with pytest.raises(WireError, match=REFUSED[damage]):
        decode(frame)


@pytest.mark.parametrize("damage", ["short-data-offset", "long-data-offset"])
@given(packet=short_packets)
@settings(max_examples=30)
def test_the_checksums_of_what_is_malformed_are_right(damage: Damage, packet: Packet) -> None:
    frame = encode(packet, damage=damage)
    ip = read_ip(frame)
    assert isinstance(ip, IpHeader)
    assert internet_checksum(ip.pseudo_header(), frame[ip.start : ip.end]) == 0


def test_a_data_offset_does_not_point_beyond_a_long_segment() -> None:
    packet = Packet(Flow(V4[0], 1, V4[1], 2), Segment(1, 2, ACK, payload=bytes(40)))
    with pytest.raises(ValueError, match="can't point beyond 60 octets"):
        encode(packet, damage="long-data-offset")
