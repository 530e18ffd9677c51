"""Opens connections at a rate, answers the DUT until each is over, and measures.

One thread.  A connection is a number: it says the address and port that the tester has in it, and
where what is known of it stands in flat arrays.  Nothing waits for anything: SYNs leave when they
are due, and what was heard is answered in the order in which it came.  All times are the kernel's,
of the moment when a frame passed the tester's end of the link.
"""

from __future__ import annotations

import select
import time
from array import array
from collections import deque
from collections.abc import Callable
from random import Random

from tw_conformance.churn.frames import Template
from tw_conformance.churn.ring import RingSegment
from tw_conformance.churn.trace import LATE, EndedConnection, LateFin, LoadPlan, LoadTrace
from tw_conformance.churn.wire import Wire
from tw_conformance.model.errors import UsageError
from tw_reference import segment as tcp

UNUSED, SYN_SENT, ESTABLISHED, CLOSING, DONE, RESET, ASKED, ANSWERED = range(8)
"""What becomes of a connection: CLOSING has the tester's FIN on its way, ASKED a late one."""

_NUMBERS = 1 << 32
_TICKS = 250_000
"""ISNs a second, as RFC 793 has it: a later run on the same 4-tuple is above an earlier one."""
_SYNS, _FRAMES = 32, 512
"""Sent, and taken in, before the other is looked at again."""
_PATIENCE, _TRIES = 1.0, 3
"""Seconds until a segment is sent again (RFC 6298 section 2), twice that the next time."""
_AFTER = 4.0
"""Seconds that the last connections have to end."""
_LATE_FIN = 1.0
"""Seconds that the DUT has to answer late FINs."""
_IDLE = 0.05
_TELL = 0.25

TellProgress = Callable[[LoadTrace, int], None]
"""Hears now and then how many connections are over."""


