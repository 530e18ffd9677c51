"""Limits and switches of the whole stack: the table's size, and tcp_tw_recycle behind a NAT."""

from __future__ import annotations

import pytest

from tw_reference import segment as tcp
from tw_reference.conftest import DUT, PORT, Wait
from tw_reference.profiles.freebsd import FREEBSD_10, limit
from tw_reference.profiles.linux import LINUX_6_18
from tw_reference.profiles.linux_2_6 import LINUX_2_6_32
from tw_reference.segment import Flow
from tw_reference.tests.scenarios import a_host, closing, fin_arrives, waiting

# -- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "maxsockets", "size"),
    [
        (10000, 65535, 204800, 27767),
        (65535, 10000, 204800, 27767),
        (10000, 65535, 50000, 10000),
        (10000, 10064, 204800, 32),
        (10000, 10066, 204800, 33),
        (10000, 10000, 204800, 32),
        (10000, 10000, 100, 20),
    ],
)
def test_maxtcptw_sizes_itself(first: int, last: int, maxsockets: int, size: int) -> None:
    """tcptw_auto_size(), tcp_timewait.c:109-142."""
    settings = FREEBSD_10.defaults()
    settings |= {"portrange_first": first, "portrange_last": last, "maxsockets": maxsockets}
    assert limit(settings) == size
    assert limit(settings | {"maxtcptw": 5}) == 5


def test_a_table_of_its_own_size_recycles_beyond_it() -> None:
    host = a_host(FREEBSD_10, {"portrange_first": 1, "portrange_last": 2})
    waits = [waiting(host, port=50000 + number) for number in range(33)]
    assert [wait.state for wait in waits] == ["CLOSED"] + 32 * ["TIME-WAIT"]


@pytest.mark.parametrize(("written", "stay"), [(0, 2), (31, 2), (-1, 2), (32, 3)])
def test_a_maxtcptw_below_32_is_accepted_and_changes_nothing(written: int, stay: int) -> None:
    """tcp_timewait.c:132-141."""
    host = a_host(FREEBSD_10, {"maxtcptw": 2})
    host.set("maxtcptw", written)
    waits = [waiting(host, port=50000 + number) for number in range(3)]
    assert sum(wait.state == "TIME-WAIT" for wait in waits) == stay


def test_a_setting_written_at_run_time_holds_from_then_on() -> None:
    host = a_host(LINUX_6_18)
    first = waiting(host)
    host.set("max_tw_buckets", 1)
    second = closing(host, port=40001)
    assert fin_arrives(second) == ["RST 0 -"]
    assert (first.state, second.state) == ("TIME-WAIT", "CLOSED")
    with pytest.raises(KeyError):
        host.set("maxtcptw", 1)


# -- tcp_tw_recycle behind a NAT -----------------------------------------------------------------


def two_peers_behind_one_address(tsval: int | None, after: float, *, tw_recycle: int) -> list[str]:
    """A connection of one leaves TIME-WAIT behind; the SYN of the other, whose clock differs by
    ``tsval`` (None: it has no timestamps), ``after`` seconds."""
    host = a_host(LINUX_2_6_32, {"tw_recycle": tw_recycle})
    first = waiting(host, timestamps=True)
    first.let_pass(after)
    second = Wait(host, timestamps=True, isn=77, port=50000)
    return [answer.split()[0] for answer in second.send(tcp.SYN, tsval=tsval)]


@pytest.mark.parametrize(
    ("tsval", "after", "answers"),
    [
        (-4000, 1, []),
        (-2, 1, []),
        (-1, 1, ["SYN|ACK"]),
        (0, 1, ["SYN|ACK"]),
        (1000, 1, ["SYN|ACK"]),
        (None, 1, ["SYN|ACK"]),
        (-4000, 59.9, []),
        (-4000, 60, ["SYN|ACK"]),
    ],
)
def test_with_tw_recycle_two_peers_behind_one_nat_shut_each_other_out(
    tsval: int | None, after: float, answers: list[str]
) -> None:
    assert two_peers_behind_one_address(tsval, after, tw_recycle=1) == answers


def test_without_tw_recycle_they_do_not() -> None:
    assert two_peers_behind_one_address(-4000, 1, tw_recycle=0) == ["SYN|ACK"]


def test_the_peers_stamp_is_a_matter_of_its_address() -> None:
    """Remembered after the block is gone, and for that address only."""
    host = a_host(LINUX_2_6_32, {"tw_recycle": 1})
    gone = waiting(host, timestamps=True)
    gone.let_pass(5)
    assert gone.state == "CLOSED"
    elsewhere = Wait(host, timestamps=True, isn=77, port=50000)
    elsewhere.flow = Flow("192.0.2.3", 50000, DUT, PORT)
    assert len(elsewhere.send(tcp.SYN, tsval=-4000)) == 1
    neighbour = Wait(host, timestamps=True, isn=77, port=50000)
    assert neighbour.send(tcp.SYN, tsval=-4000) == []


# -- what a full table looks like ----------------------------------------------------------------


def test_the_fifth_close_into_four_buckets_looks_like_the_others() -> None:
    host = a_host(LINUX_6_18, {"max_tw_buckets": 4})
    waits = [closing(host, port=40000 + number) for number in range(5)]
    assert [fin_arrives(wait, with_ack=True) for wait in waits] == 5 * [["ACK 0 1"]]
    assert [wait.state for wait in waits] == 4 * ["TIME-WAIT"] + ["CLOSED"]
    assert waits[-1].send(tcp.FIN | tcp.ACK, -1) == ["RST 0 -"]
