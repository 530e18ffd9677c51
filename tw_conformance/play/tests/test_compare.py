"""Expected beside seen: the fields of a header that a case may name."""

from __future__ import annotations

import pytest

from tw_conformance.model.case import Answer
from tw_conformance.model.verdict import Mismatch
from tw_conformance.play.compare import compare, option_kinds
from tw_reference.segment import ACK, Flow, Packet, Segment

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
