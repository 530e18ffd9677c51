"""Text both ways: lost, late, twice, and more than the window takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tw_reference import segment as tcp
from tw_reference.clock import SECOND
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile, Unsent, fits_whole, is_worth_sending
from tw_reference.segment import Packet
from tw_reference.seqnum import distance
from tw_reference.stack.tests.connection.ends import (
    DELAYED_ACK,
    TEXT,
    Losing,
    Pair,
    Peer,
    open_pair,
)


def asks_for_no_tail(profile: Profile) -> Profile:
    return replace(profile, traits=replace(profile.traits, probes_tail=False))


def test_text_crosses_both_ways_over_the_wrap(profile: Profile) -> None:
    pair, client, server = open_pair(profile)
    client.send(TEXT)
    server.send(TEXT[::-1])
    pair.deliver()
    assert pair.server_end.received == TEXT
    assert pair.client_end.received == TEXT[::-1]
    assert client.snd_nxt < client.iss, "the numbers wrapped"


def test_lost_text_is_sent_again(profile: Profile, measured_rto: float) -> None:
    pair, client, _ = open_pair(profile)
    pair.loses = Losing(tcp.PSH)
    client.send(b"lost")
    pair.let_pass(measured_rto - 0.001)
    assert pair.server_end.received == b""
    pair.let_pass(0.002)
    assert pair.server_end.received == b"lost"
    pair.let_pass(DELAYED_ACK)
    assert pair.clock.next_timer() is None


def test_several_losses_in_a_flight_cost_one_time_out(
    profile: Profile, measured_rto: float
) -> None:
    pair, client, _ = open_pair(asks_for_no_tail(profile))
    pair.loses = Losing(tcp.ACK, times=3)
    client.send(TEXT)
    pair.let_pass(measured_rto + 0.001)
    assert pair.server_end.received == TEXT


def test_the_lost_end_of_a_flight_is_asked_for_before_the_time_out() -> None:
    """Once: then it is the time-out's turn, which begins anew (RFC 8985 section 7.3)."""
    pair, client, _ = open_pair(PROFILES["linux-6.18"])
    first, lost = client.snd_nxt, list[int]()

    def loses(packet: Packet) -> bool:
        lost.append(distance(packet.segment.seq, first))
        return True

    pair.loses = loses
    client.send(b"first and last" * 200)
    pair.let_pass(0.05)
    assert lost == [0, client.mss, client.mss]
    pair.let_pass(0.2)
    assert lost[3:] == [0]


def test_the_time_out_follows_the_round_trips(profile: Profile, rto: float) -> None:
    """R/2 is the first RTTVAR, and RTO = SRTT + 4 RTTVAR (RFC 6298 section 2)."""
    pair = Pair(asks_for_no_tail(profile))
    round_trip = 0.9 * rto
    pair.clock.advance(pair.clock.now + round(round_trip * SECOND))
    pair.deliver()
    pair.loses = Losing(tcp.PSH)
    pair.client.send(b"lost")
    pair.let_pass(3 * round_trip - 0.001)
    assert pair.server_end.received == b""
    pair.let_pass(0.002)
    assert pair.server_end.received == b"lost"


def test_a_round_trip_of_what_was_sent_twice_is_not_measured(
    profile: Profile, measured_rto: float
) -> None:
    """Karn's algorithm (RFC 6298 section 3): the time-out stays."""
    pair, client, _ = open_pair(profile)
    for text in (b"one", b"two"):
        pair.loses = Losing(tcp.PSH)
        client.send(text)
        pair.let_pass(measured_rto + 0.001)
        assert pair.server_end.received.endswith(text)
        pair.let_pass(DELAYED_ACK)


def test_a_lossy_link_delivers_all_the_same(profile: Profile) -> None:
    pair, client, server = open_pair(profile)
    seen = iter(range(10**6))
    pair.loses = lambda packet: next(seen) % 7 == 3
    client.send(TEXT)
    server.send(TEXT)
    pair.let_pass(3600)
    assert pair.server_end.received == pair.client_end.received == TEXT


