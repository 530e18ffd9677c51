"""One connection of a sweep: what the tester knows of the DUT's end of it, and says next."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Self

from tw_conformance.explore.sweep.alphabet import Precondition
from tw_reference import segment as tcp
from tw_reference.segment import Packet, Segment, Timestamps
from tw_reference.seqnum import add
from tw_reference.ways import Ends, Offer, Said, segment

SHIFT = 7
"""The window scale that the tester offers; its own windows stay small."""


@dataclass(slots=True)
class TesterEnd:
    """The tester's end of one connection.

    Its TSval stands still, so that it is the DUT's TS.Recent whatever that was recorded from.
    """

    irs: int
    tsval: int | None
    scaling: bool
    ecn: bool
    rcv_nxt: int
    iss: int = 0
    snd_nxt: int = 0
    rcv_wnd: int = 0
    rcv_scale: int = 0
    echoed: int = 0
    """The DUT's latest TSval."""
    opening: Packet | None = None
    """The DUT's own SYN, where it is kept whole."""
    reason: str = ""
    """Why the connection does not get further; empty while it may."""

    @classmethod
    def fresh(cls, found: Precondition, random: Random) -> Self:
        """A connection that is yet to be opened; one ISN in four lies just below 2^32."""
        near = random.random() < 0.25
        isn = (1 << 32) - 1 - random.getrandbits(12) if near else random.getrandbits(32)
        tsval = random.getrandbits(32) or 1 if found.timestamps else None
        return cls(isn, tsval, found.scaling, found.ecn, isn)

    def variables(self) -> dict[str, int]:
        """The DUT's, by the names that a case has for them."""
        return {
            "irs": self.irs,
            "iss": self.iss,
            "rcv_nxt": self.rcv_nxt,
            "snd_nxt": self.snd_nxt,
            "rcv_wnd": self.rcv_wnd,
            "rcv_scale": self.rcv_scale,
            "ts_recent": self.tsval or 0,
        }

    # -- what the tester sends -------------------------------------------------------------------

    def say(self, said: Said) -> Segment:
        """The segment that the tester sends next."""
        made = segment(
            said,
            rcv_nxt=self.rcv_nxt,
            snd_nxt=self.snd_nxt,
            timestamps=None if self.tsval is None else Timestamps(self.tsval, self.echoed),
            offer=Offer(wscale=SHIFT if self.scaling else None, ecn=self.ecn),
        )
        self.rcv_nxt = made.end
        return made

    # -- what the DUT sends ----------------------------------------------------------------------

    def takes(self, ends: Ends, segment: Segment) -> bool:
        """Whether that is the segment which ends a turn."""
        match ends:
            case Ends.SYN:
                return self._takes_syn(segment)
            case Ends.SYN_ACK:
                return self._takes_syn_ack(segment)
            case Ends.ACK:
                return self._takes_ack(segment)
            case Ends.FIN:
                return self._takes_fin(segment)
            case Ends.PROOF:
                return False

    def _takes_syn(self, segment: Segment) -> bool:
        """Whether that is the SYN of a connection that the DUT opens."""
        if segment.flags & (tcp.SYN | tcp.ACK) != tcp.SYN:
            return False
        return self._takes_opening(segment)

    def _takes_syn_ack(self, segment: Segment) -> bool:
        """Whether that is the answer to the tester's SYN."""
        if segment.flags & (tcp.SYN | tcp.ACK) != tcp.SYN | tcp.ACK or segment.ack != self.rcv_nxt:
            return False
        if self.scaling:
            self.rcv_scale = segment.wscale or 0
        return self._takes_opening(segment)

    def _takes_opening(self, segment: Segment) -> bool:
        if segment.timestamps is None and self.tsval is not None:
            self.reason = "the DUT did not take up timestamps"
            return False
        self.iss, self.snd_nxt = segment.seq, add(segment.seq, 1)
        self._learn(segment)
        return True

    def _takes_fin(self, segment: Segment) -> bool:
        """Whether the DUT closes with that, and has said nothing before."""
        if not segment.flags & tcp.FIN or segment.seq != self.snd_nxt:
            return False
        self.snd_nxt = segment.end
        self._learn(segment)
        return True

    def _takes_ack(self, segment: Segment) -> bool:
        """Whether that acknowledges all that was sent."""
        if not segment.flags & tcp.ACK or segment.ack != self.rcv_nxt:
            return False
        self._learn(segment)
        return True

    def _learn(self, segment: Segment) -> None:
        """What any segment of the DUT tells of its variables."""
        self.rcv_wnd = segment.window << (0 if segment.flags & tcp.SYN else self.rcv_scale)
        if segment.timestamps is not None:
            self.echoed = segment.timestamps.tsval
