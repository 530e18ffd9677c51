"""The tester's end of one connection: a TCP of its own, as small as a handshake and a close need.

It brings the DUT to the state that a case starts from and knows, from what crossed the link, every
variable of the DUT that a case may name.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Literal, TypeAlias

from tw_conformance.link.link import Arrival, Link
from tw_conformance.link.path import Path
from tw_conformance.link.probes import Prober
from tw_conformance.model.case import OK, Reach, SendIcmp
from tw_conformance.model.verdict import Event, Transcript
from tw_reference import segment as tcp
from tw_reference import ways
from tw_reference.icmp_numbers import WITH_MTU
from tw_reference.segment import (
    Damage,
    Datagram,
    IcmpError,
    Packet,
    Segment,
    Timestamps,
    flag_names,
)
from tw_reference.seqnum import add
from tw_reference.state import State
from tw_reference.ways import Ends, Offer, Said

_RTO = 1.0
_LEAST_RTO = 0.15
"""Seconds; no documented stack retransmits any sooner."""
_TRIES = 4
_SECOND_LOOK = 0.5
"""Seconds more for an answer whose absence would fail a case; a DUT's RTO may be shorter."""
_PROBES = 6
ACCEPTS_AND_CLOSES = 1.0
"""Seconds that the DUT's service may take over a connection: those of a first retransmission."""
_LEAST_MTU = 1280
"""What an ICMP error says of the next hop where the case does not (RFC 8200 section 5)."""


class NotReached(Exception):
    """The DUT could not be brought to the state that the case starts from; says where it
    failed."""


class TimestampsRefused(NotReached):
    """The DUT answered a SYN that offers timestamps without them."""


