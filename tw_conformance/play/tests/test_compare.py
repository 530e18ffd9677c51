"""Expected beside seen: the fields of a header that a case may name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest

from tw_conformance.model.case import NOTHING, Answer
from tw_conformance.model.expressions import SequenceExpression
from tw_conformance.model.verdict import Mismatch
from tw_conformance.play.compare import (
    FIELDS,
    answer_of,
    compare,
    option_kinds,
    summary,
    window_octets,
)
from tw_reference.segment import ACK, PSH, RST, SYN, Flow, Packet, Segment, Timestamps

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
        (b"\x05\x0a" + bytes(8), "SACK"),
        (b"\0\1\1\1", "EOL"),
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


# -- every field: equal, other, absent ------------------------------------------------------------

VARIABLES = {"snd_nxt": 1000, "rcv_nxt": 2000, "rcv_wnd": 500, "ts_recent": 7000, "iss": 900}
BARE = Packet(V4, Segment(1000, 2000, ACK, 500))
FULL = Packet(
    V4,
    Segment(
        1000,
        2000,
        ACK,
        500,
        b"text",
        mss=1460,
        wscale=7,
        sack_permitted=True,
        timestamps=Timestamps(11, 7000),
        urgent=3,
        reserved=1,
        option_octets=b"\1\1\x08\x0a" + bytes(8),
    ),
    ttl=64,
    tos=2,
    df=True,
    ip_id=9,
)
number = SequenceExpression
TABLE: list[tuple[str, object, Packet, object, Mismatch | None]] = [
    # Field; a value that is equal; in which packet; another value; how the other one fails.
    ("flags", ACK, BARE, SYN, Mismatch("flags", "SYN", "ACK")),
    ("seq", number("snd_nxt"), BARE, number("snd_nxt+1"), Mismatch("seq", "snd_nxt+1", "snd_nxt")),
    ("ack", number("rcv_nxt"), BARE, number("rcv_nxt-1"), Mismatch("ack", "rcv_nxt-1", "rcv_nxt")),
    ("window", number("rcv_wnd"), BARE, number("499"), Mismatch("window", "499", "500")),
    ("length", 4, FULL, 0, Mismatch("length", "0", "4")),
    ("length", 0, BARE, 4, Mismatch("length", "4", "0")),
    ("timestamps", "present", FULL, "absent", Mismatch("timestamps", "absent", "present")),
    ("timestamps", "absent", BARE, "present", Mismatch("timestamps", "present", "absent")),
    ("tsval", number("11"), FULL, number("12"), Mismatch("tsval", "12", "11")),
    (
        "tsecr",
        number("ts_recent"),
        FULL,
        number("ts_recent+1"),
        Mismatch("tsecr", "ts_recent+1", "ts_recent"),
    ),
    ("mss", 1460, FULL, 1400, Mismatch("mss", "1400", "1460")),
    ("mss", "absent", BARE, 1400, Mismatch("mss", "1400", "absent")),
    ("wscale", 7, FULL, "absent", Mismatch("wscale", "absent", "7")),
    ("wscale", "absent", BARE, 0, Mismatch("wscale", "0", "absent")),
    ("ttl", 64, FULL, 63, Mismatch("ttl", "63", "64")),
    ("tos", 2, FULL, 0, Mismatch("tos", "0", "2")),
    ("df", True, FULL, False, Mismatch("df", "no", "yes")),
    ("ip_id", 9, FULL, 0, Mismatch("ip_id", "0", "9")),
    ("urgent", 3, FULL, 0, Mismatch("urgent", "0", "3")),
    ("reserved", 0, BARE, 1, Mismatch("reserved", "1", "0")),
    ("options", "NOP NOP TS", FULL, "none", Mismatch("options", "none", "NOP NOP TS")),
    ("options", "none", BARE, "MSS", Mismatch("options", "MSS", "none")),
]


def answer(field: str, value: Any) -> Answer:
    return Answer(**{field: value})


@pytest.mark.parametrize(("field", "equal", "packet", "other", "mismatch"), TABLE)
def test_a_field_is_equal_or_another_or_not_asked_for(
    field: str, equal: object, packet: Packet, other: object, mismatch: Mismatch
) -> None:
    assert compare(answer(field, equal), packet, VARIABLES) == []
    assert compare(answer(field, other), packet, VARIABLES) == [mismatch]
    assert compare(Answer(), packet, VARIABLES) == [], "what is left out may have any value"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("tsval", number("1"), "1"),
        ("tsecr", number("ts_recent"), "ts_recent"),
        ("mss", 1460, "1460"),
        ("wscale", 0, "0"),
    ],
)
def test_a_field_of_an_option_that_is_not_there(field: str, value: object, said: str) -> None:
    assert compare(answer(field, value), BARE, VARIABLES) == [Mismatch(field, said, "absent")]


def test_every_field_of_an_answer_is_compared() -> None:
    asked = {field.name for field in fields(Answer)} - {"word"}
    assert asked == {field.name for field in FIELDS}
    assert asked == {row[0] for row in TABLE} | {"flow_label"}


@pytest.mark.parametrize(("flags", "octets"), [(ACK, 500 << 7), (SYN, 500), (SYN | ACK, 500)])
def test_the_window_of_a_syn_is_never_scaled(flags: int, octets: int) -> None:
    assert window_octets(Segment(1, 2, flags, 500), {"rcv_scale": 7}) == octets
    assert window_octets(Segment(1, 2, flags, 500), {}) == 500


# -- in words -------------------------------------------------------------------------------------


def test_a_packet_and_an_expectation_in_one_line() -> None:
    assert summary(NOTHING) == "nothing"
    assert summary(Answer()) == "a segment"
    assert summary(Answer(flags=SYN, seq=number("iss"), ack=number("rcv_nxt"))) == (
        "SYN seq=iss ack=rcv_nxt"
    )
    assert summary(BARE, VARIABLES) == "ACK seq=snd_nxt ack=rcv_nxt"
    assert summary(FULL) == "ACK seq=1000 ack=2000 length=4"


# -- what a case would say of a packet ------------------------------------------------------------


def said(packet: Packet, variables: Mapping[str, int]) -> Answer:
    """An answer in whose words the packet is right."""
    found = answer_of(packet, variables)
    assert compare(found, packet, variables) == []
    return found


def test_all_that_can_be_asked_of_a_packet_is_said() -> None:
    assert said(FULL, VARIABLES) == Answer(
        flags=ACK,
        seq=number("snd_nxt"),
        ack=number("rcv_nxt"),
        window=number("rcv_wnd"),
        length=4,
        timestamps="present",
        tsecr=number("ts_recent"),
        tos=2,
        df=True,
    )
    assert said(replace(BARE, flow=V6), VARIABLES).df is None
    assert said(BARE, VARIABLES).timestamps == "absent"


@pytest.mark.parametrize(
    ("segment", "seq", "ack"),
    [
        (Segment(1000 + 65537, 51, SYN | ACK), "snd_nxt+65537", "seg_seq+1"),
        (Segment(1000 + 65536, 2000, SYN | ACK), None, "rcv_nxt"),
        (Segment(60, 0, RST), "seg_ack", None),
        (Segment(1000, 0, RST), "snd_nxt", None),
        (Segment(7, 0, RST), None, None),
        (Segment(0, 53, RST | ACK), "0", "seg_seq+seg_len"),
        (Segment(1000, 2000, RST | ACK), "snd_nxt", "rcv_nxt"),
        (Segment(0, 9, RST | ACK), "0", None),
        (Segment(1001, 2003, ACK), "snd_nxt+1", "rcv_nxt+3"),
        (Segment(1 << 31, (1 << 31) + 50, ACK), None, None),
    ],
)
def test_numbers_are_said_from_what_they_follow(
    segment: Segment, seq: str | None, ack: str | None
) -> None:
    known = VARIABLES | {"seg_seq": 50, "seg_ack": 60, "seg_len": 3}
    found = said(Packet(V4, segment), known)
    assert (found.seq and found.seq.text, found.ack and found.ack.text) == (seq, ack)


def test_of_a_syn_ack_the_new_connection_is_left_open() -> None:
    found = said(Packet(V4, Segment(5, 51, SYN | ACK, 9), tos=3), {"seg_seq": 50, "rcv_wnd": 500})
    assert (found.window, found.tos) == (None, None)


@pytest.mark.parametrize(
    ("window", "said_as"), [(4, "rcv_wnd"), (0, "0"), (3, "rcv_wnd-128"), (8, "rcv_wnd+512")]
)
def test_a_window_is_said_in_octets(window: int, said_as: str) -> None:
    known = {"snd_nxt": 1, "rcv_nxt": 2, "rcv_wnd": 512, "rcv_scale": 7}
    found = said(Packet(V4, Segment(1, 2, ACK, window)), known)
    assert found.window is not None
    assert found.window.text == said_as


@pytest.mark.parametrize(
    ("tsecr", "said_as"), [(7000, "ts_recent"), (90, "seg_tsval"), (0, "0"), (7001, "ts_recent+1")]
)
def test_an_echo_is_said_from_what_it_echoes(tsecr: int, said_as: str) -> None:
    stamped = Segment(1000, 2000, ACK, timestamps=Timestamps(1, tsecr))
    found = said(Packet(V4, stamped), {"ts_recent": 7000, "seg_tsval": 90})
    assert found.tsecr is not None
    assert found.tsecr.text == said_as


def test_nothing_is_asked_of_a_window_that_no_rule_decides() -> None:
    packet = Packet(Flow("192.0.2.1", 7, "192.0.2.2", 40000), Segment(1, 2, ACK, window=500))
    variables = {"rcv_wnd": 500, "rcv_scale": 0, "snd_nxt": 1, "rcv_nxt": 2, "seg_seq": 2}
    assert answer_of(packet, variables).window == SequenceExpression("rcv_wnd")
    assert answer_of(replace(packet, window_is_ruled=False), variables).window is None


def test_an_ack_number_without_its_flag_is_nothing_to_ask_for() -> None:
    assert answer_of(replace(BARE, segment=Segment(1000, 2000, PSH)), VARIABLES).ack is None
    assert answer_of(BARE, VARIABLES).ack == number("rcv_nxt")


def test_all_variables_that_are_known_may_be_needed() -> None:
    reset = Packet(V4, Segment(5, 0, RST))
    assert answer_of(reset, {"seg_ack": 5}).seq == number("seg_ack")
    assert answer_of(reset, {"seg_ack": 5, "snd_nxt": 6}).seq == number("seg_ack")
