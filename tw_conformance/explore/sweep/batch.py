"""Hundreds of connections in lockstep: all SYNs out, all SYN-ACKs in, and so on to the state in
question, then each its segment.

A batch takes as long as one connection and a little more: what costs time on a wire is waiting,
and a batch waits once for all.  Behind every segment goes a sentinel, as behind those of a case:
its answer closes the connection's account, and without one nothing is said of the connection.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import TypeAlias

from tw_conformance.explore.sweep.alphabet import Precondition, SegmentClass
from tw_conformance.explore.sweep.reaction import Reaction, Trial, with_segment
from tw_conformance.explore.sweep.representatives import SegmentMaker
from tw_conformance.explore.sweep.tester_end import TesterEnd
from tw_conformance.link.link import Observation
from tw_conformance.link.mailbox import Mailbox
from tw_conformance.model.errors import TargetError
from tw_conformance.play.injections import timer_effect
from tw_conformance.targets.bench import SHARED_PORT, Bench
from tw_reference import segment as tcp
from tw_reference.segment import Datagram, Echo, Flow, Packet, Segment
from tw_reference.ways import Ends, Turn

_PATIENCE = 1.0
"""Seconds that a batch waits for the last of its answers."""
_AGE = 0.15
"""Seconds that the youngest connection is in its state when the segments come, so that a timer
which starts anew can be told from one that runs on."""
_DRAIN = 32
"""Frames sent, or calls made, before what came in meanwhile is taken from the socket."""
_UNANSWERED = 256
"""Connections of which answers may be on the way: more than that a queue may not hold."""
_OF_THE_SEGMENT = 1 << 15
"""Number of the sentinel behind the segment; those on the way count from 0."""
_CANNOT_BE_CHANCE = 10
"""Connections of which at least one is opened by any DUT that is there."""
_READ = 60
"""Connections whose state is asked for in one request, which has to be short."""

Take: TypeAlias = Callable[[Datagram, float], None]
"""What is done with an arrival; its time is in seconds of the monotonic clock."""


@dataclass(slots=True)
class Strand:
    """The connection that a segment of class ``of`` is sent on, among the many of a batch.  Times
    are in seconds of the monotonic clock."""

    of: SegmentClass
    flow: Flow
    end: TesterEnd
    settled: float = 0.0
    """By when the DUT was in the state in question."""
    sent: float = 0.0
    """When the segment left."""
    stimulus: Segment | None = None
    answers: list[Packet] = field(default_factory=list)
    proven: float | None = None
    """When the answer to the last sentinel came; None: it has not."""
    reaction: Reaction | None = None
    reason: str = ""
    """Why there is no reaction."""

    @property
    def names(self) -> dict[str, str | int]:
        """The connection as the DUT's agent calls it."""
        flow = self.flow
        return {
            "local": flow.dst,
            "local_port": flow.dport,
            "peer": flow.src,
            "peer_port": flow.sport,
        }

    def resets(self) -> Iterable[Segment]:
        """What ends that which is left of the connection, if anything is: an RST at the DUT's
        RCV.NXT, as far as the tester knows it."""
        if self.reaction is not None and self.reaction.state in ("CLOSED", "TIME-WAIT"):
            return
        told = [p.segment.ack for p in self.answers if p.segment.flags & tcp.ACK]
        yield Segment(seq=told[-1] if told else self.end.rcv_nxt, ack=0, flags=tcp.RST)

    def trial(self) -> Trial:
        """What is to be said of it in the end."""
        variables = self.end.variables()
        if self.stimulus is None:
            return Trial(self.of, variables, None, self.reason or self.end.reason)
        variables = with_segment(variables, self.stimulus)
        return Trial(self.of, variables, self.reaction, self.reason)


