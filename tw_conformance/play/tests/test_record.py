"""Records: what answers a transcript holds, and what is not said of a fact."""

from __future__ import annotations

from tw_conformance.model.case import Case, Reach
from tw_conformance.model.verdict import Event, Transcript
from tw_conformance.play.record import (
    ProvenSilence,
    Record,
    StateSeen,
    answers,
    came_at,
)
from tw_conformance.play.tests.scripted import FLOW, segment
from tw_reference.icmp_numbers import Number
from tw_reference.segment import Echo, IcmpError, Packet, Segment

SENT = Packet(FLOW, Segment(1, 2, 16))
PROBE = Echo(FLOW.src, FLOW.dst, 1, 1)
REPORT = IcmpError(FLOW.src, FLOW.dst, Number(3, 1), FLOW.reverse, 1)
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


def test_what_is_not_said_of_a_fact_or_a_record_is_harmless() -> None:
    assert ProvenSilence().served
    assert not StateSeen("CLOSED").has_timer
    record = Record(Case("a", "", (), Reach(), ()), "t", "p", Transcript())
    assert (record.capture_losses, record.duration, record.inferred) == (0, 0.0, False)
    assert not record.ended
