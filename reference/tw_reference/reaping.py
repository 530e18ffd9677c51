"""How a stack gets rid of TIME-WAIT blocks whose time is up: a strategy of its own.

What sets the stacks apart on the wire is how late they are: a block's timer falls due at
``expires``, and the block is gone some time after, at the next scan or the next slot of a wheel.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from tw_reference.clock import MILLISECOND, SECOND, Clock, Timer
from tw_reference.rules.questions import TimeWaitBlock
from tw_reference.segment import Flow

Expire = Callable[[TimeWaitBlock], None]
"""Called once for a block whose time is up; the reaper has forgotten it by then."""


class Reaper(Protocol):
    """Keeps the appointments of the blocks of one table; a block has exactly one."""

    def schedule(self, block: TimeWaitBlock, lifetime: int) -> None:
        """Set ``block.expires`` to ``lifetime`` nanoseconds from now, anew if it was set."""

    def forget(self, block: TimeWaitBlock) -> None:
        """The block is gone; its appointment too."""

    def oldest(self) -> TimeWaitBlock | None:
        """The block that falls due first, where the stack keeps that order."""


class FifoScan:
    """FreeBSD until 13: one queue ordered by expiry, scanned by the slow time-out.

    A block lives up to ``period`` longer than asked for; a scan stops at the first block that has
    not expired (``tcp_timewait.c:613-650``).

    ``again``: the scan holds the lock of packet input for one block at a time (svn r264321, of
    April 2014), and this says when it has it again, from when it gave it up; None: it holds it
    throughout, as 10.0 did.  Which block is closed, and what a segment is answered, is the same.
    """

    def __init__(
        self,
        clock: Clock,
        expire: Expire,
        *,
        period: int = 500 * MILLISECOND,
        again: Callable[[int], int] | None = None,
    ) -> None:
        self._clock = clock
        self._expire = expire
        self._period = period
        self.again = again
        # Unlike a dict's, the head of an OrderedDict costs the same after any number of removals.
        self._queue: OrderedDict[Flow, TimeWaitBlock] = OrderedDict()
        self._scan: Timer | None = None

    def schedule(self, block: TimeWaitBlock, lifetime: int) -> None:
        self._queue.pop(block.flow, None)
        block.expires = self._clock.now + lifetime
        self._queue[block.flow] = block
        self._arm()

    def forget(self, block: TimeWaitBlock) -> None:
        self._queue.pop(block.flow, None)
        self._arm()

    def oldest(self) -> TimeWaitBlock | None:
        return next(iter(self._queue.values()), None)

    def _arm(self) -> None:
        """The slow time-out ticks for ever; it is modelled only at the ticks that find work."""
        head = self.oldest()
        if head is None:
            if self._scan is not None:
                self._scan.cancel()
            return
        due = -(-max(head.expires, self._clock.now + 1) // self._period) * self._period
        if self._scan is None or not self._scan.pending:
            self._scan = self._clock.call_at(due, self._tick)
        elif due < self._scan.when:
            self._scan.move(due)

    def _tick(self) -> None:
        while (head := self.oldest()) is not None and head.expires <= self._clock.now:
            del self._queue[head.flow]
            self._expire(head)
            if self.again is not None:
                self._scan = self._clock.call_at(self.again(self._clock.now), self._tick)
                return
        self._arm()


class TimerEach:
    """FreeBSD since 14: a callout for each connection, which fires when it is due."""

    def __init__(self, clock: Clock, expire: Expire) -> None:
        self._clock = clock
        self._expire = expire
        self._timers: dict[Flow, Timer] = {}

    def schedule(self, block: TimeWaitBlock, lifetime: int) -> None:
        block.expires = self._clock.now + lifetime
        fires = self.fires(lifetime)
        timer = self._timers.get(block.flow)
        if timer is not None:
            timer.move(fires)
        else:
            self._timers[block.flow] = self._clock.call_at(fires, lambda: self._fire(block))

    def fires(self, lifetime: int) -> int:
        """When a timer set now for ``lifetime`` goes off, in nanoseconds of the clock."""
        return self._clock.now + lifetime

    def forget(self, block: TimeWaitBlock) -> None:
        timer = self._timers.pop(block.flow, None)
        if timer is not None:
            timer.cancel()

    def oldest(self) -> TimeWaitBlock | None:
        return None

    def _fire(self, block: TimeWaitBlock) -> None:
        del self._timers[block.flow]
        self._expire(block)


class TimerWheel(TimerEach):
    """Linux since 4.1: a timer for each block, on a wheel whose slots widen with the distance.

    A level has 64 slots; each level's slots are eight times as wide as those of the one below, and
    a timer fires at the end of its slot (``kernel/time/timer.c``, calc_index()).  So 60 s are late
    by up to 512 jiffies at HZ=250 and HZ=100.
    """

    def __init__(self, clock: Clock, expire: Expire, *, hz: int) -> None:
        super().__init__(clock, expire)
        self._jiffy = SECOND // hz

    def fires(self, lifetime: int) -> int:
        now = self._clock.now // self._jiffy
        ticks = -(-lifetime // self._jiffy)
        width = wheel_slot(ticks)
        return ((now + ticks) // width + 1) * width * self._jiffy


def wheel_slot(ticks: int) -> int:
    """The width in jiffies of the slot for a timer ``ticks`` jiffies ahead."""
    width, start = 1, 63
    while ticks >= start:
        width, start = width * 8, start * 8
    return width


class TwoCalendars:
    """Linux before 4.1: two arrays of slots, of which one is emptied at a time.

    The slow calendar has 8 slots of 60 s / 8 = 7.5 s; each period empties the slot at its hand,
    whatever the blocks in it were promised.  The longest wait goes into the last slot, so 60 s are
    52.5 s to 60 s.  The fast one has 32 slots of 2^tick jiffies, for waits shorter than that
    (``inet_timewait_sock.c`` of 2.6.32, inet_twsk_schedule(), inet_twdr_hangman(),
    inet_twdr_twcal_tick()).
    """

    SLOW_SLOTS = 8
    FAST_SLOTS = 32
    LONGEST = 60 * SECOND

    def __init__(self, clock: Clock, expire: Expire, *, hz: int) -> None:
        self._clock = clock
        self._expire = expire
        self._period = self.LONGEST // self.SLOW_SLOTS
        self._width = (SECOND // hz) << fast_tick(hz)
        self._slow: list[dict[Flow, TimeWaitBlock]] = [{} for _ in range(self.SLOW_SLOTS)]
        self._fast: list[dict[Flow, TimeWaitBlock]] = [{} for _ in range(self.FAST_SLOTS)]
        self._where: dict[Flow, dict[Flow, TimeWaitBlock]] = {}
        self._slow_hand = 0
        self._fast_hand: int | None = None
        self._fast_base = 0
        """The time of the slot at the fast hand."""
        self._slow_timer: Timer | None = None
        self._fast_timer: Timer | None = None

    def schedule(self, block: TimeWaitBlock, lifetime: int) -> None:
        self.forget(block)
        slots = -(-lifetime // self._width)
        if slots >= self.FAST_SLOTS:
            block.expires = self._clock.now + lifetime
            row = self._slow[self._slow_slot(lifetime)]
        else:
            block.expires = self._clock.now + slots * self._width
            row = self._fast[self._fast_slot(slots)]
        row[block.flow] = block
        if not self._where:
            self._slow_timer = self._clock.call_at(self._clock.now + self._period, self._hangman)
        self._where[block.flow] = row

    def forget(self, block: TimeWaitBlock) -> None:
        row = self._where.pop(block.flow, None)
        if row is None:
            return
        del row[block.flow]
        if not self._where and self._slow_timer is not None:
            self._slow_timer.cancel()

    def oldest(self) -> TimeWaitBlock | None:
        return None

    def _slow_slot(self, lifetime: int) -> int:
        ahead = min(-(-lifetime // self._period), self.SLOW_SLOTS - 1)
        return (self._slow_hand + ahead) % self.SLOW_SLOTS

    def _fast_slot(self, slots: int) -> int:
        now = self._clock.now
        if self._fast_hand is None:
            self._fast_hand, self._fast_base = 0, now
        if self._fast_timer is None or not self._fast_timer.pending:
            self._fast_timer = self._clock.call_at(now + slots * self._width, self._tick)
        elif self._fast_timer.when > now + slots * self._width:
            self._fast_timer.cancel()
            self._fast_timer = self._clock.call_at(now + slots * self._width, self._tick)
        return (self._fast_hand + slots) % self.FAST_SLOTS

    def _hangman(self) -> None:
        self._empty(self._slow[self._slow_hand])
        self._slow_hand = (self._slow_hand + 1) % self.SLOW_SLOTS
        if self._where:
            self._slow_timer = self._clock.call_at(self._clock.now + self._period, self._hangman)

    def _tick(self) -> None:
        """Empty every slot whose time has come; go on at the first that has blocks left."""
        assert self._fast_hand is not None
        slot, time, moved = self._fast_hand, self._fast_base, False
        for _ in range(self.FAST_SLOTS):
            if time <= self._clock.now:
                self._empty(self._fast[slot])
            else:
                if not moved:
                    moved, self._fast_base, self._fast_hand = True, time, slot
                if self._fast[slot]:
                    self._fast_timer = self._clock.call_at(time, self._tick)
                    return
            time += self._width
            slot = (slot + 1) % self.FAST_SLOTS
        self._fast_hand = None

    def _empty(self, row: dict[Flow, TimeWaitBlock]) -> None:
        for block in list(row.values()):
            self.forget(block)
            self._expire(block)


def fast_tick(hz: int) -> int:
    """INET_TWDR_RECYCLE_TICK: log2 of the jiffies in a slot of the fast calendar."""
    return (hz - 1).bit_length() + 2 - 5
