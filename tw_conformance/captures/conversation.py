"""Connections as a capture shows them: both ends as far as they were seen, and how they closed.

Until one end closes nothing is kept but where each end is; from then on every segment is, up to a
limit.  So memory is bounded by the number of connections that are followed at once.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tw_conformance.captures.reading import Sighting
from tw_reference import segment as tcp
from tw_reference.clock import SECOND
from tw_reference.segment import Flow, Segment
from tw_reference.seqnum import distance

FOLLOWED = 65_536
"""Connections that are followed at once; the one that was silent longest gives way."""
KEPT = 256
"""Segments of one closing connection that are looked at."""
_IN_FLIGHT = 16
"""Segments of an end on their way that are remembered."""
_SILENCE = 300 * SECOND
"""A connection that closed and of which nothing came for so long is over, whoever's 2MSL it is."""
_SWEEP = 4096
"""Segments between two looks for such."""

Address = tuple[str, int]


@dataclass(slots=True)
class End:
    """One end, as far as it was seen."""

    address: Address
    syn: Segment | None = None
    nxt: int | None = None
    """One past the highest octet that it sent."""
    acked: int | None = None
    """The highest ACK number that it sent."""
    window: int = 0
    """SEG.WND of its last segment, as in the header."""
    in_flight: deque[Sighting] = field(default_factory=lambda: deque(maxlen=_IN_FLIGHT))
    """What it sent and the other has not acknowledged."""

    def sends(self, seen: Sighting) -> None:
        segment = seen.packet.segment
        if segment.flags & tcp.SYN:
            self.syn = segment
        if segment.flags & tcp.RST:
            return
        if segment.length:
            self.in_flight.append(seen)
        if self.nxt is None or distance(segment.end, self.nxt) > 0:
            self.nxt = segment.end
        if segment.flags & tcp.ACK and (
            self.acked is None or distance(segment.ack, self.acked) > 0
        ):
            self.acked = segment.ack
        self.window = segment.window

    def heard(self, ack: int) -> None:
        """The other end acknowledges all before ``ack``."""
        while self.in_flight and distance(self.in_flight[0].packet.segment.end, ack) <= 0:
            self.in_flight.popleft()


class Closing(NamedTuple):
    """A connection from the moment at which one end closed it.

    ``dut`` is the end that is judged, as it was seen before that; ``peer`` the other.  ``seen``
    are the segments that count: those of the peer that were on their way, then all from the first
    FIN or RST on.  ``is_over``: nothing was left out behind them.
    """

    dut: End
    peer: End
    opened_by_dut: bool | None
    """None where the capture begins later."""
    seen: tuple[Sighting, ...]
    last: int
    """The time of the capture when it was looked at last (ns)."""
    is_over: bool = True

    def by_dut(self, seen: Sighting) -> bool:
        return seen.packet.flow.src == self.dut.address[0] and (
            seen.packet.flow.sport == self.dut.address[1]
        )


class _Conversation:
    def __init__(self, flow: Flow) -> None:
        self.ends = (End((flow.src, flow.sport)), End((flow.dst, flow.dport)))
        self.opener: int | None = None
        self.closer: int | None = None
        self.at_closing: tuple[End, End] | None = None
        self.seen: list[Sighting] = []
        self.is_cut = False
        self.heard_at = 0

    def index(self, flow: Flow) -> int:
        """Which end sends."""
        return 0 if (flow.src, flow.sport) == self.ends[0].address else 1


