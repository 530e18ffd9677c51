"""Blocks that cost time to close: how many a host closes before it looks at a frame."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from tw_reference.clock import MILLISECOND, SECOND, Clock
from tw_reference.profiles import PROFILES
from tw_reference.reaping import Reaper
from tw_reference.rules.questions import TimeWaitBlock
from tw_reference.segment import Flow
from tw_reference.serve.errors import UnknownName
from tw_reference.serve.lock import with_price
from tw_reference.state import State

PRICE = MILLISECOND // 10
BLOCKS = 8


def block(number: int) -> TimeWaitBlock:
    return TimeWaitBlock(
        flow=Flow("192.0.2.1", 7, "192.0.2.2", 40000 + number),
        snd_nxt=0,
        rcv_nxt=0,
        rcv_wnd=0,
        rcv_scale=0,
        timestamps=False,
        ts_recent=0,
        ts_recent_stamp=0,
        ts_offset=0,
        tos=0,
        rto=0,
        substate=State.TIME_WAIT,
        entered=0,
        expires=0,
    )


def turns(one_at_a_time: bool) -> list[int]:
    """How many blocks go each time that a host with expired ones looks at its clock."""
    gone: list[TimeWaitBlock] = []
    profile = with_price(PROFILES["freebsd-10"], PRICE, one_at_a_time=one_at_a_time)
    clock = Clock(time.monotonic_ns() - 2 * SECOND)
    reaper: Reaper = profile.reaper(clock, gone.append, profile.defaults())
    for number in range(BLOCKS):
        reaper.schedule(block(number), SECOND)
    seen = [0]
    while seen[-1] < BLOCKS:
        before = time.monotonic_ns()
        clock.advance(before)
        seen.append(len(gone))
        assert time.monotonic_ns() - before >= PRICE * (seen[-1] - seen[-2])
    return [after - before for before, after in pairwise(seen)]


def test_a_batch_is_closed_in_one_go() -> None:
    assert turns(one_at_a_time=False) == [BLOCKS]


def test_one_at_a_time_there_is_a_turn_for_frames_behind_each() -> None:
    assert turns(one_at_a_time=True) == [1] * BLOCKS


def test_a_stack_without_a_scan_has_nothing_to_take_apart() -> None:
    profile = with_price(PROFILES["linux-6.18"], PRICE, one_at_a_time=True)
    with pytest.raises(UnknownName, match=r"linux-6\.18 scans no queue of blocks"):
        profile.reaper(Clock(), lambda gone: None, profile.defaults())
