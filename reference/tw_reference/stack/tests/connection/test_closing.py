"""A connection on its way out: FINs in every order, and resets."""

from __future__ import annotations

import pytest

from tw_reference import segment as tcp
from tw_reference.clock import SECOND, Clock
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile, fits_whole
from tw_reference.segment import Packet, Segment, flag_names
from tw_reference.seqnum import add
from tw_reference.stack.connection import Connection
from tw_reference.stack.tests.connection.ends import (
    DELAYED_ACK,
    FLOW,
    End,
    Hasty,
    Losing,
    Pair,
    Peer,
    nothing,
    open_pair,
)


@pytest.mark.parametrize("client_first", [True, False])
def test_the_end_that_closes_first_is_left_in_time_wait(
    profile: Profile, client_first: bool
) -> None:
    pair, client, server = open_pair(profile)
    first, second = (client, server) if client_first else (server, client)
    first.shut("write")
    pair.let_pass(DELAYED_ACK)
    assert (first.state, second.state) == ("FIN-WAIT-2", "CLOSE-WAIT")
    second.send(b"and still it talks")
    second.close()
    pair.deliver()
    active, passive = (
        (pair.client_end, pair.server_end) if client_first else (pair.server_end, pair.client_end)
    )
    assert active.told == ["established", "TIME-WAIT"]
    assert active.received == b"and still it talks"
    assert passive.told == ["established", "peer closed", "gone"]
    assert pair.clock.next_timer() is None


def test_a_simultaneous_close_ends_in_time_wait_twice(profile: Profile) -> None:
    pair, client, server = open_pair(profile)
    client.close()
    server.close()
    assert pair.states == ("FIN-WAIT-1", "FIN-WAIT-1")
    pair.let_pass(4)
    assert pair.client_end.told[-1] == pair.server_end.told[-1] == "TIME-WAIT"


def test_a_fin_that_crosses_ours_leads_to_closing(peer: Peer) -> None:
    peer.client.close()
    assert peer.hears() == ["FIN|ACK 0 0"]
    again = peer.end.profile.name.startswith("freebsd")
    answer = "FIN|ACK 0 1" if again else "ACK 1 1"
    assert peer.says(tcp.FIN | tcp.ACK, window=59999) == [answer]
    assert peer.client.state == "CLOSING"
    assert peer.says(tcp.ACK, 1, 1) == []
    assert peer.end.told[-1] == "TIME-WAIT"


def test_an_ack_that_was_put_off_has_the_fin_only_while_that_is_on_its_way() -> None:
    """tcp_output.c, tcp_outflags[], is asked when the ACK goes out."""
    for fin_is_acknowledged, ack in ((False, "FIN|ACK 0 1"), (True, "ACK 1 1")):
        peer = Peer(PROFILES["freebsd-13"])
        peer.client.shut("write")
        assert peer.hears() == ["FIN|ACK 0 0"]
        assert peer.says(tcp.ACK, text=b"x", window=59999) == []
        if fin_is_acknowledged:
            assert peer.says(tcp.ACK, 1, 1) == []
        assert peer.let_timer_fire() == [ack]


def test_a_lost_fin_is_sent_again(profile: Profile, measured_rto: float) -> None:
    pair, client, _ = open_pair(profile)
    pair.loses = Losing(tcp.FIN)
    client.shut("write")
    pair.let_pass(measured_rto - 0.001)
    assert pair.states == ("FIN-WAIT-1", "ESTABLISHED")
    pair.let_pass(0.002 + DELAYED_ACK)
    assert pair.states == ("FIN-WAIT-2", "CLOSE-WAIT")


def test_a_lost_ack_of_a_fin_is_made_good(profile: Profile, measured_rto: float) -> None:
    pair, client, _ = open_pair(profile)
    pair.loses = lambda packet: packet.flow == FLOW.reverse
    client.shut("write")
    pair.deliver()
    assert pair.states == ("FIN-WAIT-1", "CLOSE-WAIT")
    pair.loses = nothing
    pair.let_pass(measured_rto + 0.001)
    assert pair.states == ("FIN-WAIT-2", "CLOSE-WAIT")


def test_the_state_goes_on_at_once_and_the_fin_with_the_text(peer: Peer) -> None:
    peer.says(tcp.ACK, window=2)
    peer.client.send(b"abcd")
    peer.client.shut("write")
    assert peer.hears() == []
    assert peer.client.state == "FIN-WAIT-1"
    push = "PSH|" if peer.end.profile.traits.pushes_part else ""
    assert peer.let_timer_fire() == [f"{push}ACK 0 0 2 octets"]
    assert peer.client.state == "FIN-WAIT-1"
    assert peer.says(tcp.ACK, 0, 2) == ["FIN|PSH|ACK 2 0 2 octets"]


