"""The ACK that is put off (RFC 9293 section 3.8.6.3)."""

from __future__ import annotations

from collections.abc import Callable

from tw_reference.clock import Clock, Timer


class DelayedAck:
    """Acknowledges in a while, unless a segment that is sent before carries the ACK."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timer: Timer | None = None

    @property
    def is_put_off(self) -> bool:
        return self._timer is not None

    def put_off(self, delay: int, acknowledge: Callable[[], None]) -> None:
        """Call ``acknowledge`` after ``delay`` (ns); one that is put off already stays as it is."""
        if self._timer is None:
            self._timer = self._clock.call_at(self._clock.now + delay, acknowledge)

    def carried(self) -> None:
        """What is sent now carries it, or the connection is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
