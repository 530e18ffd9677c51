"""The tester's end of a connection: what it sends, what it takes for what, and how it leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tw_conformance.link.path import Path, Sentinel, perfect_path
from tw_conformance.model.case import Reach, SendIcmp
from tw_conformance.model.expressions import SequenceExpression
from tw_conformance.play.tester import _completes
from tw_conformance.play.tests.scripted import (
    IRS,
    ISS,
    PROBE_FLOW,
    REACHED,
    ScriptedLink,
    at,
    in_time_wait,
    segment,
)
from tw_conformance.play.tests.test_approach import (
    FIN_OF_SERVICE,
    LAST_ACK,
    SYN_ACK,
    endpoint,
    reached,
)
from tw_conformance.targets.in_process import Played
from tw_reference.icmp_numbers import number_of
from tw_reference.segment import (
    ACK,
    FIN,
    RST,
    SYN,
    Echo,
    IcmpError,
    Packet,
    Segment,
    Timestamps,
)


def test_a_segment_goes_as_it_is_said() -> None:
    link = ScriptedLink()
    tester, ack = endpoint(Reach(), link), Segment(1, 2, ACK)
    tester.send(ack)
    tester.send(ack, damage="tcp-checksum", tos=4, ttl=9, flow_label=7)
    plain = Packet(link.flow, ack, tos=0, flow_label=0)
    assert link.sent == [plain, replace(plain, tos=4, ttl=9, flow_label=7)]
    notes = [event.note for event in tester.transcript.events]
    assert notes == ["", "corrupt: tcp-checksum"]


@pytest.mark.parametrize(("after", "again"), [(0.005, False), (0.0078125, True)])
def test_a_copy_that_comes_at_once_was_sent_again_by_no_timer(after: float, again: bool) -> None:
    fin = segment(FIN | ACK, 1, IRS)
    tester = endpoint(Reach(), at((0.0, fin), (after, fin)))
    Played(tester.drain()).result()
    assert Played(tester.receive(1.0)).result() is not None
    assert (tester.sent_again is not None) == again


def test_what_is_retransmitted_once_the_steps_began_is_no_detour() -> None:
    fin = segment(FIN | ACK, 1, IRS)
    tester = endpoint(Reach(), at((0.0, fin), (0.5, fin)))
    tester.step = 0
    Played(tester.receive(0.25)).result()
    assert Played(tester.receive(1.0)).result() is not None
    assert tester.sent_again is None
    assert "flow_label" not in tester.variables


def test_a_second_look_takes_what_may_be_sent_again_where_nothing_else_comes() -> None:
    fin, ack = segment(FIN | ACK, 1, IRS), segment(ACK, 2, IRS)
    for more, answer in (([], (0.25, fin)), ([(0.375, ack)], (0.375, ack))):
        tester = endpoint(Reach(), at((0.0, fin), (0.25, fin), (0.4375, fin), *more))
        Played(tester.receive(0.0)).result()
        arrival = Played(tester.second_look()).result()
        assert arrival is not None
        assert (arrival.time, arrival.packet) == answer


def test_a_second_look_passes_over_what_asks_whether_the_window_is_open() -> None:
    probe, ack = segment(ACK, 2, 1), segment(ACK, 3, 1)
    tester = endpoint(Reach(), at((0.25, probe), (0.375, ack)))
    tester.send(Segment(1, 3, ACK, window=0))
    arrival = Played(tester.second_look()).result()
    assert arrival is not None
    assert arrival.packet == ack


def test_how_far_behind_an_answer_came_is_noted() -> None:
    path = perfect_path()
    path.answered_behind(0.25)
    tester = endpoint(Reach(), ScriptedLink([(8.25, segment())], echoes=[0.125], clock=8.0), path)
    tester.send(Segment(1, 2, ACK, 1460))
    assert Played(tester.prove_delivery()).result()
    assert (path.overtaken, path.lag) == (2, 0.25)


def test_what_a_timer_sent_behind_an_answer_is_no_lag() -> None:
    fin, path = segment(FIN | ACK, 1, IRS), perfect_path()
    path.answered_behind(0.001)
    tester = endpoint(Reach(), at((0.0, fin), (0.15625, fin)), path)
    for _ in range(2):
        Played(tester.receive(0.15)).result()
    tester.expect_news()
    assert Played(tester.prove_delivery()).result()
    assert [arrival.time for arrival in tester.pending] == [0.15625]
    assert (path.overtaken, path.lag) == (1, 0.001)


def test_an_answer_to_a_probe_is_no_segment_of_the_connection() -> None:
    link = at((0.001, Packet(PROBE_FLOW.reverse, Segment(77 << 16 | 1, 0, RST))))
    tester = endpoint(Reach(), link, Path(Sentinel.TCP))
    tester.expect_news()
    assert Played(tester.prove_delivery()).result()
    assert tester.pending == []
    assert tester.settled == 0.001


# -- errors, and leaving --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "seq", "mtu"),
    [
        (SendIcmp("port-unreachable"), ISS + 1, 0),
        (SendIcmp("port-unreachable", mtu=900), ISS + 1, 0),
        (SendIcmp("fragmentation-needed"), ISS + 1, 1280),
        (SendIcmp("fragmentation-needed", mtu=900), ISS + 1, 900),
        (SendIcmp("3/77"), ISS + 1, 0),
        (SendIcmp("host-unreachable", quotes=SequenceExpression("snd_nxt+5")), ISS + 7, 0),
    ],
)
def test_an_error_is_about_the_duts_fin_or_what_it_quotes(
    step: SendIcmp, seq: int, mtu: int
) -> None:
    link = in_time_wait()
    tester = reached(Reach(), link)
    assert tester.report(step) == link.clock
    flow = link.flow
    number = number_of(step.icmp, ipv6=False)
    assert number is not None
    assert link.sent[-1] == IcmpError(flow.src, flow.dst, number, flow.reverse, seq, mtu)


@pytest.mark.parametrize(
    ("reach", "arrivals", "reset"),
    [
        (Reach(), in_time_wait().arrivals, None),
        (Reach(state="LISTEN"), [], None),
        (Reach(state="SYN-RECEIVED"), [(0.125, SYN_ACK)], IRS + 1),
        (Reach(state="FIN-WAIT-1"), [(0.125, SYN_ACK), (0.25, FIN_OF_SERVICE)], IRS + 1),
        (
            Reach(state="CLOSING"),
            [(0.125, SYN_ACK), (0.25, FIN_OF_SERVICE), (0.375, segment(ACK, ISS + 2, IRS + 2))],
            IRS + 2,
        ),
    ],
)
def test_what_is_left_of_a_connection_is_reset(
    reach: Reach, arrivals: list[tuple[float, Any]], reset: int | None
) -> None:
    link = at(*arrivals)
    tester = reached(reach, link)
    before = len(link.sent)
    tester.abandon()
    left = [packet.segment for packet in link.sent[before:] if isinstance(packet, Packet)]
    assert left == ([] if reset is None else [Segment(reset, 0, RST)])
    notes = [event.note for event in tester.transcript.events if event.note]
    assert len(notes) == len(left)


def test_time_wait_is_reset_where_its_place_is_needed() -> None:
    """At RCV.NXT as the case has it, and as the DUT has it since a FIN of the case's."""
    later = segment(ACK, ISS + 2, IRS + 3), segment(RST, ISS + 2, 0)
    link = in_time_wait(*((REACHED + 0.1, each) for each in later))
    tester = reached(Reach(), link)
    Played(tester.drain()).result()
    link.clock += 1
    Played(tester.drain()).result()
    before = len(link.sent)
    tester.abandon(time_wait=True)
    left = [packet.segment for packet in link.sent[before:] if isinstance(packet, Packet)]
    assert left == [Segment(IRS + 2, 0, RST), Segment(IRS + 3, 0, RST)]


