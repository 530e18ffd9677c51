"""A closing connection as a story: what happened to the judged end, in numbers of no connection.

Stacks compare numbers and hardly ever measure them, so two connections that differ in nothing but
their numbers have one story, and are judged once.  What a story says is true of each: the order of
all numbers, and every gap up to a few; wider gaps are made narrow, as long as no window's edge and
no half of the circle is near.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from tw_conformance.captures.conversation import Closing
from tw_conformance.captures.reading import Sighting
from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND, SECOND
from tw_reference.segment import Segment
from tw_reference.seqnum import distance

WINDOW = 65535
"""Octets of any window that is large enough not to matter."""
SILENCE = 2 * SECOND
"""Where nothing came for longer no answer is on its way any more."""
_NARROW = 8
"""Octets of a gap that stays as it is."""
_TICKS = 2
"""Ticks of a gap that stays as it is: Linux bears a stamp that is one too old (TCP_PAWS_WINDOW)."""
_WIDE = 1 << 15
"""Gaps from here on stay as they are, too: a window's edge may be near."""
_QUICK = 10 * MILLISECOND
"""Nothing tells two times apart that are closer."""


class Heard(NamedTuple):
    """One segment.  Of one that the judged end got, ``seq`` counts from its RCV.NXT and ``ack``
    from its SND.NXT, when it was closed; of one that it sent, the other way round.  ``ack`` is None
    without ACK.  ``stamp`` counts from TS.Recent, None: no option, or sent by the judged end.
    ``wait``: nanoseconds since the one before."""

    wait: int
    by_dut: bool
    flags: int
    seq: int
    ack: int | None
    length: int
    window: int
    stamp: int | None
    reserved: int
    mss: int | None = None
    wscale: int | None = None
    sack: bool = False


class Story(NamedTuple):
    """``acked`` and ``unacked``: octets that the judged end had sent when it was closed; those that
    were acknowledged, as far back as some segment goes, and those that were not.  ``silence``:
    nanoseconds of capture behind the last segment, :data:`SILENCE` or 0.
    """

    opened_by_dut: bool
    family: str
    timestamps: bool
    scaled: bool
    rcv_wnd: int
    acked: int
    unacked: int
    heard: tuple[Heard, ...]
    silence: int


def story_of(closing: Closing) -> Story | None:
    """None where the numbers that it would count from were not seen."""
    origin = origin_of(closing)
    if origin is None:
        return None
    unacked = _unacked(closing, origin)
    got = [_offsets(each, closing, origin) for each in closing.seen]
    window, scaled = _window(closing)
    furthest = max((number for each in got for number in each.theirs), default=0)
    if window >= WINDOW > furthest + _WIDE:
        window = WINDOW
    theirs = Gaps(n for each in got for n in each.theirs) if window >= _WIDE else Gaps(())
    earliest = min((number for each in got for number in each.ours), default=0)
    said = max(-unacked - _said(closing, origin), min(earliest, -unacked))
    ours = Gaps((said, -unacked, *(number for each in got for number in each.ours)))
    stamps = Gaps((each.stamp for each in got if each.stamp is not None), narrow=_TICKS)
    heard, before, windows = [], closing.seen[0].time, _Windows()
    for each, offsets in zip(closing.seen, got, strict=True):
        numbers = (ours, theirs) if offsets.by_dut else (theirs, ours)
        wait = _rounded(each.time - before)
        heard.append(_heard(wait, each.packet.segment, offsets, *numbers, stamps, windows))
        before = max(before, each.time)
    return Story(
        opened_by_dut=bool(closing.opened_by_dut),
        family="ipv6" if closing.seen[0].packet.flow.is_ipv6 else "ipv4",
        timestamps=origin.ts_recent is not None,
        scaled=scaled,
        rcv_wnd=window,
        acked=ours[-unacked] - ours[said],
        unacked=-ours[-unacked],
        heard=tuple(heard),
        silence=SILENCE if closing.last - before > SILENCE else 0,
    )


class Origins(NamedTuple):
    """RCV.NXT, SND.NXT and TS.Recent (None: not in use) of the judged end before it closed, or was
    closed upon."""

    rcv_nxt: int
    snd_nxt: int
    ts_recent: int | None


class _Offsets(NamedTuple):
    """The numbers of a segment, each from its origin."""

    seq: int
    end: int
    ack: int | None
    stamp: int | None
    by_dut: bool

    @property
    def ours(self) -> Sequence[int]:
        """Those in the judged end's space."""
        return self._own if self.by_dut else self._other

    @property
    def theirs(self) -> Sequence[int]:
        return self._other if self.by_dut else self._own

    @property
    def _own(self) -> Sequence[int]:
        return self.seq, self.end

    @property
    def _other(self) -> Sequence[int]:
        return () if self.ack is None else (self.ack,)