class Conversations:
    """All connections of a capture, each told as a :class:`Closing` when it is over.

    ``dut``: the address of the end that is judged; without it, it is the end that closes first.
    ``untold`` counts what can't be judged, by reason.
    """

    def __init__(self, dut: str | None = None) -> None:
        self._dut = dut
        self._known: OrderedDict[tuple[Address, Address], _Conversation] = OrderedDict()
        self._taken = 0
        self._now = 0
        self.connections = 0
        self.untold: Counter[str] = Counter()

    def closings(self, seen: Iterable[Sighting]) -> Iterator[Closing]:
        """Follow all segments; each connection that closed, when it is over, or the capture is."""
        for each in seen:
            yield from self.take(each)
        yield from self.rest()

    def take(self, seen: Sighting) -> Iterator[Closing]:
        """Follow one segment; what is over by now."""
        self._now = max(self._now, seen.time)
        self._taken += 1
        key = _key(seen.packet.flow)
        known = self._known.get(key)
        if known is not None and _begins_anew(known, seen):
            yield from self._tell(known, reopened=seen)
            self._begin(key, *_asking(known, seen), seen)
        elif known is None:
            self._begin(key, seen)
        else:
            self._follow(known, seen)
            self._known.move_to_end(key)
        if len(self._known) > FOLLOWED:
            yield from self._tell(self._known.popitem(last=False)[1])
        if self._taken % _SWEEP == 0:
            yield from self._sweep()

    def rest(self) -> Iterator[Closing]:
        """All that the capture leaves open."""
        while self._known:
            yield from self._tell(self._known.popitem(last=False)[1])

    def _sweep(self) -> Iterator[Closing]:
        while self._known:
            oldest = next(iter(self._known.values()))
            if oldest.heard_at + _SILENCE > self._now:
                return
            yield from self._tell(self._known.popitem(last=False)[1])

    def _begin(self, key: tuple[Address, Address], *seen: Sighting) -> None:
        known = _Conversation(seen[0].packet.flow)
        self._known.pop(key, None)
        self._known[key] = known
        self.connections += 1
        for each in seen:
            self._follow(known, each)

    def _follow(self, known: _Conversation, seen: Sighting) -> None:
        sender, flags = known.index(seen.packet.flow), seen.packet.segment.flags
        known.heard_at = seen.time
        us, them = known.ends[sender], known.ends[1 - sender]
        if known.closer is None and flags & (tcp.FIN | tcp.RST):
            self._close(known, sender, seen)
        if known.closer is not None:
            if known.at_closing is None:
                return
            if len(known.seen) < KEPT:
                known.seen.append(seen)
            else:
                known.is_cut = True
            return
        if flags & tcp.SYN and known.opener is None:
            known.opener = 1 - sender if flags & tcp.ACK else sender
        us.sends(seen)
        if flags & tcp.ACK:
            them.heard(seen.packet.segment.ack)

    def _close(self, known: _Conversation, sender: int, seen: Sighting) -> None:
        known.closer = sender
        if self._dut is not None:
            at = [end.address[0] for end in known.ends]
            known.closer = at.index(self._dut) if self._dut in at else -1
        if known.closer >= 0:
            dut, peer = known.ends[known.closer], known.ends[1 - known.closer]
            known.at_closing = dut, peer
            acked = seen.packet.segment.ack if sender == known.closer else dut.acked
            known.seen += [each for each in peer.in_flight if _is_new(each, acked)]

    def _tell(self, known: _Conversation, reopened: Sighting | None = None) -> Iterator[Closing]:
        if known.at_closing is None:
            if known.closer is not None:
                self.untold[f"{self._dut} is neither end"] += 1
            return
        dut, peer = known.at_closing
        lack = _lack(known, dut, peer)
        if lack:
            self.untold[lack] += 1
            return
        opened = None if known.opener is None else known.ends[known.opener] is dut
        seen = (*known.seen, reopened) if reopened is not None else (*known.seen,)
        yield Closing(dut, peer, opened, seen, self._now, not known.is_cut)


def _lack(known: _Conversation, dut: End, peer: End) -> str:
    """Why nothing can be said of a connection, or nothing."""
    senders = {known.index(each.packet.flow) for each in known.seen}
    for number, end in enumerate(known.ends):
        if end.nxt is None and number not in senders:
            which = "the judged end's" if end is dut else "its peer's"
            return f"one direction is missing: {which} segments"
    opening = any(end.syn is not None and end.nxt == end.syn.end for end in (dut, peer))
    never_open = known.ends[0].nxt is None or known.ends[1].nxt is None
    if opening and (never_open or peer.acked is None or dut.acked is None):
        return "closed before it was open"
    return ""


def _key(flow: Flow) -> tuple[Address, Address]:
    ours, theirs = (flow.src, flow.sport), (flow.dst, flow.dport)
    return (ours, theirs) if ours < theirs else (theirs, ours)


def _is_new(seen: Sighting, acked: int | None) -> bool:
    return acked is not None and distance(seen.packet.segment.end, acked) > 0


def _asking(known: _Conversation, seen: Sighting) -> list[Sighting]:
    """The SYN that a <SYN,ACK> answers, which came to the connection before."""
    if not seen.packet.segment.flags & tcp.ACK:
        return []
    syns = [each for each in known.seen if each.packet.segment.end == seen.packet.segment.ack]
    return [each for each in syns if each.packet.segment.flags & tcp.SYN][-1:]


def _begins_anew(known: _Conversation, seen: Sighting) -> bool:
    """Whether the segment opens another connection of the same 4-tuple: a SYN of the judged end, or
    its <SYN,ACK> to the peer's."""
    segment = seen.packet.segment
    sender = known.index(seen.packet.flow)
    if not segment.flags & tcp.SYN or segment.flags & tcp.RST:
        return False
    if known.closer is None:
        before = known.ends[sender].syn
        is_again = before is not None and before.seq == segment.seq
        return known.ends[sender].nxt is not None and not is_again and not segment.flags & tcp.ACK
    return sender == known.closer
