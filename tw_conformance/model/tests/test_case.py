"""What a case says of itself before it is played."""

from __future__ import annotations

import pytest

from tw_conformance.model.case import Case, Family, Open, Reach, Send, SendIcmp
from tw_conformance.model.expressions import SequenceExpression
from tw_reference import segment as tcp
from tw_reference.segment import Flow, Packet, Segment, Timestamps
from tw_reference.wire.encode import Encoder

MAC = "02:00:00:00:00:01"
LINK_HEADER = 14
STAMPS = Timestamps(1, 2)
ZERO = SequenceExpression("0")
FLOWS = {
    "ipv4": Flow("192.0.2.2", 20000, "192.0.2.1", 7),
    "ipv6": Flow("2001:db8::2", 20000, "2001:db8::1", 7),
}


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize(
    ("step", "timestamps", "sent"),
    [
        (Send(tcp.ACK, length=1460), False, Segment(0, 0, tcp.ACK, 1, bytes(1460))),
        (Send(tcp.ACK, length=9), True, Segment(0, 0, tcp.ACK, 1, bytes(9), timestamps=STAMPS)),
        (Send(tcp.ACK, timestamps="absent"), True, Segment(0, 0, tcp.ACK, 1)),
        (Send(tcp.ACK, tsval=ZERO), False, Segment(0, 0, tcp.ACK, 1, timestamps=STAMPS)),
        (
            Send(tcp.SYN, mss=9, wscale=1, sack_permitted=True),
            False,
            Segment(0, 0, tcp.SYN, 1, mss=9, wscale=1, sack_permitted=True),
        ),
        (
            Send(tcp.SYN, wscale=1, sack_permitted=True),
            True,
            Segment(0, 0, tcp.SYN, 1, wscale=1, sack_permitted=True, timestamps=STAMPS),
        ),
        (
            Send(tcp.SYN, options=b"\1\1\1"),
            True,
            Segment(0, 0, tcp.SYN, 1, option_octets=b"\1\1\1\0"),
        ),
    ],
    ids=["text", "stamped", "stamps left out", "stamps given", "SYN", "SYN with all", "raw"],
)
def test_a_packet_is_as_long_as_on_the_wire(
    family: Family, step: Send, timestamps: bool, sent: Segment
) -> None:
    reach = Reach(family=family, timestamps=timestamps)
    frame = Encoder(MAC, MAC).encode(Packet(FLOWS[family], sent))
    assert step.packet_octets(reach) == len(frame) - LINK_HEADER


def test_the_longest_packet_is_that_of_any_connection() -> None:
    steps = (Open("two", differs={"timestamps": True}), Send(tcp.ACK), Send(tcp.ACK, on="two"))
    assert Case("a", "", (), Reach(), steps).longest_packet() == 52
    assert Case("a", "", (), Reach(), ()).longest_packet() == 0


def test_a_path_mtu_is_told_by_two_errors_alone() -> None:
    steps = (SendIcmp("packet-too-big", on="two"), SendIcmp("port-unreachable"), Send(tcp.ACK))
    assert list(Case("a", "", (), Reach(), steps).told_path_mtus()) == ["two"]
