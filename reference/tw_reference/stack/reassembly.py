"""Text that arrived ahead of its turn, held until the gap before it is filled."""

from __future__ import annotations

from tw_reference.segment import FIN, Segment
from tw_reference.seqnum import add, distance

_MOST = 256
"""Segments held at most: they may overlap, and be many for one window."""


class Reassembly:
    """Segments by sequence number (RFC 9293 section 3.10.7.4: those with higher beginning sequence
    numbers are held for later processing).  The caller keeps them inside its window.

    ``loses_covered_fin``: text that reaches to the end of what is held above it takes its place,
    and the FIN there is gone.
    """

    def __init__(self, *, loses_covered_fin: bool = False) -> None:
        self._loses_covered_fin = loses_covered_fin
        self._segments: dict[int, tuple[bytes, bool]] = {}

    @property
    def is_empty(self) -> bool:
        return not self._segments

    def put(self, seq: int, text: bytes, fin: bool) -> None:
        """Hold ``text``, and the FIN behind it; of two at one place the longer is held."""
        if len(self._segments) >= _MOST and seq not in self._segments:
            return  # it will be sent again
        if self._loses_covered_fin:
            self._drop_covered(seq, len(text))
        held_text, held_fin = self._segments.get(seq, (b"", False))
        if len(text) + fin > len(held_text) + held_fin:
            held_text, held_fin = text, fin
        if held_text or held_fin:
            self._segments.pop(seq, None)
            self._segments[seq] = held_text, held_fin  # the latest stands last

    def blocks(self) -> list[tuple[int, int]]:
        """The edges of what is held in one piece, that of the latest segment first (RFC 2018
        section 4)."""
        found: list[tuple[int, int]] = []
        for seq in reversed(self._segments):
            block = self._block_around(seq)
            if block not in found:
                found.append(block)
        return found

    def _block_around(self, seq: int) -> tuple[int, int]:
        """The edges of the piece that the segment at ``seq`` is a part of."""
        left = right = seq
        pieces = [
            (each, add(each, len(text) + fin)) for each, (text, fin) in self._segments.items()
        ]
        grows = True
        while grows:
            touching = [
                (start, end)
                for start, end in pieces
                if distance(start, right) <= 0 <= distance(end, left)
            ]
            lower = min((start for start, _ in touching), key=lambda at: distance(at, seq))
            upper = max((end for _, end in touching), key=lambda at: distance(at, seq))
            grows = (lower, upper) != (left, right)
            left, right = lower, upper
        return left, right

    def overlap(self, seq: int, end: int) -> tuple[int, int] | None:
        """The edges of the first part between ``seq`` and ``end`` that is held in one piece."""
        pieces = [(at, add(at, len(text) + fin)) for at, (text, fin) in self._segments.items()]
        shared = [
            max(distance(left, seq), 0)
            for left, right in pieces
            if distance(right, seq) > 0 and distance(end, left) > 0
        ]
        if not shared:
            return None
        first = add(seq, min(shared))
        _, right = self._block_around(first)
        return first, right if distance(end, right) > 0 else end

    def _drop_covered(self, seq: int, length: int) -> None:
        for held, (text, _) in list(self._segments.items()):
            if 0 < distance(held, seq) <= length - len(text):
                del self._segments[held]

    def brings_fin(self, segment: Segment, rcv_nxt: int, room: int) -> bool:
        """Whether with ``segment``, of which ``room`` octets fit, a FIN is next in order."""
        fin = bool(segment.flags & FIN) and len(segment.payload) <= room
        if not fin and not self._segments:
            return False
        after = Reassembly(loses_covered_fin=self._loses_covered_fin)
        after._segments = dict(self._segments)
        after.put(segment.seq, segment.payload[: max(room, 0)], fin)
        return after.take(rcv_nxt)[1]

    def take(self, rcv_nxt: int) -> tuple[bytes, bool]:
        """What follows ``rcv_nxt`` without a gap, and whether a FIN ends it."""
        data = bytearray()
        for seq in sorted(self._segments, key=lambda seq: distance(seq, rcv_nxt)):
            known = len(data) - distance(seq, rcv_nxt)
            if known < 0:
                break
            text, fin = self._segments.pop(seq)
            data += text[known:]
            if fin:
                return bytes(data), True
        return bytes(data), False
