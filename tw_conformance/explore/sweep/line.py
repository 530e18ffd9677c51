"""One connection among the many of a batch: what the tester knows of the DUT's end of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Self

from tw_conformance.explore.sweep.alphabet import SegmentClass
from tw_conformance.explore.sweep.reaction import Block, Reaction
from tw_conformance.explore.sweep.stimuli import mss_of
from tw_conformance.explore.sweep.trial import Trial
from tw_conformance.play.tester import WINDOW
from tw_reference import segment as tcp
from tw_reference.segment import Flow, Packet, Segment, Timestamps
from tw_reference.seqnum import add


@dataclass(slots=True)
class Line:
    """The connection that a segment of class ``of`` is sent on.

    Its TSval stands still, so that it is the DUT's TS.Recent whatever that was recorded from.
    Times are in seconds of the monotonic clock.
    """

    of: SegmentClass
    flow: Flow
    rcv_nxt: int
    tsval: int | None
    snd_nxt: int = 0
    rcv_wnd: int = 0
    echoed: int = 0
    """The DUT's latest TSval."""
    settled: float = 0.0
    """By when the DUT was in TIME-WAIT."""
    sent: float = 0.0
    """When the segment left."""
    stimulus: Segment | None = None
    answers: list[Packet] = field(default_factory=list)
    proven: float | None = None
    """When the answer to the last sentinel came; None: it has not."""
    reaction: Reaction | None = None
    reason: str = ""
    """Why there is no reaction."""

    @classmethod
    def fresh(cls, of: SegmentClass, flow: Flow, random: Random, *, timestamps: bool) -> Self:
        """A connection that is yet to be opened; one ISN in four lies just below 2^32."""
        near = random.random() < 0.25
        isn = (1 << 32) - 1 - random.getrandbits(12) if near else random.getrandbits(32)
        return cls(of, flow, isn, random.getrandbits(32) or 1 if timestamps else None)

    @property
    def block(self) -> Block:
        return Block(self.rcv_nxt, self.snd_nxt, self.rcv_wnd, self.tsval)

    def segment(self, flags: int, *, ack: int | None = None, window: int = WINDOW) -> Segment:
        """The connection's next segment on its way to TIME-WAIT."""
        made = Segment(
            seq=self.rcv_nxt,
            ack=(self.snd_nxt if ack is None else ack) if flags & tcp.ACK else 0,
            flags=flags,
            window=window,
            mss=mss_of(flags),
            timestamps=None if self.tsval is None else Timestamps(self.tsval, self.echoed),
        )
        self.rcv_nxt = made.end
        return made

    def learn(self, segment: Segment) -> None:
        """What any segment of the DUT tells of its variables."""
        self.rcv_wnd = segment.window
        if segment.timestamps is not None:
            self.echoed = segment.timestamps.tsval

    @property
    def half_open_at(self) -> int | None:
        """The SEG.SEQ at which what is left of the connection takes an RST; None: nothing is."""
        if self.reaction is None:
            return self.rcv_nxt
        if self.reaction.state == "SYN-RECEIVED" and self.stimulus is not None:
            return add(self.stimulus.seq, 1)
        return None

    def trial(self) -> Trial:
        """What is to be said of it in the end."""
        if self.reaction is None or self.stimulus is None:
            return self.undecided(self.reason)
        return Trial(self.of, self.flow, self.block, self.stimulus, self.reaction)

    def undecided(self, reason: str) -> Trial:
        stimulus = self.stimulus or Segment(seq=self.rcv_nxt, ack=0, flags=self.of.tcp_flags)
        return Trial(self.of, self.flow, self.block, stimulus, None, reason)


def syn_ack_arrives(line: Line, segment: Segment) -> bool:
    """Whether that is the answer to the line's SYN."""
    if segment.flags & (tcp.SYN | tcp.ACK) != tcp.SYN | tcp.ACK or segment.ack != line.rcv_nxt:
        return False
    if (segment.timestamps is None) != (line.tsval is None):
        line.reason = "the DUT did not take up timestamps"
        return False
    line.snd_nxt = add(segment.seq, 1)
    line.learn(segment)
    return True


def fin_arrives(line: Line, segment: Segment) -> bool:
    """Whether the DUT closes with that, and has said nothing before."""
    if not segment.flags & tcp.FIN or segment.seq != line.snd_nxt:
        return False
    line.snd_nxt = segment.end
    line.learn(segment)
    return True


def ack_of_fin_arrives(line: Line, segment: Segment) -> bool:
    """Whether that acknowledges all that was sent."""
    if not segment.flags & tcp.ACK or segment.ack != line.rcv_nxt:
        return False
    line.learn(segment)
    return True
