"""What a stack did with one segment, and where two stacks that had the same to decide differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from tw_conformance.explore.sweep.relative import place, window
from tw_conformance.play.record import TimerEffect
from tw_reference.rules.rule import AnyRule
from tw_reference.segment import SYN, Packet, Segment, flag_names


class Block(NamedTuple):
    """The DUT's variables in TIME-WAIT, as the tester knows them; ``ts_recent`` is None without
    timestamps."""

    rcv_nxt: int
    snd_nxt: int
    rcv_wnd: int
    ts_recent: int | None

    def variables(self, stimulus: Segment) -> dict[str, int]:
        """By the names that a case has for them."""
        stamps = stimulus.timestamps
        return {
            "rcv_nxt": self.rcv_nxt,
            "snd_nxt": self.snd_nxt,
            "rcv_wnd": self.rcv_wnd,
            "ts_recent": self.ts_recent or 0,
            "seg_seq": stimulus.seq,
            "seg_ack": stimulus.ack,
            "seg_len": stimulus.length,
            "seg_tsval": stamps.tsval if stamps else 0,
        }


@dataclass(frozen=True, slots=True)
class Reaction:
    """What became of one segment and of the block.

    ``state`` is None where it can't be read.  ``timer``: whether the block's 2MSL timer was
    restarted; None where no block is left or none can be read.
    """

    answers: tuple[Packet, ...]
    state: str | None
    timer: TimerEffect | None

    @property
    def kind(self) -> str:
        """A few words for tables and pictures: ``ACK, TIME-WAIT restarted``."""
        flags = tuple([packet.segment.flags for packet in self.answers])
        return _kind(flags, self.state, self.timer)


@lru_cache(1024)  # there are few, and a sweep asks for each a thousand times
def _kind(flags: tuple[int, ...], state: str | None, timer: TimerEffect | None) -> str:
    answers = " + ".join(map(flag_names, flags)) or "nothing"
    restarted = " restarted" if timer == "restarted" else ""
    return answers if state is None else f"{answers}, {state}{restarted}"


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the oracle would have done, and the rule by which."""

    reaction: Reaction
    rule: AnyRule
    iss_from_block: bool
    """Whether the ISS of a SYN-ACK follows from the block; else it is anybody's guess."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as expected, in relative numbers."""

    field: str
    expected: str
    seen: str


def differences(
    expected: Prediction, seen: Reaction, block: Block, stimulus: Segment
) -> tuple[Difference, ...]:
    """Where ``seen`` is not what was predicted; none where it is."""
    wanted = expected.reaction
    if _same(expected, seen):
        return ()
    variables = block.variables(stimulus)
    found: list[Difference] = []
    if len(wanted.answers) != len(seen.answers):
        found.append(Difference("answer", _flags(wanted), _flags(seen)))
    else:
        for ours, theirs in zip(wanted.answers, seen.answers, strict=True):
            found += _packet_differences(expected, ours, theirs, variables)
    if seen.state is not None and wanted.state != seen.state:
        found.append(Difference("state", str(wanted.state), seen.state))
    elif _timer_differs(wanted, seen):
        found.append(Difference("timer", str(wanted.timer), str(seen.timer)))
    return tuple(found)


def _same(expected: Prediction, seen: Reaction) -> bool:
    """The quick way to «no difference», by which nearly every class goes."""
    wanted = expected.reaction
    if seen.state not in (None, wanted.state) or _timer_differs(wanted, seen):
        return False
    if not wanted.answers and not seen.answers:
        return True
    return len(wanted.answers) == len(seen.answers) and not any(
        _packet_differences(expected, ours, theirs, {})
        for ours, theirs in zip(wanted.answers, seen.answers, strict=True)
    )


def _timer_differs(wanted: Reaction, seen: Reaction) -> bool:
    """Not where the DUT does not tell its timers."""
    return seen.timer is not None and seen.timer != wanted.timer


def _packet_differences(
    expected: Prediction, ours: Packet, theirs: Packet, variables: Mapping[str, int]
) -> list[Difference]:
    """Every field but the timestamps' clock and an ISS that is anybody's guess."""
    a, b = ours.segment, theirs.segment
    if a == b and ours == theirs:
        return []
    found: list[Difference] = []

    def number(field: str, mine: int, other: int, *names: str) -> None:
        if mine != other:
            words = place(mine, variables, *names), place(other, variables, *names)
            found.append(Difference(field, *words))

    if a.flags != b.flags:
        # Another kind of answer: that its numbers are others goes without saying.
        return [Difference("flags", flag_names(a.flags), flag_names(b.flags))]
    if a.flags & b.flags & SYN:
        if expected.iss_from_block:
            number("seq", a.seq, b.seq, "snd_nxt")
    else:
        number("seq", a.seq, b.seq, "snd_nxt", "seg_ack")
    number("ack", a.ack, b.ack, "rcv_nxt", "seg_seq")
    if a.window != b.window:
        found.append(Difference("window", window(a, variables), window(b, variables)))
    if a.timestamps and b.timestamps:
        number("tsecr", a.timestamps.tsecr, b.timestamps.tsecr, "ts_recent", "seg_tsval")
    for field, mine, other in _plain_fields(ours, theirs):
        if mine != other:
            found.append(Difference(field, _word(mine), _word(other)))
    return found


def _plain_fields(ours: Packet, theirs: Packet) -> Iterator[tuple[str, object, object]]:
    a, b = ours.segment, theirs.segment
    yield "length", len(a.payload), len(b.payload)
    yield "timestamps", a.timestamps is not None, b.timestamps is not None
    yield "mss", a.mss, b.mss
    yield "wscale", a.wscale, b.wscale
    yield "sack_permitted", a.sack_permitted, b.sack_permitted
    yield "urgent", a.urgent, b.urgent
    yield "reserved", a.reserved, b.reserved
    yield "other options", a.other_options, b.other_options
    yield "ttl", ours.ttl, theirs.ttl
    yield "tos", ours.tos, theirs.tos
    if not ours.flow.is_ipv6:
        yield "df", ours.df, theirs.df


def _flags(reaction: Reaction) -> str:
    return ", ".join(flag_names(packet.segment.flags) for packet in reaction.answers) or "nothing"


def _word(value: object) -> str:
    match value:
        case None:
            return "absent"
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)