def test_text_waits_with_its_fin_for_room_for_both(peer: Peer) -> None:
    waits = peer.end.profile.traits.fits is fits_whole
    peer.says(tcp.ACK, window=0)
    peer.client.send(b"abcd")
    peer.client.shut("write")
    fin = ["FIN|PSH|ACK 0 0 4 octets"]
    assert peer.says(tcp.ACK, window=4) == ([] if waits else fin)
    assert peer.says(tcp.ACK, window=5) == (fin if waits else [])


@pytest.mark.parametrize("profile", ["linux-6.18", "linux-2.6.32"], indirect=True)
@pytest.mark.parametrize("state", ["FIN-WAIT-1", "CLOSING", "LAST-ACK"])
def test_a_fin_waits_for_a_window_in_every_state(peer: Peer, state: str) -> None:
    peer.says(tcp.ACK, window=0)
    at = 0 if state == "FIN-WAIT-1" else 1
    if state == "LAST-ACK":
        peer.says(tcp.FIN | tcp.ACK, window=0)
        assert peer.let_timer_fire() == ["ACK 0 1"]
    peer.client.shut("write")
    if state == "CLOSING":
        assert peer.says(tcp.FIN | tcp.ACK, window=0) == ["ACK 0 1"]
    peer.hears()
    assert peer.client.state == state
    assert not peer.client.fin_sent
    assert peer.let_timer_fire() == [f"ACK -1 {at}"]
    assert peer.says(tcp.ACK, at, window=1) == [f"FIN|ACK 0 {at}"]
    assert peer.client.state == state


def test_what_waits_carries_the_ack_of_what_lets_it_go(peer: Peer) -> None:
    peer.says(tcp.ACK, window=0)
    peer.client.send(b"abcd")
    assert peer.says(tcp.ACK, text=b"xy") == ["PSH|ACK 0 2 4 octets"]


@pytest.mark.parametrize(
    ("profile", "answer"),
    [
        ("linux-6.18", ["ACK 0 1", "FIN|PSH|ACK 0 1 4 octets"]),
        ("rfc9293", ["FIN|PSH|ACK 0 1 4 octets"]),
        ("freebsd-15", ["FIN|PSH|ACK 0 1 4 octets"]),
    ],
    indirect=["profile"],
)
def test_a_fin_that_crosses_ours_while_that_waits(peer: Peer, answer: list[str]) -> None:
    peer.says(tcp.ACK, window=0)
    peer.client.send(b"abcd")
    peer.client.shut("write")
    assert peer.says(tcp.FIN | tcp.ACK) == answer
    assert peer.client.state == "CLOSING"


def test_abort_tells_a_peer_that_has_not_had_the_fin(peer: Peer) -> None:
    peer.says(tcp.ACK, window=0)
    peer.client.send(b"abcd")
    peer.says(tcp.FIN | tcp.ACK, window=0)
    peer.client.shut("write")
    peer.hears()
    assert peer.client.state == "LAST-ACK"
    peer.client.abort()
    assert peer.hears() == ["RST|ACK 0 1"]


@pytest.mark.parametrize("seq", [0, 3])
def test_text_for_nobody_is_reset(peer: Peer, seq: int) -> None:
    peer.client.close()
    peer.hears()
    assert peer.says(tcp.ACK, seq, 0, text=b"abc") == ["RST 0"]
    assert peer.end.told[-1] == "gone"


@pytest.mark.parametrize(
    ("profile", "answer"),
    [("linux-6.18", "RST|ACK 0 3"), ("rfc9293", "RST|ACK 0 3"), ("freebsd-15", "FIN|ACK 0 3")],
    indirect=["profile"],
)
def test_close_before_all_text_was_read(peer: Peer, answer: str) -> None:
    """RFC 1122 section 4.2.2.13: the peer is to be told that text was lost."""
    peer.client.reads = False
    assert (peer.says(tcp.ACK, text=b"abc") or peer.let_timer_fire()) == ["ACK 0 3"]
    peer.client.close()
    assert peer.hears() == [answer]
    assert peer.end.received == b""


def test_close_when_all_text_was_read(peer: Peer) -> None:
    peer.says(tcp.ACK, text=b"abc")
    peer.client.close()
    assert peer.hears() == ["FIN|ACK 0 3"]


def test_fin_wait_2_without_a_process_is_the_hosts_affair(profile: Profile) -> None:
    pair, client, _ = open_pair(profile)
    client.close()
    pair.let_pass(DELAYED_ACK)
    assert pair.client_end.told == ["established", "orphaned"]


