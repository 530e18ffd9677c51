"""What a sweep found, in as few sentences as it takes, for people and for machines."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tw_conformance.explore.sweep.alphabet import SegmentClass
from tw_conformance.explore.sweep.boxes import Box, boxes, masks
from tw_conformance.explore.sweep.walk import ClassResult, Divergence
from tw_conformance.model.words import number_of
from tw_reference.profiles.profile import Profile
from tw_reference.rules.rule import AnyRule


@dataclass(frozen=True, slots=True)
class Group:
    """Classes that diverge alike, for one cause: the same rule, the same expected, the same seen;
    or, where it is only in the fields of an answer that they differ, the same fields.

    ``where`` are the words that cover them; ``example`` is the plainest of ``classes``, and
    ``divergence`` its own.
    """

    where: tuple[str, ...]
    classes: tuple[SegmentClass, ...]
    result: ClassResult
    divergence: Divergence
    rule: AnyRule

    @property
    def example(self) -> SegmentClass:
        return self.classes[0]

    @property
    def fields(self) -> str:
        """What differs in the example, field by field."""
        return "; ".join(
            f"{each.field}: {each.expected} -> {each.seen}" for each in self.divergence.differences
        )


def groups(results: Mapping[SegmentClass, ClassResult], profile: Profile) -> list[Group]:
    """The divergences, one group a cause; the largest first.  No two groups overlap, not even in
    what their words say of classes that were not walked."""
    alike: dict[tuple[str, ...], list[SegmentClass]] = defaultdict(list)
    for one, result in results.items():
        if result.divergence is not None:
            alike[_cause(result, result.divergence)].append(one)
    rules = {rule.id: rule for decisions in profile.lists() for rule in decisions}
    walked = masks(results) if alike else {}
    grouped, said = list[Group](), list[Box]()
    for diverging in sorted(alike.values(), key=len, reverse=True):
        found = boxes(diverging, walked, said)
        said += found
        # A class that several boxes hold is told of once; the plainest of the largest box leads.
        classes = dict.fromkeys(one for box in found for one in box.classes)
        example = results[found[0].classes[0]]
        assert example.divergence is not None
        grouped.append(
            Group(
                where=tuple(box.text for box in found),
                classes=tuple(classes),
                result=example,
                divergence=example.divergence,
                rule=rules[example.divergence.rule],
            )
        )
    return grouped


_OF_A_DECISION = frozenset(("answer", "flags", "state", "timer"))
"""What differs where another decision was taken; any other field is how an answer is made up."""


def _cause(result: ClassResult, divergence: Divergence) -> tuple[str, ...]:
    fields = tuple(each.field for each in divergence.differences)
    if _OF_A_DECISION.isdisjoint(fields):
        answers, _, _ = result.expected.partition(", ")
        return answers, *fields
    return divergence.rule, result.expected, result.seen


_MOST_SAID = 4
"""Descriptions printed for one group; the JSON has all."""


def as_text(found: Sequence[Group], profile: str, target: str) -> Iterator[str]:
    """A few lines for each group."""
    for number, one in enumerate(found, start=1):
        count = len(one.classes)
        yield f"{number}. {number_of(count, 'class', 'classes')}: {one.where[0]}"
        yield from (f"   or {where}" for where in one.where[1:_MOST_SAID])
        if len(one.where) > _MOST_SAID:
            yield f"   or {len(one.where) - _MOST_SAID} more descriptions"
        yield f"   {profile} -> {one.result.expected}; {target} -> {one.result.seen}"
        yield f"   {one.fields}"
        yield f"   rule {one.rule.id}: {one.rule.says} ({'; '.join(one.rule.source)})"
        yield f"   for example {one.example}"


def not_certain_text(results: Mapping[SegmentClass, ClassResult]) -> Iterator[str]:
    """How many classes are undecided, by reason, and how many the oracle has no rule for."""
    reasons = Counter(o.undecided for o in results.values() if o.undecided)
    for reason, count in reasons.most_common():
        yield f"undecided: {count}, {reason}"
    not_ruled = Counter((o.expected, o.seen) for o in results.values() if not o.ruled)
    if total := not_ruled.total():
        otherwise = sum(count for (expected, seen), count in not_ruled.items() if expected != seen)
        yield f"not ruled: {total}, of which {otherwise} do otherwise than the reference"
        for (expected, seen), count in not_ruled.most_common():
            if expected != seen:
                yield f"   {count}: {expected} -> {seen}"


def as_json(found: Sequence[Group], results: Mapping[SegmentClass, ClassResult]) -> dict[str, Any]:
    """Everything, for machines."""
    return {
        "walked": len(results),
        "conforming": sum(o.ruled and not o.doubtful for o in results.values()),
        "not_ruled": sum(not o.ruled for o in results.values()),
        "undecided": [
            {"class": one._asdict(), "reason": result.undecided}
            for one, result in results.items()
            if result.undecided
        ],
        "answers": [
            {"oracle": expected, "target": seen, "classes": count}
            for (expected, seen), count in Counter(
                (o.expected, o.seen) for o in results.values()
            ).most_common()
        ],
        "divergences": [_group_as_json(one) for one in found],
    }


def _group_as_json(one: Group) -> dict[str, Any]:
    return {
        "where": list(one.where),
        "oracle": one.result.expected,
        "target": one.result.seen,
        "differences": [
            {"field": each.field, "oracle": each.expected, "target": each.seen}
            for each in one.divergence.differences
        ],
        "rule": one.rule.id,
        "says": one.rule.says,
        "source": list(one.rule.source),
        "example": one.example._asdict(),
        "classes": [each._asdict() for each in one.classes],
    }
