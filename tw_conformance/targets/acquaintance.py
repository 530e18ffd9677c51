"""What is learned once of a DUT that nobody can look into, and that stacks differ in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from math import inf
from typing import Self

from tw_conformance.model.words import number_of
from tw_reference import segment as tcp
from tw_reference.segment import Segment
from tw_reference.seqnum import add

_LOOK_PACKETS = 700
"""Two seconds and a half at 300 packets a second, which no DUT minds."""
_LOOK_SECONDS, _LOOK_SHARE = 5.0, 0.1
"""How long the looks may take at the pace that is allowed, and how much of the whole run."""


class LookBudget:
    """The packets that all first looks at a DUT may cost together, before any case.

    ``rate`` is in packets a second, ``max_time`` in seconds for the whole run.  What has to be
    known is asked whatever is left; how often the rest is tried depends on it.
    """

    def __init__(self, rate: float = inf, max_time: float = inf) -> None:
        seconds = min(_LOOK_SECONDS, max_time * _LOOK_SHARE)
        self._left = min(_LOOK_PACKETS, rate * seconds)

    def spend(self, packets: int) -> None:
        """So many are sent."""
        self._left -= packets

    def affords(self, packets: int) -> int:
        """How many times that many are left."""
        return max(int(self._left // packets), 0)


class Question(Enum):
    """A segment that is asked with: SEG.SEQ is RCV.NXT-1, and it occupies that one number.  A value
    completes the sentence «its answer to …»."""

    OCTET = "an octet below RCV.NXT"
    FIN = "the FIN again"


_SAYS_NOTHING = tcp.PSH | tcp.ECE | tcp.CWR


@dataclass(frozen=True, slots=True)
class Shape:
    """An answer, in numbers relative to the question: SEG.SEQ less its SEG.ACK, and SEG.ACK less
    its SEG.SEQ, None where there is none.  PSH says nothing of the state, nor do ECE and CWR.

    ``has_window``: whether a reset offers one, None of all else, or where any will do.  picoTCP
    resets an octet in TIME-WAIT as in CLOSED, but for that."""

    flags: int
    seq: int
    ack: int | None
    has_window: bool | None = None

    @classmethod
    def of(cls, answer: Segment, asked: Segment) -> Self:
        ack = add(answer.ack, -asked.seq) if answer.flags & tcp.ACK else None
        window = bool(answer.window) if answer.flags & tcp.RST else None
        return cls(answer.flags & ~_SAYS_NOTHING, add(answer.seq, -asked.ack), ack, window)

    def is_like(self, calibrated: Self) -> bool:
        """Whether an answer is of the kind that was seen before."""
        if calibrated.has_window is None:
            return replace(self, has_window=None) == calibrated
        return self == calibrated


OF_A_CONNECTION = Shape(tcp.ACK, 0, 1)
"""What is there acknowledges it and takes in nothing (RFC 9293 section 3.10.7.4, first step)."""
OF_NONE = Shape(tcp.RST, 0, None)
"""The reset of RFC 9293 section 3.10.7.1."""


@dataclass(frozen=True, slots=True)
class Telling:
    """How the DUT's answers tell TIME-WAIT from CLOSED: what it was seen to answer in each."""

    question: Question = Question.OCTET
    there: Shape = OF_A_CONNECTION
    gone: Shape = OF_NONE

    @classmethod
    def seen(cls, question: Question, there: Shape, gone: Shape) -> Self:
        """Of what was seen, as much as it takes to tell."""
        brief = replace(there, has_window=None), replace(gone, has_window=None)
        return cls(question, *brief) if brief[0] != brief[1] else cls(question, there, gone)

    @property
    def apart(self) -> bool:
        """Whether they do: a DUT without TIME-WAIT answers in one way."""
        return self.there != self.gone


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """As RFC 9293 says, until the DUT was seen to do otherwise.  ``says`` is how many octets its
    service sends before it closes.  ``holds`` is how many connections it has room for at once, None
    for more than were tried; ``lingering``: one in TIME-WAIT keeps its place until it expires,
    whatever resets it.  ``wraps``: its numbers were seen to pass 2^32."""

    telling: Telling = Telling()
    says: int = 0
    holds: int | None = None
    lingering: bool = False
    wraps: bool = True

    def describe_numbers(self) -> str:
        """What its sequence numbers can't do, in words; empty where nothing is amiss."""
        if self.wraps:
            return ""
        return (
            "no connection whose sequence numbers pass 2^32 comes to TIME-WAIT, though others do"
            " (RFC 9293 section 3.4: the arithmetic is modulo 2^32); no case begins near there"
        )

    def describe_room(self) -> str:
        """What there is room for, in words; empty where nobody need know."""
        if self.holds is None:
            return ""
        until = ", each until it expires" if self.lingering else ""
        return f"room for {number_of(self.holds, 'connection')} in TIME-WAIT at once{until}"
