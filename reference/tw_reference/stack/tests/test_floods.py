"""What a host keeps under a flood is bounded, and goes when the flood is over."""

from __future__ import annotations

import tracemalloc
from collections import deque
from dataclasses import replace

import pytest

from tw_reference import segment as tcp
from tw_reference.clock import SECOND, Clock
from tw_reference.conftest import DUT, PORT, a_block, make_host, make_time_wait
from tw_reference.profiles import PROFILES
from tw_reference.rules.decision import Decision
from tw_reference.segment import Flow, Packet, Segment
from tw_reference.stack.table import TimeWaitTable
from tw_reference.tests.strategies import run_dry


@pytest.mark.parametrize("name", PROFILES)
def test_the_trace_keeps_the_last_4096_decisions(name: str) -> None:
    wait = make_time_wait(name)
    for seq in range(5000):
        wait.host.receive(wait.packet(tcp.ACK, -1 - seq))
    assert len(wait.host.trace) == 4096


@pytest.mark.parametrize("name", PROFILES)
def test_segments_for_nobody_leave_nothing_but_answers(name: str) -> None:
    host = make_host(name)
    for port in range(2000):
        flow = Flow("192.0.2.9", 1024 + port, DUT, 9)
        host.receive(Packet(flow, Segment(port, port, port % 256)))
        assert host.state(flow.reverse) == "CLOSED"
    assert not host.events
    assert host.clock.next_timer() is None


@pytest.mark.parametrize("name", PROFILES)
def test_half_open_connections_are_given_up(name: str) -> None:
    """<SYN,ACK> and six retransmissions; then nothing is left of the SYN."""
    host = make_host(name)
    for port in range(500):
        host.receive(Packet(Flow("192.0.2.9", 1024 + port, DUT, PORT), Segment(1, 0, tcp.SYN)))
    run_dry(host.clock)
    assert len(host.outbox) == 500 * 7
    assert [event.kind for event in host.events] == 500 * ["gone"]


@pytest.mark.parametrize("name", PROFILES)
def test_a_syn_flood_fills_a_queue(name: str) -> None:
    host = make_host(name)
    flows = [Flow("192.0.2.9", 1024 + n, DUT, PORT) for n in range(5000)]
    for flow in flows:
        host.receive(Packet(flow, Segment(1, 0, tcp.SYN)))
    assert sum(host.state(flow.reverse) == "SYN-RECEIVED" for flow in flows) == 4096
    assert len(host.outbox) == 4096


@pytest.mark.parametrize("name", ["freebsd-10", "freebsd-15", "linux-2.6.32", "linux-6.18"])
def test_restarts_of_one_block_take_no_memory(name: str) -> None:
    wait = make_time_wait(name)
    again = wait.packet(tcp.FIN | tcp.ACK, -1)

    def flood() -> int:
        for _ in range(5000):
            wait.host.receive(again)
            wait.host.outbox.clear()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    full = flood()
    grown = flood() - full
    tracemalloc.stop()
    assert grown < 100_000


@pytest.mark.parametrize("name", PROFILES)
def test_no_timer_is_left_when_the_last_block_is_gone(name: str) -> None:
    """Nor that of the orphan that the block was before."""
    wait = make_time_wait(name)
    wait.let_pass(241)
    assert wait.state == "CLOSED"
    assert wait.host.clock.next_timer() is None


def test_the_oldest_of_65536_peers_is_forgotten() -> None:
    """tcp_tw_recycle remembers a stamp for each address; not for all that a flood can invent."""
    profile = PROFILES["linux-2.6.32"]
    sent: list[Packet] = []
    decisions: deque[Decision] = deque(maxlen=1)
    table = TimeWaitTable(
        profile,
        profile.defaults() | {"tw_recycle": 1, "max_tw_buckets": 0},
        Clock(SECOND),
        emit=sent.append,
        record=decisions.append,
        timestamp=lambda: 0,
    )
    for number in range(65537):
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        block = a_block(Flow(DUT, PORT, address, 40000), SECOND)
        stamped = replace(block, timestamps=True, ts_recent=5000, ts_recent_stamp=SECOND)
        table.enter(stamped, peer_is_local=False)
    assert table.peer("10.0.0.0") is None
    assert table.peer("10.0.0.1") is not None
    assert table.peer("10.1.0.0") is not None
