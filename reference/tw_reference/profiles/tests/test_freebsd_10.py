"""FreeBSD 10 in TIME-WAIT, rule by rule (tcp_timewait.c)."""

from __future__ import annotations

import pytest

from tw_reference.conftest import MakeWait, entry_rule, make_host, make_time_wait
from tw_reference.segment import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG
from tw_reference.seqnum import distance

EDGES = (-1, 0, 1, 65533, 65534, -(2**31))

# -- entry, 196-312 ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("via", "window"), [("FIN-WAIT-2", 65534), ("FIN-WAIT-1", 65534), ("CLOSING", 65535)]
)
def test_last_win_is_what_was_left_of_the_window(
    time_wait: MakeWait, via: str, window: int
) -> None:
    wait = time_wait("freebsd-10", via=via)
    assert wait.block.rcv_wnd == window


@pytest.mark.parametrize("via", ["FIN-WAIT-2", "FIN-WAIT-1", "CLOSING"])
@pytest.mark.parametrize("profile", ["freebsd-13", "freebsd-14", "freebsd-15"])
def test_since_12_the_window_is_all_that_there_is_room_for(
    time_wait: MakeWait, profile: str, via: str
) -> None:
    wait = time_wait(profile, via=via)
    wait.host.receive(wait.packet(FIN | ACK, -1))
    (answer,) = wait.segments()
    assert answer.window == 65535


@pytest.mark.parametrize(("profile", "stamped"), [("freebsd-13", False), ("freebsd-14", True)])
def test_since_14_timestamps_go_on_where_ts_recent_is_0(
    time_wait: MakeWait, profile: str, stamped: bool
) -> None:
    wait = time_wait(profile, timestamps=True)
    wait.block.ts_recent = 0
    wait.host.receive(wait.packet(FIN | ACK, -1))
    (answer,) = wait.segments()
    assert (answer.timestamps is not None) == stamped


def test_a_full_table_gives_the_oldest_slot_away() -> None:
    host = make_host("freebsd-10", maxtcptw=2)
    waits = [make_time_wait("freebsd-10", host=host, port=40000 + n) for n in range(3)]
    assert [wait.state for wait in waits] == ["CLOSED", "TIME-WAIT", "TIME-WAIT"]
    assert entry_rule(host) == "freebsd.entry-recycle"


def test_with_no_slot_at_all_the_fin_is_not_even_acknowledged(time_wait: MakeWait) -> None:
    wait = time_wait("freebsd-10", maxsockets=0)
    assert wait.state == "CLOSED"
    assert wait.sent() == []
    assert entry_rule(wait.host) == "freebsd.entry-full-empty"


def test_a_restart_moves_a_block_to_the_tail() -> None:
    host = make_host("freebsd-10", maxtcptw=2)
    first, second = (make_time_wait("freebsd-10", host=host, port=port) for port in (1, 2))
    first.send(FIN | ACK, -1)
    make_time_wait("freebsd-10", host=host, port=3)
    assert (first.state, second.state) == ("TIME-WAIT", "CLOSED")


# -- segments, 351-441 ---------------------------------------------------------------------------


@pytest.mark.parametrize("seq", EDGES)
@pytest.mark.parametrize("flags", [RST, RST | ACK, RST | SYN, RST | FIN])
def test_rst_is_dropped_wherever_it_lies(time_wait: MakeWait, flags: int, seq: int) -> None:
    wait = time_wait("freebsd-10")
    assert wait.send(flags, seq) == []
    assert (wait.rule, wait.state) == ("freebsd.rst-drop", "TIME-WAIT")


@pytest.mark.parametrize("seq", [1, 65534, 2**31 - 1])
def test_a_syn_above_rcv_nxt_reopens(time_wait: MakeWait, seq: int) -> None:
    wait = time_wait("freebsd-10")
    assert wait.send(SYN, seq) == [f"SYN|ACK iss {distance(seq + 1, 0)}"]
    assert (wait.rule, wait.state) == ("freebsd.syn-reopen", "SYN-RECEIVED")


@pytest.mark.parametrize("seq", [-1000, -1, 0, 2**31])
def test_a_syn_elsewhere_is_dropped(time_wait: MakeWait, seq: int) -> None:
    wait = time_wait("freebsd-10")
    assert wait.send(SYN, seq) == []
    assert (wait.rule, wait.state) == ("freebsd.no-ack", "TIME-WAIT")


def test_a_syn_ack_above_rcv_nxt_is_reset_by_the_listener(time_wait: MakeWait) -> None:
    wait = time_wait("freebsd-10")
    assert wait.send(SYN | ACK, 1, 5) == ["RST 5 -"]
    assert (wait.rule, wait.state) == ("freebsd.syn-reopen", "CLOSED")


def test_a_syn_without_a_listener_is_reset(time_wait: MakeWait) -> None:
    wait = time_wait("freebsd-10")
    wait.host.unlisten(7)
    assert wait.send(SYN, 1) == ["RST|ACK zero 2"]
    assert wait.state == "CLOSED"


