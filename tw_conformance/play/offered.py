"""The window that the tester has offered, and what a DUT sends of its own where that is small.

A persist timer asks whether there is room by now (RFC 9293 section 3.8.6.1): with a segment left of
SND.UNA, as 4.4BSD's successors and Linux do, or with as much of the text as has room, at least an
octet.  Neither is an answer to anything.
"""

from __future__ import annotations

from typing import NamedTuple

from tw_conformance.link.link import Arrival
from tw_conformance.play.heard import LEAST_RTO, segment_of
from tw_reference import segment as tcp
from tw_reference.segment import Segment
from tw_reference.seqnum import add

_SEGMENT = 1460
"""A window (octets) with room for each segment."""


class _Offer(NamedTuple):
    """When, SEG.ACK, and SEG.WND."""

    time: float
    ack: int
    window: int


class OfferedWindow:
    """What the DUT has been told of its window, in order."""

    def __init__(self) -> None:
        self._offers: list[_Offer] = []
        self._stirred: list[tuple[float, float]] = []

    def tell(self, time: float, segment: Segment) -> None:
        """The DUT is sent a segment, whole."""
        self.stir(time, time)
        if segment.flags & tcp.ACK:
            self._offers.append(_Offer(time, segment.ack, segment.window))

    def stir(self, asked: float, done: float) -> None:
        """Between these moments the DUT got a segment, or text to send."""
        self._stirred.append((asked, done))

    def was_probed(self, arrival: Arrival) -> bool:
        """Whether a persist timer of the DUT may have sent that, an RTO after the window became too
        small for a segment."""
        segment = segment_of(arrival)
        if segment.flags & ~tcp.PSH != tcp.ACK:
            return False
        if not segment.payload:
            # Whether a later ACK that is old opened it, the stacks see differently.
            small = (each for each in self._offers if each.window < _SEGMENT)
            return any(
                add(segment.seq, 1) == each.ack and arrival.time - each.time >= LEAST_RTO
                for each in small
            )
        told = [each for each in self._offers if each.time <= arrival.time]
        if not told or any(a <= arrival.time < b + LEAST_RTO for a, b in self._stirred):
            return False
        _, una, window = told[-1]
        return segment.seq == una and window < _SEGMENT and len(segment.payload) <= max(window, 1)
