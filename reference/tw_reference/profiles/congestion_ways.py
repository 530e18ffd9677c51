"""How a stack keeps to a congestion window (RFC 5681), as far as somebody outside can tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


def of_rfc_5681(mss: int) -> int:
    """IW of RFC 5681 section 3.1, in octets."""
    if mss > 2190:
        return 2 * mss
    return (3 if mss > 1095 else 4) * mss


class CongestionWays(NamedTuple):
    """What decides how much goes out before an ACK comes.  Octets, or segments where it says so."""

    initial: Callable[[int], int] = of_rfc_5681
    """The initial window for an MSS (octets)."""
    counts_segments: bool = False
    """Whether segments are counted, however little text they have."""
    most_an_ack: int | None = 1
    """How many segments slow start grows by with one ACK at most; None: as many as it
    acknowledges."""
    sure_until: int | None = None
    """Segments up to which slow start surely goes on; beyond that delays decide (RFC 9406)."""
    syns_borne: int = 1
    """How many SYNs may be sent before the first window is one segment."""
    defers: bool = False
    """Whether text may wait for a larger part of the window to be free, which hangs on the moment
    of the last segment (tcp_tso_should_defer() of Linux)."""
    fin_passes: bool | None = False
    """Whether a segment with the FIN goes though the window is full; None: nobody looked."""
    counts_duplicates: bool = False
    """Whether duplicate ACKs are counted wherever SEG.ACK is taken; else rules say where."""
    tries_new_text: bool = False
    """Whether the first ACK after a time-out brings new text, if any waits (RFC 5682)."""
