"""The way to the state that a case starts from: a handshake, and a close.

One table says what is to be sent at each turn (:mod:`tw_reference.ways`).  Here it is sent, and
sent again as a TCP would where no answer comes; the DUT's variables are learned from its answers.
"""

from __future__ import annotations

from tw_conformance.model.case import OK
from tw_conformance.play.heard import segment_of
from tw_conformance.play.tester import TesterEndpoint
from tw_reference import segment as tcp
from tw_reference import ways
from tw_reference.segment import Segment, flag_names
from tw_reference.state import State
from tw_reference.ways import Ends, Offer, Said

_RTO = 1.0
_TRIES = 4


class NotReached(Exception):
    """The DUT could not be brought to the state that the case starts from; says where it
    failed."""


class TimestampsRefused(NotReached):
    """The DUT answered a SYN that offers timestamps without them."""


async def reach(tester: TesterEndpoint, *, sitting_out: int = 0) -> None:
    """Bring the DUT to the first state of the tester's connection.  ``sitting_out`` is how many
    times its FIN is to come again before it is told anything more: its timer leaves twice the time
    behind each (RFC 6298 section 5.5).

    :raises NotReached: where it does not do its part.
    """
    await _Approach(tester, sitting_out).go()
    # The DUT answers from within a close() that has not returned yet, and such a socket puts
    # segments aside (Linux's backlog): an echo would overtake them.  So would none that follows an
    # answer of the agent, which makes one call after the other.
    await tester.link.observe()


