"""What a stack did with one segment, and where two stacks that had the same to decide differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from tw_conformance.explore.sweep.alphabet import SegmentClass
from tw_conformance.model.case import Answer
from tw_conformance.model.expressions import SequenceExpression
from tw_conformance.model.verdict import Mismatch
from tw_conformance.play.compare import answer_of, compare
from tw_conformance.play.record import TimerEffect
from tw_reference.rules.rule import AnyRule
from tw_reference.segment import SYN, Packet, Segment, flag_names


@dataclass(frozen=True, slots=True)
class Reaction:
    """What became of one segment and of the connection.

    ``state`` is None where it can't be read.  ``timer``: whether the 2MSL timer of a connection in
    TIME-WAIT was restarted; None where it is elsewhere, or where no timer can be read.
    """

    answers: tuple[Packet, ...]
    state: str | None
    timer: TimerEffect | None

    @property
    def kind(self) -> str:
        """A few words for tables and pictures: ``ACK, TIME-WAIT restarted``."""
        flags = tuple([packet.segment.flags for packet in self.answers])
        return _kind(flags, self.state, self.timer)


def _is_repeat(packet: Packet, variables: Mapping[str, int]) -> bool:
    segment = packet.segment
    return segment.length > 0 and segment.end == variables["snd_nxt"]


@lru_cache(1024)  # there are few, and a sweep asks for each a thousand times
def _kind(flags: tuple[int, ...], state: str | None, timer: TimerEffect | None) -> str:
    answers = " + ".join(map(flag_names, flags)) or "nothing"
    restarted = " restarted" if timer == "restarted" else ""
    return answers if state is None else f"{answers}, {state}{restarted}"


class Trial(NamedTuple):
    """One class on one fresh connection: ``variables`` are the DUT's, and those of the segment.

    ``reaction`` is None where nothing can be said, for ``reason``.
    """

    of: SegmentClass
    variables: Mapping[str, int]
    reaction: Reaction | None
    reason: str = ""
    opening: Packet | None = None
    """The DUT's own SYN, as far as it tells what every packet of the stack has."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the oracle does.  ``rule`` is the one that decided; None where no list does."""

    variables: Mapping[str, int]
    reaction: Reaction
    rule: AnyRule | None
    opening: Packet | None = None
    """The SYN of the oracle's own stack."""
    late: tuple[Packet, ...] = ()
    """What a timer of the stack sends a little later: it comes before the sentinel's answer where
    that is late."""

    def as_late_as(self, seen: Reaction) -> Prediction:
        """The same with as many of the late answers as can have come among those seen."""
        more = len(seen.answers) - len(self.reaction.answers)
        if more <= 0 or not self.late:
            return self
        answers = (*self.reaction.answers, *self.late[:more])
        return replace(self, reaction=replace(self.reaction, answers=answers))

    def answers(self) -> list[Answer]:
        """All that is known of its answers, in words of a case."""
        return [_exactly(packet, self.variables) for packet in self.reaction.answers]


def with_segment(variables: Mapping[str, int], segment: Segment) -> dict[str, int]:
    """The variables of a connection, and those of the segment that it is sent."""
    return {
        **variables,
        "seg_seq": segment.seq,
        "seg_ack": segment.ack,
        "seg_len": segment.length,
        "seg_tsval": segment.timestamps.tsval if segment.timestamps else 0,
    }


def _exactly(packet: Packet, variables: Mapping[str, int]) -> Answer:
    """With what no router changes here, and what a new connection offers."""
    segment = packet.segment
    answer = replace(
        answer_of(packet, variables),
        mss="absent" if segment.mss is None else segment.mss,
        wscale="absent" if segment.wscale is None else segment.wscale,
        ttl=packet.ttl,
        tos=packet.tos,
    )
    if segment.flags & SYN:
        return replace(answer, window=SequenceExpression(str(segment.window)))
    return answer


def without_repeats(trial: Trial, expected: Prediction) -> Reaction:
    """The reaction of ``trial``, which has one, without the SYN or FIN that the DUT sends again
    while nobody acknowledges it, unless that is expected: it is its retransmission timer that sends
    them, not the segment."""
    seen = trial.reaction
    assert seen is not None
    if any(_is_repeat(packet, expected.variables) for packet in expected.reaction.answers):
        return seen
    kept = tuple(packet for packet in seen.answers if not _is_repeat(packet, trial.variables))
    return seen if len(kept) == len(seen.answers) else replace(seen, answers=kept)


def differences(
    expected: Prediction,
    seen: Reaction,
    variables: Mapping[str, int],
    opening: Packet | None = None,
) -> tuple[Mismatch, ...]:
    """Where what a stack with those variables did is not what was predicted; ``opening`` is its own
    SYN."""
    wanted = expected.reaction
    found: list[Mismatch] = []
    if len(wanted.answers) != len(seen.answers):
        found.append(Mismatch("answer", _flags(wanted), _flags(seen)))
    else:
        for answer, packet in zip(expected.answers(), seen.answers, strict=True):
            answer = _in_unit_of(packet, answer, expected.variables, variables)
            answer = _as_it_opened(answer, expected.opening, opening)
            differing = compare(answer, packet, variables)
            # Of another kind of answer it goes without saying that its numbers are others.
            found += [d for d in differing if d.field == "flags"] or differing
    if seen.state is not None and wanted.state != seen.state:
        found.append(Mismatch("state", str(wanted.state), seen.state))
    elif seen.timer is not None and seen.timer != wanted.timer:
        found.append(Mismatch("timer", str(wanted.timer), seen.timer))
    return tuple(found)


def _in_unit_of(
    packet: Packet, answer: Answer, ours: Mapping[str, int], theirs: Mapping[str, int]
) -> Answer:
    """Without what follows from the window scale where the stacks chose different ones, as they do
    by the memory that they have: a window is rounded to its unit."""
    if ours["rcv_scale"] != theirs["rcv_scale"]:
        answer = replace(answer, window=None)
    if answer.wscale not in (None, "absent") and packet.segment.wscale is not None:
        answer = replace(answer, wscale=None)
    return answer


def _as_it_opened(answer: Answer, ours: Packet | None, theirs: Packet | None) -> Answer:
    """With the TTL and DF that each packet of that stack has, where the oracle's is like all of its
    own: RFC 9293 leaves both to the stack."""
    if ours is None or theirs is None:
        return answer
    if answer.ttl == ours.ttl:
        answer = replace(answer, ttl=theirs.ttl)
    if answer.df == ours.df:
        answer = replace(answer, df=theirs.df)
    return answer


def _flags(reaction: Reaction) -> str:
    return ", ".join(flag_names(packet.segment.flags) for packet in reaction.answers) or "nothing"