def origin_of(closing: Closing) -> Origins | None:
    """Where the numbers of its story count from; None where that was not seen."""
    ends = (s for s in closing.seen if s.packet.segment.flags & (tcp.FIN | tcp.RST))
    first = next(ends, None)
    if first is None:
        return None
    segment, dut = first.packet.segment, closing.dut
    if closing.by_dut(first) and segment.flags & tcp.FIN:
        acked = segment.ack if segment.flags & tcp.ACK else dut.acked
        snd_nxt: int | None = (segment.seq + len(segment.payload)) & 0xFFFFFFFF
    else:
        snd_nxt, acked = dut.nxt, dut.acked
    if closing.by_dut(first):
        stamp = None if segment.timestamps is None else segment.timestamps.tsecr
    else:
        snd_nxt = segment.ack if snd_nxt is None and segment.flags & tcp.ACK else snd_nxt
        earliest = closing.seen[0].packet.segment
        acked = earliest.seq if acked is None else acked
        stamp = None if earliest.timestamps is None else earliest.timestamps.tsval - 1
    if acked is None or snd_nxt is None:
        return None
    return Origins(acked, snd_nxt, stamp)


def _unacked(closing: Closing, origin: Origins) -> int:
    acked = closing.peer.acked
    return 0 if acked is None else min(max(distance(origin.snd_nxt, acked), 0), WINDOW)


def _said(closing: Closing, origin: Origins) -> int:
    """How much the judged end had said before that, as far as anybody can tell, and not more than a
    window."""
    syn, unacked = closing.dut.syn, _unacked(closing, origin)
    if syn is None:
        return WINDOW
    return min(max(distance(origin.snd_nxt, syn.end) - unacked, 0), WINDOW)


def _window(closing: Closing) -> tuple[int, bool]:
    """The window that the judged end offers, in octets, and whether it is scaled; as in the header
    where the SYNs were not seen."""
    ours, theirs = closing.dut.syn, closing.peer.syn
    if ours is None or theirs is None or ours.wscale is None or theirs.wscale is None:
        return closing.dut.window, False
    return closing.dut.window << min(ours.wscale, 14), True


def _offsets(each: Sighting, closing: Closing, origin: Origins) -> _Offsets:
    segment, by_dut = each.packet.segment, closing.by_dut(each)
    own, other = origin.snd_nxt, origin.rcv_nxt
    if not by_dut:
        own, other = other, own
    # An ISS is as good as any other.
    seq = 0 if by_dut and segment.flags & tcp.SYN else distance(segment.seq, own)
    stamp = None
    if segment.timestamps is not None and not by_dut:
        stamp = distance(segment.timestamps.tsval, origin.ts_recent or 0)
    return _Offsets(
        seq=seq,
        end=seq + len(segment.payload),
        ack=distance(segment.ack, other) if segment.flags & tcp.ACK else None,
        stamp=stamp,
        by_dut=by_dut,
    )


def _heard(
    wait: int,
    segment: Segment,
    offsets: _Offsets,
    own: Gaps,
    other: Gaps,
    stamps: Gaps,
    windows: _Windows,
) -> Heard:
    syn = bool(segment.flags & tcp.SYN)
    return Heard(
        wait=wait,
        by_dut=offsets.by_dut,
        flags=segment.flags,
        seq=own[offsets.seq],
        ack=None if offsets.ack is None else other[offsets.ack],
        length=own[offsets.end] - own[offsets.seq],
        window=windows.told(offsets, segment.window),
        stamp=None if offsets.stamp is None else stamps[offsets.stamp],
        reserved=segment.reserved,
        mss=segment.mss if syn else None,
        wscale=segment.wscale if syn else None,
        sack=segment.sack_permitted and syn,
    )


class Gaps(dict[int, int]):
    """Numbers with the wide gaps between them made narrow; 0 stays 0."""

    def __init__(self, numbers: Iterable[int], narrow: int = _NARROW) -> None:
        ordered: list[int] = [0]
        for number in set(numbers) - {0}:
            insort(ordered, number)
        zero = ordered.index(0)
        super().__init__({0: 0})
        upwards, downwards = ordered[zero:], ordered[zero::-1]
        for sign, walk in ((1, upwards), (-1, downwards)):
            for before, number in pairwise(walk):
                width = abs(number - before)
                self[number] = self[before] + sign * (narrow if narrow < width < _WIDE else width)

    def __missing__(self, number: int) -> int:
        return number


class _Windows:
    """The peer's windows: whether one is as the one before, and whether it is shut, and no more.
    Nothing is said of the judged end's."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._said = WINDOW

    def told(self, offsets: _Offsets, window: int) -> int:
        if window == 0 or offsets.by_dut:
            return 0
        if self._last is not None and window != self._last:
            self._said -= 1
        self._last = window
        return self._said


def _rounded(wait: int) -> int:
    """One digit of it, and whole seconds from a second on."""
    if wait < _QUICK:
        return 0
    unit = 10 * MILLISECOND if wait < 100 * MILLISECOND else 50 * MILLISECOND
    unit = SECOND if wait >= SECOND else unit
    return (wait + unit // 2) // unit * unit
