"""The window that the peer offers, and the text and the FIN that wait for it."""

from __future__ import annotations

from collections.abc import Callable

from tw_reference.profiles.profile import WindowOffered
from tw_reference.segment import FIN, Segment
from tw_reference.seqnum import add, distance


class SendSide:
    """The send sequence space of one connection (RFC 9293 section 3.3.1), and what waits behind it.

    ``takes_window`` tells whose window counts.
    """

    def __init__(self, iss: int, takes_window: Callable[[WindowOffered], bool]) -> None:
        self._takes_window = takes_window
        self._unsent = bytearray()
        self._wl2 = 0
        self.iss = self.una = self.nxt = iss
        self.window = 0
        """SND.WND in octets."""
        self.max_window = 0
        """MAX.SND.WND in octets: the largest that the peer ever advertised."""
        self.wl1 = 0
        """SND.WL1."""
        self.scale = 0
        """The shift of the peer's window."""
        self.peer_scales = False
        """Whether the peer's SYN had a window scale."""
        self._last_small: int | None = None
        """Where the last segment ends that was smaller than the MSS."""
        self.fin_wanted = False
        """Whether the process has closed its side."""
        self.fin_sent = False
        self._reduced_at: int | None = None
        """Where SND.NXT was when the peer told of congestion."""
        self._cwr_due = False

    def open(self, syn: Segment) -> None:
        """The peer's SYN has come; the window in it is not scaled (RFC 7323 section 2.2)."""
        self.wl1, self._wl2 = syn.seq, syn.ack
        self.window = self.max_window = syn.window
        self.scale, self.peer_scales = min(syn.wscale or 0, 14), syn.wscale is not None

    def forget_scale(self) -> None:
        """As if the peer's SYN had said no window scale."""
        self.scale, self.peer_scales = 0, False

    def window_arrives(self, segment: Segment, *, acknowledges: bool, first: bool = False) -> bool:
        """SEG.WND is SND.WND from now on, if the stack takes it, or it is the first;
        ``acknowledges``: SEG.ACK was above SND.UNA.  Returns whether it is."""
        window = segment.window << self.scale
        by_seq, by_ack = distance(segment.seq, self.wl1), distance(segment.ack, self._wl2)
        offered = WindowOffered(by_seq, by_ack, acknowledges, window, self.window)
        taken = first or self._takes_window(offered)
        if taken:
            self.wl1, self._wl2 = segment.seq, segment.ack
            self.window = window
            self.max_window = max(self.max_window, window)
        return taken

    def sent(self, segment: Segment) -> None:
        """``segment``, which begins at SND.NXT, was sent."""
        self.nxt = segment.end
        self.fin_sent = self.fin_sent or bool(segment.flags & FIN)

    def reduce(self, ack: int) -> None:
        """The peer tells of congestion with SEG.ACK ``ack``: the next new text is to say that it
        was heard, once for all that was on its way (RFC 3168 section 6.1.2)."""
        if self._reduced_at is None or distance(ack, self._reduced_at) > 0:
            self._reduced_at, self._cwr_due = self.nxt, True

    def says_cwr(self) -> bool:
        """Whether the text that goes out now is to have CWR, which no other has then."""
        due, self._cwr_due = self._cwr_due, False
        return due

    # -- what waits ------------------------------------------------------------------------------

    @property
    def unsent_text(self) -> int:
        """Octets that wait."""
        return len(self._unsent)

    @property
    def has_unsent_text(self) -> bool:
        return bool(self._unsent)

    @property
    def fin_waits(self) -> bool:
        """Whether the FIN is still to be sent, behind the text that waits."""
        return self.fin_wanted and not self.fin_sent

    def put(self, data: bytes) -> None:
        """Queue text behind what waits already."""
        self._unsent += data

    @property
    def flight(self) -> int:
        """Octets that were sent and not acknowledged, a FIN counted."""
        return distance(self.nxt, self.una)

    def room(self) -> int:
        """How many octets the peer's window allows now."""
        return self.window - self.flight

    def take(self, size: int, mss: int) -> bytes:
        """The next text, ``size`` octets at most; what is below ``mss`` is less than a full
        segment."""
        text = bytes(self._unsent[:size])
        del self._unsent[:size]
        if len(text) < mss:
            self._last_small = add(self.nxt, len(text))
        return text

    def waits_for_more(self, mss: int) -> bool:
        """Whether less than a full segment waits, while one such is on its way (Nagle's algorithm,
        as Minshall has it; RFC 9293 section 3.7.4)."""
        under_way = self._last_small is not None and distance(self._last_small, self.una) > 0
        return under_way and len(self._unsent) < mss