def test_drop_synfin_drops_after_the_block_is_gone(time_wait: MakeWait) -> None:
    wait = time_wait("freebsd-10", drop_synfin=1)
    assert wait.send(SYN | FIN, 1) == []
    assert wait.state == "CLOSED"
    assert wait.host.trace[-1].rule.id == "freebsd.listen-syn-fin"


@pytest.mark.parametrize("flags", [0, FIN, PSH, URG, FIN | PSH | URG])
@pytest.mark.parametrize("seq", EDGES)
def test_without_ack_it_is_dropped(time_wait: MakeWait, flags: int, seq: int) -> None:
    wait = time_wait("freebsd-10")
    assert wait.send(flags, seq, data=b"x") == []
    assert wait.rule == "freebsd.no-ack"


@pytest.mark.parametrize(("seq", "data"), [(-1, b""), (-5, b"last")])
def test_the_fin_again_restarts_the_timer(time_wait: MakeWait, seq: int, data: bytes) -> None:
    wait = time_wait("freebsd-10")
    wait.let_pass(30)
    assert wait.send(FIN | ACK, seq, -77, data=data) == ["ACK 0 0"]
    assert wait.rule == "freebsd.fin-again"
    wait.let_pass(59)
    assert wait.state == "TIME-WAIT"
    wait.let_pass(2)
    assert wait.state == "CLOSED"


@pytest.mark.parametrize(
    ("flags", "seq", "ack", "data"),
    [
        (ACK, -1, 0, b""),
        (ACK, 1, 0, b""),
        (ACK, 0, 1, b""),
        (ACK, 0, -1, b""),
        (ACK, 0, 0, b"x"),
        (ACK | PSH, 0, 0, b""),
        (ACK | URG, 0, 0, b""),
        (ACK | ECE, 0, 0, b""),
        (ACK | CWR, 0, 0, b""),
        (ACK | FIN, 0, 0, b""),
        (ACK | SYN, 0, 0, b""),
    ],
)
def test_all_but_the_exact_duplicate_ack_is_acknowledged(
    time_wait: MakeWait, flags: int, seq: int, ack: int, data: bytes
) -> None:
    wait = time_wait("freebsd-10")
    before = wait.block.expires
    wait.let_pass(1)
    assert wait.send(flags, seq, ack, data=data) == ["ACK 0 0"]
    assert (wait.rule, wait.block.expires) == ("freebsd.ack", before)


def test_the_exact_duplicate_ack_is_dropped(time_wait: MakeWait) -> None:
    wait = time_wait("freebsd-10")
    assert wait.send(ACK) == []
    assert wait.rule == "freebsd.duplicate-ack"


# -- the ACK, 504-611 ----------------------------------------------------------------------------


def test_timestamps_go_on_and_echo_the_one_from_before(time_wait: MakeWait) -> None:
    wait = time_wait("freebsd-10", timestamps=True)
    wait.send(FIN | ACK, -1, tsval=2000)
    wait.host.receive(wait.packet(FIN | ACK, -1, tsval=3000))
    (answer,) = wait.segments()
    assert answer.timestamps is not None
    assert answer.timestamps.tsecr == wait.ts_recent


def test_without_timestamps_the_ack_has_none(time_wait: MakeWait) -> None:
    wait = time_wait("freebsd-10")
    wait.host.receive(wait.packet(FIN | ACK, -1))
    assert wait.segments()[0].timestamps is None


# -- the timer, 613-650 --------------------------------------------------------------------------


def test_a_block_lives_to_the_first_scan_after_2msl(time_wait: MakeWait) -> None:
    wait = time_wait("freebsd-10")
    wait.let_pass(59.999)
    assert wait.state == "TIME-WAIT"
    wait.let_pass(0.501)
    assert wait.state == "CLOSED"


# -- orphans in FIN-WAIT-2 -----------------------------------------------------------------------


def test_an_orphan_that_hears_something_is_looked_at_every_keepintvl(time_wait: MakeWait) -> None:
    """The last segment came at 300 s; at 900 s it is 600 s old, and not yet older."""
    wait = time_wait("freebsd-10", stop="FIN-WAIT-2")
    wait.let_pass(300)
    wait.send(ACK)
    wait.let_pass(674)
    assert wait.state == "FIN-WAIT-2"
    wait.let_pass(1)
    assert wait.state == "CLOSED"


@pytest.mark.parametrize(
    ("profile", "answer", "state"),
    [
        ("freebsd-10", ["ACK 0 0"], "FIN-WAIT-2"),
        ("freebsd-15", ["ACK 0 0"], "FIN-WAIT-2"),
        ("rfc9293", ["ACK 0 0"], "FIN-WAIT-2"),
        ("linux-6.18", ["RST 0 -"], "CLOSED"),
        ("linux-2.6.32", ["RST 0 -"], "CLOSED"),
    ],
)
def test_a_fin_ahead_is_kept_for_later_but_not_by_linux(
    time_wait: MakeWait, profile: str, answer: list[str], state: str
) -> None:
    wait = time_wait(profile, stop="FIN-WAIT-2")
    assert wait.send(FIN | ACK, 1) == answer
    assert wait.state == state
