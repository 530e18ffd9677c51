"""What the DUT has sent on one connection, and whether it sends it again of its own.

Until its octets are acknowledged a DUT sends them again, with the ACK number of the moment: in
CLOSING a new one each time (RFC 9293 section 3.10.7.4).  So octets tell a retransmission, and its
ACK number tells nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tw_conformance.link.link import Arrival
from tw_reference import segment as tcp
from tw_reference.segment import Packet, Segment
from tw_reference.seqnum import distance, in_window

LEAST_RTO = 0.15
"""Seconds; no documented stack retransmits any sooner."""
_AT_ONCE = 0.005
"""Seconds within which a copy is none that a retransmission timer sent: smoltcp's is the shortest
known, with 10 ms."""


class Heard:
    """The segments of a connection that have come from the DUT."""

    def __init__(self) -> None:
        self._came: Counter[tuple[int, int, int]] = Counter()
        self._numbered: list[tuple[float, Segment]] = []
        """What is sent until it is acknowledged, and when it came."""
        self._timed: list[tuple[float, Segment]] = []
        """Those of them that may have started a retransmission timer."""
        self._asked = -LEAST_RTO

    def ask(self, time: float) -> None:
        """The tester has sent something: what comes soon may be the answer."""
        self._asked = time

    def take(self, arrival: Arrival) -> None:
        """Another segment has come."""
        segment = segment_of(arrival)
        self._came[_shape(segment)] += 1
        if segment.length:
            was_asked_for = arrival.time - self._asked < LEAST_RTO
            if not was_asked_for or self._is_new(segment):
                self._timed.append((arrival.time, segment))
            self._numbered.append((arrival.time, segment))

    def forget(self) -> None:
        """What came until now belongs to the past, but for what may be sent again."""
        self._came.clear()

    def has_come_before(self, packet: Packet) -> bool:
        """Whether another segment with the same flags and numbers has arrived: since :meth:`forget`
        or at all where the DUT would send it again until it is acknowledged."""
        text = _text(packet.segment)
        copies = sum(_text(each) == text for _, each in self._numbered)
        return self._came[_shape(packet.segment)] > 1 or copies > 1

    def is_ahead(self, arrival: Arrival) -> bool:
        """Whether octets before it had not come by then, which the DUT sent if its SEG.SEQ is
        right.  An RST and a SYN have numbers of their own."""
        segment, before = segment_of(arrival), list(self._before(arrival))
        if segment.flags & (tcp.RST | tcp.SYN) or not before:
            return False
        return not any(
            distance(segment.seq, each.seq) > 0 and distance(each.end, segment.seq) >= 0
            for each in before
        )

    def _before(self, arrival: Arrival) -> Iterator[Segment]:
        for time, each in self._numbered:
            if each is segment_of(arrival) or time > arrival.time:
                return
            yield each

    def is_again(self, arrival: Arrival) -> bool:
        """Whether its octets had come before, however soon a timer of the DUT sent them again."""
        return arrival.time - _last_sent(arrival, self._numbered) > _AT_ONCE

    def was_retransmitted(self, arrival: Arrival) -> bool:
        """Whether the DUT sent that segment again because nothing acknowledged it for an RTO.

        The RTO counts from when a timer last sent it (RFC 6298 section 5), or from the first time:
        a copy that is an answer leaves a timer that runs as it is (`tcp_output()` of FreeBSD sets
        it if it is not set).  So what follows a retransmission sooner than that is an answer,
        however long the first one is ago.
        """
        return arrival.time - _last_sent(arrival, self._timed) >= LEAST_RTO

    def _is_new(self, segment: Segment) -> bool:
        """Whether its last octet has not come before."""
        return all(distance(segment.end, each.end) > 0 for _, each in self._numbered)


def _last_sent(arrival: Arrival, sent: Sequence[tuple[float, Segment]]) -> float:
    """When its first octet was last among what was ``sent``, if every octet of it had been by then
    or since; else when it came.  A DUT may send several segments again as one, or a part of one."""
    segment = segment_of(arrival)
    earlier = [(time, each) for time, each in sent if time < arrival.time]
    is_new = all(distance(segment.end, each.end) > 0 for _, each in earlier)
    if is_new or not segment.length:
        return arrival.time
    had_it = (time for time, each in earlier if in_window(segment.seq, each.seq, each.length))
    return max(had_it, default=arrival.time)


def segment_of(arrival: Arrival) -> Segment:
    """The segment that an arrival on a connection is."""
    assert isinstance(arrival.packet, Packet)
    return arrival.packet.segment


def _shape(segment: Segment) -> tuple[int, int, int]:
    return segment.flags, segment.seq, segment.ack


def _text(segment: Segment) -> tuple[int, int, bytes]:
    """What each retransmission of a segment keeps: SEG.SEQ, SYN and FIN, text."""
    return segment.seq, segment.flags & (tcp.SYN | tcp.FIN), segment.payload
