"""Linux 6.18 in TIME-WAIT, rule by rule (tcp_minisocks.c, tcp_timewait_state_process())."""

from __future__ import annotations

import pytest

from tw_reference.clock import SECOND
from tw_reference.conftest import MakeWait, entry_rule
from tw_reference.reaping import wheel_slot
from tw_reference.segment import ACK, ECE, FIN, PSH, RST, SYN, URG
from tw_reference.seqnum import distance

W = 64240

# -- entry ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("via", "timestamps", "window"),
    [
        ("FIN-WAIT-2", False, 64240),
        ("FIN-WAIT-1", False, 64239),
        ("CLOSING", False, 64239),
        ("FIN-WAIT-2", True, 65160),
        ("CLOSING", True, 65159),
    ],
)
def test_the_window_is_frozen_on_entry(
    time_wait: MakeWait, via: str, timestamps: bool, window: int
) -> None:
    wait = time_wait("linux-6.18", via=via, timestamps=timestamps, mss=1460)
    assert wait.block.rcv_wnd == window


def test_over_the_bucket_limit_the_connection_is_simply_closed(time_wait: MakeWait) -> None:
    wait = time_wait("linux-6.18", via="FIN-WAIT-1", max_tw_buckets=0)
    assert entry_rule(wait.host) == "linux.entry-overflow"
    assert wait.send(FIN | ACK, -1) == ["RST 0 -"]


# -- step 3: at RCV.NXT --------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [RST, RST | ACK, RST | FIN, RST | SYN])
@pytest.mark.parametrize("data", [b"", b"x"])
def test_rst_at_rcv_nxt_kills(time_wait: MakeWait, flags: int, data: bytes) -> None:
    wait = time_wait("linux-6.18")
    assert wait.send(flags, data=data) == []
    assert (wait.rule, wait.state) == ("linux.rst-kill", "CLOSED")


def test_rfc1337_saves_the_block_and_leaves_its_timer(time_wait: MakeWait) -> None:
    wait = time_wait("linux-6.18", timestamps=True, rfc1337=1)
    expires = wait.block.expires
    wait.let_pass(1)
    assert wait.send(RST, tsval=1000) == []
    assert (wait.rule, wait.block.expires) == ("linux.rst-1337", expires)
    assert wait.block.ts_recent == wait.ts_recent + 1000


@pytest.mark.parametrize("flags", [ACK, 0, PSH, URG, ACK | PSH, ACK | URG, ACK | ECE])
@pytest.mark.parametrize("ack", [0, 1, -1, 2**31 - 1, -100000])
def test_an_empty_segment_at_rcv_nxt_restarts_in_silence(
    time_wait: MakeWait, flags: int, ack: int
) -> None:
    wait = time_wait("linux-6.18", timestamps=True)
    wait.let_pass(30)
    assert wait.send(flags, 0, ack, tsval=7) == []
    assert wait.rule == "linux.bare-ack"
    assert wait.block.expires == wait.host.clock.now + 60 * SECOND
    assert wait.block.ts_recent == wait.ts_recent + 7


# -- step 4: SYN ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seq", [1, W, W + 1, 2**31 - 1, 2**31])
def test_a_syn_after_rcv_nxt_reopens_above_the_old_numbers(time_wait: MakeWait, seq: int) -> None:
    wait = time_wait("linux-6.18")
    assert wait.send(SYN, seq) == [f"SYN|ACK iss {distance(seq + 1, 0)}"]
    assert wait.rule == "linux.syn-reopen"
    assert wait.last_iss == (wait.snd_nxt + 65537) & 0xFFFFFFFF


@pytest.mark.parametrize("seq", [-1000, -1, 0])
def test_a_newer_timestamp_makes_any_syn_new(time_wait: MakeWait, seq: int) -> None:
    wait = time_wait("linux-6.18", timestamps=True)
    assert wait.send(SYN, seq, tsval=1) == [f"SYN|ACK iss {distance(seq + 1, 0)}"]


