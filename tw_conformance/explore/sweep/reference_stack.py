"""A documented stack on its own: as the oracle of a sweep, or in the place of a target.

A connection of the reference is brought to the state in question, and the segment arrives.  No
frame is made.  Its numbers are its own: what is compared is relative.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from random import Random

from tw_conformance.explore.sweep.alphabet import Precondition, SegmentClass, Selection
from tw_conformance.explore.sweep.reaction import (
    Prediction,
    Reaction,
    Trial,
    with_segment,
)
from tw_conformance.explore.sweep.representatives import SegmentMaker
from tw_conformance.explore.sweep.tester_end import TesterEnd
from tw_conformance.explore.sweep.walk import Playable
from tw_conformance.play.approach import NotReached
from tw_conformance.play.record import TimerEffect
from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND, SECOND, Clock
from tw_reference.profiles.profile import Profile
from tw_reference.rules.actions import ConnectionAction
from tw_reference.rules.deciding import deciding
from tw_reference.segment import Flow, Packet
from tw_reference.stack.host import Host
from tw_reference.ways import Ends, Turn

AGE = 150 * MILLISECOND
"""How long a connection has been in its state when the segment comes, nanoseconds: not 0, or no
restart could be seen; less than any RTO, or its FIN would have been sent again."""
_ADDRESSES: Mapping[str, tuple[str, str]] = {
    "ipv4": ("192.0.2.2", "192.0.2.1"),
    "ipv6": ("2001:db8::2", "2001:db8::1"),
}
_PORT, _PEER_PORT = 7, 40000
_PUT_OFF = frozenset(
    (
        ConnectionAction.ACK_NEXT_TICK,
        ConnectionAction.ACK_DELAYED,
        ConnectionAction.ACK_WITH_FIN_DELAYED,
    )
)


class ReferenceStack:
    """The reference under ``profile``, with ``settings`` that it has."""

    certain = True
    batch = 2000

    def __init__(
        self, profile: Profile, settings: Mapping[str, int], segments: SegmentMaker, *, seed: int
    ) -> None:
        self.profile = profile
        self.settings = settings
        self._segments = segments
        self._random = Random(f"reference:{seed}")
        self._seeds = count(seed)
        self.under_way: Collection[SegmentClass] = ()

    def narrowed(self, selection: Selection) -> Playable:
        """By one way into TIME-WAIT: no list of rules knows by which a block came."""
        return Playable(selection.without("way"))

    async def play(self, classes: Sequence[SegmentClass]) -> list[Trial]:
        """Each class on a fresh connection."""
        await asyncio.sleep(0)  # an interrupt has its leg
        self.under_way = classes
        return [self._try(one) for one in classes]

    def _try(self, one: SegmentClass) -> Trial:
        try:
            predicted = self.predict(one)
        except NotReached as reason:
            return Trial(one, {}, None, str(reason))
        return Trial(one, predicted.variables, predicted.reaction)

    def predict(self, one: SegmentClass) -> Prediction:
        """What becomes of a segment of that class, and of its connection.

        :raises NotReached: where the stack does not get to the state in question.
        """
        tester, dut = _ADDRESSES[one.family]
        flow = Flow(tester, _PEER_PORT, dut, _PORT)
        host = Host(
            self.profile,
            Clock(SECOND),
            addresses=frozenset((dut,)),
            seed=next(self._seeds),
            settings=self.settings,
        )
        end = self._reach(host, flow, one.precondition)
        segment = self._segments.segment(one, end.variables(), end.echoed)
        before = host.block(flow.reverse)
        expires = None if before is None else before.expires
        host.receive(Packet(flow, segment))
        after = host.block(flow.reverse)
        timer: TimerEffect | None = None
        if one.state == "TIME-WAIT" and expires is not None and after is before and after:
            timer = "restarted" if after.expires > expires else "kept"
        reaction = Reaction(_sent(host), host.state(flow.reverse), timer)
        decided = deciding(list(host.trace), segment)
        return Prediction(
            with_segment(end.variables(), segment),
            reaction,
            decided.rule if decided is not None and decided.ruled else None,
            end.opening,
            _sent_late(host),
        )

    def _reach(self, host: Host, flow: Flow, found: Precondition) -> TesterEnd:
        if found.state != "SYN-SENT":
            # As with the agent: who holds a connection does not read.
            host.listen(_PORT, closes_first=found.closes_at_once, reads=False)
        end = TesterEnd.fresh(found, self._random)
        for turn in found.turns():
            self._take(turn, end, host, flow)
        if host.state(flow.reverse) != found.state:
            raise NotReached(
                f"{self.profile.name} is in {host.state(flow.reverse)}, not {found.state}"
            )
        host.clock.advance(host.clock.now + AGE)
        if not found.listener:
            host.unlisten(_PORT)
        host.outbox.clear()
        host.trace.clear()
        return end

    def _take(self, turn: Turn, end: TesterEnd, host: Host, flow: Flow) -> None:
        host.outbox.clear()
        match turn.call:
            case "connect":
                host.connect(flow.reverse, reads=False)
            case "close":
                host.sockets.close(flow.reverse)
            case "shutdown":
                host.sockets.shutdown(flow.reverse)
        for said in turn.says:
            host.receive(Packet(flow, end.say(said)))
        if turn.ends is Ends.PROOF:
            return
        _wait_for_answer(host)
        packets = _sent(host)
        end.opening = end.opening or next((p for p in packets if p.segment.flags & tcp.SYN), None)
        if not any(end.takes(turn.ends, packet.segment) for packet in packets):
            raise NotReached(end.reason or f"{self.profile.name} did not answer on the way")


def _sent(host: Host) -> tuple[Packet, ...]:
    return tuple(packet for packet in host.outbox if isinstance(packet, Packet))


def _sent_late(host: Host) -> tuple[Packet, ...]:
    """The ACK that the last segment's decision put off."""
    if not any(_PUT_OFF.intersection(decision.then) for decision in host.trace):
        return ()
    host.outbox.clear()
    _wait_for_answer(host)
    return _sent(host)


def _wait_for_answer(host: Host) -> None:
    """Let a delayed ACK come, where nothing came at once."""
    latest = host.clock.now + AGE
    while not host.outbox and (timer := host.clock.next_timer()) is not None and timer <= latest:
        host.clock.advance(timer)