def test_what_came_before_the_steps_is_forgotten() -> None:
    link = in_time_wait((0.5005, LAST_ACK))
    tester = reached(Reach(), link)
    Played(tester.forget_what_came()).result()
    assert tester.pending == []
    assert not tester.heard.has_come_before(LAST_ACK)
    assert tester.heard.has_come_before(FIN_OF_SERVICE) is False
    assert isinstance(link.sent[-1], Echo)


@pytest.mark.parametrize(
    ("off", "text", "tsval", "completes"),
    [
        (0, 0, 7, True),
        (-1, 0, 7, False),
        (-1, 1, 7, False),
        (-1, 2, 7, True),
        (99, 0, 7, True),
        (100, 0, 7, False),
        (0, 0, 6, False),
        (0, 0, 6 + 2**31, True),
        (0, 0, 7 + 2**31, False),
        (0, 0, None, True),
    ],
)
def test_what_is_not_acceptable_completes_no_handshake(
    off: int, text: int, tsval: int | None, completes: bool
) -> None:
    """TS.Recent is 7, and the window 100 octets."""
    syn_ack = Segment(ISS, IRS + 1, SYN | ACK, window=100, timestamps=Timestamps(1, 7))
    stamps = None if tsval is None else Timestamps(tsval, 1)
    sent = Segment(IRS + 1 + off, ISS + 1, ACK, payload=b"t" * text, timestamps=stamps)
    assert _completes(syn_ack, sent) == completes
    without = replace(syn_ack, timestamps=None)
    assert _completes(without, sent) == _completes(without, replace(sent, timestamps=None))
