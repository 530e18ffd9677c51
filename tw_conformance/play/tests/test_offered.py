"""The window that was offered, and what a persist timer of the DUT sends."""

from __future__ import annotations

import pytest

from tw_conformance.link.link import Arrival
from tw_conformance.play.offered import OfferedWindow
from tw_conformance.play.tests.scripted import segment
from tw_reference.segment import ACK, FIN, PSH, RST, SYN, Packet, Segment

SHUT, SMALL = Segment(1, 3, ACK, window=0), Segment(1, 3, ACK, window=9)
OPEN, OLD = Segment(1, 3, ACK, window=1460), Segment(1, 2, ACK, window=1460)
PROBE = segment(ACK, 2, 1)


def was_probed(came: Packet, after: float, *told: tuple[float, Segment]) -> bool:
    offered = OfferedWindow()
    for time, each in told:
        offered.tell(time, each)
    return offered.was_probed(Arrival(after, came, b""))


@pytest.mark.parametrize(
    ("came", "after", "probed"),
    [
        (PROBE, 0.15, True),
        (PROBE, 0.125, False),
        (segment(PSH | ACK, 2, 1), 0.15, True),
        (segment(FIN | ACK, 2, 1), 0.15, False),
        (segment(RST, 2, 1), 0.15, False),
        (segment(ACK, 3, 1), 0.15, False),
        (segment(ACK, 1, 1), 0.15, False),
        (segment(ACK, 3, 1, b"t"), 0.15, True),
        (segment(ACK, 3, 1, b"t"), 0.125, False),
        (segment(PSH | ACK, 3, 1, b"t"), 0.15, True),
        (segment(ACK, 3, 1, b"tt"), 0.15, False),
        (segment(ACK, 4, 1, b"t"), 0.15, False),
        (segment(ACK, 2, 1, b"t"), 0.15, False),
    ],
)
def test_a_probe_is_empty_left_of_snd_una_or_the_next_octet(
    came: Packet, after: float, probed: bool
) -> None:
    assert was_probed(came, after, (0.0, SHUT)) is probed
    assert was_probed(came, 8 + after, (4.0, OPEN), (8.0, SHUT)) is probed


@pytest.mark.parametrize(("octets", "probed"), [(1, True), (9, True), (10, False)])
def test_of_text_as_much_goes_as_has_room(octets: int, probed: bool) -> None:
    assert was_probed(segment(ACK, 3, 1, b"t" * octets), 0.5, (0.0, SMALL)) is probed


@pytest.mark.parametrize(("window", "probed"), [(0, True), (1459, True), (1460, False)])
def test_a_window_with_room_for_a_segment_is_not_asked_for(window: int, probed: bool) -> None:
    told = Segment(1, 3, ACK, window=window)
    assert was_probed(PROBE, 0.5, (0.0, told)) is probed
    assert was_probed(segment(ACK, 3, 1, b"t"), 0.5, (0.0, told)) is probed


def test_no_window_was_offered_without_an_ack() -> None:
    assert not was_probed(PROBE, 0.5)
    assert not was_probed(PROBE, 0.5, (0.0, Segment(1, 3, SYN, window=0)))
    assert not was_probed(segment(ACK, 3, 1, b"t"), 0.5)


@pytest.mark.parametrize("later", [OPEN, OLD])
def test_what_is_left_of_snd_una_is_no_answer_to_what_opens_the_window(later: Segment) -> None:
    """Whether an old ACK opens it the stacks see differently; text is an answer, then."""
    assert was_probed(PROBE, 0.5, (0.0, SHUT), (0.25, later))
    assert not was_probed(segment(ACK, 3, 1, b"t"), 0.5, (0.0, SHUT), (0.25, later))
    assert not was_probed(PROBE, 0.5, (0.375, SHUT), (0.375, later))


@pytest.mark.parametrize(
    ("asked", "done", "probed"),
    [
        (0.34, 0.34, True),
        (0.36, 0.36, False),
        (0.2, 0.34, True),
        (0.2, 0.36, False),
        (0.4, 0.6, False),
        (0.5, 0.5, False),
        (0.55, 0.6, True),
    ],
)
def test_text_soon_after_a_call_is_its_doing(asked: float, done: float, probed: bool) -> None:
    text = segment(ACK, 3, 1, b"t")
    offered = OfferedWindow()
    offered.tell(0.0, SHUT)
    offered.stir(asked, done)
    assert offered.was_probed(Arrival(0.5, text, b"")) is probed


def test_text_soon_after_a_segment_is_its_doing() -> None:
    reset, text = Segment(1, 0, RST), segment(ACK, 3, 1, b"t")
    assert not was_probed(text, 0.5, (0.0, SHUT), (0.375, reset))
    assert was_probed(text, 0.5, (0.0, SHUT), (0.25, reset))


def test_what_is_told_behind_what_came_made_no_difference_to_it() -> None:
    text = segment(ACK, 3, 1, b"t")
    assert was_probed(text, 0.5, (0.0, SHUT), (0.75, OPEN))
    assert not was_probed(text, 0.5, (0.0, SHUT), (0.5, OPEN))
