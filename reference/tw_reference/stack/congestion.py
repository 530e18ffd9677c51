"""The congestion window (RFC 5681), between two bounds: what surely goes, and what surely waits.

Between them it depends on what a stack measures and remembers, and nothing is said.
"""

from __future__ import annotations

from tw_reference.clock import MILLISECOND, Clock
from tw_reference.profiles.congestion_ways import CongestionWays

_JUST_NOW = 10 * MILLISECOND
"""Within this nobody tells whether a segment went out less than 1 ms ago, on another machine."""


class CongestionWindow:
    """How much may be on its way.  All is in octets; where segments count, each is a full one."""

    def __init__(self, ways: CongestionWays, clock: Clock) -> None:
        self._ways = ways
        self._clock = clock
        self._mss = 0
        self._least = self._most = 0
        self._slow_start: int | None = None
        """Where slow start may end."""
        self._sent_at: int | None = None
        """When the last segment with text went out."""

    def open(self, mss: int, syns: int) -> None:
        """The connection is open after so many SYNs; once, whatever comes after."""
        if self._mss:
            return
        self._mss = mss
        self._least = self._most = self._ways.initial(mss)
        if self._ways.sure_until is not None:
            self._slow_start = self._ways.sure_until * mss
        if syns > self._ways.syns_borne:
            self._least = mss

    def flight(self, octets: int, segments: int) -> int:
        """What is on its way, as the stack counts it."""
        return segments * self._mss if self._ways.counts_segments else octets

    def lets(self, size: int, flight: int) -> bool | None:
        """Whether a segment with ``size`` octets goes beside ``flight``; None: nobody knows."""
        more = self._mss if self._ways.counts_segments else size
        if flight + more <= self._least:
            return True
        return None if flight + more <= self._most else False

    def may_defer(self, waiting: int, flight: int, room: int, window: int) -> bool:
        """Whether a burst may wait for more room, where ``waiting`` octets have ``room`` in the
        peer's ``window``."""
        recent = self._sent_at is not None and self._clock.now - self._sent_at < _JUST_NOW
        if not (self._ways.defers and recent) or waiting <= self._mss:
            return False
        return min(room, self._least - flight) * 3 < min(window, self._least)

    def begins_packet(self, burst: int) -> bool:
        """Whether the segment behind ``burst`` others is the first of a packet that is cut below
        TCP: one has half of the window at most (tcp_output.c of Linux, tcp_cwnd_test())."""
        return burst * self._mss % max(self._least // (2 * self._mss) * self._mss, self._mss) == 0

    def sends(self, flight: int, rto: int) -> None:
        """Text goes out: after an idle RTO the window is the first one at most (RFC 5681 section
        4.1)."""
        now = self._clock.now
        if not flight and self._sent_at is not None and now - self._sent_at > rto:
            self._least = min(self._least, self._ways.initial(self._mss))
        self._sent_at = now

    def acknowledged(self, amount: int, flight: int) -> None:
        """So much of ``flight`` was acknowledged: slow start, where the window was used."""
        if self._ways.most_an_ack is not None:
            amount = min(amount, self._ways.most_an_ack * self._mss)
        self._most += amount
        if 2 * flight > self._least:
            end = self._least + amount if self._slow_start is None else self._slow_start
            self._least = max(self._least, min(self._least + amount, end))

    def repeated(self) -> None:
        """A duplicate ACK: something has left the network (RFC 3042)."""
        self._most += self._mss

    def lost(self) -> None:
        """A segment was, and is sent again: the stack's algorithm decides (RFC 6675, RFC 6937)."""
        self._least = self._slow_start = self._mss

    def timed_out(self, flight: int) -> None:
        """One segment, and slow start up to half of the flight (RFC 5681 section 3.1)."""
        self._least = self._most = self._mss
        self._slow_start = max(flight // 2, 2 * self._mss)
