"""A mutant and the original play the same case: what the oracle sees, beside what the case asks.

A case expects what it is about; its author leaves out the rest of an answer, since a kernel's own
settings decide some of it.  Here the oracle is the very stack that was broken, so all may be
compared that a packet, a call, or an agent's reading of state, timer and counters shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from tw_conformance.explore.mutants.target import MutantTarget
from tw_conformance.link.link import Observation
from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Verdict
from tw_conformance.play.judge import decide, judge
from tw_conformance.play.record import Fact, Gave, StateSeen
from tw_conformance.play.run import Run
from tw_reference.segment import Datagram, Packet

JITTER = 0.05
"""Seconds by which two times may differ on a wire without anything being meant by it."""
Sent: TypeAlias = tuple[float, Datagram]
"""When the stack sent a packet (seconds), and the packet."""


class Shown(NamedTuple):
    """All that a play of a case shows of a stack."""

    passes: bool
    sent: Sequence[Sent]
    told: Sequence[Gave | StateSeen]
    """What calls gave, and the states that were read in between."""
    counters: Mapping[str, int]
    last: Observation | None
    """State and timer at the end."""

    def differs(self, other: Shown) -> bool:
        """Whether somebody who knows one of both can tell the other from it."""
        return (
            self.told != other.told
            or self.counters != other.counters
            or _read_apart(self.last, other.last)
            or len(self.sent) != len(other.sent)
            or any(map(_apart, self.sent, other.sent))
        )


async def play(case: Case, target: MutantTarget) -> Shown:
    """Play a case once, up to its first deviation, and keep what it shows."""
    link = await target.open(case)
    run = Run(case, target, link)
    async with aclosing(run.play()) as facts:
        async for fact in facts:
            if decide(case, target.profile, fact) is not None:
                break
    counters, last, sent = await link.counters(), await link.observe(), tuple(target.packets)
    record = run.record()
    passes = judge(record).verdict is Verdict.PASS
    return Shown(passes, sent, _told(record.facts), counters, last)


def _told(facts: Sequence[Fact]) -> tuple[Gave | StateSeen, ...]:
    return tuple(fact.seen for fact in facts if isinstance(fact.seen, Gave | StateSeen))


def _apart(one: Sent, other: Sent) -> bool:
    return abs(one[0] - other[0]) > JITTER or not _alike(one[1], other[1])


def _alike(one: Datagram, other: Datagram) -> bool:
    """Whether two packets are the same, but for a window of which nothing is to be expected."""
    if one == other or not (isinstance(one, Packet) and isinstance(other, Packet)):
        return one == other
    if one.window_is_ruled:
        return False
    return one == replace(other, segment=replace(other.segment, window=one.segment.window))


def _read_apart(one: Observation | None, other: Observation | None) -> bool:
    if one is None or other is None:
        return one is not other
    if one.state != other.state or (one.remaining is None) != (other.remaining is None):
        return True
    return abs((one.remaining or 0) - (other.remaining or 0)) > JITTER
