"""What Linux answers on a whole connection: rows that were seen on 6.18 and on 6.1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tw_reference.clock import MILLISECOND, SECOND, Clock
from tw_reference.profiles import PROFILES
from tw_reference.profiles.offers import NOTHING, Offers
from tw_reference.profiles.tests.test_rfc9293_states import Bench
from tw_reference.segment import ACK, FIN, RST, SYN, Packet, Segment, Timestamps
from tw_reference.stack.connection import Connection
from tw_reference.stack.tests.connection.ends import FLOW, End, Peer
from tw_reference.state import State

WINDOW = 64240
"""What Linux offers first, octets."""
GONE = State.CLOSED


def peer_in(state: State, profile: str = "linux-6.18", *, timestamps: bool = False) -> Peer:
    """A peer whose client is in that state; the client's process holds its socket.

    The peer's numbers begin anew behind what brought it there, as the client's do.
    """
    peer = Peer(PROFILES[profile], timestamps=timestamps)
    if state in (State.FIN_WAIT_1, State.FIN_WAIT_2, State.CLOSING):
        peer.client.shut("write")
    if state is State.FIN_WAIT_2:
        peer.says(ACK, 0, 1)
    if state in (State.CLOSING, State.CLOSE_WAIT, State.LAST_ACK):
        peer.says(FIN | ACK)
        peer.let_pass(0.01)
    if state is State.LAST_ACK:
        peer.client.shut("write")
    peer.let_pass(0)
    assert peer.client.state is state
    return peer


E, F1, F2 = State.ESTABLISHED, State.FIN_WAIT_1, State.FIN_WAIT_2
CW, CL, LA, TW = State.CLOSE_WAIT, State.CLOSING, State.LAST_ACK, State.CLOSED


@pytest.mark.parametrize(
    ("state", "flags", "seq", "ack", "text", "answers", "then"),
    [
        # the window: its right edge is inside for what is empty, RCV.NXT for what ends there
        (E, ACK, WINDOW, 0, b"", [], E),
        (E, ACK, WINDOW + 1, 0, b"", ["ACK 0 0"], E),
        (E, ACK, -1, 0, b"x", ["ACK 0 0"], E),
        (E, ACK, WINDOW, 0, b"x", ["ACK 0 0"], E),
        (E, FIN, -1000, 0, b"", [], E),
        (E, RST, WINDOW + 1, 0, b"", [], E),
        (E, RST, 1, 0, b"", ["ACK 0 0"], E),
        (E, RST, 0, 0, b"", [], GONE),
        (E, SYN, 0, 0, b"", ["ACK 0 0"], E),
        (E, SYN, -1000, 0, b"", ["ACK 0 0"], E),
        # SEG.ACK: too old, never sent; its FIN is not taken
        (E, FIN | ACK, 0, -2, b"", ["ACK 0 0"], E),
        (E, FIN | ACK, 0, 1, b"", ["ACK 0 0"], E),
        (F1, FIN | ACK, 0, 2, b"", ["ACK 1 0"], F1),
        (F1, ACK, 0, 1, b"", [], F2),
        (F1, FIN | ACK, 0, 0, b"", ["ACK 1 1"], CL),
        (F1, ACK, -1, 1, b"x", ["ACK 1 0"], F2),
        (F2, FIN | ACK, 0, 1, b"", ["ACK 1 1"], TW),
        (F2, FIN | ACK, 1, 1, b"", ["ACK 1 0"], F2),
        # CLOSING: the ACK of the FIN is taken with whatever it comes
        (CL, FIN | ACK, 0, 1, b"", [], TW),
        (CL, ACK, 1, 1, b"", [], TW),
        (CL, ACK, 1, 0, b"late", [], CL),
        (CL, RST, 0, 0, b"", [], GONE),
        (CL, ACK, 0, 0, b"xy", ["RST 0"], GONE),
        # CLOSE-WAIT, LAST-ACK
        (CW, ACK, 1, 0, b"late", [], CW),
        (CW, FIN | ACK, 0, 0, b"", ["ACK 0 1"], CW),
        (CW, RST, 0, 0, b"", [], GONE),
        (LA, ACK, 1, 1, b"", [], GONE),
        (LA, ACK, 1, 2, b"", ["ACK 1 1"], LA),
    ],
)
def test_a_segment_on_a_connection(
    state: State,
    flags: int,
    seq: int,
    ack: int,
    text: bytes,
    answers: list[str],
    then: State,
) -> None:
    peer = peer_in(state)
    assert peer.says(flags, seq, ack, text) == answers
    assert peer.client.state is then


@pytest.mark.parametrize(
    ("profile", "flags", "seq", "ack", "answers"),
    [
        ("linux-5.10", ACK, 0, 1, []),
        ("linux-5.15", ACK, 0, 1, []),
        ("linux-6.1", ACK, 0, 1, []),
        ("linux-6.12", ACK, 0, 1, []),
        ("linux-6.14", ACK, 0, 1, []),
        ("linux-6.18", ACK, 0, 1, ["ACK 0 0"]),
    ],
)
def test_a_version_has_the_changes_up_to_it(
    profile: str, flags: int, seq: int, ack: int, answers: list[str]
) -> None:
    assert peer_in(E, profile).says(flags, seq, ack) == answers


@pytest.mark.parametrize(
    ("profile", "seq", "tsval", "text", "answers"),
    [
        ("linux-6.18", 0, 999, b"near enough", ["ACK 0 11"]),
        ("linux-6.18", 0, 998, b"too old", ["ACK 0 0"]),
        ("linux-6.18", 0, 900, b"", []),
        ("linux-6.18", 0, 700, b"", ["ACK 0 0"]),
        ("linux-6.18", -1, 900, b"", []),
        ("linux-6.14", -1, 900, b"", []),
        ("linux-6.12", -1, 900, b"", ["ACK 0 0"]),
        ("linux-6.1", -1, 900, b"", ["ACK 0 0"]),
    ],
)
def test_paws_has_a_window_for_what_was_reordered(
    profile: str, seq: int, tsval: int, text: bytes, answers: list[str]
) -> None:
    peer = peer_in(E, profile, timestamps=True)
    peer.says(ACK)
    assert peer.says(ACK, seq, text=text, tsval=tsval) == answers
    assert peer.client.ts_recent == 1000


@pytest.mark.parametrize(("profile", "answers"), [("linux-6.12", ["ACK 0 0"]), ("linux-6.1", [])])
def test_an_ack_that_closes_the_window_repeats_nothing_since_6_6(
    profile: str, answers: list[str]
) -> None:
    peer = peer_in(E, profile, timestamps=True)
    peer.says(ACK)
    assert peer.says(ACK, tsval=900, window=0) == answers


@pytest.mark.parametrize(
    ("profile", "seconds", "answers"),
    [
        ("linux-6.18", 2146, ["ACK 0 0"]),
        ("linux-6.18", 2147, ["ACK 0 1"]),
        ("linux-6.1", 2147, ["ACK 0 0"]),
        ("linux-6.1", 24 * 24 * 3600, ["ACK 0 1"]),
    ],
)
def test_ts_recent_says_nothing_any_more_when_it_is_old(
    profile: str, seconds: int, answers: list[str]
) -> None:
    peer = peer_in(E, profile, timestamps=True)
    peer.let_pass(seconds)
    assert peer.says(ACK, text=b"x", tsval=900) == answers


def test_ts_recent_stays_where_the_ack_is_of_nothing_that_was_sent() -> None:
    peer = peer_in(F1, timestamps=True)
    peer.says(ACK, 0, 2, tsval=9000)
    assert peer.client.ts_recent == 1000
    assert peer.says(FIN | ACK, 0, 1, tsval=1001) == ["ACK 1 1"]


def test_challenges_are_limited_whatever_they_answer() -> None:
    peer = peer_in(E)
    assert peer.says(SYN, 5, text=b"text") == ["ACK 0 0"]
    assert peer.says(RST, 5, text=b"text") == []
    assert peer.let_pass(0.5) == []
    assert peer.says(RST, 5) == ["ACK 0 0"]


@pytest.mark.parametrize(("text", "at_once", "after"), [(b"", 0.0, 0.004), (b"text", 0.039, 0.001)])
def test_the_ack_of_the_peers_fin_is_put_off(text: bytes, at_once: float, after: float) -> None:
    peer = peer_in(E)
    assert peer.says(FIN | ACK, 0, 0, text) == []
    assert peer.client.state is CW
    assert peer.let_pass(at_once) == []
    assert peer.let_pass(after) == [f"ACK 0 {len(text) + 1}"]


def test_a_fin_that_was_put_off_is_acknowledged_by_ours() -> None:
    peer = peer_in(E)
    peer.says(FIN | ACK)
    peer.client.close()
    assert peer.let_pass(0.1) == ["FIN|ACK 0 1"]


def test_text_for_an_orphan_is_reset() -> None:
    peer = peer_in(E)
    peer.client.close()
    peer.hears()
    assert peer.says(ACK, 5, 0, b"late") == ["RST 0"]
    assert peer.client.state is GONE


@pytest.mark.parametrize(
    ("profile", "tsval", "reserved", "ts_recent"),
    [
        ("linux-6.18", 1001, 0, 1001),
        ("linux-6.18", 1001, 0x0E, 1001),
        ("linux-6.18", 1001, 0x01, 1000),
        ("linux-6.1", 1001, 0x01, 1001),
        ("linux-6.18", 1000 + 2**31, 0, 1000),
    ],
)
def test_the_expected_segment_sets_ts_recent_though_its_ack_is_refused(
    profile: str, tsval: int, reserved: int, ts_recent: int
) -> None:
    """AE is a flag since 6.15; half the circle is not ahead."""
    peer = peer_in(E, profile, timestamps=True)
    segment = Segment(
        peer.client.rcv_nxt,
        peer.client.snd_una - 1,
        ACK,
        window=60000,
        timestamps=Timestamps(tsval, 0),
        reserved=reserved,
    )
    peer.client.segment_arrives(Packet(FLOW.reverse, segment))
    assert peer.client.ts_recent == ts_recent


@pytest.mark.parametrize(
    ("profile", "offered"),
    [
        ("linux-6.18", Offers(timestamps=True, scaling=True, sack=True)),
        ("freebsd-10", Offers(timestamps=True, scaling=True)),
        ("freebsd-13", NOTHING),
        ("rfc9293", NOTHING),
    ],
)
def test_what_syns_that_cross_offer_again_to_a_peer_that_offers_nothing(
    profile: str, offered: Offers
) -> None:
    end = End(Clock(SECOND), PROFILES[profile])
    client = Connection.active(end, FLOW, 1000)
    client.segment_arrives(Packet(FLOW.reverse, Segment(5000, 0, SYN, window=60000, mss=1460)))
    answer = end.sent[-1].segment
    assert answer.flags == SYN | ACK
    assert offered == Offers(
        answer.timestamps is not None, answer.wscale is not None, answer.sack_permitted
    )


@pytest.mark.parametrize(
    ("profile", "wscale", "before", "after"),
    [
        ("linux-6.18", None, True, False),
        ("linux-6.18", 7, False, False),
        ("rfc9293", None, True, True),
        ("rfc9293", 7, True, True),
    ],
)
def test_memory_decides_linuxs_window_once_text_was_read_or_scaled(
    profile: str, wscale: int | None, before: bool, after: bool
) -> None:
    peer = Peer(PROFILES[profile], wscale=wscale)
    sent = peer.end.sent
    for seq, text in ((-1, b"o"), (0, b"x")):
        octet = Segment(
            peer.client.rcv_nxt + seq, peer.client.snd_nxt, ACK, window=60000, payload=text
        )
        peer.client.segment_arrives(Packet(FLOW.reverse, octet))
        peer.end.clock.advance(peer.end.clock.now + SECOND)
    assert [packet.window_is_ruled for packet in sent] == [before, after]


@pytest.mark.parametrize(("length", "is_ruled"), [(1000, True), (1140, True), (1141, False)])
def test_the_window_grows_with_text_that_fills_its_buffer_well(length: int, is_ruled: bool) -> None:
    peer = Peer(PROFILES["linux-6.18"])
    client, sent = peer.client, peer.end.sent
    client.reads = False
    text = Segment(client.rcv_nxt, client.snd_nxt, ACK, window=60000, payload=b"x" * length)
    client.segment_arrives(Packet(FLOW.reverse, text))
    assert [packet.window_is_ruled for packet in sent] == [is_ruled]


@pytest.mark.parametrize(
    ("profile", "texts", "taken"),
    [
        ("linux-6.18", [456], [456]),
        ("linux-6.18", [457, 1], [456, 456]),
        ("linux-6.18", [536, 0], [456, 456]),
        ("linux-6.18", [537, 1], [537, 538]),
        ("linux-6.18", [1000, 100], [1000, 1100]),
        ("linux-6.18", [632], [None]),
        ("linux-6.18", [300, 300], [300, 300]),
        ("linux-6.18", [400, 400], [400, 400]),
        ("linux-6.18", [400, 400, 400, 400], [400, 400, None, None]),
        ("linux-6.18", [1] * 500, [*range(1, 165), *[None] * 336]),
        ("linux-6.1", [536, 1], [456, 456]),
        ("linux-6.1", [600, 1], [600, 600]),
        ("linux-6.1", [1000, 0], [240, 240]),
        ("linux-6.1", [1000, 1000], [240, None]),
    ],
)
def test_how_much_unread_text_takes_of_a_window_that_is_not_scaled(
    profile: str, texts: Sequence[int], taken: Sequence[int | None]
) -> None:
    """As 6.18 and 6.1 were seen to do with one text of each length; a FIN is a text of none."""
    peer = Peer(PROFILES[profile])
    client, sent = peer.client, peer.end.sent
    client.reads = False
    before = client.window_on_entry
    for length in texts:
        flags = ACK if length else FIN | ACK
        text = Segment(client.rcv_nxt, client.snd_nxt, flags, window=60000, payload=b"x" * length)
        client.segment_arrives(Packet(FLOW.reverse, text))
        peer.end.clock.advance(peer.end.clock.now + SECOND)
    windows = [before - p.segment.window if p.window_is_ruled else None for p in sent]
    assert windows == taken


@pytest.mark.parametrize(("old", "is_ruled"), [(0, True), (1, False)])
def test_a_fin_behind_old_text_may_take_a_buffer_of_its_own(old: int, is_ruled: bool) -> None:
    peer = peer_in(State.FIN_WAIT_2, "linux-6.1")
    client, sent = peer.client, peer.end.sent
    client.reads = False
    text = Segment(client.rcv_nxt, client.snd_nxt, ACK, window=60000, payload=b"x" * 1000)
    client.segment_arrives(Packet(FLOW.reverse, text))
    fin = replace(text, seq=client.rcv_nxt - old, flags=FIN | ACK, payload=b"x" * old)
    client.segment_arrives(Packet(FLOW.reverse, fin))
    assert sent[-1].segment.ack == client.rcv_nxt == fin.seq + old + 1
    assert sent[-1].window_is_ruled == client.inbound.edge_is_ruled == is_ruled


@pytest.mark.parametrize(
    ("profile", "length", "reads", "at_once"),
    [
        ("linux-6.18", 535, True, False),
        ("linux-6.18", 536, True, True),
        ("linux-6.18", 537, False, False),
        ("linux-6.18", 1169, False, False),
        ("linux-6.18", 1170, False, True),
        ("linux-6.1", 536, True, True),
        ("linux-6.1", 1400, False, False),
        ("linux-2.6.32", 535, False, False),
        ("linux-2.6.32", 536, False, True),
    ],
)
def test_the_ack_of_a_fin_with_text_waits_unless_the_window_stays_open(
    profile: str, length: int, reads: bool, at_once: bool
) -> None:
    """As 6.18 and 6.1 were seen to do, but for the process that reads."""
    peer = Peer(PROFILES[profile], timestamps=True)
    client = peer.client
    client.reads = reads
    client.offer(65160)
    assert bool(peer.says(FIN | ACK, text=b"x" * length, tsval=1001)) is at_once
    assert client.state == "CLOSE-WAIT"
    assert bool(peer.let_pass(0.04 if profile != "linux-2.6.32" else 0.2)) is not at_once


def crossed() -> Bench:
    """In SYN-RECEIVED, after SYNs that crossed."""
    bench = Bench(PROFILES["linux-6.18"])
    bench.open_actively()
    bench.arrives(SYN)
    assert bench.connection.state is State.SYN_RECEIVED
    bench.end.sent.clear()
    return bench


@pytest.mark.parametrize(
    ("flags", "seq", "ack", "text", "outcome"),
    [
        (SYN | ACK, -1, 0, b"", "ACK -> ESTABLISHED"),
        (SYN | ACK, -1, 0, b"x", "ACK -> SYN-RECEIVED; again"),
        (SYN | ACK, -1, -1, b"", "ACK -> SYN-RECEIVED; again"),
        (SYN, -1, 0, b"", "ACK -> SYN-RECEIVED; again"),
        (SYN, 9, 0, b"", "ACK -> SYN-RECEIVED; again"),
        (ACK, 0, 0, b"", "nothing -> ESTABLISHED"),
        (ACK, 0, -1, b"", "nothing -> ESTABLISHED; again"),
        (ACK, 0, -2, b"", "RST -> SYN-RECEIVED; again"),
        (ACK, 0, 1, b"", "RST -> SYN-RECEIVED; again"),
        (ACK, 70_000, 0, b"", "ACK -> SYN-RECEIVED; again"),
        (FIN | ACK, 0, 0, b"x", "nothing -> CLOSE-WAIT; again"),
        (RST, 0, 0, b"", "nothing -> gone"),
        (RST | ACK, 0, 9, b"", "nothing -> gone"),
        (RST, 1, 0, b"", "ACK -> SYN-RECEIVED; again"),
        (FIN, 0, 0, b"", "nothing -> SYN-RECEIVED; again"),
    ],
)
def test_after_syns_that_crossed_a_connection_is_in_syn_received(
    flags: int, seq: int, ack: int, text: bytes, outcome: str
) -> None:
    bench = crossed()
    bench.arrives(flags, seq, ack, text)
    assert bench.outcome() == outcome


def test_a_request_takes_a_syn_ack_for_its_ack_and_becomes_a_connection() -> None:
    bench = Bench(PROFILES["linux-6.18"])
    bench.open_passively()
    bench.end.sent.clear()
    bench.arrives(SYN | ACK, -1)
    assert bench.connection.state is State.SYN_RECEIVED
    bench.arrives(ACK, ack=1)
    assert bench.outcome() == "ACK, RST -> SYN-RECEIVED; again"


@pytest.mark.parametrize(
    ("milliseconds", "tsecr", "flags", "outcome"),
    [
        (9, 0, RST, "nothing -> gone"),
        (9, 9, RST, "nothing -> SYN-RECEIVED; again"),
        (9, 9, ACK, "ACK -> SYN-RECEIVED; again"),
        (0, 0, ACK, "nothing -> ESTABLISHED"),
    ],
)
def test_a_request_is_shown_a_tsval_of_its_syn_ack(
    milliseconds: int, tsecr: int, flags: int, outcome: str
) -> None:
    """An ACK that challenged an RST has a newer one, which does not count."""
    bench = Bench(PROFILES["linux-6.18"], timestamps=True)
    bench.open_passively()
    first = bench.end.timestamp()
    bench.end.clock.advance(bench.end.clock.now + milliseconds * MILLISECOND)
    bench.arrives(RST, 1)
    bench.end.sent.clear()
    connection = bench.connection
    ack = connection.snd_nxt if flags & ACK else 0
    stamps = Timestamps(bench.tsval, first + tsecr)
    segment = Segment(connection.rcv_nxt, ack, flags, window=60000, timestamps=stamps)
    bench.end.clock.advance(bench.end.clock.now + SECOND // 2)
    connection.segment_arrives(Packet(FLOW, segment))
    assert bench.outcome() == outcome


def test_a_reset_in_syn_received_is_challenged_within_the_limit_text_or_not() -> None:
    bench = Bench(PROFILES["linux-6.18"])
    bench.open_passively()
    bench.end.sent.clear()
    bench.arrives(RST, 1)
    bench.arrives(RST, 1, text=b"x")
    assert [packet.segment.flags for packet in bench.end.sent] == [ACK]


def test_nothing_is_said_to_what_is_empty_and_old_before_the_ack_of_the_fin() -> None:
    peer = peer_in(E)
    assert peer.says(FIN | ACK) == []
    assert peer.says(ACK) == []
    assert peer.client.state is CW
    assert peer.let_pass(0.004) == ["ACK 0 1"]