@pytest.mark.parametrize("tsval", [0, None])
@pytest.mark.parametrize("seq", [-1000, -1, 0])
def test_a_syn_that_is_not_new_is_acknowledged(
    time_wait: MakeWait, seq: int, tsval: int | None
) -> None:
    wait = time_wait("linux-6.18", timestamps=True)
    expires = wait.block.expires
    wait.let_pass(1)
    assert wait.send(SYN, seq, tsval=tsval) == ["ACK 0 0"]
    assert (wait.rule, wait.block.expires) == ("linux.ack", expires)


def test_a_syn_that_fails_paws_restarts(time_wait: MakeWait) -> None:
    wait = time_wait("linux-6.18", timestamps=True)
    wait.let_pass(1)
    assert wait.send(SYN, 1, tsval=-1) == ["ACK 0 0"]
    assert wait.rule == "linux.ack-restart"


def test_without_a_listener_a_new_syn_is_acknowledged_without_limit(time_wait: MakeWait) -> None:
    wait = time_wait("linux-6.18")
    wait.host.unlisten(7)
    for _ in range(3):
        assert wait.send(SYN, 1) == ["ACK 0 0"]
        assert (wait.rule, wait.state) == ("linux.syn-no-listener", "TIME-WAIT")


def test_a_full_listener_drops_the_syn_and_the_block_is_gone(time_wait: MakeWait) -> None:
    wait = time_wait("linux-6.18")
    wait.host.listen(7).queue_full = True
    assert wait.send(SYN, 1) == []
    assert (wait.state, wait.host.trace[-1].rule.id) == ("CLOSED", "linux.listen-full")


def test_syn_fin_kills_in_silence(time_wait: MakeWait) -> None:
    wait = time_wait("linux-6.18")
    assert wait.send(SYN | FIN, 1) == []
    assert (wait.rule, wait.state) == ("linux.syn-reopen", "CLOSED")


# -- steps 7 and 8: the rest ---------------------------------------------------------------------


@pytest.mark.parametrize("seq", [-1, 1, W - 1, W, -(2**31)])
def test_rst_elsewhere_is_dropped(time_wait: MakeWait, seq: int) -> None:
    wait = time_wait("linux-6.18")
    assert wait.send(RST, seq) == []
    assert (wait.rule, wait.state) == ("linux.rst-drop", "TIME-WAIT")


def test_paws_guards_against_rst_for_a_minute(time_wait: MakeWait) -> None:
    wait = time_wait("linux-6.18", timestamps=True)
    wait.let_pass(50)
    wait.send(FIN | ACK, -1)
    wait.let_pass(8)
    assert wait.send(RST, tsval=-1) == []
    assert (wait.rule, wait.state) == ("linux.rst-drop", "TIME-WAIT")
    wait.let_pass(4)
    wait.send(RST, tsval=-1)
    assert (wait.rule, wait.state) == ("linux.rst-kill", "CLOSED")


@pytest.mark.parametrize(
    ("flags", "seq", "data"),
    [(FIN | ACK, -1, b""), (ACK, 1, b""), (ACK, 0, b"x"), (SYN | ACK, 0, b""), (FIN | ACK, 0, b"")],
)
def test_what_has_ack_is_acknowledged_and_restarts(
    time_wait: MakeWait, flags: int, seq: int, data: bytes
) -> None:
    wait = time_wait("linux-6.18")
    wait.let_pass(10)
    assert wait.send(flags, seq, 12345, data=data) == ["ACK 0 0"]
    assert wait.rule == "linux.ack-restart"
    assert wait.block.expires == wait.host.clock.now + 60 * SECOND


@pytest.mark.parametrize(("flags", "seq"), [(FIN, -1), (FIN, 0), (0, 1), (PSH, -1)])
def test_without_ack_it_is_acknowledged_and_the_timer_runs_on(
    time_wait: MakeWait, flags: int, seq: int
) -> None:
    wait = time_wait("linux-6.18")
    expires = wait.block.expires
    wait.let_pass(10)
    assert wait.send(flags, seq) == ["ACK 0 0"]
    assert (wait.rule, wait.block.expires) == ("linux.ack", expires)


# -- the limit -----------------------------------------------------------------------------------


