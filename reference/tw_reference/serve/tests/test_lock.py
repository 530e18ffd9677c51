"""Blocks that cost time to close: how many a host closes before it looks at a frame."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from tw_reference.clock import MILLISECOND, SECOND, Clock
from tw_reference.conftest import numbered_block
from tw_reference.profiles import PROFILES
from tw_reference.reaping import Reaper
from tw_reference.rules.questions import TimeWaitBlock
from tw_reference.serve.errors import UnknownName
from tw_reference.serve.lock import with_price

PRICE = MILLISECOND // 10
BLOCKS = 8


def turns(one_at_a_time: bool) -> list[int]:
    """How many blocks go each time that a host with expired ones looks at its clock."""
    gone: list[TimeWaitBlock] = []
    profile = with_price(PROFILES["freebsd-10"], PRICE, one_at_a_time=one_at_a_time)
    clock = Clock(time.monotonic_ns() - 2 * SECOND)
    reaper: Reaper = profile.reaper(clock, gone.append, profile.defaults())
    for number in range(BLOCKS):
        reaper.schedule(numbered_block(number), SECOND)
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
