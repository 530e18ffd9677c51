"""What a DUT has sent, and what of it it sends again of its own."""

from __future__ import annotations

import pytest

from tw_conformance.link.link import Arrival
from tw_conformance.play.heard import Heard
from tw_conformance.play.tests.scripted import segment
from tw_reference.segment import ACK, FIN, PSH, RST, SYN, Packet

FIN_ALONE = segment(FIN | ACK, 1, 7)


def heard(*came: tuple[float, Packet]) -> tuple[Heard, Arrival]:
    """What has come, and the last of it."""
    arrivals = [Arrival(time, packet, b"") for time, packet in came]
    all_of_it = Heard()
    for arrival in arrivals:
        all_of_it.take(arrival)
    return all_of_it, arrivals[-1]


@pytest.mark.parametrize(
    ("first", "then", "before"),
    [
        (FIN_ALONE, FIN_ALONE, True),
        (FIN_ALONE, segment(FIN | ACK, 1, 8), True),
        (segment(ACK, 1, 7, b"text"), segment(ACK | PSH, 1, 8, b"text"), True),
        (segment(ACK, 1, 7, b"text"), segment(ACK, 1, 8, b"TEXT"), False),
        (segment(SYN | ACK, 1, 7), segment(FIN | ACK, 1, 8), False),
        (segment(ACK, 1, 7), segment(ACK, 1, 7), True),
        (segment(ACK, 1, 7), segment(ACK, 1, 8), False),
        (segment(ACK, 1, 7), segment(ACK | PSH, 1, 7), False),
    ],
)
def test_octets_tell_what_has_come_before_and_all_numbers_where_there_are_none(
    first: Packet, then: Packet, before: bool
) -> None:
    assert heard((0, first), (1, then))[0].has_come_before(then) == before
    assert not heard((1, then))[0].has_come_before(then)


def test_what_is_forgotten_may_be_sent_again_all_the_same() -> None:
    ack = segment(ACK, 2, 7)
    came, _ = heard((0, FIN_ALONE), (1, ack), (2, ack))
    came.forget()
    assert not came.has_come_before(ack)
    assert not came.has_come_before(FIN_ALONE)
    came.take(Arrival(3, ack, b""))
    assert not came.has_come_before(ack)
    came.take(Arrival(4, segment(FIN | ACK, 1, 9), b""))
    assert came.has_come_before(FIN_ALONE)


@pytest.mark.parametrize(("after", "again"), [(0.125, False), (0.15, True)])
def test_a_retransmission_is_an_rto_behind(after: float, again: bool) -> None:
    came, last = heard((0.0, FIN_ALONE), (after, FIN_ALONE))
    assert came.was_retransmitted(last) is again


@pytest.mark.parametrize(("after", "again"), [(0.005, False), (0.0078125, True)])
def test_a_copy_that_comes_at_once_was_sent_again_by_no_timer(after: float, again: bool) -> None:
    came, last = heard((0.0, FIN_ALONE), (after, FIN_ALONE))
    assert came.is_again(last) is again


@pytest.mark.parametrize(
    ("flags", "octets", "again"),
    [(FIN | ACK, 10, True), (ACK, 4, True), (FIN | ACK, 11, False), (ACK, 12, False)],
)
def test_text_and_fin_may_be_sent_again_as_one_or_in_parts(
    flags: int, octets: int, again: bool
) -> None:
    text, fin = segment(ACK, 1, 7, b"x" * 10), segment(FIN | ACK, 11, 7)
    came, last = heard((0.0, text), (0.1, fin), (0.2, segment(flags, 1, 7, b"x" * octets)))
    assert came.was_retransmitted(last) is again


@pytest.mark.parametrize(("after", "again"), [(0.0625, False), (0.46, True)])
def test_an_rto_counts_from_the_latest_copy(after: float, again: bool) -> None:
    came, last = heard((0.0, FIN_ALONE), (0.23, FIN_ALONE), (0.23 + after, FIN_ALONE))
    assert came.was_retransmitted(last) is again


@pytest.mark.parametrize(("asked", "again"), [(0.18, True), (0.0, False)])
def test_a_copy_that_answers_leaves_the_timer_as_it_is(asked: float, again: bool) -> None:
    """FreeBSD in CLOSING: its FIN after 0.18 s for a duplicate ACK, and by its timer at 0.23 s."""
    came, _ = heard((0.0, FIN_ALONE))
    came.ask(asked)
    answer, last = (Arrival(time, FIN_ALONE, b"") for time in (0.19, 0.23))
    came.take(answer)
    came.take(last)
    assert came.was_retransmitted(last) is again


def test_an_ack_without_octets_is_never_retransmitted() -> None:
    ack = segment(ACK, 2, 7)
    came, last = heard((0.0, FIN_ALONE), (0.1, ack), (1.0, ack))
    assert not came.was_retransmitted(last)
    assert not came.is_again(last)


@pytest.mark.parametrize(("seq", "octets", "again"), [(3, 2, True), (3, 8, True), (11, 1, False)])
def test_a_part_may_be_sent_again_that_begins_within_what_came(
    seq: int, octets: int, again: bool
) -> None:
    whole, part = segment(ACK, 1, 7, b"x" * 10), segment(ACK, seq, 8, b"x" * octets)
    came, last = heard((0.0, whole), (1.0, part))
    assert came.was_retransmitted(last) is again


def test_what_came_out_of_order_is_new() -> None:
    came, last = heard((0.0, segment(ACK, 11, 7, b"xx")), (1.0, segment(ACK, 1, 7, b"x" * 10)))
    assert not came.was_retransmitted(last)


@pytest.mark.parametrize(
    ("last", "ahead"),
    [
        (segment(ACK, 1, 7, b"x" * 10), False),
        (segment(ACK, 2, 7, b"x" * 10), True),
        (segment(ACK, 1, 7), False),
        (segment(ACK, 2, 7), True),
        (segment(FIN | ACK, 11, 7), True),
        (segment(RST, 2, 0), False),
        (segment(SYN | ACK, 9000, 7), False),
    ],
)
def test_what_has_octets_before_it_that_did_not_come_is_ahead(last: Packet, ahead: bool) -> None:
    came, arrival = heard((0.0, segment(SYN | ACK, 0, 7)), (1.0, last))
    assert came.is_ahead(arrival) is ahead
    alone, arrival = heard((1.0, segment(ACK, 2, 7)))
    assert not alone.is_ahead(arrival)


def test_what_came_before_its_octets_is_ahead_though_they_have_come_since() -> None:
    first, second = segment(ACK, 1, 7, b"x" * 10), segment(ACK, 11, 7, b"x" * 10)
    came, arrival = heard((0.0, segment(SYN | ACK, 0, 7)), (1.0, second))
    came.take(Arrival(1.0, first, b""))
    assert came.is_ahead(arrival)


def test_what_follows_text_that_came_is_not_ahead() -> None:
    text = segment(ACK, 1, 7, b"x" * 10)
    came, _ = heard((0.0, segment(SYN | ACK, 0, 7)), (1.0, text), (1.0, segment(FIN | ACK, 11, 7)))
    for last, ahead in [
        (segment(FIN | ACK, 11, 7), False),
        (segment(ACK, 12, 7), False),
        (segment(ACK, 13, 7), True),
        (segment(ACK, 5, 7, b"xx"), False),
    ]:
        assert came.is_ahead(Arrival(1.0, last, b"")) is ahead
