"""The TIME-WAIT table: blocks in, questions about them decided, blocks out.

How a TIME-WAIT endpoint decides: the profile's list for the occasion is asked; the rule's actions
are carried out here, in order; what crosses the wire is emitted, what has to start over in LISTEN
is handed back to the host.  No stack's name occurs in this file.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND, Clock
from tw_reference.profiles.profile import Profile
from tw_reference.rules.questions import (
    Bind,
    Connect,
    Entry,
    ErrorArrives,
    PeerStamp,
    SegmentArrives,
    TimeWaitBlock,
    UserCall,
)
from tw_reference.rules.rule import CLOSED, Action, Decision, Rule, Snapshot, Stage
from tw_reference.segment import Flow, IcmpError, Packet, Segment, Timestamps
from tw_reference.seqnum import distance
from tw_reference.stack.resets import reset_for

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
        self._time_wait = profile[Stage.TIME_WAIT]
        self._fin_wait_2 = profile.find(Stage.FIN_WAIT_2) or self._time_wait
        self._limit = profile.find(Stage.ACK_LIMIT)
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
        ack_owed: bool = False,
        timeout: int | None = None,
    ) -> None:
        """«Enter the TIME-WAIT state», if the entry list lets the connection.

        ``timeout``: nanoseconds that a block in FIN-WAIT-2 waits for the FIN.
        """
        entry = self._profile[Stage.ENTRY]
        rule = entry.decide(Entry(self._settings, len(self._blocks), peer_is_local, block))
        for action in rule.then:
            match action:
                case Action.RECYCLE_OLDEST:
                    oldest = self._reaper.oldest()
                    if oldest is not None:
                        self._delete(oldest)
                case Action.ENTER_TIME_WAIT | Action.ENTER_FOR_RTO | Action.ENTER_FOR_LOCAL:
                    self._blocks[block.flow] = block
                    self._reaper.schedule(block, timeout or self._lifetime(action, block))
                case Action.ACK_OWED:
                    if ack_owed:
                        self._acknowledge(block)
                case Action.REMEMBER_PEER:
                    self._remember(block)
                case Action.CLOSE:
                    pass
                case _:
                    raise AssertionError(f"{action} is no way into TIME-WAIT")
        self._trace(Stage.ENTRY, rule, block, CLOSED)

    def adopt(self, block: TimeWaitBlock) -> None:
        """Take in a block that entered TIME-WAIT now, without asking the entry list."""
        self._blocks[block.flow] = block
        self._reaper.schedule(block, self._profile.lifetime(self._settings))

    def _lifetime(self, action: Action, block: TimeWaitBlock) -> int:
        match action:
            case Action.ENTER_FOR_RTO:
                return (block.rto << 2) - (block.rto >> 1)
            case Action.ENTER_FOR_LOCAL:
                return 2 * self._settings["msl_local"] * MILLISECOND
            case _:
                return self._profile.lifetime(self._settings)

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
        rules = self._fin_wait_2 if block.substate == "FIN-WAIT-2" else self._time_wait
        before = block.snapshot()
        rule = rules.decide(question)
        handed_on = None
        for action in rule.then:
            handed_on = self._carry_out(action, packet, block, question) or handed_on
        self._trace(rules.stage, rule, block, before, packet.segment)
        return handed_on

    def error_arrives(self, error: IcmpError, block: TimeWaitBlock) -> None:
        """An ICMP error about a block of this table: it may end it, and never answers."""
        rule = self._profile[Stage.ICMP].decide(ErrorArrives(error, self._settings))
        before = block.snapshot()
        if Action.DELETE in rule.then:
            self._delete(block)
        self._trace(Stage.ICMP, rule, block, before, error=error)

    def bind(self, block: TimeWaitBlock, *, reuse_address: bool, reuse_port: bool) -> Action:
        """bind() to the port of a block: ALLOW or an errno."""
        rules = self._profile.find(Stage.BIND)
        if rules is None:
            return Action.ALLOW
        rule = rules.decide(Bind(block, reuse_address, reuse_port))
        self._trace(Stage.BIND, rule, block, block.snapshot())
        return rule.then[0]

    def connect(self, block: TimeWaitBlock, *, automatic: bool, loopback: bool) -> Action:
        """connect() on the 4-tuple of a block: CONNECT_ABOVE, which removes it, or an error."""
        question = Connect(block, self._settings, self._clock.now, automatic, loopback)
        rule = self._profile[Stage.CONNECT].decide(question)
        before = block.snapshot()
        if Action.CONNECT_ABOVE in rule.then:
            self._delete(block)
        self._trace(Stage.CONNECT, rule, block, before)
        return rule.then[0]

    def call(self, verb: str, block: TimeWaitBlock) -> Action:
        """A user call of RFC 9293 section 3.10: STATUS, ABORT or an error."""
        rule = self._profile[Stage.CALL].decide(UserCall(verb))
        before = block.snapshot()
        if Action.ABORT in rule.then:
            self._delete(block)
        self._trace(Stage.CALL, rule, block, before)
        return rule.then[0]

    # -- actions ---------------------------------------------------------------------------------

    def _carry_out(
        self, action: Action, packet: Packet, block: TimeWaitBlock, question: SegmentArrives
    ) -> HandedOn | None:
        match action:
            case Action.ACK:
                self._acknowledge(block)
            case Action.ACK_LIMITED:
                self._acknowledge_if_due(packet.segment, block, question)
            case Action.RST:
                self._emit(reset_for(packet, self._profile.manners))
            case Action.RESTART:
                self._reaper.schedule(block, self._profile.lifetime(self._settings))
            case Action.UPDATE_TS:
                if packet.segment.timestamps is not None and block.timestamps:
                    block.ts_recent = packet.segment.timestamps.tsval
                    block.ts_recent_stamp = question.now
            case Action.REMEMBER_PEER:
                self._remember(block)
            case Action.DELETE:
                self._delete(block)
            case Action.ENTER_TIME_WAIT | Action.ENTER_FOR_RTO:
                block.substate = "TIME-WAIT"
                block.rcv_nxt = packet.segment.end
                block.entered = question.now
                self._reaper.schedule(block, self._lifetime(action, block))
            case Action.REOPEN:
                self._delete(block)
                return HandedOn(None)
            case Action.REOPEN_ABOVE:
                self._delete(block)
                return HandedOn(above(block.snd_nxt))
            case Action.DROP:
                pass
            case _:
                raise AssertionError(f"{action} is no answer to a segment")
        return None

    def _acknowledge_if_due(
        self, segment: Segment, block: TimeWaitBlock, question: SegmentArrives
    ) -> None:
        if self._limit is None:
            self._acknowledge(block)
            return
        before = block.snapshot()
        rule = self._limit.decide(question)
        if Action.SEND_AND_STAMP in rule.then:
            block.last_ack = question.now
        if Action.SUPPRESS not in rule.then:
            self._acknowledge(block)
        self._trace(Stage.ACK_LIMIT, rule, block, before, segment)

    def _acknowledge(self, block: TimeWaitBlock) -> None:
        """<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, with what the dead connection left behind."""
        stamps = None
        if block.timestamps and block.ts_recent != 0:
            tsval = (self._timestamp() + block.ts_offset) & 0xFFFFFFFF
            stamps = Timestamps(tsval, block.ts_recent)
        segment = Segment(
            seq=block.snd_nxt,
            ack=block.rcv_nxt,
            flags=tcp.ACK,
            window=min(block.rcv_wnd >> block.rcv_scale, 0xFFFF),
            timestamps=stamps,
        )
        self._emit(Packet(block.flow, segment, ttl=self._profile.manners.ttl, tos=block.tos))

    # -- out -------------------------------------------------------------------------------------

    def _delete(self, block: TimeWaitBlock) -> None:
        self._reaper.forget(block)
        del self._blocks[block.flow]

    def _expire(self, block: TimeWaitBlock) -> None:
        """«TIME-WAIT TIMEOUT»: delete the TCB (RFC 9293 section 3.10.8)."""
        del self._blocks[block.flow]

    def _trace(
        self,
        stage: Stage,
        rule: Rule,
        block: TimeWaitBlock,
        before: Snapshot,
        segment: Segment | None = None,
        error: IcmpError | None = None,
    ) -> None:
        after = block.snapshot() if self._blocks.get(block.flow) is block else CLOSED
        now = self._clock.now
        self._record(Decision(now, stage, rule, block.flow, segment, before, after, error))


def above(snd_nxt: int) -> int:
    """An ISS above all numbers of the old incarnation: SND.NXT + 65535 + 2, and 1 for 0."""
    return (snd_nxt + 65535 + 2) & 0xFFFFFFFF or 1
