"""What was sent and is not acknowledged, and the one timer that watches over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tw_reference.clock import SECOND, Clock, Timer
from tw_reference.segment import ACK, FIN, SYN, Segment
from tw_reference.seqnum import distance

_MAX_RETRANSMISSIONS = 6


class RetransmissionQueue:
    """The retransmission queue (RFC 9293 section 3.8.1, RFC 6298), and probes of a closed window.

    The time-out is ``first_rto`` until a round trip has been measured, ``least_rto`` or more then
    (nanoseconds), and doubles each time that it passes; ``rto_after_syns`` or more where the SYN
    was sent again and tells of no round trip.  ``emit`` sends a segment once more, alone or with
    others, ``may_resend`` tells whether one goes beside so many of them.  ``probe`` probes a closed
    window, ``timed_out`` is called each time, ``give_up`` after the last retransmission.  Where
    ``probes_tail`` says so, the end of a flight is asked for once before the time-out, as Linux
    does it: by new text, which ``send_next`` sends if it may, or by the last segment again;
    ``tick`` is that of its clock (ns).
    """

    def __init__(
        self,
        clock: Clock,
        *,
        first_rto: int,
        least_rto: int,
        rto_after_syns: int,
        emit: Callable[[Segment, bool], None],
        may_resend: Callable[[int], bool],
        probe: Callable[[], None],
        timed_out: Callable[[], None],
        give_up: Callable[[], None],
        probes_tail: Callable[[], bool],
        send_next: Callable[[], bool],
        tick: Callable[[], int],
    ) -> None:
        self._clock = clock
        self._rto = first_rto
        self._least_rto = least_rto
        self._rto_after_syns = rto_after_syns
        self._srtt: int | None = None
        self._rttvar = 0
        self._timed: tuple[int, int] | None = None
        """Where the segment ends whose round trip is being measured, and when it was sent."""
        self._emit = emit
        self._may_resend = may_resend
        self._probe = probe
        self._timed_out = timed_out
        self._give_up = give_up
        self._probes_tail = probes_tail
        self._send_next = send_next
        self._tick = tick
        self._segments: list[Segment] = []
        self._timer: Timer | None = None
        self.tries = 0
        """How often the oldest segment was sent again, or the window was asked for."""
        self._backed_off = 0
        self._recover: int | None = None
        """Where the flight ended when a loss was last found in it."""
        self._again = 0
        """How many of it, from the oldest on, were sent again since."""
        self._one_by_one = False
        """Whether each ACK of a part has one more be sent again (RFC 6582)."""
        self._tail: int | None = None
        """Where it ended when its end was last asked for."""
        self._time_out_at = 0
        """When the time-out passes, if the timer runs."""

    @property
    def rto(self) -> int:
        """The time-out, doubled for each time that it has passed, until a round trip is measured
        again (ns; RFC 6298 section 5)."""
        return max(self._due(), self._backed_off)

    def _due(self) -> int:
        return self._rto << self.tries

    def add(self, segment: Segment) -> None:
        """``segment`` was sent for the first time."""
        self._segments.append(segment)
        if self._timed is None:
            self._timed = segment.end, self._clock.now
        self.watch()
        self._watch_tail()

    def watch(self) -> None:
        """Have the timer run: for the flight, or without one for a probe."""
        if self._timer is None:
            self._arm()

    @property
    def segments(self) -> int:
        """How many are on their way."""
        return len(self._segments)

    def covered_by(self, ack: int) -> int:
        """How many of them end left of ``ack``, or there."""
        return sum(distance(ack, segment.end) >= 0 for segment in self._segments)

    def acknowledged(self, ack: int, *, echo: int | None = None) -> None:
        """SND.UNA has moved up to ``ack``; ``echo``: the round trip, where a timestamp tells it
        (ns)."""
        opens = bool(self._segments and self._segments[0].flags & SYN)
        self._again = max(self._again - self.covered_by(ack), 0)
        self._segments = [_rest(s, ack) for s in self._segments if distance(s.end, ack) > 0]
        self._backed_off = 0 if echo is not None or not self.tries else self.rto
        if self._timed is not None and distance(ack, self._timed[0]) >= 0:
            self._measured(self._clock.now - self._timed[1])
            self._timed, self._backed_off = None, 0
        elif self.tries and echo is not None:
            self._measured(echo)
        elif self.tries and opens:
            self._rto, self._backed_off = max(self._rto, self._rto_after_syns), 0
        self.tries = 0
        self._restart()
        if self._tail is not None and distance(ack, self._tail) >= 0:
            self._tail = None
        if self._recover is not None:
            if distance(self._recover, ack) > 0:
                self._resend_lost()
            else:
                self._recover = None
        self._watch_tail()

    def probe_answered(self) -> None:
        """The window is still closed; a peer that says so may do it for ever (RFC 9293 section
        3.8.6.1)."""
        self.tries = min(self.tries, _MAX_RETRANSMISSIONS - 1)

    def window_reopened(self) -> None:
        """Send now what the peer had no room for, not when the next probe is due; a FIN alone
        needs none, and is left to its timer."""
        if self._segments and not self._segments[0].payload:
            return
        if not self._segments:
            self.tries = 0
        self._restart()
        self.resend()

    def resend(self) -> None:
        """Send the oldest segment again, if there is any."""
        if self._segments:
            self._timed = None  # whose ACK it will be can't be told (RFC 6298 section 3)
            self._again = max(self._again, 1)
            self._emit(self._segments[0], True)

    def fast_retransmit(self) -> None:
        """The oldest is lost; each that an ACK of a part shows to be next, too (RFC 6582 section
        3.2)."""
        self._recover, self._one_by_one = self._segments[-1].end, True
        self.resend()

    def _resend_lost(self) -> None:
        """One flight, more than one loss: these are the next."""
        assert self._recover is not None
        lost = [s for s in self._segments if distance(self._recover, s.end) >= 0]
        first, most = self._again, 1 if self._one_by_one else len(lost)
        while self._again < most and self._may_resend(self._again):
            self._again += 1
        for segment in lost[first : self._again]:
            self._emit(segment, self._again == first + 1)

    def put_fin_behind(self) -> None:
        """The FIN, which was sent, stands behind the last segment when that is sent again."""
        last = self._segments[-1]
        self._segments[-1] = replace(last, flags=last.flags | FIN)

    def last_try(self) -> None:
        """Give up when the time-out that runs now has passed."""
        self.tries = _MAX_RETRANSMISSIONS

    def hurry(self, delay: int) -> None:
        """Let the timer fire after ``delay`` (ns), if it runs."""
        if self._timer is not None:
            self._disarm()
            self._timer = self._clock.call_at(self._clock.now + delay, self._timer_due)

    def take_back(self, *, timer_runs_on: bool) -> None:
        """What was sent is to go out in another form, whose timer starts anew, or for which it runs
        on; then the round trip is measured anew."""
        self._segments.clear()
        if timer_runs_on:
            self._timed = None
        else:
            self._disarm()

    def land(self) -> None:
        """The connection is over."""
        self._segments.clear()
        self._disarm()

    def _measured(self, rtt: int) -> None:
        """SRTT, RTTVAR and RTO (RFC 6298 section 2)."""
        if self._srtt is None:
            self._srtt, self._rttvar = rtt, rtt // 2
        else:
            self._rttvar = (3 * self._rttvar + abs(self._srtt - rtt)) // 4
            self._srtt = (7 * self._srtt + rtt) // 8
        self._rto = max(self._srtt + 4 * self._rttvar, self._least_rto)

    def _restart(self) -> None:
        self._disarm()
        if self._segments:
            self._arm()

    def _arm(self) -> None:
        self._time_out_at = self._clock.now + self._due()
        self._timer = self._clock.call_at(self._time_out_at, self._timer_due)

    def _watch_tail(self) -> None:
        """tcp_output.c, tcp_schedule_loss_probe(): the timer is to ask for the end of the flight
        first."""
        lost = self.tries or self._recover is not None
        if not self._segments or lost or self._tail is not None or not self._probes_tail():
            return
        wait = SECOND
        if self._srtt is not None:
            alone = len(self._segments) == 1
            wait = 2 * self._srtt + (self._least_rto if alone else 2 * self._tick())
        self._disarm()
        due = min(self._clock.now + wait, self._time_out_at)
        self._timer = self._clock.call_at(due, self._tail_due)

    def _tail_due(self) -> None:
        """tcp_output.c, tcp_send_loss_probe()"""
        self._tail = self._segments[-1].end
        self._disarm()
        if self._send_next():
            self._tail = self._segments[-1].end
        else:
            self._timed = None
            self._emit(self._segments[-1], True)
        self.watch()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _timer_due(self) -> None:
        self.tries += 1
        if self.tries > _MAX_RETRANSMISSIONS:
            self._give_up()
            return
        self._timed_out()
        if self._segments:
            opens = self._segments[0].flags & SYN
            self._recover = None if opens else self._segments[-1].end
            self._again, self._one_by_one = 0, False
            self.resend()
        else:
            self._probe()
        self._arm()


def _rest(segment: Segment, ack: int) -> Segment:
    """What is left of a segment whose octets left of ``ack`` were acknowledged."""
    done = distance(ack, segment.seq)
    if done <= 0:
        return segment
    syn = bool(segment.flags & SYN)
    return replace(
        segment,
        seq=ack,
        flags=segment.flags & ~SYN | ACK,
        payload=segment.payload[done - syn :],
        mss=None,
        wscale=None,
        sack_permitted=False,
    )
