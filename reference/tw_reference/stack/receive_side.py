"""What a connection takes in: the window that it offers, text out of order, text not yet read."""

from __future__ import annotations

from tw_reference.profiles.profile import StackTraits
from tw_reference.segment import FIN, PSH, SYN, URG, Segment
from tw_reference.seqnum import add, distance
from tw_reference.stack.reassembly import Reassembly

_WELL_FILLED = 1152
"""Octets of text that fill more than half of the 2,304 that a buffer for one frame takes, as Linux
counts them (truesize): the window grows with such text before anybody has read it."""
_GROWS_FROM = 128
"""Octets of text in a segment for which the window may grow: tcp_event_data_recv()."""
_FIRST_ROOM = 10
"""Full segments that a process may read before it is looked at how much: TCP_INIT_CWND."""
_SACK_BLOCKS = 4
"""TCP_NUM_SACKS: the latest that a connection keeps in mind."""
_DEFAULT_MSS, _LEAST_MSS = 536, 88
"""Octets of text that Linux expects of a segment at first, and at least (tcp_input.c,
tcp_initialize_rcv_mss())."""


class ReceiveSide:
    """The receive sequence space of one connection (RFC 9293 section 3.3.1).

    ``link_mss`` is the largest segment that the link carries; a process that ``reads`` takes text
    as it comes.
    """

    def __init__(self, traits: StackTraits, link_mss: int) -> None:
        self._traits = traits
        self._link_mss = link_mss
        self._full_window = traits.receive_window(link_mss)
        """The window (octets) that is offered where nothing waits to be read."""
        self._room = 0
        """Octets that are taken, though fewer were advertised."""
        self._reassembly = Reassembly(loses_covered_fin=traits.loses_covered_fin)
        self._unread = self._taken = 0
        """Octets that arrived and that the process has not taken, and that it has."""
        self._fin_unread = False
        self._urgent: int | None = None
        """The sequence number of the latest octet that recv() leaves out."""
        self._pushed = 0
        """Segments since the last ACK that are the end of something as Linux sees it: less than
        full, or one with PSH (ICSK_ACK_PUSHED, ICSK_ACK_PUSHED2)."""
        self.is_shut = self._discards = False
        self.nxt = 0
        """RCV.NXT."""
        self.acknowledged = 0
        """The last ACK number sent: RCV.NXT when the window was last told."""
        self.edge = self._full_window
        """One past the right edge of the window that was advertised."""
        self._told = self._full_window
        """The window, in octets, when it was last told."""
        self.scale = traits.window_scale
        """The shift of the window in the header."""
        self.window_is_ruled = True
        self.edge_is_ruled = True
        """Whether the edge is where the stack has it; of the window nothing is said otherwise."""
        self._mss = link_mss
        """Octets of text that a segment to this end takes."""
        self._expected, self._raised, self._last = _LEAST_MSS, 0, 0
        """Octets of text that a full segment is expected to have; of the last that had more than
        was expected, 0 where none had; of the last segment, where it may be a full one."""
        self._memory = 0
        """The most that the buffers of what has come take, in octets."""
        self._repeat: tuple[int, int] | None = None
        """The edges of what has come twice, and was not told yet."""
        self.fin_taken = False
        """Whether RCV.NXT is past the peer's FIN."""

    def open(
        self,
        irs: int,
        *,
        peer_mss: int,
        mss: int,
        scaling: bool,
        passive: bool,
        has_buffer: bool,
    ) -> None:
        """The peer's SYN has come: its sequence number, the largest segment that it takes and the
        text that one to this end takes, whether windows are scaled, a listener took the SYN, and
        whether there is a receive buffer already."""
        traits = self._traits
        self.nxt = self.acknowledged = add(irs, 1)
        self.scale = traits.window_scale if scaling else 0
        self.window_is_ruled = not (scaling and traits.window_follows_memory)
        if passive or not traits.keeps_first_window:
            self._full_window = traits.receive_window(mss)
        if scaling and traits.scaled_window is not None:
            self._full_window = traits.scaled_window(min(peer_mss, self._link_mss))
        self.edge = add(self.nxt, self._full_window)
        self._told = self._full_window
        self._mss = mss
        self._expected = max(min(peer_mss - (self._link_mss - mss), _DEFAULT_MSS), _LEAST_MSS)
        if has_buffer:
            self._room = traits.room(min(peer_mss, self._link_mss))

    def offer(self, window: int) -> None:
        """Offer that many octets from now on, and no others."""
        self._full_window = self._told = window
        self.edge = add(self.nxt, window)

    # -- the window ------------------------------------------------------------------------------

    @property
    def window(self) -> int:
        """RCV.WND in octets: as advertised, or the room that there is."""
        return max(self._offered, self._room)

    @property
    def window_on_entry(self) -> int:
        """The window that TIME-WAIT acknowledges with, in octets."""
        room = max(self._full_window - self._unread, 0)
        return self._traits.window_on_entry(room, self._offered)

    @property
    def _offered(self) -> int:
        """The part of the advertised window that is left, in octets."""
        return max(distance(self.edge, self.nxt), 0)

    def advertise(self, *, syn: bool, moves: bool = True, rounds: bool = True) -> int:
        """The window field of the segment that is sent now; that of a SYN is never scaled (RFC
        7323 section 2.2).  The right edge moves, where the stack moves it with this segment, and
        unless it is to stay; unless it ``rounds``, it is not rounded up."""
        scale = 0 if syn else self.scale
        window = self._full_window
        if scale and self._traits.aligns_scaled_window and moves:
            self.edge = add(self.nxt, -(-window >> scale) << scale)
        elif self._traits.reopens_window:
            room = min(max(window, self._room) - self._unread, 0xFFFF << scale)
            self.edge = add(self.nxt, max(room, self._offered) if rounds else room)
        elif self._traits.free_space is not None and moves and self._memory:
            self._select(*self._traits.free_space(self._mss, self._raised, self._memory))
        if rounds and self._traits.rounds_scaled_window:
            self.edge = add(self.nxt, -(-self._offered >> scale) << scale)
        self._told, self._pushed = self._offered, 0
        return min(self._offered >> scale, 0xFFFF)

    @property
    def half_in_segments(self) -> tuple[int, int]:
        """How many full segments half of the window has that was last told, at least and at
        most."""
        segments = 2 * self._expected
        return self._told // segments, self.widest // segments

    @property
    def widest(self) -> int:
        """The most octets that the window may have had when it was told last; beyond what its field
        can say, too (tcp_output.c, tcp_select_window(), rcv_wnd)."""
        if self.edge_is_ruled:
            return self._told
        free = self._traits.free_space
        return 0xFFFF << self.scale if free is None else free(self._mss, self._raised, 0)[1]

    @property
    def buffered(self) -> int:
        """The most memory that what has come takes, in octets."""
        return self._memory

    def may_grow(self, segment: Segment) -> bool:
        """Whether text widens the window, if memory is there (tcp_input.c, tcp_grow_window()):
        since text has filled more of its buffers than was expected, or so much was read that
        tcp_rcv_space_adjust() looks for more room."""
        free = self._traits.free_space
        if free is None or len(segment.payload) < _GROWS_FROM:
            return False
        full = self.full_text(segment)
        raised = full if full > self._expected else self._raised
        wider = free(self._mss, raised, 0)[1] > free(self._mss, 0, 0)[1]
        return wider or self._taken > _FIRST_ROOM * self._mss

    def keeps_window(self, segment: Segment) -> bool | None:
        """Whether with that text the window would be no less than was told last; None where
        nobody knows."""
        if self._traits.free_space is None or self.scale or not self.edge_is_ruled:
            return None
        full = self.full_text(segment)
        raised = full if full > self._expected else self._raised
        memory = self._memory + self._traits.buffer_of(len(segment.payload))
        spaces = self._traits.free_space(self._mss, raised, memory)
        kept = {self._stepped(free, full) >= self._told for free in spaces}
        return kept.pop() if len(kept) == 1 else None

    def _select(self, least: int, most: int) -> None:
        """tcp_output.c, tcp_select_window(), where no window is scaled: it never shrinks."""
        narrow, wide = (
            max(self._stepped(free, self._expected), self._offered) for free in (least, most)
        )
        if narrow != wide:
            self.window_is_ruled = self.edge_is_ruled = False
        self.edge = add(self.nxt, narrow)

    def _stepped(self, free: int, full: int) -> int:
        """__tcp_select_window(): the window stays within a segment, of ``full`` octets, of what is
        free, and is a multiple of a segment elsewhere."""
        stays = free - full < self._told <= free
        return self._told if stays else free // full * full

    # -- text ------------------------------------------------------------------------------------

    def take(self, segment: Segment, *, reads: bool) -> bytes:
        """The seventh check of RFC 9293 section 3.10.7.4: take what is in the window, and move
        RCV.NXT past a FIN.  Returns the text that a process which ``reads`` gets at once."""
        room = max(self._room_behind(segment), 0)
        text = segment.payload[:room]
        whole = len(text) == len(segment.payload)
        self._count(segment)
        self._note_overlap(segment)
        self._reassembly.put(_first_octet(segment), text, fin=whole and bool(segment.flags & FIN))
        data, fin = self._reassembly.take(self.nxt)
        self.nxt = add(self.nxt, len(data) + fin)
        if fin:
            self.fin_taken = self._fin_unread = True
        if self._discards:
            self.edge = add(self.edge, len(data))
            return b""
        read = bool(data) and reads
        if read:
            self._follow_memory()
        if len(text) > _WELL_FILLED:
            self.window_is_ruled = not self._traits.window_follows_memory
        if not read:
            self._unread += len(data)
            return b""
        self._taken += len(data)
        self.edge = add(self.edge, len(data))
        return data

    def note_repeat(self, segment: Segment) -> None:
        """What came before, or does not fit: the part of it that was taken has come twice (Linux,
        ``tcp_input.c``, tcp_send_dupack(), tcp_data_queue())."""
        old = min(distance(self.nxt, segment.seq), segment.length)
        if old > 0 and not segment.flags & SYN and self._traits.tells_repeats:
            self._repeat = segment.seq, add(segment.seq, old)

    def _note_overlap(self, segment: Segment) -> None:
        """What is taken, but is there in part: left of RCV.NXT, or held behind a gap (tcp_input.c,
        tcp_data_queue_ofo(), tcp_ofo_queue())."""
        self.note_repeat(segment)
        held = self._reassembly.overlap(_first_octet(segment), segment.end)
        if held is not None and self._repeat is None and self._traits.tells_repeats:
            self._repeat = held

    def tell_repeat(self) -> list[tuple[int, int]]:
        """The edges of what has come twice, once, in front of what is held (RFC 2883 section
        4)."""
        told, self._repeat = self._repeat, None
        return [] if told is None else [told]

    def hold(self, segment: Segment) -> None:
        """Hold what is in the window for :meth:`take`, without a FIN."""
        text = segment.payload[: max(self._room_behind(segment), 0)]
        self._reassembly.put(_first_octet(segment), text, fin=False)

    def _count(self, segment: Segment) -> None:
        """tcp_input.c, tcp_data_queue(): a buffer more, and what is next in order is measured.
        What begins elsewhere joins no other buffer (tcp_try_coalesce()), however little it is."""
        ahead = distance(_first_octet(segment), self.nxt)
        self._memory += self._traits.buffer_of(self._mss if ahead else len(segment.payload))
        if segment.payload and ahead <= 0:
            self._measure(segment, len(segment.payload))

    def _measure(self, segment: Segment, length: int) -> None:
        """tcp_input.c, tcp_measure_rcv_mss(): the largest, or a smaller one that comes again."""
        before, self._expected = self._expected, self.full_text(segment)
        self._last = length if length < before and _may_be_full(segment) else 0
        if self._expected > before:
            self._raised = self._expected
        if self._expected < before:
            return
        if length < self._expected:
            self._pushed += 1
        elif segment.flags & PSH:
            self._pushed = max(self._pushed, 1)

    def full_text(self, segment: Segment) -> int:
        """How many octets of text a full segment is expected to have, once that one has come next
        in order."""
        length = len(segment.payload)
        if length > self._expected:
            return min(length, self._mss)
        again = 0 < length == self._last and _may_be_full(segment)
        return length if again else self._expected

    def note_urgent(self, segment: Segment) -> None:
        """tcp_input.c, tcp_check_urg(): the octet that the urgent pointer stands behind, unless it
        was there before, or a later one is waited for."""
        if not self._traits.leaves_out_urgent or not segment.flags & URG:
            return
        at = add(segment.seq, max(segment.urgent - 1, 0))
        newer = self._urgent is None or distance(at, self._urgent) > 0
        if distance(at, self.nxt) >= 0 and newer:
            self._urgent = at

    def reading_is_told(self, *, interactive: bool) -> bool:
        """tcp.c, tcp_cleanup_rbuf(): whether an ACK that was put off goes once the process has
        read."""
        if distance(self.nxt, self.acknowledged) > self._expected:
            return True
        return not self._unread and self._pushed > (1 if interactive else 0)

    def brings_fin(self, segment: Segment) -> bool:
        """Whether with ``segment`` the peer's FIN, in it or held behind it, is next in order."""
        return self._reassembly.brings_fin(segment, self.nxt, self._room_behind(segment))

    def _room_behind(self, segment: Segment) -> int:
        return distance(add(self.nxt, self.window), _first_octet(segment))

    @property
    def has_gap(self) -> bool:
        """Whether something is held that waits for what comes before it."""
        return not self._reassembly.is_empty

    @property
    def held_blocks(self) -> list[tuple[int, int]]:
        """The edges of what is held in one piece, that of the latest segment first."""
        return self._reassembly.blocks()

    @property
    def held_edge(self) -> int:
        """Right of the last octet of the blocks that SACK tells of (tcp_input.c of Linux,
        selective_acks), the octet of a FIN counted; or RCV.NXT."""
        ends = (right for _, right in self._reassembly.blocks()[:_SACK_BLOCKS])
        return max(ends, key=lambda end: distance(end, self.nxt), default=self.nxt)

    @property
    def has_unread_text(self) -> bool:
        return self._unread > 0

    @property
    def readable(self) -> bool:
        """Whether the process has something to read yet: text, or the peer's FIN."""
        return self.has_unread_text or self._fin_unread

    def read(self, size: int) -> int:
        """How many octets of at most ``size`` the process takes; the window moves on with the next
        segment."""
        before, hole = self._unread, self._octets_to_urgent()
        if hole is not None and size > hole:
            self._unread -= 1
        taken = min(size, self._unread)
        self._unread -= taken
        self._taken += taken
        if self._traits.free_space is None:
            self.edge = add(self.edge, before - self._unread)
        if before != self._unread:
            self._follow_memory()
        return taken

    def _octets_to_urgent(self) -> int | None:
        """How many octets there are to read in front of the urgent one, if it is there."""
        if self._urgent is None:
            return None
        next_to_read = add(self.nxt, -self._unread - self.fin_taken)
        ahead = distance(self._urgent, next_to_read)
        return ahead if 0 <= ahead < self._unread else None

    def _follow_memory(self) -> None:
        """What was read has given memory back: of the window that is left nothing is said."""
        if self._traits.window_follows_memory:
            self.window_is_ruled = self.edge_is_ruled = False

    def read_the_end(self, *, closed: bool) -> bool:
        """Whether the process has taken all that there will ever be, the end with it."""
        at_end = not self._unread and (self.is_shut or self.fin_taken or closed)
        self._fin_unread = self._fin_unread and not at_end
        return at_end

    def shut(self, *, discards: bool) -> None:
        """The process is done with reading; where the stack ``discards``, with all that it has not
        read and all that may come."""
        self.is_shut = True
        self._discards = discards
        if discards:
            self.read(self._unread)

    def forget_the_end(self) -> None:
        """No process will read that the peer has closed."""
        self._fin_unread = False


def _first_octet(segment: Segment) -> int:
    """The sequence number of its text, which a SYN stands before."""
    return add(segment.seq, 1 if segment.flags & SYN else 0)


def _may_be_full(segment: Segment) -> bool:
    """tcp_measure_rcv_mss(): it has a default segment's text, or a least one's and no flag that
    ends the text; options count as text."""
    room = len(segment.payload) + (12 if segment.timestamps is not None else 0)
    ends = segment.flags & (FIN | SYN | PSH | URG)
    return room >= _DEFAULT_MSS or (room >= _LEAST_MSS and not ends)
