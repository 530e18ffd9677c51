"""The oracle of a sweep: one TIME-WAIT block of the reference, one segment, what became of it.

No handshake is played and no frame is made: the block is put together from its variables, the
ones that the target's own block was seen to have, so that answers are compared number by number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tw_conformance.explore.sweep.reaction import Block, Prediction, Reaction
from tw_reference import segment as tcp
from tw_reference.clock import SECOND, Clock
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import BlockAction
from tw_reference.rules.decision import Decision
from tw_reference.rules.questions import TimeWaitBlock
from tw_reference.segment import Flow, Packet, Segment
from tw_reference.stack.host import Host
from tw_reference.state import State

AGE = SECOND
"""How old a block is when the segment comes, nanoseconds: not 0, or no restart could be seen."""


class BlockOracle:
    """A stack under ``profile``, with ``settings`` that it has, for any number of blocks."""

    def __init__(self, profile: Profile, settings: Mapping[str, int]) -> None:
        self.profile = profile
        self._settings = settings
        self._hosts: dict[tuple[str, int, bool], Host] = {}

    def predict(self, flow: Flow, segment: Segment, block: Block, *, listener: bool) -> Prediction:
        """What becomes of ``segment``, which arrives on ``flow``, and of the block there."""
        host = self._host(flow.dst, flow.dport, listener)
        clock, local = host.clock, flow.reverse
        kept = self._block(local, block, clock.now)
        host.adopt(kept)
        clock.advance(clock.now + AGE)
        host.trace.clear()
        expires = kept.expires
        host.receive(Packet(flow, segment))
        answers = tuple(packet for packet in host.outbox if isinstance(packet, Packet))
        state = host.state(local)
        alive = host.block(local) is kept
        decision = _decision(host.trace)
        reaction = Reaction(
            answers,
            state,
            ("restarted" if kept.expires > expires else "kept") if alive else None,
        )
        if state == "SYN-RECEIVED":
            host.receive(Packet(flow, Segment(seq=answers[-1].segment.ack, ack=0, flags=tcp.RST)))
        host.outbox.clear()
        host.events.clear()
        return Prediction(reaction, decision.rule, BlockAction.REOPEN_ABOVE in decision.rule.then)

    def _host(self, address: str, port: int, listener: bool) -> Host:
        key = address, port, listener
        if key not in self._hosts:
            host = Host(
                self.profile,
                Clock(SECOND),
                addresses=frozenset((address,)),
                settings=self._settings,
            )
            if listener:
                host.listen(port)
            self._hosts[key] = host
        return self._hosts[key]

    def _block(self, flow: Flow, block: Block, now: int) -> TimeWaitBlock:
        return TimeWaitBlock(
            flow=flow,
            snd_nxt=block.snd_nxt,
            rcv_nxt=block.rcv_nxt,
            rcv_wnd=block.rcv_wnd,
            rcv_scale=0,
            timestamps=block.ts_recent is not None,
            ts_recent=block.ts_recent or 0,
            ts_recent_stamp=now,
            ts_offset=0,
            tos=0,
            rto=self.profile.traits.least_rto,
            substate=State.TIME_WAIT,
            entered=now,
            expires=now,
            reuse_address=True,
        )


def _decision(trace: Iterable[Decision]) -> Decision:
    """What was decided for the block itself, not for its ACK or at the listener behind it."""
    return next(decision for decision in trace if decision.stage is stages.TIME_WAIT)
