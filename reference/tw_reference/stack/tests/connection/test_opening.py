"""A connection from its first SYN to ESTABLISHED."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tw_reference import segment as tcp
from tw_reference.clock import SECOND, Clock
from tw_reference.profiles.profile import Profile
from tw_reference.segment import Packet, Segment, Timestamps, flag_names
from tw_reference.stack.connection import Connection
from tw_reference.stack.tests.connection.ends import (
    DELAYED_ACK,
    FLOW,
    JUST_BELOW_THE_WRAP,
    End,
    Losing,
    Pair,
    Peer,
    open_pair,
)


def test_a_handshake_opens_both_ends(profile: Profile) -> None:
    pair, client, server = open_pair(profile)
    assert pair.client_end.told == pair.server_end.told == ["established"]
    assert client.timestamps
    assert server.timestamps
    assert client.mss == server.mss == 1448
    assert client.snd_scale == server.rcv_scale == profile.traits.window_scale


def test_options_that_one_end_lacks_are_not_used(peer: Peer) -> None:
    assert peer.client.snd_scale == peer.client.rcv_scale == 0
    assert not peer.client.timestamps


@pytest.mark.parametrize("lost", [tcp.SYN, tcp.SYN | tcp.ACK])
def test_a_lost_half_of_the_handshake_is_sent_again(
    profile: Profile, rto: float, lost: int
) -> None:
    pair = Pair(profile)
    pair.loses = Losing(lost)
    pair.let_pass(rto - 0.001)
    assert pair.client.state == "SYN-SENT"
    pair.let_pass(0.002)
    assert pair.states == ("ESTABLISHED", "ESTABLISHED")


def test_a_lost_ack_of_the_handshake_is_made_up_for_by_text(profile: Profile) -> None:
    pair = Pair(profile)
    pair.loses = lambda packet: packet.segment.flags == tcp.ACK
    pair.deliver()
    assert pair.states == ("ESTABLISHED", "SYN-RECEIVED")
    pair.client.send(b"now")
    pair.deliver()
    assert pair.states == ("ESTABLISHED", "ESTABLISHED")
    assert pair.server_end.received == b"now"


def test_nobody_answers(profile: Profile, rto: float) -> None:
    pair = Pair(profile)
    pair.loses = lambda packet: True
    pair.let_pass(127 * rto - 0.001)
    assert pair.client_end.told == []
    pair.let_pass(0.002)
    assert pair.client_end.told == ["gone"]
    assert pair.clock.next_timer() is None


def test_a_syn_continues_the_timestamps_of_an_earlier_incarnation(profile: Profile) -> None:
    end = End(Clock(SECOND), profile)
    Connection.active(end, FLOW, 1, ts_recent=4711)
    assert end.sent[0].segment == Segment(
        seq=1,
        ack=0,
        flags=tcp.SYN,
        window=end.sent[0].segment.window,
        mss=1460,
        wscale=profile.traits.window_scale,
        sack_permitted=True,
        timestamps=Timestamps(1000, 4711),
    )


def syn_sent(profile: Profile) -> tuple[End, Connection]:
    end = End(Clock(SECOND), profile, timestamps=False)
    client = Connection.active(end, FLOW, JUST_BELOW_THE_WRAP)
    end.sent.clear()
    return end, client


def test_a_refusal_ends_syn_sent(profile: Profile) -> None:
    end, client = syn_sent(profile)
    rst = Segment(0, client.snd_nxt, tcp.RST | tcp.ACK)
    client.segment_arrives(Packet(FLOW.reverse, rst))
    assert end.told == ["gone"]


@pytest.mark.parametrize("flags", [tcp.RST, tcp.RST | tcp.ACK])
def test_a_reset_that_does_not_answer_the_syn_refuses_nothing(profile: Profile, flags: int) -> None:
    end, client = syn_sent(profile)
    client.segment_arrives(Packet(FLOW.reverse, Segment(0, client.iss, flags)))
    assert (client.state, end.sent) == ("SYN-SENT", [])


@pytest.mark.parametrize("flags", [tcp.ACK, tcp.SYN | tcp.ACK])
def test_an_ack_of_something_else_is_reset_in_syn_sent(profile: Profile, flags: int) -> None:
    """As an old connection's answer is (RFC 9293 section 3.5.2, figure 10)."""
    end, client = syn_sent(profile)
    client.segment_arrives(Packet(FLOW.reverse, Segment(300, 91, flags)))
    assert [packet.segment for packet in end.sent] == [Segment(91, 0, tcp.RST)]
    assert client.state == "SYN-SENT"


@pytest.mark.parametrize("call", [Connection.close, Connection.abort])
def test_syn_sent_is_left_in_silence(profile: Profile, call: Callable[[Connection], None]) -> None:
    end, client = syn_sent(profile)
    call(client)
    assert (end.told, end.sent) == (["gone"], [])


def test_what_was_asked_for_before_is_done_once_it_is_open(profile: Profile) -> None:
    pair = Pair(profile)
    pair.client.send(b"early")
    if "write" in profile.traits.shutdown_ends_opening:
        pair.let_pass(DELAYED_ACK)
    pair.client.shut("write")
    pair.let_pass(DELAYED_ACK)
    assert pair.states == ("FIN-WAIT-2", "CLOSE-WAIT")
    assert pair.server_end.received == b"early"


def test_a_server_may_speak_before_the_handshake_is_over(profile: Profile) -> None:
    end = End(Clock(SECOND), profile)
    syn = Packet(FLOW, Segment(1, 0, tcp.SYN, window=1000))
    server = Connection.passive(end, syn, 5)
    server.send(b"early")
    server.shut("write")
    server.segment_arrives(Packet(FLOW, Segment(2, 6, tcp.ACK, window=1000)))
    sent = [flag_names(packet.segment.flags) for packet in end.sent]
    assert sent == ["SYN|ACK", "FIN|PSH|ACK"]
    assert server.state == "FIN-WAIT-1"
