"""The tester's end of one connection: it sends, receives, and proves that what it sent arrived.

It knows, from what crossed the link, every variable of the DUT that a case may name.  How it brings
the DUT to the state that a case starts from is in :mod:`tw_conformance.play.approach`.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Literal

from tw_conformance.link.link import Arrival, Link
from tw_conformance.link.path import Path
from tw_conformance.link.probes import Prober
from tw_conformance.model.case import Reach, SendIcmp
from tw_conformance.model.verdict import Event, Transcript
from tw_conformance.play.heard import Heard
from tw_conformance.play.offered import OfferedWindow
from tw_reference import segment as tcp
from tw_reference.icmp_numbers import number_of, says_mtu
from tw_reference.segment import (
    Damage,
    Datagram,
    IcmpError,
    Packet,
    Segment,
    Timestamps,
)
from tw_reference.seqnum import add, distance, in_window

_SECOND_LOOK = 0.5
"""Seconds more for an answer whose absence would fail a case; a DUT's RTO may be shorter."""
_PROBES = 6
ACCEPTS_AND_CLOSES = 1.0
"""Seconds that the DUT's service may take over a connection: those of a first retransmission."""
_LEAST_MTU = 1280
"""What an ICMP error says of the next hop where the case does not (RFC 8200 section 5)."""


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
        self.heard = Heard()
        self._acknowledged: int | None = None
        """The latest SEG.ACK that came: the DUT's RCV.NXT, whatever the case sent."""
        self.sent_again: Segment | None = None
        """What the DUT retransmitted before the steps began."""
        self.hesitated = 0.0
        """Seconds, at most, from what came to what was sent upon it, before the steps began."""
        self._latest = link.now()
        self.step: int | None = None
        self.timestamps = goal.timestamps
        self._tsval = Random(link.tester_isn).getrandbits(31)
        self._echoed = 0
        """The DUT's latest TSval."""
        self.settled: float = link.now()
        """By when the DUT had processed all that was sent before the latest segment."""
        self._proven = True
        """Whether all that was sent is known to have been processed by the DUT."""
        self.served = True
        """Whether the DUT's service is known to have done all that it owes."""
        self.offered = OfferedWindow()
        self._syn_ack: Segment | None = None
        """The DUT's latest SYN-ACK, until its service has accepted that connection and closed
        it."""
        self.reset_at: int | None = None
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
        time = self._put(packet if ttl is None else replace(packet, ttl=ttl), damage)
        if damage is None:
            self.offered.tell(time, segment)
        else:
            self.offered.stir(time, time)
        return time

    def report(self, step: SendIcmp) -> float:
        """Send an ICMP error about a segment of the DUT's; returns when."""
        flow, variables = self.link.flow, self.variables
        its_fin = add(variables["snd_nxt"], -1)
        seq = its_fin if step.quotes is None else step.quotes.evaluate(variables)
        mtu = _LEAST_MTU if step.mtu is None else step.mtu
        if not says_mtu(step.icmp):
            mtu = 0
        number = number_of(step.icmp, ipv6=flow.is_ipv6)
        assert number is not None, "a case says only what its family has"
        return self._put(IcmpError(flow.src, flow.dst, number, flow.reverse, seq, mtu), None)

    def _put(self, packet: Packet | IcmpError, damage: Damage | None) -> float:
        time, frame = self.link.send(packet, damage=damage)
        if self.step is None:
            self.hesitated = max(self.hesitated, time - self._latest)
        self._proven = False
        self.heard.ask(time)
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
        if segment.flags & tcp.ACK:
            self._acknowledged = segment.ack
        self.heard.take(arrival)
        if self.step is None and self.heard.is_again(arrival):
            self.sent_again = segment
        self._latest = arrival.time
        if segment.flags & (tcp.SYN | tcp.ACK) == tcp.SYN | tcp.ACK:
            self.reset_at = segment.ack
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
        self.heard.forget()

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
                    self.settle(arrival)
                    return True
            self._prober.give_up(deadline)
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
        # Else it may be the path's doing, or no answer: a timer of the DUT keeps its own time.
        if self.path.perfect and not self.is_by_timer(arrival):
            self.path.answered_behind(arrival.time - echoed)

    def is_by_timer(self, arrival: Arrival) -> bool:
        """Whether a timer of the DUT may have sent that."""
        return self.heard.was_retransmitted(arrival) or self.offered.was_probed(arrival)

    async def second_look(self) -> Arrival | None:
        """Wait longer for an answer than the sentinel demands; None where none comes.  A silence
        that would fail the DUT gets more time than its measured lag asks for.

        What a timer of the DUT may have sent is the answer where nothing else comes: it may be one
        that is like what came before.
        """
        again: Arrival | None = None
        until = self.link.now() + _SECOND_LOOK
        while (arrival := await self.receive(until)) is not None:
            if not self.is_by_timer(arrival):
                self._came_behind(arrival, self.settled)
                return arrival
            again = again or arrival
        return again

    def settle(self, answer: Arrival) -> None:
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

    def own_stamps(self) -> Timestamps | None:
        if not self.timestamps:
            return None
        stamps = self.stamps(self.goal.tsval)
        self.variables["ts_recent"] = stamps.tsval
        return stamps

    # -- leaving ---------------------------------------------------------------------------------

    def abandon(self, *, time_wait: bool = False) -> None:
        """Reset what the case left half open on the DUT, so that it does not linger there;
        ``time_wait``: TIME-WAIT too, which some stacks leave for that."""
        ends = [] if self.reset_at is None else [self.reset_at]
        if time_wait and self._acknowledged is not None:
            ends += [self.variables["rcv_nxt"], self._acknowledged]
        if ends:
            self.note("the tester resets what is left of the connection")
        for seq in dict.fromkeys(ends):
            self.send(Segment(seq=seq, ack=0, flags=tcp.RST))


def _completes(syn_ack: Segment, segment: Segment) -> bool:
    """Whether a segment is acceptable and completes the handshake (RFC 9293 section 3.10.7.4, RFC
    7323 section 5.3)."""
    acknowledges = segment.flags & (tcp.SYN | tcp.RST | tcp.ACK) == tcp.ACK
    theirs, ours = syn_ack.timestamps, segment.timestamps
    is_old = theirs and ours and distance(ours.tsval, theirs.tsecr) < 0
    if not acknowledges or segment.ack != syn_ack.end or is_old:  # PAWS drops what is old
        return False
    ends = segment.seq, add(segment.seq, max(segment.length, 1) - 1)
    return any(in_window(end, syn_ack.ack, syn_ack.window) for end in ends)