class _Approach:
    def __init__(self, tester: TesterEndpoint, sitting_out: int) -> None:
        self._tester = tester
        self._sitting_out = sitting_out

    async def go(self) -> None:
        reach, variables = self._tester.goal, self._tester.variables
        variables.update(irs=self._tester.link.tester_isn, rcv_nxt=self._tester.link.tester_isn)
        variables.update(ts_recent=0, rcv_scale=0, flow_label=0)
        if reach.state == "LISTEN":
            variables.update(snd_nxt=0, iss=0, rcv_wnd=0)
            return
        through, active = State(reach.through.value), reach.open == "active"
        for turn in ways.way_to(State(reach.state), through=through, active=active):
            await self._take_turn(turn)
        if reach.state == "TIME-WAIT":
            self._tester.reset_at = None

    async def _take_turn(self, turn: ways.Turn) -> None:
        if turn.call is not None:
            await self._call(turn.call)
        for said in turn.says:
            if said.flags == tcp.ACK:
                self._say(said)
                # Behind an ACK that was lost a FIN acknowledges too: the DUT takes another way.
                doubtful = turn.ends is Ends.ACK and not self._tester.path.perfect
                if doubtful or turn.ends is Ends.PROOF:
                    await self._must_be_in(said)
            else:
                await self._say_until_answered(said)
        if turn.ends is Ends.SYN:
            await self._await_syn()
        elif turn.ends is Ends.FIN:
            await self._await_fin()

    async def _call(self, call: ways.ProcessCall) -> None:
        if call != "connect":
            await self._tester.link.call(call, {})
            return
        given = await self._tester.link.call(
            "connect", {"automatic": True, "reuse_address": self._tester.goal.reuse_address}
        )
        if given != OK:
            raise NotReached(f"connect() on the DUT gave {given}")

    async def _await_syn(self) -> None:
        arrival = await self._tester.receive(self._tester.link.now() + _RTO * _TRIES)
        if arrival is None or not (syn := segment_of(arrival)).flags & tcp.SYN:
            raise NotReached("no SYN came from the DUT's connect()")
        if self._tester.timestamps and syn.timestamps is None:
            raise TimestampsRefused("the DUT did not offer timestamps in its SYN")
        self._learn(syn)
        self._learn_opening(syn)
        if self._tester.goal.state != "SYN-SENT":
            self._must_have_taken_up(syn, tcp.ECE | tcp.CWR)

    async def _say_until_answered(self, said: Said) -> None:
        segment = self._next(said)
        if said is ways.SYN:
            answer = await self._ask(segment, tcp.SYN | tcp.ACK, said.name)
            if self._tester.timestamps and answer.timestamps is None:
                raise TimestampsRefused("the DUT did not take up timestamps in its SYN-ACK")
            self._learn_opening(answer)
            self._must_have_taken_up(answer, tcp.ECE)
        elif said is ways.SYN_ACK:
            self._tester.reset_at = segment.end
            await self._ask(segment, tcp.ACK, said.name)
            await self._must_be_in(ways.ACK_OF_SYN)
        else:
            await self._ask(segment, tcp.ACK, said.name)
            self._tester.reset_at = segment.end

    def _learn_opening(self, syn: Segment) -> None:
        """What the DUT's SYN alone tells of its variables."""
        scaling = self._tester.goal.wscale is not None
        scale = syn.wscale if scaling and syn.wscale is not None else 0
        self._tester.variables["rcv_scale"] = scale
        self._tester.variables.update(iss=syn.seq, snd_nxt=syn.end)

    def _must_have_taken_up(self, syn: Segment, ecn: int) -> None:
        """Check that the DUT's SYN has the options that the case says; ``ecn`` are the bits of
        ECN."""
        reach = self._tester.goal
        if reach.sack and not syn.sack_permitted:
            raise NotReached("the DUT does not take up SACK")
        if reach.ecn and syn.flags & ecn != ecn:
            raise NotReached("the DUT does not take up ECN")

    async def _await_fin(self) -> None:
        """The DUT closes first; what it says before is acknowledged with its FIN."""
        begun = self._tester.link.now()
        deadline, acknowledged = begun + _RTO * _TRIES, begun
        while (arrival := await self._tester.receive(deadline)) is not None:
            segment = segment_of(arrival)
            if segment.flags & tcp.RST:
                raise NotReached("the DUT reset the connection instead of closing it")
            if segment.flags & tcp.SYN:
                # Any sooner it is not the DUT that repeats its SYN-ACK: its RTO is a second or so.
                if arrival.time - acknowledged > _RTO / 2:
                    acknowledged = self._say(ways.ACK_OF_SYN)
                continue
            if segment.seq != self._tester.variables["snd_nxt"]:
                continue
            self._learn(segment)
            self._tester.variables["snd_nxt"] = segment.end
            if segment.flags & tcp.FIN:
                return await self._sit_out(segment)
            if segment.payload:
                self._say(ways.ACK_OF_SYN)
        raise NotReached("the DUT did not close first: no FIN came after the handshake")

    async def _sit_out(self, fin: Segment) -> None:
        """Let the DUT send its FIN again so often, unless it has not by the end of a long RTO."""
        for attempt in range(self._sitting_out):
            deadline = self._tester.link.now() + _RTO * 2 ** (attempt + 1)
            while (arrival := await self._tester.receive(deadline)) is not None:
                if segment_of(arrival).flags & tcp.FIN and segment_of(arrival).end == fin.end:
                    break

    async def _ask(self, segment: Segment, flags: int, what: str) -> Segment:
        """Send a segment until the DUT acknowledges it with ``flags``, of which ACK is one;
        retransmit as a TCP would."""
        for attempt in range(_TRIES):
            deadline = self._tester.send(segment) + _RTO * 2**attempt
            while (arrival := await self._tester.receive(deadline)) is not None:
                answer = segment_of(arrival)
                if answer.flags & tcp.RST:
                    raise NotReached(f"the DUT answered {what} with {flag_names(answer.flags)}")
                if answer.ack == segment.end and answer.flags & flags == flags:
                    self._learn(answer)
                    self._tester.settle(arrival)
                    return answer
        raise NotReached(f"no answer to {what} in {_TRIES} tries")

    async def _must_be_in(self, said: Said) -> None:
        """Make sure that the segment brought the DUT to its state.  On a path that loses packets it
        is sent again until the DUT, where it can be asked, says that it is there."""
        await self._must_prove(said.name)
        for _ in range(_TRIES):
            if self._tester.path.perfect:
                return
            seen = await self._tester.link.observe()
            if seen is None or seen.state == said.leads_to:
                return
            self._say(said)
            await self._must_prove(said.name)
        raise NotReached(f"{said.name} did not bring the DUT to {said.leads_to} in {_TRIES} tries")

    async def _must_prove(self, what: str) -> None:
        if not await self._tester.prove_delivery():
            raise NotReached(f"{what} can't be shown to have arrived: no probe was answered")
        for arrival in self._tester.pending:
            if segment_of(arrival).flags & tcp.RST:
                raise NotReached(f"the DUT answered {what} with a reset")
        self._tester.pending.clear()

    def _say(self, said: Said) -> float:
        return self._tester.send(self._next(said))

    def _next(self, said: Said) -> Segment:
        """The tester's next segment, at the DUT's RCV.NXT."""
        reach, variables = self._tester.goal, self._tester.variables
        segment = ways.segment(
            said,
            rcv_nxt=variables["rcv_nxt"],
            snd_nxt=variables.get("snd_nxt", 0),  # unknown before the DUT's SYN
            timestamps=self._tester.own_stamps(),
            offer=Offer(reach.mss, reach.wscale, reach.sack, reach.ecn),
        )
        variables["rcv_nxt"] = segment.end
        return segment

    def _learn(self, segment: Segment) -> None:
        """What any segment of the DUT tells of its variables."""
        scale = 0 if segment.flags & tcp.SYN else self._tester.variables["rcv_scale"]
        self._tester.variables["rcv_wnd"] = segment.window << scale
