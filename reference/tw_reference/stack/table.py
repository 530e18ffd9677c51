"""The TIME-WAIT table: blocks in, questions about them decided, blocks out.

How a TIME-WAIT endpoint decides: the table asks the profile's list for the occasion and takes the
rule's actions in order.  It emits what crosses the wire, and hands back to the host what has to
start over in LISTEN.  No stack's name occurs in this file.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND, Clock
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import (
    AckLimitAction,
    BlockAction,
    CallAction,
    ConnectAction,
    EntryAction,
    ErrorAction,
)
from tw_reference.rules.decision import AnyStage, Decision, Ruling
from tw_reference.rules.questions import (
    AckDue,
    Connect,
    Entry,
    ErrorArrives,
    PeerStamp,
    SegmentArrives,
    TimeWaitBlock,
    UserCall,
)
from tw_reference.segment import Flow, IcmpError, Packet, Segment, Timestamps
from tw_reference.seqnum import distance
from tw_reference.stack.resets import reset_for
from tw_reference.state import CLOSED, Snapshot, State

_PEER_STAMP_LIFE = 60_000 * MILLISECOND
"""TCP_PAWS_MSL: a peer's stamp this old gives way to an older one of another connection."""
_PEERS = 65536
"""Peers that are remembered at most; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True)
class HandedOn:
    """A segment that ended its block and is to be looked up again; ``iss`` where the old
    incarnation chose the new one's."""

    iss: int | None


