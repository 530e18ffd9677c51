"""Expected beside seen: the fields of a header that a case may name."""

from __future__ import annotations

import pytest

from tw_conformance.model.case import Answer
from tw_conformance.model.expressions import SequenceExpression
from tw_conformance.model.verdict import Mismatch
from tw_conformance.play.compare import compare, nearest, option_kinds
from tw_reference.segment import ACK, SYN, Flow, Packet, Segment

V4 = Flow("192.0.2.1", 7, "192.0.2.2", 40000)
V6 = Flow("2001:db8::1", 7, "2001:db8::2", 40000)
STAMPED = Segment(1, 2, ACK, option_octets=b"\1\1\x08\x0a\0\0\0\3\0\0\0\4")


@pytest.mark.parametrize(
    ("octets", "kinds"),
    [
        (b"", "none"),
        (STAMPED.option_octets, "NOP NOP TS"),
        (b"\x02\x04\x05\xb4\x04\x02\x01\x03\x03\x07", "MSS SACK-OK NOP WS"),
        (b"\xfe\x04\0\0\0\xff\xff\xff", "254 EOL"),
        (b"\x08\0\1", "TS NOP"),
        (b"\x02", "MSS"),
    ],
)
def test_options_are_named_in_the_order_in_which_they_lie(octets: bytes, kinds: str) -> None:
    assert option_kinds(octets) == kinds


def test_options_that_lie_otherwise_are_a_mismatch() -> None:
    found = compare(Answer(options="TS NOP NOP"), Packet(V4, STAMPED), {})
    assert found == [Mismatch("options", "TS NOP NOP", "NOP NOP TS")]
    assert compare(Answer(options="NOP NOP TS"), Packet(V4, STAMPED), {}) == []


@pytest.mark.parametrize(
    ("flow", "found"), [(V4, [Mismatch("ip_id", "0", "9")]), (V6, [])], ids=["ipv4", "ipv6"]
)
def test_only_ipv4_has_an_identification(flow: Flow, found: list[Mismatch]) -> None:
    assert compare(Answer(ip_id=0), Packet(flow, STAMPED, ip_id=9), {}) == found


@pytest.mark.parametrize(
    ("flags", "wanted", "found"),
    [
        (ACK, "511", []),
        (ACK, "65408", [Mismatch("window", "65408", "511")]),
        (ACK, "rcv_wnd", []),
        (ACK, "rcv_wnd-1", [Mismatch("window", "rcv_wnd-1", "rcv_wnd")]),
        (SYN | ACK, "511", []),
        (SYN | ACK, "rcv_wnd", [Mismatch("window", "rcv_wnd", "511")]),
    ],
)
def test_a_number_is_the_window_of_the_header_and_a_sum_is_in_octets(
    flags: int, wanted: str, found: list[Mismatch]
) -> None:
    packet = Packet(V4, Segment(1, 2, flags, window=511))
    expected = Answer(window=SequenceExpression(wanted))
    assert compare(expected, packet, {"rcv_wnd": 511 << 7, "rcv_scale": 7}) == found


@pytest.mark.parametrize(
    ("flow", "found"), [(V4, []), (V6, [Mismatch("flow_label", "1", "9")])], ids=["ipv4", "ipv6"]
)
def test_only_ipv6_has_a_flow_label(flow: Flow, found: list[Mismatch]) -> None:
    assert compare(Answer(flow_label=1), Packet(flow, STAMPED, flow_label=9), {}) == found


def test_zero_is_itself_unless_a_variable_is_zero() -> None:
    assert nearest(0, {"snd_nxt": 5}, "snd_nxt") == "0"
    assert nearest(0, {"snd_nxt": 0}, "snd_nxt") == "snd_nxt"
    assert nearest(1, {"snd_nxt": 5}, "snd_nxt") == "snd_nxt-4"
