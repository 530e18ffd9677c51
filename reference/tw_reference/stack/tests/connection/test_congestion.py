"""How much goes out before an ACK comes, and what is sent again (RFC 5681)."""

from __future__ import annotations

import pytest

from tw_reference import segment as tcp
from tw_reference.clock import Clock
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.rules.rule import NOT_RULED
from tw_reference.seqnum import distance
from tw_reference.stack.congestion import CongestionWindow
from tw_reference.stack.tests.connection.ends import TEXT, Peer

LINUX = PROFILES["linux-6.18"]


def flight(peer: Peer) -> int:
    return distance(peer.client.snd_nxt, peer.client.snd_una)


def is_in_doubt(peer: Peer) -> bool:
    return any(decision.rule is NOT_RULED for decision in peer.end.trace)


def test_the_first_flight_is_the_initial_window(profile: Profile) -> None:
    peer = Peer(profile, wscale=7)
    peer.says(tcp.ACK)
    initial = profile.traits.congestion.initial(1460)
    peer.client.send(TEXT[: initial + 1460])
    assert flight(peer) == initial
    assert not is_in_doubt(peer)


@pytest.mark.parametrize("segments", [2, 3])
def test_slow_start_takes_as_much_more_as_was_acknowledged(segments: int) -> None:
    peer = Peer(LINUX, wscale=7)
    peer.says(tcp.ACK)
    peer.client.send(TEXT[: 20 * 1460])
    peer.let_pass(0.05)
    peer.says(tcp.ACK, 0, segments * 1460)
    assert flight(peer) == (10 + segments) * 1460
    assert not is_in_doubt(peer)


def test_beyond_sixteen_segments_nothing_is_said_up_to_what_slow_start_gives() -> None:
    window = CongestionWindow(LINUX.traits.congestion, Clock(0))
    window.open(100, syns=1)
    window.acknowledged(1000, flight=1000)
    assert [window.lets(10, flight) for flight in (1500, 1600, 1900, 2000)] == [
        *(True, None, None, False)
    ]


def test_little_segments_count_as_full_ones() -> None:
    peer = Peer(LINUX)
    peer.client.nodelay = True
    for _ in range(12):
        peer.client.send(b"little")
    assert len(peer.hears()) == 10


def test_a_window_that_a_lull_let_close_is_the_first_one() -> None:
    peer = Peer(LINUX, wscale=7)
    peer.says(tcp.ACK)
    peer.client.send(TEXT[: 14 * 1460])
    peer.let_pass(0.05)
    peer.says(tcp.ACK, 0, 4 * 1460)
    peer.says(tcp.ACK, 0, 14 * 1460)
    peer.let_pass(5)
    peer.client.send(TEXT[: 12 * 1460])
    assert is_in_doubt(peer)


@pytest.mark.parametrize(("segments", "again"), [(3, []), (4, ["ACK 0 0 1460 octets"])])
def test_three_duplicate_acks_have_one_of_four_segments_sent_again(
    segments: int, again: list[str]
) -> None:
    peer = Peer(LINUX, wscale=7)
    peer.says(tcp.ACK)
    peer.client.send(TEXT[: segments * 1460])
    peer.hears()
    assert peer.says(tcp.ACK) == peer.says(tcp.ACK) == []
    assert peer.says(tcp.ACK) == again
    assert peer.says(tcp.ACK) == []


def test_after_a_time_out_twice_as_many_go_again_with_each_ack() -> None:
    peer = Peer(LINUX, wscale=7)
    peer.client.send(TEXT[: 10 * 1460])
    peer.hears()
    assert peer.let_timer_fire() == ["ACK 0 0 1460 octets"]
    assert len(peer.says(tcp.ACK, 0, 1460)) == 2
    assert len(peer.says(tcp.ACK, 0, 3 * 1460)) == 4
    assert not is_in_doubt(peer)


def test_after_a_time_out_new_text_may_go_first() -> None:
    peer = Peer(LINUX, wscale=7)
    peer.client.send(TEXT[: 12 * 1460])
    peer.hears()
    peer.let_timer_fire()
    assert not is_in_doubt(peer)
    peer.says(tcp.ACK, 0, 1460)
    assert is_in_doubt(peer)
