"""What a stack did with one segment, and where two stacks that had the same to decide differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from tw_conformance.explore.sweep.relative import place
from tw_conformance.model.verdict import Mismatch
from tw_conformance.play import compare
from tw_conformance.play.record import TimerEffect
from tw_reference.rules.rule import AnyRule
from tw_reference.segment import SYN, Packet, Segment, flag_names

_UNKNOWN = frozenset({"tsval", "options", "ip_id"})
_UNKNOWN_ISS = _UNKNOWN | {"seq"}


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


def differences(
    expected: Prediction, seen: Reaction, block: Block, stimulus: Segment
) -> tuple[Mismatch, ...]:
    """Where ``seen`` is not what was predicted; none where it is."""
    wanted = expected.reaction
    if _same(expected, seen):
        return ()
    variables = block.variables(stimulus)
    found: list[Mismatch] = []
    if len(wanted.answers) != len(seen.answers):
        found.append(Mismatch("answer", _flags(wanted), _flags(seen)))
    else:
        for ours, theirs in zip(wanted.answers, seen.answers, strict=True):
            found += _packet_differences(expected, ours, theirs, variables)
    if seen.state is not None and wanted.state != seen.state:
        found.append(Mismatch("state", str(wanted.state), seen.state))
    elif _timer_differs(wanted, seen):
        found.append(Mismatch("timer", str(wanted.timer), str(seen.timer)))
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
) -> list[Mismatch]:
    """Every field but what runs on with a clock (TSval), what was never on a wire (the order of
    options, IPv4's Identification), and an ISS that is anybody's guess."""
    if ours == theirs:
        return []
    is_syn = ours.segment.flags & theirs.segment.flags & SYN
    unknown = _UNKNOWN_ISS if is_syn and not expected.iss_from_block else _UNKNOWN
    return compare.differences(ours, theirs, variables, leaving_out=unknown, say=place)


def _flags(reaction: Reaction) -> str:
    return ", ".join(flag_names(packet.segment.flags) for packet in reaction.answers) or "nothing"