class Batch:
    """Fresh connections on a bench, one for each class, all with one precondition.

    ``lifetime``: 2MSL of the DUT in seconds.
    """

    def __init__(
        self,
        bench: Bench,
        found: Precondition,
        classes: Sequence[SegmentClass],
        segments: SegmentMaker,
        *,
        lifetime: float,
        random: Random,
    ) -> None:
        self._bench = bench
        self._injector = bench.injector
        self._found = found
        self._segments = segments
        self._lifetime = lifetime
        self._private = not (found.closes_at_once and found.listener)
        self._port = bench.private_port() if self._private else SHARED_PORT
        self._mailbox: Mailbox = bench.connect(found.family, self._port)
        self._lost_before = self._injector.frames_lost()
        first = self._mailbox.flow
        flows = [first]
        for _ in classes[1:]:
            flows.append(self._injector.join(self._mailbox, first.dst, first.dport))
        self._strands = [
            Strand(one, flow, TesterEnd.fresh(found, random))
            for one, flow in zip(classes, flows, strict=True)
        ]

    async def play(self) -> list[Trial]:
        """What became of each class.

        :raises TargetError: where the target is gone.
        """
        try:
            await self._listen()
            ready = await self._reach()
            if not self._found.listener:
                await self._bench.agent.ask("unlisten", family=self._found.family, port=self._port)
            await self._age(ready)
            await self._stimulate(ready)
            await self._read_states(ready)
            await self._clear_up()
        finally:
            self._injector.release(self._mailbox)
        if self._injector.frames_lost() > self._lost_before or self._mailbox.refused:
            lost = "frames were lost in capture"
            return [s.trial()._replace(reaction=None, reason=lost) for s in self._strands]
        return [strand.trial() for strand in self._strands]

    async def _listen(self) -> None:
        if self._private and self._found.state != "SYN-SENT":
            policy = "close" if self._found.closes_at_once else "hold"
            await self._bench.listen(self._found.family, self._port, policy=policy)

    # -- to the state in question ----------------------------------------------------------------

    async def _reach(self) -> list[Strand]:
        """The connections that get there.

        :raises TargetError: where the DUT answers no SYN any more.
        """
        ready = self._strands
        for number, turn in enumerate(self._found.turns()):
            ready = await self._take_turn(turn, number, ready)
            if number == 0 and not ready and len(self._strands) > _CANNOT_BE_CHANCE:
                raise TargetError(
                    f"{len(self._strands)} SYNs to {self._mailbox.flow.dst} port {self._port} and"
                    " no answer: the DUT is gone, or nobody listens there any more"
                )
        return ready

    async def _take_turn(self, turn: Turn, number: int, strands: list[Strand]) -> list[Strand]:
        """The strands that the turn is over for."""
        if turn.ends is Ends.PROOF:
            await self._tell(strands, lambda strand: map(strand.end.say, turn.says), number)
            for strand in strands:
                strand.settled = strand.proven or 0.0
            return [strand for strand in strands if strand.proven is not None]
        waiting = {strand.flow.reverse: strand for strand in strands}
        for strand in strands:
            # What comes before it is no answer to it, but may look like one: a FIN sent again.
            strand.sent = inf if turn.says else 0.0

        def send(strand: Strand) -> None:
            for said in turn.says:
                strand.sent, _ = self._injector.send(Packet(strand.flow, strand.end.say(said)))

        def take(packet: Datagram, moment: float) -> None:
            if isinstance(packet, Packet) and (strand := waiting.get(packet.flow)) is not None:
                if packet.segment.flags & tcp.RST:
                    strand.reason = f"the DUT reset the connection before {self._found.state}"
                elif moment >= strand.sent and strand.end.takes(turn.ends, packet.segment):
                    strand.settled = moment
                    del waiting[packet.flow]

        for some in _pieces(strands, _DRAIN):
            await self._call(turn, some)
            await self._exchange(some, send, take, lambda: len(strands) - len(waiting))
        await self._gather(take, lambda: not waiting)
        for strand in waiting.values():
            strand.reason = (
                strand.reason
                or strand.end.reason
                or (f"{self._found.state} was not reached: an answer did not come")
            )
        return [strand for strand in strands if strand.flow.reverse not in waiting]

    async def _call(self, turn: Turn, strands: Sequence[Strand]) -> None:
        """What the DUT's process does with the socket of each."""
        if turn.call is None:
            return
        ask = self._bench.agent.ask
        if turn.call == "connect":
            calls = [ask("open", reuse_address=True, **strand.names) for strand in strands]
        else:
            calls = [ask(turn.call, **strand.names) for strand in strands]
        await asyncio.gather(*calls)

    async def _tell(
        self,
        strands: Sequence[Strand],
        segments: Callable[[Strand], Iterable[Segment]],
        probe: int,
    ) -> None:
        """Send each strand's segments, and a sentinel with that number behind them; what comes
        before the sentinel's answer is the strand's."""
        by_flow = {strand.flow.reverse: strand for strand in strands}
        by_probe = {(strand.flow.src, strand.flow.sport, probe): strand for strand in strands}
        proven = 0

        def send(strand: Strand) -> None:
            flow = strand.flow
            strand.proven = None
            strand.answers.clear()
            for segment in segments(strand):
                strand.sent, _ = self._injector.send(Packet(flow, segment))
            self._injector.send(Echo(flow.src, flow.dst, flow.sport, probe))

        def take(packet: Datagram, moment: float) -> None:
            nonlocal proven
            if isinstance(packet, Packet):
                strand = by_flow.get(packet.flow)
                if strand is not None and strand.proven is None:
                    strand.answers.append(packet)
            elif isinstance(packet, Echo):
                strand = by_probe.get((packet.dst, packet.ident, packet.sequence))
                if strand is not None and strand.proven is None:
                    strand.proven = moment
                    proven += 1

        await self._exchange(strands, send, take, lambda: proven)
        await self._gather(take, lambda: proven == len(strands))
        for strand in strands:
            if strand.proven is None:
                strand.reason = "no echo came back: the segment may not have arrived"

    async def _age(self, strands: list[Strand]) -> None:
        """Let the connections grow old enough; what still comes belongs to the past."""
        until = max((strand.settled for strand in strands), default=0.0) + _AGE
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(left)
        await self._drain(_ignore)

    # -- the segments ----------------------------------------------------------------------------

    async def _stimulate(self, strands: list[Strand]) -> None:
        def stimulus(strand: Strand) -> Iterable[Segment]:
            variables, tsecr = strand.end.variables(), strand.end.echoed
            strand.stimulus = self._segments.segment(strand.of, variables, tsecr)
            yield strand.stimulus

        await self._tell(strands, stimulus, _OF_THE_SEGMENT)

    async def _read_states(self, strands: list[Strand]) -> None:
        for some in _pieces(strands, _READ):
            flow = some[0].flow
            asked, reply = await self._bench.agent.ask_at(
                "states",
                local=flow.dst,
                local_port=flow.dport,
                peers=[(strand.flow.src, strand.flow.sport) for strand in some],
            )
            answered = time.monotonic()
            for strand, (state, remaining, resolution) in zip(some, reply["rows"], strict=True):
                timer = None
                if strand.proven is None:
                    continue
                in_time_wait = self._found.state == state == "TIME-WAIT"
                if in_time_wait and remaining is not None:
                    seen = Observation(state, asked, answered, remaining, resolution)
                    timer = timer_effect(
                        seen, self._lifetime, settled=strand.settled, sent=strand.sent
                    )
                    if timer is None:
                        strand.reason = "the timer can't be read finely enough to tell a restart"
                        continue
                strand.reaction = Reaction(tuple(strand.answers), state, timer)

    async def _clear_up(self) -> None:
        """End what is left half open, or held, so that it does not linger on the DUT."""
        if self._private:
            await self._bench.agent.ask("release", family=self._found.family, port=self._port)
        for some in _pieces(self._strands, _DRAIN):
            for strand in some:
                for segment in strand.resets():
                    self._injector.send(Packet(strand.flow, segment))
            await self._drain(_ignore)

    # -- out and in ------------------------------------------------------------------------------

    async def _exchange(
        self,
        strands: Sequence[Strand],
        send: Callable[[Strand], None],
        take: Take,
        answered: Callable[[], int],
    ) -> None:
        """Send on each strand, no faster than answers come."""
        sent = lost = 0

        def keeping_up() -> bool:
            return sent - answered() <= lost + _UNANSWERED

        for some in _pieces(strands, _DRAIN):
            for strand in some:
                send(strand)
            sent += len(some)
            await self._drain(take)
            if not keeping_up():
                await self._gather(take, keeping_up)
                lost = max(lost, sent - answered() - _UNANSWERED)

    async def _drain(self, take: Take) -> None:
        """Take in what has arrived already."""
        while (arrival := await self._mailbox.receive(time.monotonic())) is not None:
            take(arrival.packet, arrival.time)

    async def _gather(self, take: Take, complete: Callable[[], bool]) -> None:
        """Take in what arrives until it is complete, or nothing has come for too long."""
        while not complete():
            arrival = await self._mailbox.receive(time.monotonic() + _PATIENCE)
            if arrival is None:
                return
            take(arrival.packet, arrival.time)


def _pieces(strands: Sequence[Strand], size: int) -> Iterable[Sequence[Strand]]:
    return (strands[start : start + size] for start in range(0, len(strands), size))


def _ignore(packet: Datagram, moment: float) -> None:
    return
