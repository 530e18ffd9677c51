from __future__ import annotations

from dataclasses import replace

import pytest

from tw_conformance.model.case import Reach
from tw_conformance.notation.packetdrill.bursts import segments, text_at_most
from tw_conformance.notation.packetdrill.script import Number, Option, TcpPacket
from tw_conformance.notation.packetdrill.tests.scripts import PASSIVE, STAMPED
from tw_conformance.notation.packetdrill.tests.test_translate import head, lost, notes, steps
from tw_reference.segment import ACK, CWR, FIN, PSH, SYN

BURST = TcpPacket(False, FIN | PSH | CWR | ACK, Number(1), 2500, Number(1))
WRITTEN = PASSIVE + "+0 write(4, ..., 3000) = 3000\n"


def test_a_packet_is_cut_into_full_segments_and_what_is_left() -> None:
    cut = segments(BURST, 1000)
    assert cut is not None
    assert [(each.seq, each.length, each.flags) for each in cut] == [
        (Number(1), 1000, CWR | ACK),
        (Number(1001), 1000, ACK),
        (Number(2001), 500, FIN | PSH | ACK),
    ]


def test_a_packet_that_is_one_segment_stays_as_it_is() -> None:
    assert segments(BURST, 2500) == (BURST,)


@pytest.mark.parametrize(
    "packet",
    [
        replace(BURST, seq=None),
        replace(BURST, flags=SYN | ACK),
        replace(BURST, urgent=1),
        replace(BURST, options=(Option("sack", (9, 10)),)),
    ],
)
def test_what_each_segment_would_have_is_not_always_known(packet: TcpPacket) -> None:
    assert segments(packet, 1000) is None
    assert segments(packet, 2500) == (packet,)


@pytest.mark.parametrize(
    ("reach", "window", "most"),
    [
        (Reach(mss=1400), 65535, 1400),
        (Reach(mss=9000), 65535, 1460),
        (Reach(mss=1460, timestamps=True), 65535, 1448),
        (Reach(mss=1460, family="ipv6"), 65535, 1440),
        (Reach(mss=None), 65535, 536),
        (Reach(mss=None, family="ipv6"), 65535, 1220),
        (Reach(mss=1000), 2000, 1000),
        (Reach(mss=1000), 1999, None),
    ],
)
def test_a_full_segment_is_what_the_handshake_agreed_on(
    reach: Reach, window: int, most: int | None
) -> None:
    assert text_at_most(reach, window) == most


# -- in a script ---------------------------------------------------------------------------------


def test_what_is_cut_on_the_wire_is_expected_segment_by_segment() -> None:
    text = WRITTEN + "+0 > P. 1:3001(3000) ack 1\n"
    fields = "seq: {}, ack: rcv_nxt, length: {}, options: none"
    first, second = fields.format("snd_nxt", 1400), fields.format("snd_nxt+1400", 1400)
    assert steps(text)[1:] == [
        f"- expect: {{any: [{{flags: ACK, {first}}}, {{flags: PSH|ACK, {first}}}]}}",
        f"- expect: {{any: [{{flags: ACK, {second}}}, {{flags: PSH|ACK, {second}}}]}}",
        f"- expect: {{flags: PSH|ACK, {fields.format('snd_nxt+2800', 200)}}}",
    ]
    assert lost(text) == []
    assert "3000 octets are 3 segments on the wire" in notes(text)


def test_psh_is_not_asked_where_more_is_to_come() -> None:
    text = PASSIVE + "+0 write(4, ..., 9000) = 9000\n+0 > P. 1:2801(2800) ack 1\n"
    assert steps(text)[-1].startswith("- expect: {any: [{flags: ACK, seq: snd_nxt+1400")


def test_timestamps_take_their_room_from_the_text() -> None:
    stamps = "<nop,nop,TS val 900 ecr 600>"
    text = STAMPED + f"+0 write(4, ..., 1460) = 1460\n+0 > P. 1:1461(1460) ack 1 {stamps}\n"
    assert "length: 1448" in steps(text)[-2]
    assert "length: 12" in steps(text)[-1]


@pytest.mark.parametrize(
    "text",
    [
        PASSIVE.replace("1:1(0) ack 1 win 65535", "1:1(0) ack 1 win 300"),
        '`sysctl -q net.ipv4.tcp_wmem="4096 50000 4194304"`\n' + PASSIVE,
        PASSIVE + "+0 < icmp unreachable frag_needed mtu 700 [1:1(0)]\n",
    ],
)
def test_where_the_segments_are_not_known_the_packet_cant_be_said(text: str) -> None:
    text += "+0 write(4, ..., 3000) = 3000\n+0 > P. 1:3001(3000) ack 1\n"
    assert any("3000 octets are several segments on the wire" in line for line in lost(text))


def test_what_comes_again_sooner_than_any_time_out_ends_what_can_be_said() -> None:
    text = WRITTEN + "+0 > P. 1:3001(3000) ack 1\n+{} > P. 2801:3001(200) ack 1\n"
    reason = "11: what comes by itself within 200 ms is by the round trip of the handshake"
    assert lost(text.format(".02"))[0].startswith(reason)
    assert lost(text.format(".25")) == []


def test_the_wait_for_what_cant_be_said_is_left_out_with_it() -> None:
    text = WRITTEN + "+0 > P. 1:3001(3000) ack 1\n+.1 < . 1:1(0) ack 1 win 9 <md5 00>\n"
    assert steps(text)[-1].startswith("- expect: {flags: PSH|ACK")


def test_sack_is_not_offered_for_blocks_that_are_left_out() -> None:
    blocks = "<nop,nop,TS val 900 ecr 600,nop,nop,sack 9:10>"
    text = STAMPED + "+0 < . 1:2(1) ack 1 win 9 <nop,nop,TS val 601 ecr 900>\n"
    text += "+0 > . 1:1(0) ack 2 <nop,nop,TS val 900 ecr 601>\n+0 < . 2:3(1) ack 1 win 9 <md5 00>\n"
    text += f"+0 > . 1:1(0) ack 2 {blocks}\n"
    assert "sack" not in head(text)
    assert "SACK is not offered: no segment that is left has blocks" in notes(text)