class Generator:
    """Runs one plan on ``wire``; ``trace`` is what is measured."""

    def __init__(self, wire: Wire, plan: LoadPlan, tell: TellProgress) -> None:
        """:raises UsageError: where the tester has not so many 4-tuples."""
        self._wire, self._plan, self._tell = wire, plan, tell
        total = plan.connections
        if total > wire.room:
            raise UsageError(
                f"{total:,} connections need as many 4-tuples, and the tester's addresses have"
                f" {wire.room:,}: lower --rate or --seconds"
            )
        self._lost_before = wire.ring.lost()
        self._isn = int(time.time() * _TICKS) % _NUMBERS
        self._random = Random(plan.seed)
        self.trace = LoadTrace(plan)
        self._state = bytearray(total)
        self._again = bytearray(total)
        self._theirs = array("I", bytes(4 * total))
        """The DUT's next sequence number."""
        self._begun = array("q", bytes(8 * total))
        self._out = array("q", bytes(8 * total))
        """When the segment left that an answer is waited for; 0: none is."""
        self._dut = array("q", bytes(8 * total))
        self._ended = array("q", bytes(8 * total))
        self._unanswered: deque[tuple[float, int, int]] = deque()
        """When to look, at which connection, for which time."""
        self._finished = 0

    def run(self) -> None:
        """Until the plan is fulfilled, or the user interrupts it: what was measured is kept.

        :raises TargetGone: where the link is gone.
        """
        cpu, wall = time.thread_time(), time.time_ns()
        self._start = time.monotonic()
        try:
            self._load()
            self._finish()
            self._ask_late()
        except KeyboardInterrupt:
            self.trace.interrupted = True
        trace = self.trace
        trace.seconds = trace.seconds or min(self._now(), self._plan.seconds)
        trace.cpu = (time.thread_time() - cpu) / self._now()
        trace.capture_lost = self._wire.ring.lost() - self._lost_before
        self._sum_up(wall)

    def _now(self) -> float:
        return time.monotonic() - self._start

    # -- out -------------------------------------------------------------------------------------

    def _load(self) -> None:
        """Open every connection when it is due."""
        total, next_told = self._plan.connections, 0.0
        due = self._due(0)
        while self.trace.opened < total:
            now = self._now()
            for _ in range(_SYNS):
                if due > now or self.trace.opened == total:
                    break
                self._open(now - due)
                due = self._due(self.trace.opened)
            self._catch_up(now, due - now)
            if now >= next_told:
                next_told = now + _TELL
                self._tell(self.trace, self._finished)
        self.trace.seconds = max(self._now(), self._plan.seconds)

    def _due(self, number: int) -> float:
        """Spread at random within its turn, lest connections march in step with what they meet."""
        return (number + self._random.random()) / self._plan.rate

    def _open(self, late: float) -> None:
        trace, number = self.trace, self.trace.opened
        trace.opened += 1
        if late > LATE:
            trace.late += 1
            trace.latest = max(trace.latest, late)
        self._state[number] = SYN_SENT
        self._unanswered.append((self._now() + _PATIENCE, number, 1))
        self._send(self._wire.syn, number, self._isn, 0)

    def _send(self, kind: list[Template], number: int, seq: int, ack: int) -> None:
        if not self._wire.send(kind, number, seq, ack):
            self.trace.not_taken += 1

    def _catch_up(self, now: float, idle: float) -> None:
        """Take in what came; where nothing did, wait for something that long at most."""
        nothing, opened = True, self.trace.opened
        for number, heard in self._wire.read(_FRAMES):
            nothing = False
            if number < opened:
                (self._left if heard.outgoing else self._arrived)(number, heard)
        while self._unanswered and self._unanswered[0][0] <= now:
            self._look_after(*self._unanswered.popleft())
        if nothing and idle > 0:
            select.select([self._wire.ring], (), (), min(idle, _IDLE))

    # -- what crossed the link -------------------------------------------------------------------

    def _left(self, number: int, segment: RingSegment) -> None:
        if self._begun[number] == 0:
            self._begun[number] = segment.time
        if self._state[number] == DONE:
            if self._ended[number] == 0:
                self._ended[number] = segment.time
        elif self._out[number] == 0:
            self._out[number] = segment.time

    def _arrived(self, number: int, segment: RingSegment) -> None:
        state, flags = self._state[number], segment.flags
        if state >= ASKED:
            if state == ASKED:
                self._answered(number, segment)
        elif flags & tcp.RST:
            self._reset(number)
        elif flags & tcp.SYN:
            self._opened(number, segment)
        elif flags & tcp.FIN:
            self._closed(number, segment)
        elif state == CLOSING and not self._plan.tester_closes and segment.ack == self._end:
            self._progress(number, segment.time)
            self._over(number, segment.time)

    @property
    def _end(self) -> int:
        """Behind the tester's FIN."""
        return (self._isn + 2) % _NUMBERS

    def _progress(self, number: int, moment: int) -> None:
        """The DUT has said what was waited for."""
        self._dut[number] += moment - self._out[number]
        self._out[number] = 0

    def _opened(self, number: int, segment: RingSegment) -> None:
        """SYN|ACK: answer, and close at once where that is the tester's part."""
        if self._state[number] != SYN_SENT:
            self._say_again(number)
            return
        self._progress(number, segment.time)
        self._theirs[number] = (segment.seq + 1) % _NUMBERS
        self._state[number] = CLOSING if self._plan.tester_closes else ESTABLISHED
        self._say(number)

    def _closed(self, number: int, segment: RingSegment) -> None:
        """The DUT's FIN."""
        state = self._state[number]
        if state == ESTABLISHED or (state == CLOSING and self._plan.tester_closes):
            self._progress(number, segment.time)
            self._theirs[number] = (segment.seq + segment.length + 1) % _NUMBERS
            self._state[number] = CLOSING
            if self._plan.tester_closes:
                self._over(number, 0)
            self._say(number)
        elif state != SYN_SENT:
            self._say_again(number)

    def _over(self, number: int, moment: int) -> None:
        self._state[number] = DONE
        self._ended[number] = moment
        self._finished += 1

    def _reset(self, number: int) -> None:
        if self._state[number] < DONE:
            self._state[number] = RESET
            self.trace.resets += 1
            self._finished += 1

    def _say(self, number: int) -> None:
        """What the tester says in the state that the connection is in."""
        state, isn, theirs = self._state[number], self._isn, self._theirs[number]
        if state == SYN_SENT:
            self._send(self._wire.syn, number, isn, 0)
        elif state == ESTABLISHED:
            self._send(self._wire.ack, number, isn + 1, theirs)
        elif state == CLOSING or not self._plan.tester_closes:
            self._send(self._wire.fin, number, isn + 1, theirs)
        else:
            self._send(self._wire.ack, number, isn + 2, theirs)

    def _say_again(self, number: int) -> None:
        """The DUT has repeated itself."""
        self.trace.repeated += 1
        self._again[number] = 1
        if self._state[number] in (ESTABLISHED, CLOSING, DONE):
            self._say(number)

    def _look_after(self, due: float, number: int, tries: int) -> None:
        """Send again what has had no answer for so long."""
        if self._state[number] >= DONE or tries >= _TRIES:
            return
        self.trace.retransmitted += 1
        self._again[number] = 1
        self._say(number)
        # Behind later ones it is looked at a little late: nobody's order depends on it.
        self._unanswered.append((due + _PATIENCE * 2**tries, number, tries + 1))

    # -- the end ---------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Let the last connections end."""
        until = self._now() + _AFTER
        while self._finished < self.trace.opened and (now := self._now()) < until:
            self._catch_up(now, until - now)
        self._catch_up(0.0, 0.0)

    def _ask_late(self) -> None:
        """Send the FIN of some connections once more, and hear what is said to it."""
        ended = [n for n in range(self.trace.opened) if self._state[n] == DONE]
        if not self._plan.late_fins or self._plan.tester_closes or not ended:
            return
        asked = ended[:: max(1, len(ended) // self._plan.late_fins)][: self._plan.late_fins]
        self._asked_at, self._answers = time.time_ns(), dict.fromkeys(asked, "nothing")
        for number in asked:
            self._say(number)
            self._state[number] = ASKED
        until = self._now() + _LATE_FIN
        while ASKED in (self._state[n] for n in asked) and (now := self._now()) < until:
            self._catch_up(0.0, until - now)
        self.trace.late_fins = [self._late_fin(number) for number in asked]

    def _answered(self, number: int, segment: RingSegment) -> None:
        self._answers[number] = "RST" if segment.flags & tcp.RST else "ACK"
        self._state[number] = ANSWERED

    def _late_fin(self, number: int) -> LateFin:
        age = (self._asked_at - self._ended[number]) / 1e9
        return LateFin(self._begun[number] / 1e9, age, self._answers[number])

    def _sum_up(self, wall: int) -> None:
        """Fill the trace from the arrays; the run began at ``wall`` (nanoseconds)."""
        trace = self.trace
        for number in range(trace.opened):
            begun, ended = self._begun[number], self._ended[number]
            if ended:
                times = ((begun - wall) / 1e9, (ended - begun) / 1e9, self._dut[number] / 1e9)
                trace.connections.append(EndedConnection(*times, bool(self._again[number])))
        trace.unfinished = trace.opened - self._finished
        trace.late_fins = [fin._replace(begun=fin.begun - wall / 1e9) for fin in trace.late_fins]
