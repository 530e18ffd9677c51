"""The transmission control block: the variables of one connection (RFC 9293 section 3.3.1)."""

from __future__ import annotations

from tw_reference.clock import Timer
from tw_reference.profiles.offers import Offers
from tw_reference.profiles.profile import StackTraits
from tw_reference.segment import Flow, Segment
from tw_reference.seqnum import add, distance
from tw_reference.stack.ack_limiter import AckLimiter
from tw_reference.stack.delayed_ack import AckPace
from tw_reference.stack.ecn import Marks
from tw_reference.stack.labels import label_of
from tw_reference.stack.receive_side import ReceiveSide
from tw_reference.stack.send_side import SendSide
from tw_reference.state import CLOSED, Snapshot, State


class ControlBlock:
    """What a rule may look at (:class:`~tw_reference.rules.questions.ConnectionTcb`), and what a
    process has asked of the socket.

    ``flow`` is the 4-tuple as this side sends it; ``now`` is when it was made (ns).
    """

    def __init__(self, flow: Flow, traits: StackTraits, now: int, iss: int, offers: Offers) -> None:
        self.flow = flow
        self.state = State.CLOSED
        self.irs = 0
        self.is_passive = False
        """Whether a listener opened it."""
        self.is_request = False
        """Whether no connection was made of the peer's SYN yet."""
        self.is_forsaken = False
        """Whether the listener that its being kept depends on is gone."""
        self.heard_at = now
        """When the last segment arrived (ns)."""
        self._ack_limiter = AckLimiter()
        self.pace = AckPace(traits.delayed_ack, now, lambda: self.inbound.half_in_segments)
        self.ack_owed = False
        """Whether the FIN that leads to TIME-WAIT is yet to be acknowledged, by the block."""
        self.ack_due = False
        """Whether an ACK is due that no segment has carried yet (TF_ACKNOW of FreeBSD)."""
        self.duplicate_acks = 0
        """How many duplicate ACKs have come since one that was new, or the timer sent again."""
        self.remembers_loss = False
        """Whether a segment was taken for lost, or more duplicate ACKs came than others were on
        their way."""
        self.orphan_timer: Timer | None = None
        """Ends a FIN-WAIT-2 that no process holds, where its owner set one."""

        self.offers = offers
        """What its SYN says: all that the stack offers, and since the peer's came, what both do."""
        self.timestamps = offers.timestamps
        self.ts_recent = 0
        self.ts_recent_stamp = now
        self.ts_recent_lasts = traits.ts_recent_lasts
        self.ts_offset = 0
        self.first_tsval: int | None = None
        self.syn_tsval = 0
        self.marks = Marks(traits.ecn)

        self.tos = self.ect = 0
        """Type of service, and the ECN field of what was sent last."""
        self.ttl = traits.ttl
        self.flow_label = label_of(flow) if traits.labels_flows else 0
        self.soft_error = ""
        """The errno of an ICMP error that did not end the connection, until something is
        acknowledged or the process asks (SO_ERROR)."""
        self.linger: int | None = None
        """SO_LINGER in seconds, where the process set it; 0: close() is ABORT."""
        self.linger2: int | None = None
        """TCP_LINGER2 in seconds, where the process set it; negative: no FIN-WAIT-2 at all."""
        self.nodelay = False
        """TCP_NODELAY: less than a full segment need not wait for the ACK of another."""
        self.reuse_address = False
        """SO_REUSEADDR."""
        self.reuse_port = False
        """SO_REUSEPORT."""
        self.port_was_bound = True
        """Whether bind() chose the local port, as it did a listener's."""
        self.held = True
        """Whether a process holds the socket; after close() none does."""
        self.awaits_accept = False
        """Whether it waits in a listener's queue for a process."""
        self.reads = True
        """Whether that process takes text as it comes."""

        self.link_mss = 1440 if flow.is_ipv6 else 1460
        self.mss = self.link_mss - (12 if offers.timestamps else 0)
        self.inbound = ReceiveSide(traits, self.link_mss)
        self.outbound = SendSide(iss, traits.takes_window)

    @property
    def sack(self) -> bool:
        """Whether both ends want SACK."""
        return self.offers.sack

    @property
    def ecn(self) -> bool:
        """Whether both ends want ECN."""
        return self.marks.in_use

    @property
    def last_ack(self) -> int | None:
        """When the last rate-limited ACK was sent (ns)."""
        return self._ack_limiter.last

    def note_tsval(self, tsval: int) -> None:
        """A SYN goes out with it."""
        self.syn_tsval = tsval
        if self.first_tsval is None:
            self.first_tsval = tsval

    def forget_duplicates(self) -> None:
        """An ACK is new, or the timer sends again: the next duplicate ACK is the first."""
        self.duplicate_acks = 0

    def snapshot(self) -> Snapshot:
        if self.state is State.CLOSED:
            return CLOSED
        return Snapshot(self.state, self.rcv_nxt, self.ts_recent)

    # -- the send sequence space -----------------------------------------------------------------

    @property
    def iss(self) -> int:
        return self.outbound.iss

    @property
    def snd_una(self) -> int:
        return self.outbound.una

    @property
    def snd_nxt(self) -> int:
        return self.outbound.nxt

    @property
    def snd_wnd(self) -> int:
        return self.outbound.window

    @property
    def max_window(self) -> int:
        return self.outbound.max_window

    @property
    def snd_wl1(self) -> int:
        return self.outbound.wl1

    @property
    def snd_scale(self) -> int:
        return self.outbound.scale

    @property
    def acknowledged(self) -> int:
        return distance(self.snd_una, add(self.iss, 1 if self.is_passive else 0))

    @property
    def fin_sent(self) -> bool:
        return self.outbound.fin_sent

    # -- the receive sequence space --------------------------------------------------------------

    @property
    def rcv_nxt(self) -> int:
        return self.inbound.nxt

    @property
    def rcv_wnd(self) -> int:
        return self.inbound.window

    def offer(self, window: int) -> None:
        """Offer a window of so many octets from now on."""
        self.inbound.offer(window)

    @property
    def rcv_scale(self) -> int:
        return self.inbound.scale

    @property
    def rcv_adv(self) -> int:
        return self.inbound.edge

    @property
    def rcv_wup(self) -> int:
        return self.inbound.acknowledged

    def full_text(self, segment: Segment) -> int:
        return self.inbound.full_text(segment)

    @property
    def widest(self) -> int:
        return self.inbound.widest

    @property
    def buffered(self) -> int:
        return self.inbound.buffered

    def may_grow(self, segment: Segment) -> bool:
        return self.inbound.may_grow(segment)

    def keeps_window(self, segment: Segment) -> bool | None:
        return self.inbound.keeps_window(segment)

    @property
    def has_gap(self) -> bool:
        return self.inbound.has_gap

    @property
    def held_edge(self) -> int:
        return self.inbound.held_edge

    @property
    def window_on_entry(self) -> int:
        """The window that TIME-WAIT acknowledges with, in octets."""
        return self.inbound.window_on_entry

    @property
    def receive_shut(self) -> bool:
        return not self.held or self.inbound.is_shut or self.inbound.fin_taken

    @property
    def queued(self) -> bool:
        return self.inbound.readable