def test_one_ack_in_500_ms_and_a_suppressed_one_still_restarts(time_wait: MakeWait) -> None:
    wait = time_wait("linux-6.18")
    answers = []
    for _ in range(11):
        answers.append(bool(wait.send(ACK, 1)))
        assert wait.block.expires == wait.host.clock.now + 60 * SECOND
        wait.let_pass(0.1)
    assert [n for n, answered in enumerate(answers, 1) if answered] == [1, 6, 11]
    assert wait.host.trace[-2].rule.id == "linux.oow-send"


def test_data_and_fin_are_exempt(time_wait: MakeWait) -> None:
    wait = time_wait("linux-6.18")
    wait.send(ACK, 1)
    assert wait.send(ACK, 0, data=b"x") == ["ACK 0 0"]
    assert wait.send(FIN | ACK, -1) == ["ACK 0 0"]
    assert wait.send(SYN | ACK, 0) == []


# -- substate FIN-WAIT-2 -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "seq", "data", "answer", "rule", "state"),
    [
        (RST, 0, b"", [], "linux.fw2-rst", "CLOSED"),
        (RST, W, b"", [], "linux.fw2-rst", "CLOSED"),
        (RST, -1, b"", ["ACK 0 0"], "linux.fw2-unacceptable", "FIN-WAIT-2"),
        (RST, -(2**31), b"", ["ACK 0 0"], "linux.fw2-unacceptable", "FIN-WAIT-2"),
        (SYN, 0, b"", ["RST|ACK zero 1"], "linux.fw2-syn", "CLOSED"),
        (SYN, W, b"", ["ACK 0 0"], "linux.fw2-unacceptable", "FIN-WAIT-2"),
        (ACK, 0, b"", [], "linux.fw2-nothing-new", "FIN-WAIT-2"),
        (ACK, W, b"", [], "linux.fw2-nothing-new", "FIN-WAIT-2"),
        (ACK, W + 1, b"", ["ACK 0 0"], "linux.fw2-unacceptable", "FIN-WAIT-2"),
        (FIN, 0, b"", [], "linux.fw2-nothing-new", "FIN-WAIT-2"),
        (ACK, 0, b"x", ["RST 0 -"], "linux.fw2-data", "CLOSED"),
        (ACK, -1, b"xy", ["RST 0 -"], "linux.fw2-data", "CLOSED"),
        (FIN | ACK, 0, b"x", ["RST 0 -"], "linux.fw2-data", "CLOSED"),
        (FIN | ACK, 1, b"", ["RST 0 -"], "linux.fw2-data", "CLOSED"),
        (FIN | ACK, 0, b"", ["ACK 0 1"], "linux.fw2-fin", "TIME-WAIT"),
    ],
)
def test_fin_wait_2(
    time_wait: MakeWait,
    flags: int,
    seq: int,
    data: bytes,
    answer: list[str],
    rule: str,
    state: str,
) -> None:
    wait = time_wait("linux-6.18", stop="FIN-WAIT-2", mss=1460)
    assert wait.send(flags, seq, data=data) == answer
    assert (wait.rule, wait.state) == (rule, state)


def test_fin_wait_2_ends_after_fin_timeout(time_wait: MakeWait) -> None:
    wait = time_wait("linux-6.18", stop="FIN-WAIT-2", fin_timeout=5)
    wait.let_pass(4.9)
    assert wait.state == "FIN-WAIT-2"
    wait.let_pass(0.4)
    assert wait.state == "CLOSED"


# -- the timer wheel -----------------------------------------------------------------------------


@pytest.mark.parametrize(("hz", "slot"), [(100, 512), (250, 512), (1000, 4096)])
def test_sixty_seconds_fall_into_a_wide_slot(hz: int, slot: int) -> None:
    assert wheel_slot(60 * hz) == slot


def test_a_block_is_late_but_never_early(time_wait: MakeWait) -> None:
    wait = time_wait("linux-6.18")
    wait.let_pass(60)
    assert wait.state == "TIME-WAIT"
    wait.let_pass(2.1)
    assert wait.state == "CLOSED"