def test_a_reset_at_rcv_nxt_ends_a_connection(peer: Peer) -> None:
    assert peer.says(tcp.RST) == []
    assert peer.end.told[-1] == "gone"


def test_a_reset_elsewhere_in_the_window_is_challenged(peer: Peer) -> None:
    """RFC 5961 section 3.2, as RFC 9293 section 3.10.7.4 has it; some stacks are older."""
    name = peer.end.profile.name
    answers = [] if name in ("freebsd-10", "linux-2.6.32") else ["ACK 0 0"]
    assert peer.says(tcp.RST, 2) == answers
    assert peer.client.state == ("CLOSED" if name == "linux-2.6.32" else "ESTABLISHED")


@pytest.mark.parametrize("seq", [-2, 70000])
def test_a_reset_outside_of_the_window_is_dropped(peer: Peer, seq: int) -> None:
    assert peer.says(tcp.RST, seq) == []
    assert peer.client.state == "ESTABLISHED"


def test_a_syn_is_challenged(peer: Peer) -> None:
    if peer.end.profile.name in ("freebsd-10", "linux-2.6.32"):
        (answer,) = peer.says(tcp.SYN, 5)
        assert answer.startswith("RST|ACK")
        assert peer.client.state == "CLOSED"
        return
    assert peer.says(tcp.SYN, 5) == ["ACK 0 0"]
    assert peer.client.state == "ESTABLISHED"


def test_an_abort_resets_and_is_the_end(peer: Peer) -> None:
    peer.client.send(b"abc")
    peer.hears()
    peer.client.abort()
    assert peer.hears() == ["RST|ACK 3 0"]
    assert peer.end.told[-1] == "gone"
    assert peer.end.clock.next_timer() is None


@pytest.mark.parametrize("state", ["ESTABLISHED", "CLOSE-WAIT"])
def test_with_a_linger_of_0_close_is_an_abort(peer: Peer, state: str) -> None:
    fin = int(state == "CLOSE-WAIT")
    if fin:
        peer.says(tcp.FIN | tcp.ACK)
    assert peer.client.state == state
    peer.client.linger = 0
    peer.client.close()
    assert peer.hears() == [f"RST|ACK 0 {fin}"]
    assert peer.end.told[-1] == "gone"


def test_what_a_socket_asks_for_is_in_its_packets(peer: Peer) -> None:
    peer.client.ttl, peer.client.tos = 33, 16
    peer.client.close()
    packet = peer.end.sent[-1]
    assert (packet.ttl, packet.tos) == (33, 16)


def test_a_process_may_abort_as_soon_as_it_hears_of_the_connection(profile: Profile) -> None:
    end = Hasty(Clock(SECOND), profile)
    client = Connection.active(end, FLOW, 1)
    syn_ack = Segment(1, client.snd_nxt, tcp.SYN | tcp.ACK, window=1000)
    client.segment_arrives(Packet(FLOW.reverse, syn_ack))
    assert [flag_names(packet.segment.flags) for packet in end.sent] == ["SYN", "ACK", "RST|ACK"]
    assert end.told == ["gone"]
    assert end.clock.next_timer() is None


def test_a_process_hears_of_a_connection_when_the_stack_has_done_with_the_segment(
    profile: Profile,
) -> None:
    end = Hasty(Clock(SECOND), profile)
    syn = Packet(FLOW, Segment(1, 0, tcp.SYN, window=1000))
    server = Connection.passive(end, syn, 5)
    server.segment_arrives(Packet(FLOW, Segment(2, 6, tcp.ACK, window=1000, payload=b"text")))
    sent = [flag_names(packet.segment.flags) for packet in end.sent]
    waits = profile.name.startswith("freebsd")
    assert sent == (["SYN|ACK", "RST|ACK"] if waits else ["SYN|ACK", "ACK", "RST|ACK"])


def test_a_reset_returns_a_half_open_server_to_listen(profile: Profile) -> None:
    pair = Pair(profile)
    pair.loses = lambda packet: packet.flow == FLOW.reverse
    pair.deliver()
    assert pair.server is not None
    assert pair.server.state == "SYN-RECEIVED"
    syn = Segment(add(pair.client.iss, 1), 0, tcp.RST)
    pair.server.segment_arrives(Packet(FLOW, syn))
    assert pair.server_end.told == ["gone"]


def test_a_repeated_syn_is_answered_again(profile: Profile) -> None:
    end = End(Clock(SECOND), profile)
    syn = Packet(FLOW, Segment(1, 0, tcp.SYN, window=1000, mss=1460))
    server = Connection.passive(end, syn, 5)
    server.segment_arrives(syn)
    first, again = end.sent
    assert first == again