class TesterEndpoint:
    """The tester's side of one connection: sends, keeps the transcript, proves delivery.

    ``name`` is that of the connection in its case, none for the case's own; ``variables`` are the
    DUT's, as a case names them.  ``pending`` are segments that arrived and that no step has
    accounted for.
    """

    def __init__(
        self, goal: Reach, link: Link, path: Path, transcript: Transcript, name: str = ""
    ) -> None:
        self.goal = goal
        """What the connection is like, and the state that the DUT is to be brought to."""
        self.name = name
        self.link = link
        self.path = path
        self.transcript = transcript
        self.variables = transcript.variables_of(name)
        self.pending: list[Arrival] = []
        self._prober = Prober(link, path, self._note)
        self._came: Counter[tuple[int, int, int]] = Counter()
        self._first_came: dict[_Text, float] = {}
        self._retransmittable: Counter[_Text] = Counter()
        self.step: int | None = None
        self.timestamps = goal.timestamps
        self._tsval = Random(link.tester_isn).getrandbits(31) + 1
        self._echoed = 0
        """The DUT's latest TSval."""
        self.settled: float = link.now()
        """By when the DUT had processed all that was sent before the latest segment."""
        self._proven = True
        """Whether all that was sent is known to have been processed by the DUT."""
        self.served = True
        """Whether the DUT's service is known to have done all that it owes."""
        self._syn_ack: Segment | None = None
        """The DUT's latest SYN-ACK, until its service has accepted that connection and closed
        it."""
        self._reset_at: int | None = None
        """The SEG.SEQ of an RST that ends what is left of the connection; None where nothing is
        left."""

    # -- sending and receiving -------------------------------------------------------------------

    def send(
        self,
        segment: Segment,
        *,
        damage: Damage | None = None,
        tos: int = 0,
        ttl: int | None = None,
        flow_label: int = 0,
    ) -> float:
        """Send one segment, with the fault ``damage`` in its frame; returns when."""
        if self._syn_ack is not None and _completes(self._syn_ack, segment):
            self.served = False
        packet = Packet(self.link.flow, segment, tos=tos, flow_label=flow_label)
        return self._put(packet if ttl is None else replace(packet, ttl=ttl), damage)

    def report(self, step: SendIcmp) -> float:
        """Send an ICMP error about a segment of the DUT's; returns when."""
        flow, variables = self.link.flow, self.variables
        its_fin = add(variables["snd_nxt"], -1)
        seq = its_fin if step.quotes is None else step.quotes.evaluate(variables)
        mtu = _LEAST_MTU if step.mtu is None else step.mtu
        if step.icmp not in WITH_MTU:
            mtu = 0
        return self._put(IcmpError(flow.src, flow.dst, step.icmp, flow.reverse, seq, mtu), None)

    def _put(self, packet: Packet | IcmpError, damage: Damage | None) -> float:
        time, frame = self.link.send(packet, damage=damage)
        self._proven = False
        self._note("sent", time, packet, frame, f"corrupt: {damage}" if damage else "")
        return time

    async def receive(self, until: float) -> Arrival | None:
        """The next segment of this connection; answers to probes are noted and passed over."""
        while (arrival := await self.link.receive(until)) is not None:
            if self._take(arrival):
                return arrival
        return None

    def _take(self, arrival: Arrival) -> bool:
        """Note an arrival; whether it is a segment of the connection."""
        probe = self._prober.answered_by(arrival)
        self._note("received", arrival.time, arrival.packet, arrival.frame, probe=probe)
        if probe is not None or not isinstance(arrival.packet, Packet):
            return False
        segment = arrival.packet.segment
        if self.step is None:
            self.variables["flow_label"] = arrival.packet.flow_label
        if segment.timestamps is not None:
            self._echoed = segment.timestamps.tsval
        self._came[_shape(arrival.packet)] += 1
        if segment.length:
            self._retransmittable[_text(segment)] += 1
            self._first_came.setdefault(_text(segment), arrival.time)
        if segment.flags & (tcp.SYN | tcp.ACK) == tcp.SYN | tcp.ACK:
            self._reset_at = segment.ack
            self._syn_ack = segment
        elif segment.flags & tcp.FIN:
            self._has_been_served()
        return True

    def _has_been_served(self) -> None:
        self.served, self._syn_ack = True, None

    async def forget_what_came(self) -> None:
        """Let the path settle; all that arrives until then belongs to the past."""
        self._proven = False
        await self.prove_delivery()
        self.pending.clear()
        self._came.clear()

    def has_come_before(self, packet: Packet) -> bool:
        """Whether another segment with the same flags and numbers has arrived: since the steps
        began, or at all where the DUT would send it again until it is acknowledged."""
        return self._came[_shape(packet)] > 1 or self._retransmittable[_text(packet.segment)] > 1

    def was_retransmitted(self, arrival: Arrival) -> bool:
        """Whether the DUT sent that segment again because nothing acknowledged it for an RTO."""
        assert isinstance(arrival.packet, Packet)
        first = self._first_came.get(_text(arrival.packet.segment), arrival.time)
        return arrival.time - first >= _LEAST_RTO

    def expect_news(self) -> None:
        """The DUT has been told to do something: what it sends for that may be under way."""
        self._proven = False

    async def drain(self) -> None:
        """Take in what has arrived already."""
        while (arrival := await self.receive(self.link.now())) is not None:
            self.pending.append(arrival)

    async def prove_delivery(self) -> bool:
        """Whether the DUT is known to have processed all that was sent to it.

        A sentinel follows the segments on their path; its answer can only come after theirs.  It
        may itself be lost and is repeated; all that arrives before its answer is kept as pending.
        It proves the work of the DUT's kernel alone: where a service has a connection to accept and
        to close, that is asked for besides, or waited for.
        """
        if self._proven:
            await self.drain()
            return True
        if not await self._sentinel_is_answered():
            return False
        if self.served:
            return True
        if await self.link.observe() is None:
            await self._wait_for_the_service()
            return True
        # Whatever looks into the DUT has the service do its part first.
        self._has_been_served()
        return await self._sentinel_is_answered()

    async def _wait_for_the_service(self) -> None:
        until = self.link.now() + ACCEPTS_AND_CLOSES
        while not self.served and (arrival := await self.receive(until)) is not None:
            self.pending.append(arrival)

    async def _sentinel_is_answered(self) -> bool:
        for _ in range(_PROBES):
            deadline = self._prober.probe() + self.path.patience
            while (arrival := await self.link.receive(deadline)) is not None:
                if self._take(arrival):
                    self.pending.append(arrival)
                elif self._prober.answers(arrival):
                    await self._let_settle()
                    self._settle(arrival)
                    return True
            self._prober.give_up()
        return False

    async def _let_settle(self) -> None:
        """Wait for what is late: where the path reorders, or the DUT answers probes first, an
        answer to an earlier segment may arrive behind the probe's."""
        echoed = self.link.now()
        until = echoed + self.path.settling
        while self.path.settling and (arrival := await self.link.receive(until)) is not None:
            if self._take(arrival):
                self.pending.append(arrival)
                self._came_behind(arrival, echoed)
            else:
                self._prober.answers(arrival)

    def _came_behind(self, arrival: Arrival, echoed: float) -> None:
        if self.path.perfect:  # else it may be the path's doing
            self.path.answered_behind(arrival.time - echoed)

    async def second_look(self) -> Arrival | None:
        """Wait longer for an answer than the sentinel demands; None where none comes.  A silence
        that would fail the DUT gets more time than its measured lag asks for.
        """
        until = self.link.now() + _SECOND_LOOK
        while (arrival := await self.receive(until)) is not None:
            if not self.was_retransmitted(arrival):
                self._came_behind(arrival, self.settled)
                return arrival
        return None

    def _settle(self, answer: Arrival) -> None:
        self._proven = True
        self.settled = answer.time

    def note(self, text: str) -> None:
        """A line of the transcript without a packet."""
        self._note("note", self.link.now(), None, b"", text)

    def _note(
        self,
        direction: Literal["sent", "received", "note"],
        time: float,
        packet: Datagram | None,
        frame: bytes,
        note: str = "",
        *,
        probe: int | None = None,
    ) -> None:
        self.transcript.events.append(
            Event(
                time - self.transcript.began,
                direction,
                packet,
                frame,
                note,
                self.step,
                self.name,
                probe,
            )
        )

    # -- timestamps ------------------------------------------------------------------------------

    def stamps(self, tsval: int | None = None, tsecr: int | None = None) -> Timestamps:
        """A Timestamps option: the tester's clock and the DUT's latest TSval unless given."""
        if tsval is None:
            self._tsval = add(self._tsval, 1)
            tsval = self._tsval
        return Timestamps(tsval, self._echoed if tsecr is None else tsecr)

    def _own_stamps(self) -> Timestamps | None:
        if not self.timestamps:
            return None
        stamps = self.stamps(self.goal.tsval)
        self.variables["ts_recent"] = stamps.tsval
        return stamps

    # -- the way to the state that a case starts from --------------------------------------------

    async def reach(self) -> None:
        """Bring the DUT to the connection's first state.

        :raises NotReached: where it does not do its part.
        """
        await self._reach()
        # The DUT answers from within a close() that has not returned yet, and such a socket puts
        # segments aside (Linux's backlog): an echo would overtake them.  So would none that
        # follows an answer of the agent, which makes one call after the other.
        await self.link.observe()

    async def _reach(self) -> None:
        reach, variables = self.goal, self.variables
        variables.update(irs=self.link.tester_isn, rcv_nxt=self.link.tester_isn)
        variables.update(ts_recent=0, rcv_scale=0, flow_label=0)
        if reach.state == "LISTEN":
            variables.update(snd_nxt=0, iss=0, rcv_wnd=0)
            return
        through, active = State(reach.through.value), reach.open == "active"
        for turn in ways.way_to(State(reach.state), through=through, active=active):
            await self._take_turn(turn)
        if reach.state == "TIME-WAIT":
            self._reset_at = None

    async def _take_turn(self, turn: ways.Turn) -> None:
        if turn.call is not None:
            await self._call(turn.call)
        for said in turn.says:
            if said.flags == tcp.ACK:
                self._say(said)
                # A FIN behind an ACK that was lost makes up for it: the DUT takes another way.
                if turn.ends is Ends.PROOF or (turn.ends is Ends.ACK and not self.path.perfect):
                    await self._must_be_in(said)
            else:
                await self._say_until_answered(said)
        if turn.ends is Ends.SYN:
            await self._await_syn()
        elif turn.ends is Ends.FIN:
            await self._await_fin()

    async def _call(self, call: ways.ProcessCall) -> None:
        if call != "connect":
            await self.link.call(call, {})
            return
        given = await self.link.call(
            "connect", {"automatic": True, "reuse_address": self.goal.reuse_address}
        )
        if given != OK:
            raise NotReached(f"connect() on the DUT gave {given}")

    async def _await_syn(self) -> None:
        arrival = await self.receive(self.link.now() + _RTO * _TRIES)
        if arrival is None or not (syn := self._segment(arrival)).flags & tcp.SYN:
            raise NotReached("no SYN came from the DUT's connect()")
        if self.timestamps and syn.timestamps is None:
            raise TimestampsRefused("the DUT did not offer timestamps in its SYN")
        self._learn(syn)
        self._learn_opening(syn)
        if self.goal.state != "SYN-SENT":
            self._must_have_taken_up(syn, tcp.ECE | tcp.CWR)

    async def _say_until_answered(self, said: Said) -> None:
        segment = self._next(said)
        if said is ways.SYN:
            answer = await self._ask(segment, tcp.SYN | tcp.ACK, said.name)
            if self.timestamps and answer.timestamps is None:
                raise TimestampsRefused("the DUT did not take up timestamps in its SYN-ACK")
            self._learn_opening(answer)
            self._must_have_taken_up(answer, tcp.ECE)
        elif said is ways.SYN_ACK:
            self._reset_at = segment.end
            await self._ask(segment, tcp.ACK, said.name)
            await self._must_be_in(ways.ACK_OF_SYN)
        else:
            await self._ask(segment, tcp.ACK, said.name)
            self._reset_at = segment.end

    def _learn_opening(self, syn: Segment) -> None:
        """What the DUT's SYN alone tells of its variables."""
        scaling = self.goal.window_scale is not None and syn.wscale is not None
        self.variables["rcv_scale"] = (syn.wscale or 0) if scaling else 0
        self.variables.update(iss=syn.seq, snd_nxt=syn.end)

    def _must_have_taken_up(self, syn: Segment, ecn: int) -> None:
        """Check that the DUT's SYN has the options that the case says; ``ecn`` are the bits of
        ECN."""
        reach = self.goal
        if reach.sack and not syn.sack_permitted:
            raise NotReached("the DUT does not take up SACK")
        if reach.ecn and syn.flags & ecn != ecn:
            raise NotReached("the DUT does not take up ECN")

    async def _await_fin(self) -> None:
        """The DUT closes first; what it says before is acknowledged with its FIN."""
        begun = self.link.now()
        deadline, acknowledged = begun + _RTO * _TRIES, begun
        while (arrival := await self.receive(deadline)) is not None:
            segment = self._segment(arrival)
            if segment.flags & tcp.RST:
                raise NotReached("the DUT reset the connection instead of closing it")
            if segment.flags & tcp.SYN:
                # Any sooner it is not the DUT that repeats its SYN-ACK: its RTO is a second or so.
                if arrival.time - acknowledged > _RTO / 2:
                    acknowledged = self._say(ways.ACK_OF_SYN)
                continue
            if segment.seq != self.variables["snd_nxt"]:
                continue
            self._learn(segment)
            self.variables["snd_nxt"] = segment.end
            if segment.flags & tcp.FIN:
                return
            if segment.payload:
                self._say(ways.ACK_OF_SYN)
        raise NotReached("the DUT did not close first: no FIN came after the handshake")

    async def _ask(self, segment: Segment, flags: int, what: str) -> Segment:
        """Send a segment until the DUT acknowledges it with ``flags``; retransmit as a TCP
        would."""
        for attempt in range(_TRIES):
            deadline = self.send(segment) + _RTO * 2**attempt
            while (arrival := await self.receive(deadline)) is not None:
                answer = self._segment(arrival)
                if answer.flags & tcp.RST:
                    raise NotReached(f"the DUT answered {what} with {flag_names(answer.flags)}")
                acknowledged = answer.flags & tcp.ACK and answer.ack == segment.end
                if acknowledged and answer.flags & flags == flags:
                    self._learn(answer)
                    self._settle(arrival)
                    return answer
        raise NotReached(f"no answer to {what} in {_TRIES} tries")

    async def _must_be_in(self, said: Said) -> None:
        """Make sure that the segment brought the DUT to its state.  On a path that loses packets it
        is sent again until the DUT, where it can be asked, says that it is there."""
        await self._must_prove(said.name)
        for _ in range(_TRIES):
            if self.path.perfect:
                return
            seen = await self.link.observe()
            if seen is None or seen.state == said.leads_to:
                return
            self._say(said)
            await self._must_prove(said.name)
        raise NotReached(f"{said.name} did not bring the DUT to {said.leads_to} in {_TRIES} tries")

    async def _must_prove(self, what: str) -> None:
        if not await self.prove_delivery():
            raise NotReached(f"{what} can't be shown to have arrived: no probe was answered")
        for arrival in self.pending:
            if self._segment(arrival).flags & tcp.RST:
                raise NotReached(f"the DUT answered {what} with a reset")
        self.pending.clear()

    def _say(self, said: Said) -> float:
        return self.send(self._next(said))

    def _next(self, said: Said) -> Segment:
        """The tester's next segment, at the DUT's RCV.NXT."""
        reach, variables = self.goal, self.variables
        segment = ways.segment(
            said,
            rcv_nxt=variables["rcv_nxt"],
            snd_nxt=variables.get("snd_nxt", 0),  # unknown before the DUT's SYN
            timestamps=self._own_stamps(),
            offer=Offer(reach.mss, reach.window_scale, reach.sack, reach.ecn),
        )
        variables["rcv_nxt"] = segment.end
        return segment

    def _learn(self, segment: Segment) -> None:
        """What any segment of the DUT tells of its variables."""
        scale = 0 if segment.flags & tcp.SYN else self.variables["rcv_scale"]
        self.variables["rcv_wnd"] = segment.window << scale

    def _segment(self, arrival: Arrival) -> Segment:
        assert isinstance(arrival.packet, Packet)
        return arrival.packet.segment

    # -- leaving ---------------------------------------------------------------------------------

    def abandon(self) -> None:
        """Reset what the case left half open on the DUT, so that it does not linger there."""
        if self._reset_at is not None:
            self.note("the tester resets what is left of the connection")
            self.send(Segment(seq=self._reset_at, ack=0, flags=tcp.RST))


def _shape(packet: Packet) -> tuple[int, int, int]:
    segment = packet.segment
    return segment.flags, segment.seq, segment.ack


def _completes(syn_ack: Segment, segment: Segment) -> bool:
    """Whether a segment, if it is acceptable, completes the handshake (RFC 9293 section
    3.10.7.4)."""
    return segment.flags & (tcp.SYN | tcp.RST | tcp.ACK) == tcp.ACK and segment.ack == syn_ack.end


_Text: TypeAlias = tuple[int, int, bytes]
"""SEQ, SYN and FIN, text."""


def _text(segment: Segment) -> _Text:
    """What each retransmission of a segment keeps; the ACK number is that of its own moment, and in
    CLOSING a new one with each (RFC 9293 section 3.10.7.4)."""
    return segment.seq, segment.flags & (tcp.SYN | tcp.FIN), segment.payload
