"""What a sweep found, in as few sentences as it takes, for people and for machines."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tw_conformance.explore.sweep.alphabet import SegmentClass
from tw_conformance.explore.sweep.groups import boxes, masks
from tw_conformance.explore.sweep.sweep import Divergence, Outcome
from tw_reference.profiles.profile import Profile
from tw_reference.rules.rule import AnyRule


@dataclass(frozen=True, slots=True)
class Finding:
    """Classes that diverge alike, and the words that cover them.

    ``example`` is the plainest of ``classes``, ``divergence`` its own.
    """

    where: str
    classes: tuple[SegmentClass, ...]
    divergence: Divergence
    rule: AnyRule

    @property
    def example(self) -> SegmentClass:
        return self.classes[0]

    @property
    def fields(self) -> str:
        """What differs, field by field, where it is more than the kind of answer."""
        return "; ".join(
            f"{each.field}: {each.expected} -> {each.seen}" for each in self.divergence.differences
        )


def findings(outcomes: Mapping[SegmentClass, Outcome], profile: Profile) -> list[Finding]:
    """The divergences, grouped; the largest group first."""
    alike: dict[tuple[object, ...], list[SegmentClass]] = defaultdict(list)
    for one, outcome in outcomes.items():
        if (found := outcome.divergence) is not None:
            fields = tuple(each.field for each in found.differences)
            alike[found.rule, found.expected, found.seen, fields].append(one)
    rules = {rule.id: rule for decisions in profile.lists() for rule in decisions}
    grouped = []
    walked = masks(outcomes) if alike else {}
    for diverging in alike.values():
        for box in boxes(diverging, walked):
            divergence = outcomes[box.classes[0]].divergence
            assert divergence is not None
            grouped.append(Finding(box.text, box.classes, divergence, rules[divergence.rule]))
    return sorted(grouped, key=lambda finding: -len(finding.classes))


def as_text(found: Sequence[Finding], profile: str, target: str) -> Iterator[str]:
    """A few lines for each finding."""
    for number, one in enumerate(found, start=1):
        divergence, count = one.divergence, len(one.classes)
        yield f"{number}. {one.where}: {count} {'class' if count == 1 else 'classes'}"
        yield f"   {profile} -> {divergence.expected}; {target} -> {divergence.seen}"
        yield f"   {one.fields}"
        yield f"   rule {one.rule.id}: {one.rule.says} ({'; '.join(one.rule.source)})"
        yield f"   for example {one.example}"


def undecided_text(outcomes: Mapping[SegmentClass, Outcome]) -> Iterator[str]:
    """How many classes are undecided, by reason."""
    reasons = Counter(o.undecided for o in outcomes.values() if o.undecided)
    for reason, count in reasons.most_common():
        yield f"undecided: {count}, {reason}"


def as_json(found: Sequence[Finding], outcomes: Mapping[SegmentClass, Outcome]) -> dict[str, Any]:
    """Everything, for machines."""
    return {
        "walked": len(outcomes),
        "conforming": sum(not o.divergence and not o.undecided for o in outcomes.values()),
        "undecided": [
            {"class": one._asdict(), "reason": outcome.undecided}
            for one, outcome in outcomes.items()
            if outcome.undecided
        ],
        "answers": [
            {"oracle": expected, "target": seen, "classes": count}
            for (expected, seen), count in Counter(
                (o.expected, o.seen) for o in outcomes.values()
            ).most_common()
        ],
        "divergences": [
            {
                "where": one.where,
                "oracle": one.divergence.expected,
                "target": one.divergence.seen,
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
            for one in found
        ],
    }
