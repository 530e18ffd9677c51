"""What a survey leaves uncovered, and what is said about that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from tw_conformance.explore.coverage.parts import Part, Parts
from tw_conformance.explore.coverage.survey import RuleKey, Survey
from tw_reference.profiles.profile import Profile


class Gap(NamedTuple):
    """A rule that no case had fire, or an atom that decided in no case."""

    rule: RuleKey
    part: Part | None = None

    def __str__(self) -> str:
        return str(self.rule) if self.part is None else f"{self.rule}, {self.part}"


class Reason(NamedTuple):
    """Why something need not be covered.

    ``rules`` is a glob of ``STAGE: rule``, ``part`` one of ``atom: true``; without it the rule
    itself can't be met, nor any of its parts.
    """

    profiles: str
    rules: str
    why: str
    part: str = ""

    def is_about(self, profile: str, gap: Gap) -> bool:
        if not (fnmatchcase(profile, self.profiles) and fnmatchcase(str(gap.rule), self.rules)):
            return False
        return not self.part or fnmatchcase(str(gap.part), self.part)


def wanted(profile: Profile) -> Iterator[Gap]:
    """All that is to be covered: each rule, and each part of its condition."""
    for decisions in profile.lists():
        for rule in decisions:
            key = RuleKey(decisions.stage.name, rule.id)
            yield Gap(key)
            yield from (Gap(key, part) for part in Parts(rule.when).all())


def is_covered(gap: Gap, by: Survey) -> bool:
    if gap.part is None:
        return gap.rule in by.fired
    return (gap.rule, gap.part) in by.decided


def gaps(profile: Profile, by: Survey) -> list[Gap]:
    """What no case covers, in the order of the lists; of a rule that never fired, that alone."""
    found = [gap for gap in wanted(profile) if not is_covered(gap, by)]
    never = {gap.rule for gap in found if gap.part is None}
    return [gap for gap in found if gap.part is None or gap.rule not in never]


def reason_for(profile: str, gap: Gap, reasons: Sequence[Reason]) -> Reason | None:
    """The first reason that is about the gap."""
    return next((reason for reason in reasons if reason.is_about(profile, gap)), None)
