"""The ACK that is put off (RFC 9293 section 3.8.6.3), and what a connection goes by in that."""

from __future__ import annotations

from collections.abc import Callable

from tw_reference.clock import Clock, Timer


class AckPace:
    """Whether text is acknowledged at once, as Linux goes by it (``struct inet_connection_sock``,
    icsk_ack): at the start and after what came again it is; not while the exchange looks
    interactive.  That Linux does so for 16 ACKs, and then for every second segment, is left out.

    ``delay`` is that of an ACK which is put off, ``now`` when the connection was made (ns).
    """

    def __init__(self, delay: int, now: int) -> None:
        self._delay = delay
        self._heard = now
        self._is_quick = False
        self.is_engaged = False
        """Whether text, or something old, has come yet (ato)."""
        self.is_interactive = False
        """Whether ACKs wait for text to carry them (pingpong)."""

    def is_quick(self, now: int, rto: int) -> bool:
        """Whether text that comes now is acknowledged at once."""
        return not self.is_interactive and (self._is_quick or self._begins(now, rto))

    def _begins(self, now: int, rto: int) -> bool:
        """Whether text that comes now is the first, or the first in a while."""
        return not self.is_engaged or now - self._heard > rto

    def text_comes(self, now: int, rto: int) -> None:
        """In order; tcp_event_data_recv()."""
        if self._begins(now, rto):
            self._is_quick = True
        self.is_engaged, self._heard = True, now

    def old_comes(self) -> None:
        """What came before, or does not fit: tcp_enter_quickack_mode()."""
        self.is_engaged, self.is_interactive, self._is_quick = True, False, True

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
