"""Mutants that no case has do otherwise: would any segment, on any connection of the corpus?

A bound may be out of reach since an earlier rule answers on both sides of it; a rule may be one of
two that come to the same.  That is not seen from the rule alone, so it is tried: each time that the
corpus puts a question which finds another kind of connection, the question is put again with all
that its segment can be, up to two things at once unlike what is acceptable there: SEG.SEQ and
SEG.ACK around every edge, the length, the timestamps, and every combination of flags that stacks
tell apart; and, one thing at once, where a setting that the list looks at is another, or the
receive window is shut.  A mutant that does as the original does in all of these situations is
alike.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations, product
from typing import Any, TypeAlias

from tw_conformance.explore.coverage.survey import looked_at
from tw_conformance.explore.mutants.conditions import atoms, what_is_read
from tw_conformance.explore.mutants.effects import Effects
from tw_conformance.explore.mutants.mutant import ListMutant
from tw_reference import icmp_numbers
from tw_reference import segment as tcp
from tw_reference.profiles.profile import Profile
from tw_reference.rules.decision import AnyList, AnyStage, DecisionList, Ruling
from tw_reference.rules.questions import (
    AckDue,
    ErrorArrives,
    ErrorOnConnection,
    SegmentArrives,
    SegmentOnConnection,
    Unconnected,
)
from tw_reference.rules.rule import AnyRule
from tw_reference.segment import Segment, Timestamps
from tw_reference.seqnum import add

Change: TypeAlias = Mapping[str, Any]
"""Fields of a segment, and what they are instead."""

_ENOUGH = 6
"""Kinds of connection that each list is asked about."""
_WALKED = (
    *(SegmentArrives, SegmentOnConnection, Unconnected, AckDue),
    *(ErrorArrives, ErrorOnConnection),
)
"""Questions about something that arrives."""
_ARRIVES = frozenset(("segment", "error"))
_HALF = 1 << 31
_SETTING = re.compile(r"(\w+) = (\d+)")
"""The text of a condition that looks at a setting."""
_FLAGS = tuple(
    base | more
    for base in (0, tcp.ACK, tcp.RST, tcp.RST | tcp.ACK, tcp.SYN, tcp.SYN | tcp.ACK)
    for more in (0, tcp.FIN)
)


class KindsMet:
    """The kinds of connection that each list was asked about, at most so many as are walked."""

    def __init__(self) -> None:
        self._kinds: dict[AnyStage, set[Hashable]] = defaultdict(set)
        self.number = 0

    def of(self, stage: AnyStage) -> int:
        """How many kinds that list was asked about."""
        return len(self._kinds[stage])

    def are_met(self, decisions: AnyList, question: Any) -> bool:
        """Whether the question is one about a kind that was not met yet, and is to be walked."""
        met = self._kinds[decisions.stage]
        if len(met) >= _ENOUGH or not isinstance(question, _WALKED):
            return False
        before = len(met)
        met.add(_kind(decisions, question))
        self.number += len(met) - before
        return len(met) > before


class Walk:
    """Asks mutants in the situations around those of a corpus, while it is played."""

    def __init__(self, profile: Profile, mutants: Sequence[ListMutant]) -> None:
        self._effects = Effects(profile)
        self._left: dict[AnyStage, _Left] = defaultdict(_Left)
        for mutant in mutants:
            self._left[mutant.decisions.stage].add(mutant)
        self._kinds = KindsMet()
        self.situations = 0
        """How many questions were put."""

    def alike(self) -> set[ListMutant]:
        """The mutants that did as the original does in every situation so far."""
        asked = (stage for stage in self._left if self._kinds.of(stage))
        return {mutant for stage in asked for mutant in self._left[stage]}

    def tell(self, decisions: AnyList, question: Any, ruling: Ruling[Any]) -> None:
        """The original takes a decision."""
        if decisions.stage not in self._left or not self._kinds.are_met(decisions, question):
            return
        plain = DecisionList(decisions.stage, decisions.rules)
        for situation in _around(decisions.rules, question):
            self.situations += 1
            self._ask(plain, situation)

    def _ask(self, decisions: AnyList, question: Any) -> None:
        ruling = decisions.decide(question)
        acted = {id(rule) for rule in (*ruling.notes, ruling.rule)}
        left = self._left[decisions.stage]
        for index, rule in enumerate(looked_at(decisions, ruling)):
            holds = id(rule) in acted
            for mutants in left.of_rule(index, holds=holds):
                mutants -= {
                    mutant
                    for mutant in mutants
                    if mutant.rules_otherwise(question, holds)
                    and self._effects.differ(decisions.stage, ruling, mutant.decisions, question)
                }


class _Left:
    """The mutants of one list that were not told yet, by their rules: one of a rule behind the one
    that decides does nothing otherwise, and many do only where their rule holds."""

    def __init__(self) -> None:
        self._anywhere: dict[int, set[ListMutant]] = defaultdict(set)
        self._where_it_holds: dict[int, set[ListMutant]] = defaultdict(set)

    def add(self, mutant: ListMutant) -> None:
        """One more."""
        (self._where_it_holds if mutant.acts else self._anywhere)[mutant.index].add(mutant)

    def of_rule(self, index: int, *, holds: bool) -> Iterator[set[ListMutant]]:
        """Those that may do otherwise where that rule is looked at, and ``holds`` or not."""
        if index in self._anywhere:
            yield self._anywhere[index]
        if holds and index in self._where_it_holds:
            yield self._where_it_holds[index]

    def __iter__(self) -> Iterator[ListMutant]:
        for mutants in (*self._anywhere.values(), *self._where_it_holds.values()):
            yield from mutants


def _kind(decisions: AnyList, question: Any) -> Hashable:
    """What the list can tell of the connection that a segment finds, whatever the segment is."""
    tcb = getattr(question, "tcb", None)
    about_it = tuple(test(question) for test in _about_the_connection(decisions.rules))
    return (*about_it, None if tcb is None else (tcb.timestamps, tcb.last_ack is None))


@cache
def _about_the_connection(rules: tuple[AnyRule, ...]) -> tuple[Callable[[Any], bool], ...]:
    """The atoms of a list that look at no segment."""
    tests = (atom.test for rule in rules for atom, _ in atoms(rule.when))
    return tuple(dict.fromkeys(t for t in tests if _ARRIVES.isdisjoint(what_is_read(t))))


def _around(rules: tuple[AnyRule, ...], question: Any) -> Iterator[Any]:
    if hasattr(question, "error"):
        yield from _errors_around(question)
    else:
        yield from _segments_around(question, unlike=2)
        for other in _elsewhere(rules, question):
            yield from _segments_around(other, unlike=1)


def _elsewhere(rules: tuple[AnyRule, ...], question: Any) -> Iterator[Any]:
    """The same question to a stack that is set otherwise, or whose window is shut."""
    for name, value in _settings_of(rules):
        other = 1 - min(value, 1) if question.settings[name] == value else value
        yield question._replace(settings={**question.settings, name: other})
    if getattr(question, "tcb", None) is not None:
        yield question._replace(tcb=_Shut(question.tcb))


@cache
def _settings_of(rules: tuple[AnyRule, ...]) -> tuple[tuple[str, int], ...]:
    """The settings that a list looks at, each with a value that it is compared with."""
    texts = (atom.text for rule in rules for atom, _ in atoms(rule.when))
    found = (_SETTING.fullmatch(text) for text in texts)
    return tuple(dict.fromkeys((each[1], int(each[2])) for each in found if each))


class _Shut:
    """A connection whose receive window is shut by text that nobody has read."""

    rcv_wnd = 0
    queued = True

    def __init__(self, tcb: Any) -> None:
        self._tcb = tcb

    @property
    def rcv_adv(self) -> int:
        return int(self._tcb.rcv_nxt)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tcb, name)


def _errors_around(question: Any) -> Iterator[Any]:
    error, tcb = question.error, getattr(question, "tcb", None)
    edges = (error.seq,) if tcb is None else (tcb.iss, tcb.snd_una, tcb.snd_nxt)
    quoted = dict.fromkeys(add(edge, by) for edge in edges for by in (0, -1, 1))
    named = icmp_numbers.numbers(ipv6=error.quoted.is_ipv6).values()
    unnamed = {number._replace(code=255) for number in named}
    for number, seq in product((*named, *sorted(unnamed)), quoted):
        yield question._replace(error=replace(error, number=number, seq=seq))


def _segments_around(question: Any, *, unlike: int) -> Iterator[Any]:
    """``unlike``: how many things are otherwise at once."""
    segment, tcb = question.segment, getattr(question, "tcb", None)
    choices = _choices(segment, tcb)
    usual = {name: values[0] for name, values in choices.items()}
    for flags in _FLAGS:
        seen = set[Hashable]()
        for names in combinations(choices, unlike):
            for values in product(*(choices[name] for name in names)):
                change = {**usual, **dict(zip(names, values, strict=True)), "flags": flags}
                if not flags & tcp.ACK:
                    change["ack"] = 0
                key = tuple(change.values())
                if key not in seen:
                    seen.add(key)
                    yield question._replace(segment=replace(segment, **change))


def _choices(segment: Segment, tcb: Any) -> dict[str, tuple[Any, ...]]:
    """The values of each field, of which the first is acceptable."""
    full = getattr(tcb, "mss", None)
    lengths = (0, 1, 2, 1000, *(() if full is None else (full, full + 1)))
    payloads = tuple(b"t" * length for length in lengths)
    if tcb is None:
        around = (-1, 0, 1)
        return {
            "seq": tuple(add(segment.seq, by) for by in around),
            "ack": tuple(add(segment.ack, by) for by in around),
            "payload": payloads,
        }
    return {
        "seq": _unlike(_sequence_numbers(tcb)),
        "ack": _unlike(_acknowledgments(tcb)),
        "payload": payloads,
        "timestamps": tuple(_timestamps(segment, tcb)),
    }


def _unlike(numbers: Iterator[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(add(number, 0) for number in numbers))


def _sequence_numbers(tcb: Any) -> Iterator[int]:
    for edge in (tcb.rcv_nxt, tcb.rcv_nxt + tcb.rcv_wnd, getattr(tcb, "irs", tcb.rcv_nxt)):
        yield from (edge + by for by in (0, -1, 1, -2, 2))
    yield from (tcb.rcv_nxt + by for by in (-1000, -_HALF, -_HALF + 1, _HALF - 1))
    yield tcb.rcv_nxt + tcb.rcv_wnd + 100_000


def _acknowledgments(tcb: Any) -> Iterator[int]:
    una = getattr(tcb, "snd_una", tcb.snd_nxt)
    for edge in (tcb.snd_nxt, una, getattr(tcb, "iss", una)):
        yield from (edge + by for by in (0, -1, 1, 2))
    widest = getattr(tcb, "max_window", 0)
    yield from (una - widest + by for by in (-1, 0, 1))
    yield from (tcb.snd_nxt + by for by in (-200_000, 200_000, _HALF, _HALF - 1, _HALF + 1))


def _timestamps(segment: Segment, tcb: Any) -> Iterator[Timestamps | None]:
    if not tcb.timestamps:
        yield None
        return
    echo = segment.timestamps.tsecr if segment.timestamps else 0
    for by in (0, 1, -1, -2, 2, 1000, -1000, _HALF - 1, _HALF, _HALF + 1):
        yield Timestamps(add(tcb.ts_recent, by), echo)
    yield None
    for name in _CLOCKS:
        clock = getattr(tcb, name, None)
        if clock is not None:
            for by in (-1, 0, 1):
                yield Timestamps(tcb.ts_recent, add(clock, by))


_CLOCKS = ("first_tsval", "syn_tsval", "tsval")
"""What a TSecr may be held against."""