def test_text_ahead_of_its_turn_waits_for_the_gap(peer: Peer) -> None:
    assert peer.says(tcp.ACK, 3, text=b"def") == ["ACK 0 0"]
    assert peer.says(tcp.ACK, 9, text=b"jkl") == ["ACK 0 0"]
    assert peer.says(tcp.ACK, 0, text=b"abc") == ["ACK 0 6"]
    assert peer.says(tcp.ACK, 6, text=b"ghi") == ["ACK 0 12"]
    assert peer.end.received == b"abcdefghijkl"


def test_text_that_overlaps_is_delivered_once(peer: Peer) -> None:
    assert peer.says(tcp.ACK, 4, text=b"efgh") == ["ACK 0 0"]
    assert peer.says(tcp.ACK, 2, text=b"cdef") == ["ACK 0 0"]
    assert peer.says(tcp.ACK, 0, text=b"abc") == ["ACK 0 8"]
    assert (peer.says(tcp.ACK, 6, text=b"ghij") or peer.let_timer_fire()) == ["ACK 0 10"]
    assert peer.end.received == b"abcdefghij"


def test_of_two_pieces_ahead_the_longer_is_kept(peer: Peer) -> None:
    peer.says(tcp.ACK, 3, text=b"defgh")
    peer.says(tcp.ACK, 3, text=b"de")
    assert peer.says(tcp.ACK, 0, text=b"abc") == ["ACK 0 8"]
    assert peer.end.received == b"abcdefgh"


def test_a_duplicate_is_acknowledged_and_not_delivered(peer: Peer) -> None:
    peer.says(tcp.ACK, 0, text=b"abc")
    assert peer.says(tcp.ACK, 0, text=b"abc") == ["ACK 0 3"]
    assert peer.end.received == b"abc"


def test_a_fin_ahead_of_its_turn_waits_too(peer: Peer) -> None:
    assert peer.says(tcp.FIN | tcp.ACK, 3, text=b"def") == ["ACK 0 0"]
    assert peer.client.state == "ESTABLISHED"
    assert peer.says(tcp.ACK, 0, text=b"abc") == ["ACK 0 7"]
    assert peer.client.state == "CLOSE-WAIT"
    assert peer.end.received == b"abcdef"
    assert peer.end.told[-1] == "peer closed"


def test_text_behind_the_peers_fin_is_not_taken(peer: Peer) -> None:
    peer.says(tcp.FIN | tcp.ACK)
    peer.let_pass(DELAYED_ACK)
    assert peer.says(tcp.ACK, 1, text=b"late") in ([], ["ACK 0 1"])
    assert peer.end.received == b""


def test_who_reads_two_small_texts_at_once_has_their_ack_sent() -> None:
    peer = Peer(PROFILES["linux-6.18"])
    peer.says(tcp.ACK, text=b"asks")
    peer.client.send(b"answer")
    peer.hears()
    assert peer.says(tcp.ACK, 4, 6, b"a") == []
    assert peer.says(tcp.ACK, 5, 6, b"b") == ["ACK 6 6"]


def test_what_is_beyond_the_window_is_cut_off(peer: Peer) -> None:
    window = peer.client.rcv_wnd
    peer.says(tcp.FIN | tcp.ACK, 1, text=b"x" * (window + 500))
    peer.says(tcp.ACK, 0, text=b"x")
    assert len(peer.end.received) == window
    assert peer.client.state == "ESTABLISHED"


def test_an_ack_of_what_was_never_sent_is_put_right(peer: Peer) -> None:
    assert peer.says(tcp.ACK, 0, 1, text=b"abc") in ([], ["ACK 0 0"])
    assert peer.end.received == b""


def test_paws_keeps_old_duplicates_out(profile: Profile) -> None:
    peer = Peer(profile, timestamps=True)
    assert peer.says(tcp.ACK, 0, text=b"old", tsval=990) == ["ACK 0 0"]
    taken = peer.says(tcp.ACK, 0, text=b"new", tsval=1001)
    assert (taken or peer.let_timer_fire()) == ["ACK 0 3"]
    assert peer.client.ts_recent == 1001


