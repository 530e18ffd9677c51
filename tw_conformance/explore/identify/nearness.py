"""How far a stack is from a documented one: the rules that it does not follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from tw_conformance.explore.identify.predictions import Candidate
from tw_conformance.explore.identify.question_bank import Reply, Respondent
from tw_conformance.explore.identify.replies import OF_THE_STACK, Difference, difference
from tw_conformance.model.case import Case
from tw_reference.rules.rule import AnyRule

TOO_FAR = 0.3
"""The distance past which a stack is none of the documented ones.  One with a patch, a sysctl and a
firewall of its own breaks a rule or two; gVisor's netstack, whose TIME-WAIT follows BSD's, three of
six and DF besides."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """A rule that the target does not follow: ``missed`` of the replies about it, ``tried`` in
    all.

    ``rule`` is None where none fires at that step, and of what the stack has in all its packets.
    ``fields``: the same was decided, and these fields of the answer differ.  ``question``,
    ``expected`` and ``seen`` are the simplest example.
    """

    rule: AnyRule | None
    fields: tuple[str, ...]
    question: Case
    expected: Reply
    seen: Reply
    missed: int
    tried: int


@dataclass(frozen=True, slots=True)
class Nearness:
    """A documented stack beside the target.

    ``missed`` of the ``asked`` replies it did not foresee; ``rules`` is how many of its rules were
    tried.
    """

    candidate: Candidate
    asked: int
    missed: int
    rules: int
    deviations: tuple[Deviation, ...]

    @property
    def distance(self) -> float:
        """The share of its rules that is not followed to the letter, a field of all packets that
        differs being one more: 0 to 1."""
        rules = {each.rule.id for each in self.deviations if each.rule is not None}
        of_the_stack = sum(each.rule is None for each in self.deviations)
        return (len(rules) + of_the_stack) / max(self.rules + of_the_stack, 1)


def nearness(
    candidate: Candidate, oracle: Respondent, replies: Iterable[tuple[Case, Reply]]
) -> Nearness:
    """What a candidate, whom ``oracle`` speaks for, foresees of these replies."""
    tally = _Tally()
    for question, seen in replies:
        tally.take(question, seen, oracle.reply(question, candidate.settings))
    return Nearness(
        candidate,
        tally.asked,
        tally.missed,
        sum(name is not None for name in tally.tried),
        tuple(sorted(tally.deviations(), key=lambda each: (bool(each.fields), -each.missed))),
    )


_Key: TypeAlias = tuple[str | None, tuple[str, ...]]
"""A rule by its ID, None: none; and the fields that differ where it is followed."""


class _Tally:
    """Replies by what they deviate in."""

    def __init__(self) -> None:
        self.asked = self.missed = 0
        self.tried: Counter[str | None] = Counter()
        """Replies by the rule that they are about."""
        self._deviating: Counter[_Key] = Counter()
        self._first: dict[_Key, tuple[AnyRule | None, Case, Reply, Reply]] = {}

    def take(self, question: Case, seen: Reply, expected: Reply) -> None:
        found = difference(seen, expected)
        step = len(expected) - 1 if found is None else found.step
        rule = next(iter(expected[step].rules), None) if expected else None
        self.asked += 1
        self.missed += found is not None
        self.tried[None if rule is None else rule.id] += 1
        if found is not None:
            for about, fields in _parts(rule, found):
                key = (None if about is None else about.id, fields)
                self._deviating[key] += 1
                self._first.setdefault(key, (about, question, expected, seen))

    def deviations(self) -> Iterator[Deviation]:
        for key, (rule, question, expected, seen) in self._first.items():
            name, fields = key
            tried = self.asked if name is None and fields else self.tried[name]
            yield Deviation(rule, fields, question, expected, seen, self._deviating[key], tried)


def _parts(
    rule: AnyRule | None, found: Difference
) -> Iterator[tuple[AnyRule | None, tuple[str, ...]]]:
    """What differs for that rule, and what differs in the stack's every packet."""
    own = tuple(name for name in found.fields if name not in OF_THE_STACK)
    if own or not found.fields:
        yield rule, own
    yield from ((None, (name,)) for name in found.fields if name in OF_THE_STACK)
