"""Hundreds of connections in lockstep: all SYNs out, all SYN-ACKs in, and so on to TIME-WAIT, then
each its segment.

A batch takes as long as one connection and a little more: what costs time on a wire is waiting,
and a batch waits once for all.  Behind every segment goes a sentinel, as behind those of a case:
its answer closes the connection's account, and without one nothing is said of the connection.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from random import Random

from tw_conformance.explore.sweep.alphabet import Scene, SegmentClass
from tw_conformance.explore.sweep.line import Line, ack_of_fin_arrives, fin_arrives, syn_ack_arrives
from tw_conformance.explore.sweep.reaction import Reaction
from tw_conformance.explore.sweep.stimuli import Stimuli
from tw_conformance.explore.sweep.trial import Trial
from tw_conformance.link.base import Observation
from tw_conformance.link.mailbox import Mailbox
from tw_conformance.model.case import Through
from tw_conformance.model.errors import TargetError
from tw_conformance.play.record import timer_effect
from tw_conformance.play.tester import WINDOW
from tw_conformance.targets.bench import SHARED_PORT, Bench
from tw_reference import segment as tcp
from tw_reference.segment import Datagram, Echo, Flow, Packet, Segment
from tw_reference.seqnum import add

_PATIENCE = 1.0
"""Seconds that a batch waits for the last of its answers."""
_AGE = 0.15
"""Seconds that the youngest block is old when the segments come, so that a timer which starts anew
can be told from one that runs on."""
_DRAIN = 32
"""Frames sent before those that came in meanwhile are taken from the socket."""
_UNANSWERED = 256
"""Connections of which answers may be on the way: more than that a queue may not hold."""
_OF_THE_LAST_ACK, _OF_THE_SEGMENT = 1, 2
"""Numbers of the sentinels."""
_CANNOT_BE_CHANCE = 10
"""Connections of which at least one is opened by any DUT that is there."""
_READ = 60
"""Connections whose state is asked for in one request, which has to be short."""

Take = Callable[[Datagram, float], None]
"""What is done with an arrival; its time is in seconds of the monotonic clock."""


class Batch:
    """Fresh connections on a bench, one for each class, all of one scene.

    ``lifetime``: 2MSL of the DUT in seconds.
    """

    def __init__(
        self,
        bench: Bench,
        scene: Scene,
        classes: Sequence[SegmentClass],
        stimuli: Stimuli,
        *,
        lifetime: float,
        random: Random,
    ) -> None:
        self._bench = bench
        self._injector = bench.injector
        self._scene = scene
        self._stimuli = stimuli
        self._lifetime = lifetime
        self._port = SHARED_PORT if scene.listener else bench.private_port()
        self._mailbox: Mailbox = bench.connect(scene.family, self._port)
        self._lost_before = self._injector.frames_lost()
        first = self._mailbox.flow
        flows = [first]
        for _ in classes[1:]:
            flows.append(self._injector.join(self._mailbox, first.dst, first.dport))
        self._lines = [
            Line.fresh(one, flow, random, timestamps=scene.timestamps)
            for one, flow in zip(classes, flows, strict=True)
        ]

    async def play(self) -> list[Trial]:
        """What became of each class.

        :raises TargetError: where the target is gone.
        """
        try:
            if not self._scene.listener:
                await self._bench.listen(self._scene.family, self._port, policy="close")
            ready = await self._reach()
            if not self._scene.listener:
                await self._bench.agent.ask("unlisten", family=self._scene.family, port=self._port)
            await self._age(ready)
            await self._stimulate(ready)
            await self._read_states(ready)
            self._clear_up()
        finally:
            self._injector.release(self._mailbox)
        if self._injector.frames_lost() > self._lost_before or self._mailbox.refused:
            return [line.undecided("frames were lost in capture") for line in self._lines]
        return [line.trial() for line in self._lines]

    # -- to TIME-WAIT ----------------------------------------------------------------------------

    async def _reach(self) -> list[Line]:
        """Handshake, the DUT's FIN, and the way that the scene says (RFC 9293 figures 12, 13).

        :raises TargetError: where the DUT answers no SYN any more.
        """

        def fin_and_ack(line: Line) -> list[Segment]:
            return [line.segment(tcp.FIN | tcp.ACK)]

        def ack_then_fin(line: Line) -> list[Segment]:
            return [line.segment(tcp.ACK), line.segment(tcp.FIN | tcp.ACK)]

        def crossing_fin(line: Line) -> list[Segment]:
            before_fin = add(line.snd_nxt, -1)
            # FreeBSD takes a FIN with an unchanged window and ACK for a duplicate ACK.
            return [line.segment(tcp.FIN | tcp.ACK, ack=before_fin, window=WINDOW - 1)]

        closing = {
            Through.FIN_WAIT_2: ack_then_fin,
            Through.FIN_WAIT_1: fin_and_ack,
            Through.CLOSING: crossing_fin,
        }
        way = Through(self._scene.way)
        ready = await self._ask(self._lines, lambda line: [line.segment(tcp.SYN)], syn_ack_arrives)
        if not ready and len(self._lines) > _CANNOT_BE_CHANCE:
            raise TargetError(
                f"{len(self._lines)} SYNs to {self._mailbox.flow.dst} port {self._port} and no"
                " answer: the DUT is gone, or nobody listens there any more"
            )
        ready = await self._ask(ready, lambda line: [line.segment(tcp.ACK)], fin_arrives)
        ready = await self._ask(ready, closing[way], ack_of_fin_arrives)
        if way is Through.CLOSING:
            await self._tell(ready, lambda line: line.segment(tcp.ACK), _OF_THE_LAST_ACK)
            for line in ready:
                line.settled = line.proven or 0.0
            ready = [line for line in ready if line.proven is not None]
        return ready

    async def _ask(
        self,
        lines: Sequence[Line],
        segments: Callable[[Line], list[Segment]],
        arrives: Callable[[Line, Segment], bool],
    ) -> list[Line]:
        """Send each line's segments and wait for the answer; the lines that got theirs."""
        waiting = {line.flow.reverse: line for line in lines}

        def send(line: Line) -> None:
            for segment in segments(line):
                self._injector.send(Packet(line.flow, segment))

        def take(packet: Datagram, moment: float) -> None:
            if isinstance(packet, Packet) and (line := waiting.get(packet.flow)) is not None:
                if packet.segment.flags & tcp.RST:
                    line.reason = f"the DUT reset the connection before {line.of.way}"
                elif arrives(line, packet.segment):
                    line.settled = moment
                    del waiting[packet.flow]

        await self._exchange(lines, send, take, lambda: len(lines) - len(waiting))
        for line in waiting.values():
            line.reason = line.reason or "TIME-WAIT was not reached: an answer did not come"
        return [line for line in lines if line.flow.reverse not in waiting]

    async def _tell(
        self, lines: Sequence[Line], segment: Callable[[Line], Segment], probe: int
    ) -> None:
        """Send each line's segment, and a sentinel with that number behind it; what comes before
        the sentinel's answer is the line's."""
        by_flow = {line.flow.reverse: line for line in lines}
        by_probe = {(line.flow.src, line.flow.sport, probe): line for line in lines}
        proven = 0

        def send(line: Line) -> None:
            flow = line.flow
            line.proven = None
            line.answers.clear()
            line.sent, _ = self._injector.send(Packet(flow, segment(line)))
            self._injector.send(Echo(flow.src, flow.dst, flow.sport, probe))

        def take(packet: Datagram, moment: float) -> None:
            nonlocal proven
            if isinstance(packet, Packet):
                line = by_flow.get(packet.flow)
                if line is not None and line.proven is None:
                    line.answers.append(packet)
            elif isinstance(packet, Echo):
                line = by_probe.get((packet.dst, packet.ident, packet.sequence))
                if line is not None and line.proven is None:
                    line.proven = moment
                    proven += 1

        await self._exchange(lines, send, take, lambda: proven)
        for line in lines:
            if line.proven is None:
                line.reason = "no echo came back: the segment may not have arrived"

    async def _age(self, lines: list[Line]) -> None:
        """Let the blocks grow old enough; what still comes belongs to the past."""
        until = max((line.settled for line in lines), default=0.0) + _AGE
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(left)
        await self._drain(_ignore)

    # -- the segments ----------------------------------------------------------------------------

    async def _stimulate(self, lines: list[Line]) -> None:
        def stimulus(line: Line) -> Segment:
            line.stimulus = self._stimuli.segment(line.of, line.block, line.echoed)
            return line.stimulus

        await self._tell(lines, stimulus, _OF_THE_SEGMENT)

    async def _read_states(self, lines: list[Line]) -> None:
        for start in range(0, len(lines), _READ):
            some = lines[start : start + _READ]
            flow: Flow = some[0].flow
            asked, reply = await self._bench.agent.ask_at(
                "states",
                local=flow.dst,
                local_port=flow.dport,
                peers=[(line.flow.src, line.flow.sport) for line in some],
            )
            answered = time.monotonic()
            for line, (state, remaining, resolution) in zip(some, reply["rows"], strict=True):
                timer = None
                if line.proven is None:
                    continue
                if state == "TIME-WAIT" and remaining is not None:
                    seen = Observation(state, asked, answered, remaining, resolution)
                    timer = timer_effect(seen, self._lifetime, settled=line.settled, sent=line.sent)
                    if timer is None:
                        line.reason = "the timer can't be read finely enough to tell a restart"
                        continue
                line.reaction = Reaction(tuple(line.answers), state, timer)

    def _clear_up(self) -> None:
        """Reset what is left half open, so that it does not linger on the DUT."""
        for line in self._lines:
            if (seq := line.half_open_at) is not None:
                self._injector.send(Packet(line.flow, Segment(seq=seq, ack=0, flags=tcp.RST)))

    # -- out and in ------------------------------------------------------------------------------

    async def _exchange(
        self,
        lines: Sequence[Line],
        send: Callable[[Line], None],
        take: Take,
        answered: Callable[[], int],
    ) -> None:
        """Send on each line, no faster than answers come, and wait for the answers."""
        sent = lost = 0

        def keeping_up() -> bool:
            return sent - answered() <= lost + _UNANSWERED

        for line in lines:
            send(line)
            sent += 1
            if sent % _DRAIN == 0:
                await self._drain(take)
                if not keeping_up():
                    await self._gather(take, keeping_up)
                    lost = max(lost, sent - answered() - _UNANSWERED)
        await self._gather(take, lambda: answered() == sent)

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


def _ignore(packet: Datagram, moment: float) -> None:
    return