def test_no_more_is_sent_than_the_window_takes(profile: Profile) -> None:
    """What is one packet to Linux is cut to the window; else less than a segment is not sent."""
    peer = Peer(profile)
    peer.says(tcp.ACK, window=2000)
    peer.client.send(TEXT)
    if profile.traits.fits is fits_whole:
        push = "PSH|" if profile.traits.cuts_below else ""
        assert peer.hears() == ["ACK 0 0 1460 octets", f"{push}ACK 1460 0 540 octets"]
        assert peer.says(tcp.ACK, 0, 1460, window=1460) == []
    else:
        assert peer.hears() == ["ACK 0 0 1460 octets"]
        assert peer.says(tcp.ACK, 0, 1460, window=1460) == ["ACK 1460 0 1460 octets"]


@pytest.mark.parametrize(
    ("text", "room", "goes"),
    [(1460, 800, True), (1460, 700, False), (700, 700, True), (0, 0, True), (10, 0, False)],
)
def test_half_of_the_largest_window_is_worth_a_segment(text: int, room: int, goes: bool) -> None:
    unsent = Unsent(text, closes=text == 0, room=room, mss=1460, largest_window=1500)
    assert is_worth_sending(unsent) is goes


def test_of_several_segments_in_one_packet_the_last_has_psh_and_nothing_is_said_between(
    profile: Profile,
) -> None:
    cut, room = profile.traits.cuts_below, profile.traits.congestion.initial(1460) - 1460
    for size, push in ((1460 + 540, []), (2 * 1460 + 540, [cut]), (4 * 1460 + 540, [])):
        if size > room:
            continue
        peer = Peer(profile)
        peer.client.send(b"x")
        peer.client.send(TEXT[:size])
        sent = peer.end.sent[-(size // 1460) :]
        said = [bool(each.segment.flags & tcp.PSH) for each in sent if each.push_is_ruled]
        assert said == [False, *(push if cut else [False] * (len(sent) - 1))]


def probe(peer: Peer) -> str:
    return "ACK 0 0 1 octets" if peer.end.profile.traits.probes_with_text else "ACK -1 0"


def after_a_probe(peer: Peer) -> list[str]:
    """What the six octets that waited come as, once there is room."""
    if peer.end.profile.traits.probes_with_text:
        return ["ACK 0 0 1 octets", "PSH|ACK 1 0 5 octets"]
    return ["PSH|ACK 0 0 6 octets"]


def test_a_closed_window_is_probed_and_its_opening_heard(peer: Peer, measured_rto: float) -> None:
    peer.says(tcp.ACK, window=0)
    peer.client.send(b"abcdef")
    assert peer.hears() == []
    assert peer.let_pass(measured_rto) == [probe(peer)]
    assert peer.says(tcp.ACK, window=0) == []
    assert peer.says(tcp.ACK, window=1000) == after_a_probe(peer)


def test_a_peer_that_answers_probes_is_waited_for(peer: Peer) -> None:
    peer.says(tcp.ACK, window=0)
    peer.client.send(b"abcdef")
    for _ in range(100):
        assert peer.let_timer_fire() == [probe(peer)]
        peer.says(tcp.ACK, window=0)
    assert peer.says(tcp.ACK, window=1000) == after_a_probe(peer)


def test_a_peer_that_falls_silent_is_given_up(peer: Peer) -> None:
    peer.says(tcp.ACK, window=0)
    peer.client.send(b"abcdef")
    peer.let_pass(3600)
    assert peer.end.told[-1] == "gone"


def test_an_older_segment_does_not_move_the_window(peer: Peer) -> None:
    peer.says(tcp.ACK, 3, text=b"def", window=0)
    peer.says(tcp.ACK, 0, text=b"abc", window=1000)
    assert peer.client.snd_wnd == 0
