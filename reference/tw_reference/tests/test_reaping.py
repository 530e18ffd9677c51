"""The life of blocks, to the slot: each row says when a block came, what it asked for (from when)
and when it was gone, in seconds.

A time in a list of askings is a restart: the block asks again from then.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tw_reference.clock import MILLISECOND, SECOND, Clock
from tw_reference.conftest import numbered_block
from tw_reference.reaping import Expire, FifoScan, Reaper, TimerEach, TimerWheel, TwoCalendars
from tw_reference.rules.questions import TimeWaitBlock

MakeReaper = Callable[[Clock, Expire], Reaper]
Asked = tuple[float, float]
"""When, and for how long: seconds."""


def fifo(clock: Clock, expire: Expire) -> Reaper:
    return FifoScan(clock, expire)


def callout(clock: Clock, expire: Expire) -> Reaper:
    return TimerEach(clock, expire)


def wheel(hz: int) -> MakeReaper:
    return lambda clock, expire: TimerWheel(clock, expire, hz=hz)


def calendars(clock: Clock, expire: Expire) -> Reaper:
    return TwoCalendars(clock, expire, hz=100)


def ns(seconds: float) -> int:
    return round(seconds * SECOND)


class Life:
    """Blocks on one reaper; ``gone`` is when each went, in seconds, by its number."""

    def __init__(self, make: MakeReaper) -> None:
        self.clock = Clock()
        self.gone: dict[int, float] = {}
        self.blocks: dict[int, TimeWaitBlock] = {}
        self.reaper = make(self.clock, self._expire)

    def _expire(self, block: TimeWaitBlock) -> None:
        number = block.flow.dport - 40000
        assert number not in self.gone, "a block goes once"
        self.gone[number] = self.clock.now / SECOND

    def ask(self, number: int, seconds: float) -> None:
        """The block comes, or restarts."""
        block = self.blocks.setdefault(number, numbered_block(number))
        self.reaper.schedule(block, ns(seconds))

    def forget(self, number: int) -> None:
        self.reaper.forget(self.blocks[number])

    def until(self, seconds: float) -> None:
        self.clock.advance(ns(seconds))

    def run(self, *blocks: list[Asked]) -> list[float]:
        """When each of ``blocks`` goes, which ask what they ask at those times."""
        asked = sorted((when, n, wish) for n, wishes in enumerate(blocks) for when, wish in wishes)
        for when, number, wish in asked:
            self.until(when)
            self.ask(number, wish)
        self.until(1000)
        assert self.clock.next_timer() is None, "no timer is left when the table is empty"
        return [self.gone[number] for number in range(len(blocks))]


# -- FreeBSD until 13: a scan every 500 ms -------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "gone"),
    [
        ([(0, 60)], 60.0),
        ([(0.001, 60)], 60.5),
        ([(0.499, 60)], 60.5),
        ([(0.5, 60)], 60.5),
        ([(0.501, 60)], 61.0),
        ([(7.25, 2)], 9.5),
        ([(0, 0)], 0.5),
        ([(0.5, 0.4999)], 1.0),
        ([(0, 60), (30, 60)], 90.0),
        ([(0, 60), (30.2, 60)], 90.5),
        ([(0, 60), (59.999, 60), (119.999, 60)], 180.0),
    ],
)
def test_a_fifo_is_scanned_every_500_ms(asked: list[Asked], gone: float) -> None:
    assert Life(fifo).run(asked) == [gone]


def test_a_scan_takes_all_that_have_expired() -> None:
    life = Life(fifo)
    assert life.run([(0.1, 60)], [(0.2, 60)], [(0.4, 60)], [(0.6, 60)]) == [60.5, 60.5, 60.5, 61.0]
    assert list(life.gone) == [0, 1, 2, 3]


def test_one_at_a_time_the_same_blocks_go_at_the_same_scan() -> None:
    """Where giving the lock up and taking it again takes no time, nothing is different."""

    def one_at_a_time(clock: Clock, expire: Expire) -> Reaper:
        return FifoScan(clock, expire, again=lambda now: now)

    blocks: list[list[Asked]] = [[(0.1, 60)], [(0.2, 60)], [(0.4, 60), (1, 60)], [(0.6, 60)]]
    life, patched = Life(fifo), Life(one_at_a_time)
    assert life.run(*blocks) == patched.run(*blocks)
    assert list(life.gone) == list(patched.gone)


def test_between_one_block_and_the_next_others_have_their_turn() -> None:
    """Blocks that come or go meanwhile do not hold the scan up."""
    life = Life(lambda clock, expire: FifoScan(clock, expire, again=lambda now: now + ns(0.01)))
    for number in range(4):
        life.ask(number, 60)
    life.until(60.005)
    assert list(life.gone) == [0]
    life.ask(4, 60)
    life.forget(1)
    life.until(61)
    assert life.gone == {0: 60.0, 2: 60.01, 3: 60.02}
    life.until(120.5)
    assert life.gone[4] == 120.5


def test_the_oldest_of_a_fifo_is_its_head_and_a_restart_goes_to_the_tail() -> None:
    life = Life(fifo)
    assert life.reaper.oldest() is None
    life.ask(0, 60)
    life.ask(1, 60)
    assert life.reaper.oldest() is life.blocks[0]
    life.ask(0, 60)
    assert life.reaper.oldest() is life.blocks[1]


def test_a_scan_stops_at_the_first_block_that_has_not_expired() -> None:
    """A shorter msl takes effect only behind the blocks that came before it."""
    assert Life(fifo).run([(0, 60)], [(1, 2)]) == [60.0, 60.0]


def test_a_shorter_msl_counts_for_a_block_that_restarts() -> None:
    assert Life(fifo).run([(0, 60), (1, 2)]) == [3.0]


# -- FreeBSD since 14: a callout each ------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "gone"),
    [
        ([(0, 60)], 60.0),
        ([(0.123, 60)], 60.123),
        ([(0, 0.02)], 0.02),
        ([(0, 60), (30, 60)], 90.0),
        ([(0, 60), (1, 2)], 3.0),
    ],
)
def test_a_callout_fires_when_it_is_due(asked: list[Asked], gone: float) -> None:
    assert Life(callout).run(asked) == [gone]


def test_callouts_do_not_wait_for_one_another() -> None:
    assert Life(callout).run([(0, 60)], [(1, 2)], [(1, 1)]) == [60.0, 3.0, 2.0]


# -- Linux since 4.8: the timer wheel ------------------------------------------------------------


@pytest.mark.parametrize(
    ("hz", "came", "wish", "gone"),
    [
        # 60 s are 6,000 jiffies of 10 ms: the slots of level 3, 512 jiffies or 5.12 s.
        (100, 0, 60, 61.44),
        (100, 1.43, 60, 61.44),
        (100, 1.44, 60, 66.56),
        (100, 1.439999, 60, 61.44),
        # 15,000 jiffies of 4 ms: level 3 again, 2.048 s.
        (250, 0, 60, 61.44),
        (250, 1.436, 60, 61.44),
        (250, 1.44, 60, 63.488),
        # 60,000 jiffies of 1 ms: level 4, 4,096 jiffies.
        (1000, 0, 60, 61.44),
        (1000, 1.439, 60, 61.44),
        (1000, 1.44, 60, 65.536),
        # A wait of 5 s: 1,250 jiffies, level 2, 64 jiffies or 256 ms.
        (250, 0, 5, 5.12),
        (250, 0.116, 5, 5.12),
        (250, 0.12, 5, 5.376),
        # The last of one level and the first of the next: 62 and 63, 503 and 504 jiffies.
        (1000, 0, 0.062, 0.063),
        (1000, 0, 0.063, 0.064),
        (1000, 0.001, 0.063, 0.072),
        (1000, 0, 0.503, 0.504),
        (1000, 0.008, 0.504, 0.576),
    ],
)
def test_a_wheel_fires_at_the_end_of_the_slot(
    hz: int, came: float, wish: float, gone: float
) -> None:
    assert Life(wheel(hz)).run([(came, wish)]) == [gone]


def test_a_wheel_of_hz_300_counts_in_its_own_jiffies() -> None:
    """18,001 jiffies of 3,333,333 ns: slots of 512, the first end after them is the 36th."""
    (gone,) = Life(wheel(300)).run([(0, 60)])
    assert gone == 36 * 512 * 3_333_333 / SECOND


@pytest.mark.parametrize(("hz", "late"), [(100, 5.12), (250, 2.048), (300, 1.711), (1000, 4.096)])
def test_a_wheel_is_never_early_and_at_most_a_slot_late(hz: int, late: float) -> None:
    came = [n * 0.0371 for n in range(200)]
    lives = Life(wheel(hz)).run(*([(when, 60.0)] for when in came))
    over = [gone - when - 60 for when, gone in zip(came, lives, strict=True)]
    assert min(over) > 0
    assert max(over) <= late
    assert max(over) - min(over) > late * 0.9, "the whole slot is used"


def test_a_restart_moves_a_wheels_timer_to_another_slot() -> None:
    assert Life(wheel(250)).run([(0, 60), (30, 60)], [(0, 60)]) == [90.112, 61.44]
    assert Life(wheel(250)).run([(0, 60), (1, 5)]) == [6.144]


# -- Linux before 4.1: two calendars, at HZ=100 --------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "gone"),
    [
        # Alone in the table: the slow calendar starts with it, and its slots are whole.
        ([(0, 60)], 60.0),
        ([(3.3, 60)], 63.3),
        ([(0, 90)], 60.0),
        ([(0, 52.6)], 60.0),
        ([(0, 52.5)], 60.0),
        ([(0, 45.01)], 60.0),
        ([(0, 45)], 52.5),
        ([(0, 7.6)], 22.5),
        ([(0, 7.5)], 15.0),
        ([(0, 5)], 15.0),
        ([(0, 4.961)], 15.0),
        # The fast calendar: 32 slots of 16 jiffies, 160 ms; 31 of them are 4.96 s.
        ([(0, 4.96)], 4.96),
        ([(0, 4.801)], 4.96),
        ([(0, 4.8)], 4.8),
        ([(0, 0.7)], 0.8),
        ([(1.234, 0.7)], 2.034),
        ([(0, 0.16)], 0.16),
        ([(0, 0.001)], 0.16),
        # A restart of the only block starts the slow calendar anew, where its hand stands.
        ([(0, 60), (30, 60)], 90.0),
        ([(0, 60), (29.9, 60)], 89.9),
        ([(0, 60), (10, 0.7)], 10.8),
        ([(0, 0.7), (0.5, 60)], 60.5),
    ],
)
def test_one_block_in_the_calendars(asked: list[Asked], gone: float) -> None:
    assert Life(calendars).run(asked) == [gone]


@pytest.mark.parametrize(
    ("came", "gone"),
    [
        (0.0, 60.0),
        (0.01, 60.0),
        (7.49, 60.0),
        (7.5, 67.5),
        (7.51, 67.5),
        (14.99, 67.5),
        (22.5, 82.5),
        (52.49, 105.0),
        (52.5, 112.5),
        (59.99, 112.5),
    ],
)
def test_a_later_block_goes_with_a_slot_of_the_first_ones_calendar(
    came: float, gone: float
) -> None:
    """60 s are 52.5 s to 60 s: seven whole periods, and what is left of the one it came in."""
    first, second = Life(calendars).run([(0, 60)], [(came, 60)])
    assert (first, second) == (60.0, gone)
    assert 52.5 < second - came <= 60


@pytest.mark.parametrize(
    ("wish", "gone"),
    [(5, 15.0), (7.5, 15.0), (7.6, 22.5), (15, 22.5), (30, 37.5), (45, 52.5), (52.5, 60.0)],
)
def test_a_slow_slot_is_the_wait_over_7500_ms_rounded_up(wish: float, gone: float) -> None:
    assert Life(calendars).run([(0, 60)], [(2, wish)]) == [60.0, gone]


def test_a_restart_in_the_middle_goes_to_the_last_slot_from_the_hand() -> None:
    """At 30 s the hand stands at slot 4 of the eight; the last one from there is emptied at 90 s,
    and from 29.9 s at 82.5 s."""
    assert Life(calendars).run([(0, 60), (30, 60)], [(0, 60)]) == [90.0, 60.0]
    assert Life(calendars).run([(0, 60), (29.9, 60)], [(0, 60)]) == [82.5, 60.0]


@pytest.mark.parametrize(
    ("came", "gone"),
    [
        # Five slots from the hand, which is at 0: the slot of 0.8 s, at the first tick after it.
        (0.0, 0.8),
        (0.05, 0.85),
        (0.15, 0.95),
        (0.3, 0.96),
        # At 0.96 s the hand moved on to the first slot whose time had not come, 1.12 s.
        (1.0, 1.92),
        (1.1, 1.92),
        (1.13, 1.93),
    ],
)
def test_a_later_block_goes_with_a_slot_of_the_fast_calendar(came: float, gone: float) -> None:
    """0.7 s are counted from the slot at the hand, not from now."""
    assert Life(calendars).run([(0, 0.96)], [(0, 4.96)], [(came, 0.7)])[2] == gone


def test_a_fast_slot_is_as_early_as_the_hand_is_late() -> None:
    """The hand moves only when the timer fires: 0.7 s become 0.16 s."""
    assert Life(calendars).run([(0, 4.96)], [(4.8, 0.7)]) == [4.96, 4.96]


def test_the_calendars_stop_with_the_last_block_and_start_with_the_next() -> None:
    life = Life(calendars)
    life.ask(0, 60)
    life.ask(1, 60)
    life.until(10)
    life.forget(0)
    assert life.clock.next_timer() == ns(15)
    life.forget(1)
    assert life.clock.next_timer() is None
    life.until(11)
    life.ask(2, 60)
    life.until(70.999)
    assert life.gone == {}
    life.until(71)
    assert life.gone == {2: 71.0}
    assert life.clock.next_timer() is None


# -- all of them ---------------------------------------------------------------------------------

ALL = [fifo, callout, wheel(250), wheel(100), calendars]


@pytest.mark.parametrize("make", ALL)
def test_a_block_that_is_forgotten_is_never_expired(make: MakeReaper) -> None:
    life = Life(make)
    life.ask(0, 60)
    life.ask(1, 60)
    life.forget(0)
    life.forget(0)
    life.until(200)
    assert list(life.gone) == [1]


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("wish", [0.0, 0.01, 0.7, 5, 60])
def test_expires_says_what_was_asked_for_or_the_slot(make: MakeReaper, wish: float) -> None:
    life = Life(make)
    life.until(1)
    life.ask(0, wish)
    assert 0 <= life.blocks[0].expires - ns(1 + wish) < 160 * MILLISECOND


def test_a_shorter_msl_counts_once_the_blocks_before_are_gone() -> None:
    life = Life(fifo)
    life.ask(0, 60)
    life.ask(1, 2)
    life.until(1)
    life.forget(0)
    life.until(1000)
    assert life.gone == {1: 2.0}
