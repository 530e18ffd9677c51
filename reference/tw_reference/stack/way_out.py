"""What a connection sends, when, and what such a segment looks like (``tcp_output()``)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND
from tw_reference.profiles.offers import ASKS_ECN
from tw_reference.profiles.profile import Unsent
from tw_reference.rules.decision import Decision
from tw_reference.rules.rule import NOT_RULED
from tw_reference.segment import Packet, Segment, Timestamps
from tw_reference.seqnum import add, distance
from tw_reference.stack.congestion import CongestionWindow
from tw_reference.stack.control_block import ControlBlock
from tw_reference.stack.delayed_ack import DelayedAck
from tw_reference.stack.owner import Owner
from tw_reference.stack.resets import reset_for
from tw_reference.stack.retransmission import RetransmissionQueue
from tw_reference.state import State

_ECT_0 = 2
"""The ECN field of a packet that may be marked (RFC 3168 section 5)."""
_MOST_BLOCKS = 4
"""SACK blocks that a header has room for, one less with timestamps (RFC 2018 section 3)."""
_DUPLICATES = 3
"""Duplicate ACKs that tell of a loss."""
_NOT_OPEN = (State.CLOSED, State.SYN_SENT, State.SYN_RECEIVED)


class WayOut:
    """Sends for the connection that has ``tcb``, and moves SND.NXT; the state is not its business.

    ``give_up`` is called when nobody answers any more.
    """

    def __init__(self, tcb: ControlBlock, owner: Owner, *, give_up: Callable[[], None]) -> None:
        self._tcb = tcb
        self._owner = owner
        self._traits = owner.profile.traits
        self.queue = RetransmissionQueue(
            owner.clock,
            first_rto=self._traits.first_rto,
            least_rto=self._traits.least_rto,
            rto_after_syns=self._traits.rto_after_syns or 0,
            emit=self._emit_again,
            may_resend=self._may_resend,
            probe=self._probe,
            timed_out=self._timed_out,
            give_up=give_up,
            probes_tail=self._probes_tail,
            send_next=self._send_next,
            tick=lambda: self._traits.tick(owner.settings),
        )
        self._delayed_ack = DelayedAck(owner.clock, tcb.pace)
        self._congestion = CongestionWindow(self._traits.congestion, owner.clock)
        self._syns = 0
        """How many SYNs were sent."""
        self._doubts = False
        """Whether a segment went or waits of which nobody knows whether it does."""

    # -- what waits ------------------------------------------------------------------------------

    def output(self) -> bool:
        """Send what waits, text and then the FIN, as far as the peer's window and the stack let
        it go; whether anything went."""
        outbound, burst = self._tcb.outbound, 0
        if self._tcb.state in _NOT_OPEN:
            return self._close_early()
        self._congestion.open(self._tcb.mss, self._syns)
        while self._may_go(burst) and self._is_let(burst):
            burst += 1
            self._send_text(min(self._mss, outbound.room()), burst)
        if outbound.has_unsent_text or outbound.fin_waits:
            self.queue.watch()
        return burst > 0

    def take(self, data: bytes) -> None:
        """Text to be sent, behind what waits."""
        outbound, surely = self._tcb.outbound, self._traits.send_buffer
        outbound.put(data)
        self._doubts |= surely is not None and outbound.flight + outbound.unsent_text > surely
        self.settle()

    def settle(self) -> None:
        """Send what waits, as :meth:`output` does, and own up to what nobody knows of it."""
        self.output()
        if self._doubts and self._tcb.state is not State.CLOSED:
            self._doubts = False
            tcb, owner = self._tcb, self._owner
            stage = owner.profile.on_connection(tcb.state, is_request=tcb.is_request)[0].stage
            now, known = owner.clock.now, tcb.snapshot()
            owner.record(Decision(now, stage, NOT_RULED, tcb.flow, None, known, known))

    def _is_let(self, burst: int) -> bool:
        """Whether the congestion window lets the next segment go, behind ``burst`` others."""
        outbound, window = self._tcb.outbound, self._congestion
        flight, waiting = self._flight, outbound.unsent_text
        lets = window.lets(min(waiting, self._mss), flight)
        passes = self._traits.congestion.fin_passes
        if not lets and passes is not False and outbound.fin_waits and waiting <= self._mss:
            return self._guess(passes)
        if lets and window.begins_packet(burst):
            defers = window.may_defer(waiting, flight, outbound.room(), outbound.window)
            lets = None if defers else lets
        return self._guess(lets)

    def _guess(self, lets: bool | None) -> bool:
        """What is let, or may be: then it goes, and nobody may expect it."""
        self._doubts = self._doubts or lets is None
        return lets is not False

    @property
    def _flight(self) -> int:
        return self._congestion.flight(self._tcb.outbound.flight, self.queue.segments)

    def _may_resend(self, beside: int) -> bool:
        """Whether one that was lost goes out again, beside so many others that did."""
        if not beside and self._traits.congestion.tries_new_text:
            outbound = self._tcb.outbound
            return self._guess(None if outbound.has_unsent_text or outbound.fin_waits else True)
        mss = self._tcb.mss
        return self._guess(
            self._congestion.lets(mss, self._congestion.flight(beside * mss, beside))
        )

    def _timed_out(self) -> None:
        self._tcb.forget_duplicates()
        if self._tcb.state not in _NOT_OPEN:
            self._tcb.remembers_loss = True
            self._congestion.timed_out(self._flight)

    def _ack_repeated(self) -> None:
        """SEG.ACK and SEG.WND say nothing new: the third such ACK has the oldest of four segments
        or more be sent again (RFC 5681 section 3.2; ``tcp_input.c`` of Linux, tcp_add_reno_sack(),
        tcp_time_to_recover()).

        After a loss, or more such ACKs than segments can have caused, it goes by what it remembers
        (tcp_check_reno_reordering()).
        """
        tcb = self._tcb
        if self.queue.segments < 2:
            return
        if tcb.remembers_loss:
            self._doubts = True
            return
        tcb.duplicate_acks += 1
        self._congestion.repeated()
        if tcb.duplicate_acks == _DUPLICATES and self.queue.segments > _DUPLICATES:
            self._congestion.lost()
            self.queue.fast_retransmit()
        tcb.remembers_loss = tcb.duplicate_acks >= min(_DUPLICATES, self.queue.segments)

    def _close_early(self) -> bool:
        """Send a FIN that waits for the handshake, where the stack does, and put it behind each
        SYN from then on; whether it went."""
        tcb = self._tcb
        waits = tcb.outbound.fin_waits and not tcb.outbound.has_unsent_text
        if tcb.is_request or not (self._traits.closes_early and waits):
            return False
        fin = Segment(seq=tcb.snd_nxt, ack=0, flags=tcp.FIN)
        tcb.outbound.sent(fin)
        self.queue.put_fin_behind()
        if tcb.state is State.SYN_SENT:
            self._emit(fin)
        else:
            self.queue.resend()
        return True

    def _may_go(self, burst: int, ahead: int = 0) -> bool:
        """Whether there is a segment that may go out now, behind ``burst`` others, and ``ahead``
        octets that do."""
        outbound, mss = self._tcb.outbound, self._mss
        if not outbound.has_unsent_text:
            return outbound.fin_waits and self._fits(behind=burst > 0)
        if outbound.room() <= ahead:
            return False
        if not (self._tcb.nodelay or outbound.fin_waits) and outbound.waits_for_more(mss):
            return False
        return self._fits(behind=burst > 0)

    @property
    def _mss(self) -> int:
        """How much text a segment has at most."""
        tcb = self._tcb
        return self._traits.most_text(tcb.mss, tcb.outbound.max_window, tcb.timestamps)

    def _fits(self, *, behind: bool) -> bool:
        outbound, mss = self._tcb.outbound, self._mss
        waiting = outbound.unsent_text
        return self._traits.fits(
            Unsent(
                text=min(waiting, mss),
                closes=outbound.fin_waits and waiting <= mss,
                room=outbound.room(),
                mss=mss,
                largest_window=outbound.max_window,
                behind=behind,
            )
        )

    def _send_text(self, size: int, burst: int) -> None:
        """The last text that waits has PSH, and the FIN behind it; ``burst`` counts the segments
        that go out at once."""
        outbound = self._tcb.outbound
        flags, ruled = tcp.ACK, True
        text = outbound.take(max(size, 0), self._mss)
        if text:
            self._tcb.pace.text_goes(self._owner.clock.now)
            self._congestion.sends(self._flight, self.queue.rto)
        if not outbound.has_unsent_text:
            flags |= (tcp.PSH if text else 0) | (tcp.FIN if outbound.fin_waits else 0)
        elif self._traits.cuts_below and burst > 1:
            # No packet that can be cut has fewer than two segments (tcp_min_tso_segs).
            ruled = burst == 2 and not self._may_go(burst, len(text))
            flags |= tcp.PSH if ruled else 0
        elif self._mss < self._tcb.mss:
            ruled = False  # tcp.c, forced_push(): it is much for that window
        self._transmit(flags, text, push_is_ruled=ruled)

    def _probe(self) -> None:
        """The timer fires with nothing on its way: send what the window has room for, or ask a peer
        whose window is closed how large it is."""
        tcb, traits = self._tcb, self._traits
        size = min(tcb.outbound.room(), self._mss)
        if traits.probes_with_text:
            size = max(size, 1)
        if size <= 0 or not tcb.outbound.has_unsent_text:
            self._emit(Segment(seq=add(tcb.snd_una, -1), ack=tcb.rcv_nxt, flags=tcp.ACK))
            return
        text = tcb.outbound.take(size, 0)
        pushes = traits.pushes_part or not tcb.outbound.has_unsent_text
        self._transmit(tcp.ACK | (tcp.PSH if pushes else 0), text)

    def _probes_tail(self) -> bool:
        tcb = self._tcb
        return self._traits.probes_tail and tcb.offers.sack and tcb.state not in _NOT_OPEN

    def _send_next(self) -> bool:
        """Send a segment of the text that waits, Nagle or not, if the window has room for it;
        whether one went."""
        outbound = self._tcb.outbound
        if not outbound.has_unsent_text or outbound.room() <= 0 or not self._fits(behind=False):
            return False
        self._send_text(min(self._mss, outbound.room()), 1)
        return True

    # -- the peer's answers ----------------------------------------------------------------------

    def acknowledged(self, segment: Segment) -> None:
        """SEG.ACK, which is above SND.UNA, is SND.UNA."""
        self._tcb.forget_duplicates()
        outbound = self._tcb.outbound
        amount = self._congestion.flight(
            distance(segment.ack, outbound.una), self.queue.covered_by(segment.ack)
        )
        self._congestion.acknowledged(amount, self._flight)
        outbound.una = segment.ack
        self.queue.acknowledged(segment.ack, echo=self._round_trip(segment))

    def ack_arrives(self, segment: Segment) -> None:
        """SND.UNA and SND.WND follow the segment, the window of the first ACK in any case (RFC 9293
        section 3.10.7.4, fifth, SYN-RECEIVED)."""
        outbound = self._tcb.outbound
        newly = distance(segment.ack, outbound.una) > 0
        if newly:
            self.acknowledged(segment)
        was_closed = outbound.window == 0
        first = self._tcb.state is State.SYN_RECEIVED
        told = outbound.window_arrives(self._cut(segment), acknowledges=newly, first=first)
        if not self._traits.congestion.counts_duplicates or not self.queue.segments:
            pass
        elif self._tcb.sack:
            # How long the blocks are there decides (tcp_recovery.c of Linux, tcp_rack_mark_lost()).
            self._doubts |= any(kind == tcp.SACK for kind, _ in segment.other_options)
        elif not (newly or told or segment.length):
            self._ack_repeated()
        if outbound.window == 0:
            self.queue.probe_answered()
        elif was_closed:
            self.queue.window_reopened()

    def _cut(self, segment: Segment) -> Segment:
        """The segment as its window is looked at, without the octets that lie left of RCV.NXT."""
        old = min(distance(self._tcb.rcv_nxt, segment.seq), len(segment.payload))
        if old <= 0 or not self._traits.cuts_first:
            return segment
        return replace(segment, seq=add(segment.seq, old))

    def _round_trip(self, segment: Segment) -> int | None:
        """What TSecr tells of the round trip (ns; RFC 7323 section 4.1)."""
        stamps = segment.timestamps
        if not self._tcb.timestamps or stamps is None or stamps.tsecr == 0:
            return None
        return max(distance(self.tsval, stamps.tsecr), 0) * MILLISECOND

    # -- segments --------------------------------------------------------------------------------

    def open(self, flags: int) -> None:
        """Send the SYN, with these flags; from the start where it was sent before, and with the
        FIN where that was."""
        self.queue.take_back(timer_runs_on=self._traits.keeps_syn_timer)
        self._tcb.outbound.nxt = self._tcb.iss
        self._transmit(tcp.SYN | flags | (tcp.FIN if self._tcb.fin_sent else 0))

    def acknowledge(self) -> None:
        """What waits and may go carries the ACK; an empty segment where nothing does."""
        if not self.output():
            self.acknowledge_alone()

    def acknowledge_alone(self) -> None:
        """<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>"""
        self._emit(self._empty(tcp.ACK))

    @property
    def ack_put_off(self) -> bool:
        return self._delayed_ack.is_put_off

    def acknowledge_later(self, delay: int, *, with_fin: bool = False) -> None:
        """Acknowledge what has not been acknowledged, after ``delay`` (ns)."""
        if self._tcb.rcv_wup != self._tcb.rcv_nxt:
            acknowledge = self.acknowledge_with_fin if with_fin else self.acknowledge_alone
            self._delayed_ack.put_off(delay, acknowledge)

    def acknowledge_with_fin(self) -> None:
        """With the FIN again, while it is on its way."""
        if not self._tcb.fin_sent or self._tcb.snd_una == self._tcb.snd_nxt:
            self.acknowledge()
            return
        seq = add(self._tcb.snd_nxt, -1)
        self._emit(Segment(seq=seq, ack=self._tcb.rcv_nxt, flags=tcp.FIN | tcp.ACK))

    def challenge(self, challenged: Packet) -> None:
        """A challenge tells the room there is, where other segments round it up, and an ACK that is
        due stays so (tcp_subr.c of FreeBSD, tcp_respond())."""
        self._emit(self._empty(tcp.ACK), challenged=challenged)

    def reset(self) -> None:
        """<SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>"""
        self._emit(self._empty(tcp.RST | tcp.ACK))

    def reset_segment(self, packet: Packet) -> None:
        """The reset of RFC 9293 section 3.10.7.1 for a segment of this connection."""
        tcb, reset = self._tcb, reset_for(packet, self._traits)
        if self._traits.resets_respond and tcb.state in _NOT_OPEN and not tcb.is_request:
            alone = tcb.state is State.SYN_SENT
            stamps = None if alone else self._timestamps(syn=False)
            segment = replace(reset.segment, timestamps=stamps)
            own = replace(reset, segment=segment, ttl=tcb.ttl, tos=tcb.tos)
            reset = self._traits.respond(own, packet)
        self._owner.emit(reset)

    def _empty(self, flags: int) -> Segment:
        """At SND.NXT, unless the peer took back the window there and the stack heeds that."""
        tcb = self._tcb
        beyond = -tcb.outbound.room() if self._traits.keeps_to_window else 0
        if tcb.is_request or beyond < (1 << tcb.rcv_scale if tcb.outbound.peer_scales else 1):
            beyond = 0
        return Segment(seq=add(tcb.snd_nxt, -beyond), ack=tcb.rcv_nxt, flags=flags)

    def end(self) -> None:
        """Nothing more is sent."""
        self.queue.land()
        self._delayed_ack.carried()

    def _transmit(self, flags: int, payload: bytes = b"", *, push_is_ruled: bool = True) -> None:
        """Send a segment that takes sequence space, and have it sent again until it is
        acknowledged."""
        tcb, syn = self._tcb, bool(flags & tcp.SYN)
        segment = Segment(
            seq=tcb.snd_nxt,
            ack=tcb.rcv_nxt,
            flags=flags | (tcp.ECE if syn and tcb.ecn else 0),
            payload=payload,
            mss=tcb.link_mss if syn else None,
        )
        tcb.outbound.sent(segment)
        self._emit(segment, new=True, push_is_ruled=push_is_ruled)
        self.queue.add(segment)

    def _emit_again(self, segment: Segment, alone: bool) -> None:
        """Of several that go out again at once, the last may have PSH, as of one packet."""
        self._emit(segment, push_is_ruled=alone or not self._traits.cuts_below)

    def _emit(
        self,
        segment: Segment,
        *,
        new: bool = False,
        push_is_ruled: bool = True,
        challenged: Packet | None = None,
    ) -> None:
        """Complete a segment with what is true now: ACK number, window, options; ``new``: it was
        not sent before; ``challenged``: what it challenges, where it is a challenge ACK."""
        tcb, syn = self._tcb, bool(segment.flags & tcp.SYN)
        self._syns += syn
        challenges, is_alone = challenged is not None, tcb.state is State.SYN_SENT
        window = tcb.inbound.advertise(
            syn=syn or is_alone, moves=not tcb.is_request, rounds=not challenges
        )
        if segment.flags & tcp.RST and not self._traits.resets_with_window:
            window = 0
        marked = bool(tcb.marks.are_said(tcb.state) and new and segment.payload)
        now = replace(
            segment,
            flags=self._ecn_flags(segment, marked=marked, challenges=challenges),
            ack=tcb.rcv_nxt,
            window=window,
            wscale=self._traits.window_scale if syn and tcb.offers.scaling else None,
            sack_permitted=syn and tcb.offers.sack,
            timestamps=None if is_alone and not syn else self._timestamps(syn=syn),
            other_options=() if syn else self._blocks(segment),
        )
        if segment.flags & tcp.ACK:
            tcb.inbound.acknowledged = tcb.rcv_nxt
            tcb.pace.ack_goes()
            if not (challenges and self._traits.challenges_beside):
                self._delayed_ack.carried()
            tcb.ack_due = tcb.ack_due and challenges
        # RFC 3168 sections 6.1.4 and 6.1.5: nothing without text, and not what is sent again.
        tcb.ect = _ECT_0 if marked else 0
        packet = Packet(
            tcb.flow,
            now,
            ttl=tcb.ttl,
            tos=tcb.tos | tcb.ect,
            flow_label=tcb.flow_label,
            window_is_ruled=syn or tcb.inbound.window_is_ruled,
            push_is_ruled=push_is_ruled,
        )
        if challenged is not None:
            packet = self._traits.respond(packet, challenged)
        self._owner.emit(packet)

    def _blocks(self, segment: Segment) -> tuple[tuple[int, bytes], ...]:
        """The SACK option (RFC 2018), where something is held behind a gap, or has come twice; an
        RST has none."""
        tcb = self._tcb
        if not tcb.offers.sack or tcb.is_request or segment.flags & tcp.RST:
            return ()
        blocks = [*tcb.inbound.tell_repeat(), *tcb.inbound.held_blocks]
        if not blocks:
            return ()
        most = _MOST_BLOCKS - tcb.timestamps
        edges = [edge for block in blocks[:most] for edge in block]
        return ((tcp.SACK, struct.pack(f"!{len(edges)}I", *edges)),)

    @property
    def tsval(self) -> int:
        """What TSval is now."""
        return (self._owner.timestamp() + self._tcb.ts_offset) & 0xFFFFFFFF

    def _timestamps(self, *, syn: bool) -> Timestamps | None:
        tcb = self._tcb
        if not (tcb.offers.timestamps if syn else tcb.timestamps):
            return None
        if tcb.is_request and not (syn or tcb.ts_recent or self._traits.requests_stamp_zero):
            return None
        stamps = Timestamps(self.tsval, tcb.ts_recent)
        if syn:
            tcb.note_tsval(stamps.tsval)
        return stamps

    def _ecn_flags(self, segment: Segment, *, marked: bool, challenges: bool) -> int:
        """Its flags, with what ECN has to say in them; ``marked``: it is new text that may be;
        ``challenges``: it is a challenge ACK."""
        if segment.flags & tcp.SYN:
            return segment.flags & ~ASKS_ECN if self._asks_no_more(segment) else segment.flags
        tcb = self._tcb
        cwr = tcp.CWR if marked and tcb.outbound.says_cwr() else 0
        return segment.flags | tcb.marks.echo(tcb.state, segment.flags, challenges=challenges) | cwr

    def _asks_no_more(self, segment: Segment) -> bool:
        """Whether it is a SYN that came to nothing so often that it does not ask for ECN again, or
        a <SYN,ACK> that does not take it up any more."""
        if segment.flags & tcp.ACK:
            return not self._tcb.ecn
        return self.queue.tries >= self._traits.ecn_tries
