"""The ACK that is put off (RFC 9293 section 3.8.6.3), and what a connection goes by in that."""

from __future__ import annotations

from collections.abc import Callable

from tw_reference.clock import Clock, Timer

_MOST_QUICK = 16
"""TCP_MAX_QUICKACKS."""
_MOST_AT_ONCE = 3
"""ACKs of what comes behind one gap that go at once: TCP_FASTRETRANS_THRESH."""


class AckPace:
    """Whether text is acknowledged at once, as Linux goes by it (``struct inet_connection_sock``,
    icsk_ack): at the start and after what came again so many ACKs are quick as half of the window
    has full segments, 16 at most; none while the exchange looks interactive.

    ``delay`` is that of an ACK which is put off, ``now`` when the connection was made (ns);
    ``half_window`` tells how many full segments half of the window has, at least and at most.
    """

    def __init__(self, delay: int, now: int, half_window: Callable[[], tuple[int, int]]) -> None:
        self._delay = delay
        self._heard = now
        self._half_window = half_window
        self._quick = self._most_quick = 0
        """ACKs that are quick yet: surely, and where memory is given as freely as it may be."""
        self._is_due = False
        self._gap_at, self._gap_acks = -1, 0
        """RCV.NXT in front of a gap, and how many were acknowledged that it stays for."""
        self.is_engaged = False
        """Whether text, or something old, has come yet (ato)."""
        self.is_interactive = False
        """Whether ACKs wait for text to carry them (pingpong)."""

    def is_quick(self, now: int, rto: int) -> bool:
        """Whether text that comes now is surely acknowledged at once."""
        return not self.is_interactive and (self._quick > 0 or self._begins(now, rto))

    def may_be_quick(self, *, grows: bool) -> bool:
        """Whether it may be; ``grows``: the window may, for that text."""
        return not self.is_interactive and (self._most_quick > 0 or grows)

    def gap_stays(self, rcv_nxt: int) -> None:
        """Something has come behind a gap at ``rcv_nxt``: dup_ack_counter."""
        if self._gap_at != rcv_nxt:
            self._gap_at, self._gap_acks = rcv_nxt, 0
        if self.is_interactive or not self._quick:
            self._gap_acks += 1

    def compresses(self, rcv_nxt: int) -> bool:
        """Whether more of that may be acknowledged a little later, and at once: compressed_ack."""
        quick = self._quick > 0 and not self.is_interactive
        return self._gap_at == rcv_nxt and self._gap_acks >= _MOST_AT_ONCE and not quick

    def _begins(self, now: int, rto: int) -> bool:
        """Whether text that comes now is the first, or the first in a while."""
        return not self.is_engaged or now - self._heard > rto

    def _quicken(self, most: int) -> None:
        """tcp_incr_quickack()"""
        least, largest = self._half_window()
        counts = [min(half or 2, most) for half in (least, min(least + 1, largest), largest)]
        self._quick = max(self._quick, min(counts))
        self._most_quick = max(self._most_quick, max(counts))

    def text_comes(self, now: int, rto: int, *, grows: bool) -> None:
        """In order; tcp_event_data_recv(), and where the window ``grows`` tcp_grow_window()."""
        if self._begins(now, rto):
            self._quicken(_MOST_QUICK)
        self._most_quick |= grows
        self.is_engaged, self._heard = True, now

    def old_comes(self) -> None:
        """What came before, or does not fit."""
        self.hurry(_MOST_QUICK)

    def hurry(self, most: int) -> None:
        """tcp_enter_quickack_mode()"""
        self.is_engaged, self.is_interactive = True, False
        self._quicken(most)

    def is_owed(self) -> None:
        """An ACK of something new is due; inet_csk_schedule_ack()."""
        self._is_due = True

    def ack_goes(self) -> None:
        """tcp_event_ack_sent(), tcp_dec_quickack_mode(): one of the quick ACKs is used up."""
        if self._is_due:
            self._quick = max(self._quick - 1, 0)
            self._most_quick, self._is_due = max(self._most_quick - 1, 0), False

    def text_goes(self, now: int) -> None:
        """Soon after the peer's it is an answer: tcp_event_data_sent()."""
        if self.is_engaged and now - self._heard < self._delay:
            self.is_interactive = True

    def waited_in_vain(self) -> None:
        """Nothing came to carry the ACK: tcp_delack_timer_handler()."""
        self.is_interactive, self.is_engaged = False, True


class DelayedAck:
    """Acknowledges in a while, unless a segment that is sent before carries the ACK."""

    def __init__(self, clock: Clock, pace: AckPace) -> None:
        self._clock = clock
        self._pace = pace
        self._timer: Timer | None = None

    @property
    def is_put_off(self) -> bool:
        return self._timer is not None

    def put_off(self, delay: int, acknowledge: Callable[[], None]) -> None:
        """Call ``acknowledge`` after ``delay`` (ns); one that is put off already stays as it is."""
        if self._timer is None:
            when = self._clock.now + delay
            self._timer = self._clock.call_at(when, lambda: self._fire(acknowledge))

    def _fire(self, acknowledge: Callable[[], None]) -> None:
        self._pace.waited_in_vain()
        acknowledge()

    def carried(self) -> None:
        """What is sent now carries it, or the connection is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
