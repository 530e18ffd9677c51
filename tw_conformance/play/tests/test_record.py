"""Records: what answers a transcript holds, and what a reading says of a timer."""

from __future__ import annotations

import pytest

from tw_conformance.link.link import Observation
from tw_conformance.model.case import Case, Reach
from tw_conformance.model.verdict import Event, Transcript
from tw_conformance.play.record import (
    ProvenSilence,
    Record,
    StateSeen,
    TimerEffect,
    answers,
    came_at,
    timer_effect,
)
from tw_conformance.play.tests.scripted import FLOW, segment
from tw_reference.segment import Echo, IcmpError, Packet, Segment

SENT = Packet(FLOW, Segment(1, 2, 16))
PROBE = Echo(FLOW.src, FLOW.dst, 1, 1)
REPORT = IcmpError(FLOW.src, FLOW.dst, "host-unreachable", FLOW.reverse, 1)
A, B, C = (segment(seq=number) for number in (1, 2, 3))


def transcript(*events: Event) -> Transcript:
    return Transcript(list(events))


def came(packet: Packet, step: int | None) -> Event:
    return Event(0.0, "received", packet, step=step)


def test_answers_are_what_came_since_the_last_packet_to_the_connection() -> None:
    told = transcript(
        came(A, None),
        Event(0.0, "sent", SENT, step=0),
        came(A, 0),
        Event(0.0, "sent", PROBE, step=0),
        came(B, 1),
        Event(0.0, "note", None, step=1),
        Event(0.0, "sent", REPORT, step=2),
        Event(0.0, "received", PROBE, step=2),
        came(C, 3),
        came(A, None),
    )
    assert answers(told) == [C]
    assert answers(told, until=0) == [A]
    assert answers(told, until=1) == [A, B]
    assert answers(told, until=2) == []
    assert answers(told, until=3) == [C]


def test_answers_are_those_on_the_same_connection_and_none_to_probes() -> None:
    told = transcript(
        came(A, 0),
        Event(0.0, "received", B, step=0, connection="second"),
        Event(0.0, "received", B, step=0, probe=1),
        came(C, 0),
    )
    assert answers(told) == [A, C]
    assert answers(told, on="second") == [B]


def test_what_came_at_a_step() -> None:
    told = transcript(
        came(A, 0),
        came(B, 1),
        Event(0.0, "sent", SENT, step=1),
        Event(0.0, "received", PROBE, step=1),
        came(C, None),
    )
    assert came_at(told, 0) == [A]
    assert came_at(told, 1) == [B]
    assert came_at(told, 2) == []


@pytest.mark.parametrize(
    ("begun", "resolution", "effect"),
    [
        (0.5, 0.0, "kept"),
        (0.875, 0.0, "kept"),
        (0.9375, 0.0, None),
        (1.0, 0.0, "restarted"),
        (3.0, 0.0, "restarted"),
        (0.5, 0.375, "kept"),
        (0.5, 0.5, None),
        (3.0, 2.0, "restarted"),
        (3.0, 2.125, None),
    ],
)
def test_a_timer_that_began_before_the_segment_was_kept(
    begun: float, resolution: float, effect: TimerEffect | None
) -> None:
    """What came before had been processed by 0.875 s, the segment left at 1 s, 2MSL is 60 s."""
    seen = Observation("TIME-WAIT", 10.0, 10.0, begun + 60.0 - 10.0, resolution)
    assert timer_effect(seen, 60.0, settled=0.875, sent=1.0) == effect


def test_a_slow_answer_makes_a_reading_coarse() -> None:
    seen = Observation("TIME-WAIT", 10.0, 10.5, 0.5 + 50.0, 0.0)
    assert timer_effect(seen, 60.0, settled=0.875, sent=1.0) is None
    assert timer_effect(seen, 60.0, settled=0.875, sent=1.25) == "kept"


def test_without_a_timer_there_is_nothing_to_tell() -> None:
    seen = Observation("CLOSED", 10.0, 10.0)
    assert timer_effect(seen, 60.0, settled=0.875, sent=1.0) is None


def test_what_is_not_said_of_a_fact_or_a_record_is_harmless() -> None:
    assert ProvenSilence().served
    assert not StateSeen("CLOSED").has_timer
    record = Record(Case("a", "", (), Reach(), ()), "t", "p", Transcript())
    assert (record.capture_losses, record.duration, record.inferred) == (0, 0.0, False)
    assert not record.ended