class TimeWaitTable:
    """All blocks of one host.

    ``emit`` takes the packets to send, ``record`` the trace of each decision, ``timestamp``
    returns the host's timestamp clock.
    """

    def __init__(
        self,
        profile: Profile,
        settings: Mapping[str, int],
        clock: Clock,
        *,
        emit: Callable[[Packet], None],
        record: Callable[[Decision], None],
        timestamp: Callable[[], int],
    ) -> None:
        self._profile = profile
        self._settings = settings
        self._clock = clock
        self._emit = emit
        self._record = record
        self._timestamp = timestamp
        self._time_wait = profile[stages.TIME_WAIT]
        self._fin_wait_2 = profile.find(stages.FIN_WAIT_2_BLOCK) or self._time_wait
        self._limit = profile.find(stages.ACK_LIMIT)
        self._blocks: dict[Flow, TimeWaitBlock] = {}
        self._reaper = profile.reaper(clock, self._expire, settings)
        self._peers: OrderedDict[str, PeerStamp] = OrderedDict()

    def __len__(self) -> int:
        return len(self._blocks)

    def get(self, flow: Flow) -> TimeWaitBlock | None:
        return self._blocks.get(flow)

    def on_port(self, port: int) -> list[TimeWaitBlock]:
        """The blocks whose local port that is."""
        return [block for flow, block in self._blocks.items() if flow.sport == port]

    def peer(self, address: str) -> PeerStamp | None:
        """What is remembered of the timestamps of a peer."""
        return self._peers.get(address)

    # -- in --------------------------------------------------------------------------------------

    def enter(
        self,
        block: TimeWaitBlock,
        *,
        peer_is_local: bool,
        peer_is_on_link: bool = False,
        ack_owed: bool = False,
        timeout: int | None = None,
    ) -> None:
        """«Enter the TIME-WAIT state», if the entry list lets the connection.

        ``timeout``: nanoseconds that a block in FIN-WAIT-2 waits for the FIN.
        """
        question = Entry(self._settings, len(self._blocks), peer_is_local, block, peer_is_on_link)
        ruling = self._profile[stages.ENTRY].decide(question)
        for action in ruling.then:
            match action:
                case EntryAction.RECYCLE_OLDEST:
                    oldest = self._reaper.oldest()
                    if oldest is not None:
                        self._delete(oldest)
                case EntryAction.ENTER:
                    self._begin(block, timeout or self._lifetime())
                case EntryAction.ENTER_BRIEFLY:
                    self._begin(block, timeout or self._short_lifetime(block))
                case EntryAction.ACK_OWED:
                    if ack_owed:
                        self._acknowledge(block)
                case EntryAction.REMEMBER_PEER:
                    self._remember(block)
                case EntryAction.CLOSE:
                    pass
        self._trace(stages.ENTRY, ruling, block, CLOSED)

    def adopt(self, block: TimeWaitBlock) -> None:
        """Take in a block that enters TIME-WAIT now, without asking the entry list."""
        self._begin(block, self._lifetime())

    def _fin_taken(self, segment: Segment, block: TimeWaitBlock, lifetime: int) -> None:
        """The FIN for which a block in FIN-WAIT-2 waited is in ``segment``."""
        block.substate = State.TIME_WAIT
        block.rcv_nxt = segment.end
        self._begin(block, lifetime)

    def _begin(self, block: TimeWaitBlock, lifetime: int) -> None:
        """The one way into a state of this table: it is entered now, for ``lifetime`` (ns)."""
        block.entered = self._clock.now
        self._blocks[block.flow] = block
        self._reaper.schedule(block, lifetime)

    def _lifetime(self) -> int:
        return self._profile.lifetime(self._settings)

    def _short_lifetime(self, block: TimeWaitBlock) -> int:
        short_lifetime = self._profile.traits.short_lifetime
        assert short_lifetime is not None, "a list that enters briefly needs the trait"
        return short_lifetime(self._settings, block.rto)

    def _remember(self, block: TimeWaitBlock) -> None:
        """The peer's stamp is raised, or an old one replaced (tcp_v4_remember_stamp())."""
        address, known = block.flow.dst, self._peers.get(block.flow.dst)
        fresh = PeerStamp(block.ts_recent, block.ts_recent_stamp)
        stale = known is not None and (
            known.seen + _PEER_STAMP_LIFE < self._clock.now and known.seen <= fresh.seen
        )
        if known is None or stale or distance(known.tcp_ts, fresh.tcp_ts) <= 0:
            self._peers.pop(address, None)
            self._peers[address] = fresh
            if len(self._peers) > _PEERS:
                self._peers.popitem(last=False)

    # -- questions -------------------------------------------------------------------------------

    def segment_arrives(
        self, packet: Packet, block: TimeWaitBlock, *, listener: bool
    ) -> HandedOn | None:
        """«SEGMENT ARRIVES» (RFC 9293 section 3.10.7.4) for a block of this table."""
        now = self._clock.now
        question = SegmentArrives(packet.segment, block, self._settings, now, listener)
        rules = self._fin_wait_2 if block.substate is State.FIN_WAIT_2 else self._time_wait
        before = block.snapshot()
        ruling = rules.decide(question)
        handed_on = None
        for action in ruling.then:
            handed_on = _DEEDS[action](self, packet, block, question) or handed_on
        self._trace(rules.stage, ruling, block, before, packet.segment)
        return handed_on

    def error_arrives(self, error: IcmpError, block: TimeWaitBlock) -> None:
        """An ICMP error about a block of this table: it may end it, and never answers."""
        ruling = self._profile[stages.ICMP].decide(ErrorArrives(error, self._settings))
        before = block.snapshot()
        if ErrorAction.DELETE in ruling.then:
            self._delete(block)
        self._trace(stages.ICMP, ruling, block, before, error=error)

    def connect(self, block: TimeWaitBlock, *, automatic: bool, loopback: bool) -> ConnectAction:
        """connect() on the 4-tuple of a block: CONNECT_ABOVE, which removes it, or an error."""
        question = Connect(block, self._settings, self._clock.now, automatic, loopback)
        ruling = self._profile[stages.CONNECT].decide(question)
        before = block.snapshot()
        if ConnectAction.CONNECT_ABOVE in ruling.then:
            self._delete(block)
        self._trace(stages.CONNECT, ruling, block, before)
        return ruling.rule.then[0]

    def call(self, verb: str, block: TimeWaitBlock) -> CallAction:
        """A user call of RFC 9293 section 3.10: STATUS, ABORT or an error."""
        ruling = self._profile[stages.CALL].decide(UserCall(verb))
        before = block.snapshot()
        if CallAction.ABORT in ruling.then:
            self._delete(block)
        self._trace(stages.CALL, ruling, block, before)
        return ruling.rule.then[0]

    # -- actions: each is carried out by one of these (_DEEDS) ------------------------------------

    def _drop(self, packet: Packet, block: TimeWaitBlock, question: SegmentArrives) -> None:
        """Silence."""

    def _answer(self, packet: Packet, block: TimeWaitBlock, question: SegmentArrives) -> None:
        self._acknowledge(block, taken=True)

    def _reset(self, packet: Packet, block: TimeWaitBlock, question: SegmentArrives) -> None:
        self._emit(reset_for(packet, self._profile.traits))

    def _restart(self, packet: Packet, block: TimeWaitBlock, question: SegmentArrives) -> None:
        self._reaper.schedule(block, self._lifetime())

    def _update_ts(self, packet: Packet, block: TimeWaitBlock, question: SegmentArrives) -> None:
        stamps = packet.segment.timestamps
        if stamps is not None and block.timestamps:
            block.ts_recent = stamps.tsval
            block.ts_recent_stamp = question.now

    def _remember_peer(
        self, packet: Packet, block: TimeWaitBlock, question: SegmentArrives
    ) -> None:
        self._remember(block)

    def _end(self, packet: Packet, block: TimeWaitBlock, question: SegmentArrives) -> None:
        self._delete(block)

    def _enter_time_wait(
        self, packet: Packet, block: TimeWaitBlock, question: SegmentArrives
    ) -> None:
        self._fin_taken(packet.segment, block, self._lifetime())

    def _enter_briefly(
        self, packet: Packet, block: TimeWaitBlock, question: SegmentArrives
    ) -> None:
        self._fin_taken(packet.segment, block, self._short_lifetime(block))

    def _reopen(self, packet: Packet, block: TimeWaitBlock, question: SegmentArrives) -> HandedOn:
        self._delete(block)
        return HandedOn(None)

    def _reopen_above(
        self, packet: Packet, block: TimeWaitBlock, question: SegmentArrives
    ) -> HandedOn:
        self._delete(block)
        return HandedOn(self._profile.traits.iss_above(block.snd_nxt))

    def _acknowledge_if_due(
        self, packet: Packet, block: TimeWaitBlock, question: SegmentArrives
    ) -> None:
        if self._limit is None:
            self._acknowledge(block)
            return
        before = block.snapshot()
        ruling = self._limit.decide(AckDue(packet.segment, block, self._settings, question.now))
        if AckLimitAction.SEND_AND_STAMP in ruling.then:
            block.last_ack = question.now
        if AckLimitAction.SUPPRESS not in ruling.then:
            self._acknowledge(block)
        self._trace(stages.ACK_LIMIT, ruling, block, before, packet.segment)

    def _acknowledge(self, block: TimeWaitBlock, *, taken: bool = False) -> None:
        """<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, with what the dead connection left behind;
        ``taken``: what it answers was no repetition."""
        stamps = None
        if block.timestamps and (block.ts_recent or self._profile.traits.stamps_without_ts_recent):
            tsval = (self._timestamp() + block.ts_offset) & 0xFFFFFFFF
            stamps = Timestamps(tsval, block.ts_recent)
        segment = Segment(
            seq=block.snd_nxt,
            ack=block.rcv_nxt,
            flags=tcp.ACK | block.ece,
            window=min(block.rcv_wnd >> block.rcv_scale, 0xFFFF),
            timestamps=stamps,
        )
        packet = Packet(
            block.flow,
            segment,
            ttl=block.ttl,
            tos=block.tos | (block.ect if taken else 0),
            flow_label=block.flow_label,
            window_is_ruled=block.window_is_ruled,
        )
        self._emit(packet)

    # -- out -------------------------------------------------------------------------------------

    def remove(self, block: TimeWaitBlock) -> None:
        """Delete a block because somebody said so."""
        self._delete(block)

    def _delete(self, block: TimeWaitBlock) -> None:
        self._reaper.forget(block)
        del self._blocks[block.flow]

    def _expire(self, block: TimeWaitBlock) -> None:
        """«TIME-WAIT TIMEOUT»: delete the TCB (RFC 9293 section 3.10.8)."""
        del self._blocks[block.flow]

    def _trace(
        self,
        stage: AnyStage,
        ruling: Ruling[Any],
        block: TimeWaitBlock,
        before: Snapshot,
        segment: Segment | None = None,
        error: IcmpError | None = None,
    ) -> None:
        after = block.snapshot() if self._blocks.get(block.flow) is block else CLOSED
        rule, notes = ruling
        self._record(
            Decision(self._clock.now, stage, rule, block.flow, segment, before, after, error, notes)
        )


_DEEDS: Mapping[
    BlockAction,
    Callable[[TimeWaitTable, Packet, TimeWaitBlock, SegmentArrives], HandedOn | None],
] = MappingProxyType(
    {
        BlockAction.DROP: TimeWaitTable._drop,
        BlockAction.ACK: TimeWaitTable._answer,
        BlockAction.ACK_LIMITED: TimeWaitTable._acknowledge_if_due,
        BlockAction.RST: TimeWaitTable._reset,
        BlockAction.RESTART: TimeWaitTable._restart,
        BlockAction.UPDATE_TS: TimeWaitTable._update_ts,
        BlockAction.REMEMBER_PEER: TimeWaitTable._remember_peer,
        BlockAction.DELETE: TimeWaitTable._end,
        BlockAction.ENTER_TIME_WAIT: TimeWaitTable._enter_time_wait,
        BlockAction.ENTER_BRIEFLY: TimeWaitTable._enter_briefly,
        BlockAction.REOPEN: TimeWaitTable._reopen,
        BlockAction.REOPEN_ABOVE: TimeWaitTable._reopen_above,
    }
)
"""How each action is carried out."""
