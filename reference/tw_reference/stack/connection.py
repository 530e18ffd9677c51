"""A connection on its way to TIME-WAIT: SYN-SENT to CLOSING, by the steps of RFC 9293.

What a stack does in TIME-WAIT is not decided here; this file brings a connection there the way
that the RFC says, with the few traits (:class:`~tw_reference.profiles.profile.StackTraits`)
that show on the wire.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol, Self

from tw_reference import segment as tcp
from tw_reference.clock import Clock, Timer
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import AckLimitAction, ConnectionAction
from tw_reference.rules.decision import AnyStage, Decision, Ruling
from tw_reference.rules.questions import AckDue, SegmentOnConnection
from tw_reference.rules.rule import NOT_RULED
from tw_reference.segment import Flow, Packet, Segment, Timestamps
from tw_reference.seqnum import add, distance
from tw_reference.stack.reassembly import Reassembly
from tw_reference.stack.retransmission import RetransmissionQueue
from tw_reference.state import CLOSED, Snapshot, State

_MAX_FLIGHT = 65535
"""Octets on the way at once, however large the peer's window: nothing here controls congestion, so
no more than a host without window scaling would send."""
_WINDOW_SCALE = 7


class Owner(Protocol):
    """What a connection needs of its host."""

    clock: Clock
    profile: Profile
    settings: dict[str, int]

    def record(self, decision: Decision) -> None: ...

    def emit(self, packet: Packet) -> None: ...

    def timestamp(self) -> int: ...

    def reset(self, packet: Packet) -> None:
        """Answer ``packet`` as a segment for nobody."""

    def established(self, connection: Connection) -> None: ...

    def delivered(self, connection: Connection, data: bytes) -> None: ...

    def peer_closed(self, connection: Connection) -> None: ...

    def entering_time_wait(self, connection: Connection) -> None: ...

    def orphaned(self, connection: Connection, packet: Packet | None) -> None:
        """No process holds a connection in FIN-WAIT-2; ``packet`` brought it there, or, None,
        the process let it go when it was there."""

    def gone(self, connection: Connection) -> None: ...


class Connection:
    """One transmission control block, opened :meth:`passive` or :meth:`active`.

    ``flow`` is the 4-tuple as this side sends it.  The owner hears ``gone`` or one of the two ways
    into its TIME-WAIT table as the last of a connection, which is CLOSED by then.
    """

    def __init__(self, owner: Owner, flow: Flow, iss: int, *, timestamps: bool) -> None:
        self._owner = owner
        self._traits = owner.profile.traits
        self.flow = flow
        self.state = State.CLOSED
        self.iss = self.snd_una = self.snd_nxt = iss
        self.irs = self.rcv_nxt = 0
        self.snd_wnd = self.max_window = 0
        self._snd_wl1 = self._snd_wl2 = 0
        self.tos = 0
        self.ttl = self._traits.ttl
        self.linger: int | None = None
        """SO_LINGER in seconds, where the process set it; 0: close() is ABORT."""
        self.linger2: int | None = None
        """TCP_LINGER2 in seconds, where the process set it; negative: no FIN-WAIT-2 at all."""
        self.heard_at = owner.clock.now
        """When the last segment arrived (ns)."""
        self.orphan_timer: Timer | None = None
        """Ends a FIN-WAIT-2 that no process holds, where its owner set one."""
        self.reuse_address = False
        """SO_REUSEADDR."""
        self.port_was_bound = True
        """Whether bind() chose the local port, as it did a listener's."""
        self.held = True
        """Whether a process holds the socket; after close() none does."""
        self.reads = True
        """Whether that process takes text as it comes."""
        self._unread = False
        self.ack_owed = False
        """Whether the FIN that leads to TIME-WAIT is yet to be acknowledged, by the block."""
        self.timestamps = timestamps
        self.ts_recent = 0
        self.ts_recent_stamp = owner.clock.now
        self.ts_offset = 0
        self._link_mss = 1440 if flow.is_ipv6 else 1460
        self.mss = self._link_mss - (12 if timestamps else 0)
        self._scaling = True
        self.rcv_scale = _WINDOW_SCALE
        self.snd_scale = 0
        self.rcv_adv = self._traits.receive_window(self.mss)
        """One past the right edge of the window that was advertised."""
        self._ecn = False
        self.last_ack: int | None = None
        """When the last rate-limited ACK was sent (ns)."""
        self._reassembly = Reassembly()
        self._unsent = bytearray()
        self._fin_wanted = False
        self._queue = RetransmissionQueue(
            owner.clock,
            first_rto=self._traits.first_rto,
            least_rto=self._traits.least_rto,
            emit=self._emit,
            probe=lambda: self._send_text(1),
            give_up=lambda: self.leave(owner.gone),
        )

    @classmethod
    def passive(cls, owner: Owner, packet: Packet, iss: int, *, timestamps: bool) -> Self:
        """A connection opened by the SYN in ``packet``: it sends <SYN,ACK>, SYN-RECEIVED."""
        syn = packet.segment
        connection = cls(owner, packet.flow.reverse, iss, timestamps=timestamps)
        connection._syn_arrives(syn)
        asks_ecn = syn.flags & (tcp.ECE | tcp.CWR) == tcp.ECE | tcp.CWR
        connection._ecn = asks_ecn and owner.profile.traits.ecn
        connection.state = State.SYN_RECEIVED
        connection._transmit(tcp.SYN | tcp.ACK)
        return connection

    @classmethod
    def active(
        cls, owner: Owner, flow: Flow, iss: int, *, timestamps: bool, ts_recent: int = 0
    ) -> Self:
        """A connection that is to be opened: it sends <SYN>, SYN-SENT.

        ``ts_recent`` is the TSecr of the SYN: 0, or what an earlier incarnation left in
        TIME-WAIT.  A peer that refuses is told of as ``gone`` without ``established``.
        """
        connection = cls(owner, flow, iss, timestamps=timestamps)
        connection.ts_recent = ts_recent
        connection.state = State.SYN_SENT
        connection._transmit(tcp.SYN)
        return connection

    # -- user calls (RFC 9293 section 3.10.1-3.10.5) ---------------------------------------------

    def send(self, data: bytes) -> None:
        """SEND: queue octets behind those queued before."""
        self._unsent += data
        self._output()

    def close(self) -> None:
        """CLOSE: send what is queued, then a FIN; the process lets the socket go."""
        self.held = False
        if self.linger == 0 or (self._unread and self._traits.resets_unread):
            self.abort()
            return
        if self.state is State.SYN_SENT:
            self.leave(self._owner.gone)
            return
        self.shutdown()
        if self.state is State.FIN_WAIT_2:
            self._owner.orphaned(self, None)

    def shutdown(self) -> None:
        """Send a FIN, but keep the socket."""
        if self.state in (State.SYN_SENT, State.SYN_RECEIVED, State.ESTABLISHED, State.CLOSE_WAIT):
            self._fin_wanted = True
            self._output()

    def abort(self) -> None:
        """ABORT: <SEQ=SND.NXT><CTL=RST>, CLOSED (RFC 9293 section 3.10.5)."""
        if self.state not in (State.SYN_SENT, State.CLOSING, State.LAST_ACK):
            self._emit(Segment(seq=self.snd_nxt, ack=self.rcv_nxt, flags=tcp.RST | tcp.ACK))
        self.leave(self._owner.gone)

    # -- SEGMENT ARRIVES (RFC 9293 sections 3.10.7.3 and 3.10.7.4) -------------------------------

    def segment_arrives(self, packet: Packet) -> None:
        """Ask the profile's list for this state, and take the actions; then send what may be sent.

        An action may end the connection; those behind it have nobody to act on.
        """
        question = SegmentOnConnection(
            packet.segment, self, self._owner.settings, self._owner.clock.now
        )
        going_on = True
        while going_on:
            rules, ruled = self._owner.profile.on_connection(self.state)
            before = self.snapshot()
            ruling = rules.decide(question)
            for action in ruling.then:
                if self.state is not State.CLOSED:
                    self._take(action, packet)
            self._trace(rules.stage, ruling if ruled else Ruling(NOT_RULED), before, packet.segment)
            going_on = ConnectionAction.CONTINUE in ruling.then and self.state is not State.CLOSED
        self.heard_at = self._owner.clock.now
        self._output()

    def snapshot(self) -> Snapshot:
        if self.state is State.CLOSED:
            return CLOSED
        return Snapshot(self.state, self.rcv_nxt, self.ts_recent)

    def brings_fin(self, segment: Segment) -> bool:
        """Whether with ``segment`` the peer's FIN, in it or held behind it, is next in order."""
        room = distance(self.rcv_adv, segment.seq)
        return self._reassembly.brings_fin(segment, self.rcv_nxt, room)

    def _trace(
        self, stage: AnyStage, ruling: Ruling[Any], before: Snapshot, segment: Segment
    ) -> None:
        now, after = self._owner.clock.now, self.snapshot()
        rule, notes = ruling
        self._owner.record(
            Decision(now, stage, rule, self.flow, segment, before, after, notes=notes)
        )

    def _take(self, action: ConnectionAction, packet: Packet) -> None:
        segment = packet.segment
        match action:
            case ConnectionAction.DROP | ConnectionAction.CONTINUE:
                pass
            case ConnectionAction.ACK:
                self._acknowledge()
            case ConnectionAction.ACK_LIMITED:
                self._acknowledge_if_due(segment)
            case ConnectionAction.RST:
                self._owner.reset(packet)
            case ConnectionAction.RESEND:
                self._queue.resend()
            case ConnectionAction.UPDATE_TS:
                self._note_timestamp(segment)
            case ConnectionAction.TAKE_SYN:
                self._syn_arrives(segment)
                self._acknowledged(segment.ack)
            case ConnectionAction.TAKE_ACK:
                self._ack_arrives(segment)
            case ConnectionAction.TAKE_TEXT:
                self._text_arrives(segment)
            case ConnectionAction.OWE_ACK:
                self.ack_owed = True
            case ConnectionAction.CLOSE:
                self.leave(self._owner.gone)
            case _:
                self._enter(action, packet)

    def _enter(self, action: ConnectionAction, packet: Packet) -> None:
        """The actions that lead to another state."""
        match action:
            case ConnectionAction.ESTABLISH:
                self.state = State.ESTABLISHED
                self._owner.established(self)
            case ConnectionAction.ENTER_FIN_WAIT_2:
                self.state = State.FIN_WAIT_2
                if not self.held:
                    self._owner.orphaned(self, packet)
            case ConnectionAction.ENTER_CLOSE_WAIT:
                self.state = State.CLOSE_WAIT
                self._owner.peer_closed(self)
            case ConnectionAction.ENTER_CLOSING:
                self.state = State.CLOSING
            case ConnectionAction.ENTER_TIME_WAIT:
                self.leave(self._owner.entering_time_wait)
            case _:
                raise AssertionError(f"{action} leads to no state")

    def _acknowledge_if_due(self, segment: Segment) -> None:
        rules = self._owner.profile.find(stages.ACK_LIMIT)
        if rules is None:
            self._acknowledge()
            return
        now, before = self._owner.clock.now, self.snapshot()
        ruling = rules.decide(AckDue(segment, self, self._owner.settings, now))
        if AckLimitAction.SEND_AND_STAMP in ruling.then:
            self.last_ack = now
        if AckLimitAction.SUPPRESS not in ruling.then:
            self._acknowledge()
        self._trace(rules.stage, ruling, before, segment)

    def _syn_arrives(self, syn: Segment) -> None:
        """The peer's half of the handshake: IRS, window, and the options that both sides have."""
        self.irs = self._snd_wl1 = syn.seq
        self._snd_wl2 = syn.ack
        self.rcv_nxt = add(syn.seq, 1)
        self.snd_wnd = self.max_window = syn.window
        self.timestamps = self.timestamps and syn.timestamps is not None
        if self.timestamps and syn.timestamps is not None:
            self.ts_recent = syn.timestamps.tsval
            self.ts_recent_stamp = self._owner.clock.now
        offered = syn.mss if syn.mss is not None else 536
        self.mss = max(min(offered, self._link_mss) - (12 if self.timestamps else 0), 1)
        self._scaling = syn.wscale is not None
        self.rcv_scale = _WINDOW_SCALE if self._scaling else 0
        self.snd_scale = min(syn.wscale or 0, 14)
        self.rcv_adv = add(self.rcv_nxt, self._traits.receive_window(self.mss))

    def _note_timestamp(self, segment: Segment) -> None:
        if self.timestamps and segment.timestamps is not None:
            self.ts_recent = segment.timestamps.tsval
            self.ts_recent_stamp = self._owner.clock.now

    def _ack_arrives(self, segment: Segment) -> None:
        newly = distance(segment.ack, self.snd_una)
        if newly > 0:
            self._acknowledged(segment.ack)
        if newly >= 0:
            self._window_arrives(segment)

    def _window_arrives(self, segment: Segment) -> None:
        """SND.WND is that of the newest segment, by SND.WL1 and SND.WL2."""
        by_seq = distance(segment.seq, self._snd_wl1)
        if by_seq < 0 or (by_seq == 0 and distance(segment.ack, self._snd_wl2) < 0):
            return
        self._snd_wl1, self._snd_wl2 = segment.seq, segment.ack
        was_closed = self.snd_wnd == 0
        self.snd_wnd = segment.window << self.snd_scale
        self.max_window = max(self.max_window, self.snd_wnd)
        if self.snd_wnd == 0:
            self._queue.probe_answered()
        elif was_closed:
            self._queue.window_reopened()

    def _text_arrives(self, segment: Segment) -> None:
        """The seventh check, and RCV.NXT's way past a FIN."""
        text = segment.payload[: distance(self.rcv_adv, segment.seq)]
        whole = len(text) == len(segment.payload)
        self._reassembly.put(segment.seq, text, fin=whole and bool(segment.flags & tcp.FIN))
        data, fin = self._reassembly.take(self.rcv_nxt)
        self.rcv_nxt = add(self.rcv_nxt, len(data) + fin)
        self.rcv_adv = add(self.rcv_adv, len(data))
        if data and self.reads:
            self._owner.delivered(self, data)
        elif data:
            self._unread = True

    # -- output ----------------------------------------------------------------------------------

    @property
    def rto(self) -> int:
        """The retransmission time-out, with what it was backed off by (ns)."""
        return self._queue.rto

    @property
    def rcv_wnd(self) -> int:
        """RCV.WND as advertised, in octets."""
        return max(distance(self.rcv_adv, self.rcv_nxt), 0)

    def _output(self) -> None:
        """Send what the peer's window allows, then the FIN."""
        if self.state not in (State.ESTABLISHED, State.CLOSE_WAIT):
            return
        while self._unsent:
            room = min(self.snd_wnd, _MAX_FLIGHT) - distance(self.snd_nxt, self.snd_una)
            if room <= 0:
                self._queue.watch()
                return
            self._send_text(min(len(self._unsent), self.mss, room))
        if self._fin_wanted:
            self.state = State.FIN_WAIT_1 if self.state is State.ESTABLISHED else State.LAST_ACK
            self._transmit(tcp.FIN | tcp.ACK)

    def _send_text(self, size: int) -> None:
        text = bytes(self._unsent[:size])
        del self._unsent[:size]
        self._transmit(tcp.ACK | (0 if self._unsent else tcp.PSH), text)

    def _transmit(self, flags: int, payload: bytes = b"") -> None:
        """Send a segment that takes sequence space, and have it sent again until it is
        acknowledged."""
        syn = bool(flags & tcp.SYN)
        segment = Segment(
            seq=self.snd_nxt,
            ack=self.rcv_nxt,
            flags=flags | (tcp.ECE if syn and self._ecn else 0),
            payload=payload,
            mss=self._link_mss if syn else None,
            wscale=self.rcv_scale if syn and self._scaling else None,
        )
        self.snd_nxt = segment.end
        self._emit(segment)
        self._queue.add(segment)

    def _acknowledge(self) -> None:
        self._emit(Segment(seq=self.snd_nxt, ack=self.rcv_nxt, flags=tcp.ACK))

    def _emit(self, segment: Segment) -> None:
        """Complete a segment with what is true now: ACK number, window, timestamps."""
        scale = 0 if segment.flags & tcp.SYN else self.rcv_scale
        self._open_window(scale)
        stamps = None
        if self.timestamps:
            tsval = (self._owner.timestamp() + self.ts_offset) & 0xFFFFFFFF
            stamps = Timestamps(tsval, self.ts_recent)
        now = replace(
            segment,
            ack=self.rcv_nxt,
            window=min(self.rcv_wnd >> scale, 0xFFFF),
            timestamps=stamps,
        )
        self._owner.emit(Packet(self.flow, now, ttl=self.ttl, tos=self.tos))

    def _open_window(self, scale: int) -> None:
        """Move the right edge of the window, where the stack does so with this segment."""
        window = self._traits.receive_window(self.mss)
        if scale and self._traits.aligns_scaled_window:
            window = -(-window >> scale) << scale
        elif not self._traits.reopens_window:
            return
        self.rcv_adv = add(self.rcv_nxt, window)

    def _acknowledged(self, ack: int) -> None:
        self.snd_una = ack
        self._queue.acknowledged(ack)

    def leave(self, tell: Callable[[Connection], None]) -> None:
        """Stop the timer; the owner takes over what is left."""
        self._queue.land()
        self.state = State.CLOSED
        tell(self)
