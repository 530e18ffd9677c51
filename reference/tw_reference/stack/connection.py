"""A connection on its way to TIME-WAIT: SYN-SENT to CLOSING, by the steps of RFC 9293.

What a stack does in TIME-WAIT is not decided here; this file brings a connection there the way
that the RFC says, with the few traits (:class:`~tw_reference.profiles.profile.StackTraits`)
that show on the wire.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

from tw_reference import segment as tcp
from tw_reference.profiles.offers import ASKS_ECN, EVERYTHING, NOTHING, Offers, with_mss_alone
from tw_reference.rules import stages
from tw_reference.rules.actions import (
    ACKNOWLEDGES,
    AckLimitAction,
    ConnectionAction,
    ConnectionErrorAction,
)
from tw_reference.rules.decision import AnyStage, Decision, Ruling, Stage
from tw_reference.rules.questions import AckDue, ErrorOnConnection, SegmentOnConnection
from tw_reference.rules.rule import NOT_RULED
from tw_reference.segment import Flow, IcmpError, Packet, Segment
from tw_reference.seqnum import after
from tw_reference.stack.control_block import ControlBlock
from tw_reference.stack.owner import Owner
from tw_reference.stack.way_out import WayOut
from tw_reference.state import Snapshot, State

_CLOSED_TO = {State.ESTABLISHED: State.FIN_WAIT_1, State.CLOSE_WAIT: State.LAST_ACK}
"""Where CLOSE leads."""


class Connection(ControlBlock):
    """A control block and what moves it: opened :meth:`passive` or :meth:`active`.

    ``flow`` is the 4-tuple as this side sends it.  The owner hears ``gone`` or one of the two ways
    into its TIME-WAIT table as the last of a connection, which is CLOSED by then.

    ``wanted`` is what the SYN of the peer has, where that opens it.
    """

    def __init__(self, owner: Owner, flow: Flow, iss: int, *, wanted: Offers = EVERYTHING) -> None:
        self._owner = owner
        self._traits = owner.profile.traits
        offers = self._traits.offers(owner.settings, wanted)
        super().__init__(flow, self._traits, owner.clock.now, iss, offers)
        self._out = WayOut(self, owner, give_up=lambda: self.leave(owner.gone))
        self._default_mss = 1220 if flow.is_ipv6 else 536
        """What a peer takes (octets) that does not say it (RFC 9293 section 3.7.1)."""
        self._peer_mss = self._default_mss
        self._news: list[Callable[[], None]] = []
        """What the process learns once the stack has done with a segment."""

    @classmethod
    def passive(cls, owner: Owner, packet: Packet, iss: int) -> Self:
        """A connection opened by the SYN in ``packet``: it sends <SYN,ACK>, SYN-RECEIVED."""
        connection = cls(owner, packet.flow.reverse, iss, wanted=Offers.of(packet.segment))
        connection.is_passive = connection.is_request = True
        connection._syn_arrives(packet)
        connection.state = State.SYN_RECEIVED
        connection._out.open(tcp.ACK)
        return connection

    @classmethod
    def by_cookie(cls, owner: Owner, packet: Packet, iss: int) -> Self:
        """As :meth:`passive`, but nothing is kept that could send the <SYN,ACK> again; the options
        that a cookie has no room for go into the timestamp, or are not taken up."""
        if packet.segment.timestamps is None:
            packet = replace(packet, segment=with_mss_alone(packet.segment))
        connection = cls.passive(owner, packet, iss)
        connection._out.end()
        return connection

    @classmethod
    def active(cls, owner: Owner, flow: Flow, iss: int, *, ts_recent: int = 0) -> Self:
        """A connection that is to be opened: it sends <SYN>, SYN-SENT.

        ``ts_recent`` is the TSecr of the SYN: 0, or what an earlier incarnation left in
        TIME-WAIT.  A peer that refuses is told of as ``gone`` without ``established``.
        """
        connection = cls(owner, flow, iss)
        connection.ts_recent = ts_recent
        connection.state = State.SYN_SENT
        connection._out.open(ASKS_ECN if connection.offers.asks_ecn else 0)
        return connection

    # -- user calls (RFC 9293 section 3.10.1-3.10.5) ---------------------------------------------

    def send(self, data: bytes) -> None:
        """SEND: queue octets behind those queued before."""
        self._out.take(data)

    def receive(self, size: int) -> int:
        """RECEIVE: how many octets of at most ``size`` the process takes; the window moves on with
        the next segment."""
        taken = self.inbound.read(size)
        self._has_read()
        return taken

    def _has_read(self) -> None:
        """An ACK that was put off may go by that."""
        told = self.inbound.reading_is_told(interactive=self.pace.is_interactive)
        if told and self.ack_put_off and self._traits.acknowledges_reading:
            self._out.acknowledge_alone()

    def sees_the_end(self) -> bool:
        """Whether the process has taken all that there will ever be: it is told so."""
        return self.inbound.read_the_end(closed=self.state is State.CLOSED)

    @property
    def sent_too_early(self) -> str:
        """What send() gives before there is a connection; empty: the text waits for it."""
        return self._traits.sent_too_early

    @property
    def end_hides_error(self) -> bool:
        """Whether the process is told that the peer has closed, whatever came after that."""
        return self.inbound.fin_taken and self._traits.end_before_error

    def reset_error(self, before: State) -> str:
        """What a process is told of a reset that came in the state ``before``."""
        return self._traits.reset_errors.get(before, "ECONNRESET")

    def close(self) -> None:
        """CLOSE: send what is queued, then a FIN; the process lets the socket go."""
        self.held = False
        self.inbound.forget_the_end()
        if self.linger == 0 or (self.inbound.has_unread_text and self._traits.resets_unread):
            self.abort()
            return
        if self._is_given_up:
            self.leave(self._owner.gone)
            return
        self._close_our_side(lets_go=True)
        if self.state is State.FIN_WAIT_2:
            self._owner.orphaned(self, None)

    def forsake(self) -> None:
        """The listener is gone that it was a request to: its time-out will end it, or a segment."""
        self.is_forsaken = True
        self._out.queue.last_try()

    def shut(self, how: str) -> None:
        """shutdown() for ``read``, ``write`` or ``both``."""
        if self.state is State.SYN_SENT and how in self._traits.shutdown_ends_opening:
            self.leave(self._owner.gone)
            return
        if how != "write":
            self.inbound.shut(discards=self._traits.shutdown_discards)
        if how != "read":
            self._close_our_side(lets_go=False)

    def _close_our_side(self, *, lets_go: bool) -> None:
        """Send a FIN behind what is queued; the process may keep the socket."""
        if self.state in (State.SYN_SENT, State.SYN_RECEIVED, State.ESTABLISHED, State.CLOSE_WAIT):
            self.outbound.fin_wanted = True
            self._our_side_closes()
            at_once, waits = self._traits.closes_half_open, self.outbound.has_unsent_text
            if self.state is State.SYN_RECEIVED and at_once is not None and at_once(lets_go, waits):
                self.state = State.FIN_WAIT_1
            self._out.settle()

    def _our_side_closes(self) -> None:
        """CLOSE leads to the next state at once, though the FIN may have to wait for the peer's
        window (RFC 9293 section 3.10.4: «in any case»; ``tcp.c``, tcp_close_state() of Linux,
        ``tcp_usrreq.c``, tcp_usrclosed() of FreeBSD)."""
        if self.outbound.fin_wanted:
            self.state = _CLOSED_TO.get(self.state, self.state)

    def abort(self) -> None:
        """ABORT: <SEQ=SND.NXT><CTL=RST>, CLOSED; in CLOSING and LAST-ACK a FIN was sent, which has
        to do (RFC 9293 section 3.10.5; ``tcp.c``, tcp_disconnect(), where it waits yet)."""
        if self._is_given_up:
            self.leave(self._owner.gone)
        else:
            self._break_off()

    @property
    def _is_given_up(self) -> bool:
        """Whether a process that closes now gives it up without a word."""
        crossed = self.state is State.SYN_RECEIVED and self._traits.gives_up_opening
        return self.state is State.SYN_SENT or crossed

    def _break_off(self) -> None:
        told = self.fin_sent and self.state in (State.CLOSING, State.LAST_ACK)
        if self.state is not State.SYN_SENT and not told:
            self._out.reset()
        self.leave(self._owner.gone)

    def destroy(self) -> None:
        """An administrator ends it, whatever the process wants."""
        if self.is_request and self._traits.drops_requests:
            self.leave(self._owner.gone)
        else:
            self._break_off()

    # -- SEGMENT ARRIVES (RFC 9293 sections 3.10.7.3 and 3.10.7.4) -------------------------------

    def segment_arrives(self, packet: Packet) -> None:
        """Ask the profile's list for this state, and take the actions; then send what may be sent.

        An action may end the connection; those behind it have nobody to act on.
        """
        question = SegmentOnConnection(
            packet.segment,
            self,
            self._owner.settings,
            self._owner.clock.now,
            self.is_request and self._owner.queue_is_full(self),
            packet.ecn_field,
        )
        going_on = True
        while going_on:
            profile = self._owner.profile
            rules, ruled = profile.on_connection(self.state, is_request=self.is_request)
            before = self.snapshot()
            if not self.is_request and self.marks.hear(packet.segment, question.ecn_field):
                self.outbound.reduce(packet.segment.ack)
            ruling = rules.decide(question)
            for action in ruling.then:
                if self.state is not State.CLOSED:
                    self._take(action, packet)
            ruled = ruled and ConnectionAction.NOT_RULED not in ruling.then
            self._trace(rules.stage, ruling if ruled else Ruling(NOT_RULED), before, packet.segment)
            going_on = ConnectionAction.CONTINUE in ruling.then and self.state is not State.CLOSED
        self.heard_at = self._owner.clock.now
        self._out.settle()
        self._tell()

    def error_arrives(self, error: IcmpError) -> str:
        """An ICMP error about a segment of this connection: it may end it, and never answers.

        Returns the errno that the process is told then.
        """
        before, ruling = self.snapshot(), self._error_ruling(error)
        if ConnectionErrorAction.CLOSE in ruling.then:
            self.leave(self._owner.gone)
        elif ConnectionErrorAction.REMEMBER in ruling.then:
            self.soft_error = self._traits.error_name(error)
        self._trace(stages.ICMP_CONNECTION, ruling, before, error=error)
        return self._traits.error_name(error) if self.state is State.CLOSED else ""

    def _error_ruling(self, error: IcmpError) -> Ruling[Any]:
        rules = self._owner.profile.find(stages.ICMP_CONNECTION)
        ruling: Ruling[Any]
        question = ErrorOnConnection(error, self, self._owner.settings, self.is_request)
        ruling = Ruling(NOT_RULED) if rules is None else rules.decide(question)
        return Ruling(NOT_RULED) if ConnectionErrorAction.NOT_RULED in ruling.then else ruling

    def _tell(self) -> None:
        """A process learns what a segment brought when the stack has done with all of it."""
        news, self._news = self._news, []
        for tell in news:
            tell()

    def brings_fin(self, segment: Segment) -> bool:
        """Whether with ``segment`` the peer's FIN, in it or held behind it, is next in order."""
        return self.inbound.brings_fin(segment)

    def _trace(
        self,
        stage: AnyStage,
        ruling: Ruling[Any],
        before: Snapshot,
        segment: Segment | None = None,
        error: IcmpError | None = None,
    ) -> None:
        now, after = self._owner.clock.now, self.snapshot()
        rule, notes = ruling
        self._owner.record(
            Decision(now, stage, rule, self.flow, segment, before, after, error, notes)
        )

    def _take(self, action: ConnectionAction, packet: Packet) -> None:
        segment = packet.segment
        if action in ACKNOWLEDGES:
            self.pace.is_owed()
        match action:
            case ConnectionAction.DROP | ConnectionAction.CONTINUE | ConnectionAction.NOT_RULED:
                pass
            case ConnectionAction.ACK:
                self._out.acknowledge()
            case ConnectionAction.ACK_ALONE:
                self._out.acknowledge_alone()
            case ConnectionAction.ACK_WITH_FIN:
                self._out.acknowledge_with_fin()
            case ConnectionAction.ACK_LIMITED:
                self._if_due(stages.ACK_LIMIT, segment, self._out.acknowledge_alone)
            case ConnectionAction.CHALLENGE:
                self._if_due(stages.CHALLENGE_LIMIT, segment, lambda: self._out.challenge(packet))
            case ConnectionAction.ACK_NEXT_TICK:
                self._out.acknowledge_later(self._tick())
            case ConnectionAction.ACK_DELAYED:
                self._out.acknowledge_later(self._traits.delayed_ack)
            case ConnectionAction.ACK_WITH_FIN_DELAYED:
                self._out.acknowledge_later(self._traits.delayed_ack, with_fin=True)
            case ConnectionAction.RST:
                self._out.reset_segment(packet)
            case ConnectionAction.RESEND:
                self._out.queue.resend()
            case ConnectionAction.RESEND_LIMITED:
                self._if_due(stages.ACK_LIMIT, segment, self._out.queue.resend)
            case ConnectionAction.RESEND_SOON:
                self._out.queue.hurry(2 * self._tick())
            case ConnectionAction.UPDATE_TS | ConnectionAction.UPDATE_ANY_TS:
                self._note_timestamp(segment, agreed=action is ConnectionAction.UPDATE_TS)
            case ConnectionAction.FORGET_TIMESTAMPS:
                self._keep(self.offers._replace(timestamps=False))
            case ConnectionAction.FORGET_OPTIONS:
                self._keep(NOTHING)
            case ConnectionAction.FORGET_ECN | ConnectionAction.USE_ECN:
                self.marks.in_use = action is ConnectionAction.USE_ECN
            case ConnectionAction.TAKE_SYN:
                self._syn_arrives(packet)
                if segment.flags & tcp.ACK:
                    self._out.acknowledged(segment)
            case ConnectionAction.TAKE_ACK:
                self.soft_error = ""  # tcp_input.c of Linux, tcp_ack(): sk_err_soft
                under_way = self.snd_una != self.snd_nxt
                self._out.ack_arrives(segment)
                self.inbound.note_urgent(segment)
                if self.marks.ack_comes(segment) and under_way:
                    self.outbound.reduce(self.snd_una)
            case ConnectionAction.TAKE_TEXT:
                self._text_arrives(packet)
            case ConnectionAction.TAKE_HELD:
                nothing_new = replace(segment, flags=tcp.ACK, payload=b"")
                self._text_arrives(replace(packet, segment=nothing_new))
            case ConnectionAction.HOLD_TEXT:
                self.inbound.hold(segment)
            case ConnectionAction.ACK_EAGERLY:
                self.pace.old_comes()
                self.inbound.note_repeat(segment)
            case ConnectionAction.NEED_ACK:
                self.ack_due = True
            case ConnectionAction.COUNT_DUPLICATE:
                self.duplicate_acks += 1
            case ConnectionAction.OWE_ACK:
                self.ack_owed = True
            case ConnectionAction.ABORT:
                self._out.reset()
                self.leave(self._owner.gone)
            case ConnectionAction.CLOSE:
                self.leave(self._owner.gone)
            case _:
                self._enter(action, packet)

    def _enter(self, action: ConnectionAction, packet: Packet) -> None:
        """The actions that lead to another state."""
        match action:
            case ConnectionAction.SYN_RECEIVED:
                self.state = State.SYN_RECEIVED
                self._out.open(tcp.ACK)
            case ConnectionAction.CONNECT:
                self.is_request = False
                self._ack_limiter.last = None  # the socket is a new one
                if not self._traits.scales_requests:
                    self._open_window()
                self._out.ack_arrives(packet.segment)
            case ConnectionAction.ESTABLISH:
                self.state = State.ESTABLISHED
                self.is_request = False
                self._ack_limiter.last = None
                self._news.append(self._established)
                self._our_side_closes()
                if self._traits.closes_half_open is not None:
                    self._out.output()
            case ConnectionAction.ENTER_FIN_WAIT_2:
                self.state = State.FIN_WAIT_2
                if not self.held:
                    self._owner.orphaned(self, packet)
            case ConnectionAction.ENTER_CLOSE_WAIT:
                self.state = State.CLOSE_WAIT
                self.pace.is_interactive = True
                self._news.append(lambda: self._owner.peer_closed(self))
            case ConnectionAction.ENTER_CLOSING:
                self.state = State.CLOSING
            case ConnectionAction.ENTER_TIME_WAIT:
                self.leave(self._owner.entering_time_wait)
            case _:
                raise AssertionError(f"{action} leads to no state")

    def _established(self) -> None:
        if self.state is not State.CLOSED:
            self._owner.established(self)

    def _tick(self) -> int:
        return self._traits.tick(self._owner.settings)

    def _if_due(
        self, stage: Stage[AckDue, AckLimitAction], segment: Segment, send: Callable[[], None]
    ) -> None:
        """Send, where the stack's limit of that kind lets it pass."""
        rules = self._owner.profile.find(stage)
        if rules is None:
            send()
            return
        now, before = self._owner.clock.now, self.snapshot()
        ruling = self._ack_limiter.ask(rules, segment, self, self._owner.settings, now)
        if AckLimitAction.SUPPRESS not in ruling.then:
            send()
        self._trace(rules.stage, ruling, before, segment)

    def _syn_arrives(self, packet: Packet) -> None:
        """The peer's half of the handshake: IRS, window, and the options that both sides have."""
        syn = packet.segment
        self.irs = syn.seq
        self.outbound.open(syn)
        ours, theirs = self.offers, Offers.of(syn)
        crossed = not self.is_passive and not syn.flags & tcp.ACK
        shared = ours.options_of(theirs)
        self.offers = (
            shared.or_options_of(ours.options_of(self._traits.repeats)) if crossed else shared
        )
        self.marks.agree(packet, self.offers, passive=self.is_passive)
        self.timestamps = shared.timestamps
        if self.timestamps and syn.timestamps is not None:
            self.ts_recent = syn.timestamps.tsval
            self.ts_recent_stamp = self._owner.clock.now
        self._peer_mss = max(syn.mss or self._default_mss, self._traits.least_mss)
        self._fit_mss()
        self._open_window()

    def _keep(self, offers: Offers) -> None:
        """A request goes on with these options of its SYN alone."""
        self.offers, self.timestamps = offers, offers.timestamps
        if not offers.scaling:
            self.outbound.forget_scale()
        self._fit_mss()

    def _fit_mss(self) -> None:
        self.mss = max(min(self._peer_mss, self.link_mss) - (12 if self.timestamps else 0), 1)

    def _open_window(self) -> None:
        """A request that does not scale its window has no receive buffer either."""
        has_buffer = self._traits.scales_requests or not self.is_request
        self.inbound.open(
            self.irs,
            peer_mss=self._peer_mss,
            mss=self.link_mss - (12 if self.timestamps else 0),
            scaling=self.offers.scaling and has_buffer,
            passive=self.is_passive,
            has_buffer=has_buffer,
        )

    def _note_timestamp(self, segment: Segment, *, agreed: bool) -> None:
        """``agreed``: only where timestamps are in use."""
        if segment.timestamps is not None and (self.timestamps or not agreed):
            self.ts_recent = segment.timestamps.tsval
            self.ts_recent_stamp = self._owner.clock.now

    def _text_arrives(self, packet: Packet) -> None:
        """The seventh check, and RCV.NXT's way past a FIN."""
        segment = packet.segment
        before, grows = self.rcv_nxt, self.may_grow(segment)
        data = self.inbound.take(segment, reads=self.reads)
        if segment.payload and self.rcv_nxt != before:
            self.pace.text_comes(self._owner.clock.now, self.rto, grows=grows)
        elif self.has_gap:
            self.pace.gap_stays(self.rcv_nxt)
        # tcp_input.c of Linux: tcp_event_data_recv(), tcp_data_queue_ofo().
        counts = bool(segment.payload) or after(segment.seq, before)
        if counts and self.marks.text_comes(segment, packet.ecn_field):
            self.pace.hurry(self.marks.quick_acks)
        if data:
            self._news.append(lambda: self._owner.delivered(self, data))
            self._news.append(self._has_read)

    # -- variables that depend on the timer or the host -------------------------------------------

    @property
    def retransmissions(self) -> int:
        return self._out.queue.tries

    @property
    def ack_put_off(self) -> bool:
        return self._out.ack_put_off

    @property
    def tsval(self) -> int:
        return self._out.tsval

    @property
    def rto(self) -> int:
        """The retransmission time-out, with what it was backed off by (ns)."""
        return self._out.queue.rto

    def leave(self, tell: Callable[[Connection], None]) -> None:
        """Stop the timer; the owner takes over what is left."""
        self._out.end()
        self.state = State.CLOSED
        tell(self)
