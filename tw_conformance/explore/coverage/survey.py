"""A corpus is played under a profile: which rules fired, and which atoms decided, in which case."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tw_conformance.explore.coverage.parts import Part, Parts
from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Verdict
from tw_conformance.play.player import perform_once
from tw_conformance.targets.direct import DirectTarget
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.rules.decision import AnyList, Ruling
from tw_reference.rules.rule import AnyRule


class RuleKey(NamedTuple):
    """A rule where it stands: several lists of a profile may have the same."""

    stage: str
    rule: str

    def __str__(self) -> str:
        return f"{self.stage}: {self.rule}"


class Survey(NamedTuple):
    """What the cases of a corpus, by their place in it, met of one profile's lists.

    Plain data: it travels between processes, as rules can't.
    """

    profile: str
    played: int
    """Cases that the reference could play."""
    failed: tuple[int, ...]
    """Cases that did not pass, of which nothing is counted."""
    fired: Mapping[RuleKey, Sequence[int]]
    decided: Mapping[tuple[RuleKey, Part], Sequence[int]]


def survey_named(profile: str, cases: Sequence[Case]) -> Survey:
    """The survey of a bundled profile, for another process."""
    return survey(PROFILES[profile], cases)


def survey(profile: Profile, cases: Sequence[Case]) -> Survey:
    """Play all cases that are about the profile."""
    witness = Witness(profile)
    target = DirectTarget(profile.watched(witness.tell))
    fired, decided = defaultdict(list), defaultdict(list)
    played, failed = 0, []
    for index, case in playable(cases, target):
        played += 1
        witness.clear()
        outcome = target.start(perform_once(case, target)).result()
        if outcome.verdict is not Verdict.PASS:
            failed.append(index)
            continue
        for key in witness.fired:
            fired[key].append(index)
        for part in witness.decided:
            decided[part].append(index)
    return Survey(profile.name, played, tuple(failed), dict(fired), dict(decided))


def playable(cases: Sequence[Case], target: InProcessTarget) -> Iterator[tuple[int, Case]]:
    """The cases that are about the target's profile, and which it can play, by their places."""
    for index, case in enumerate(cases):
        if case.applies_to(target.profile) and target.lacks(case) is None:
            yield index, case


class Witness:
    """Sees the decisions of one case."""

    def __init__(self, profile: Profile) -> None:
        rules = (rule for decisions in profile.lists() for rule in decisions)
        self._parts = {id(rule): Parts(rule.when) for rule in rules}
        self.fired: set[RuleKey] = set()
        self.decided: set[tuple[RuleKey, Part]] = set()

    def clear(self) -> None:
        self.fired.clear()
        self.decided.clear()

    def tell(self, decisions: AnyList, question: Any, ruling: Ruling[Any]) -> None:
        stage = decisions.stage.name
        for rule in looked_at(decisions, ruling):
            key = RuleKey(stage, rule.id)
            self.decided.update((key, part) for part in self._parts[id(rule)].deciding(question))
        self.fired.update(RuleKey(stage, rule.id) for rule in (*ruling.notes, ruling.rule))


def looked_at(decisions: AnyList, ruling: Ruling[Any]) -> Iterator[AnyRule]:
    """The rules of a list up to the one that decided."""
    for rule in decisions:
        yield rule
        if rule is ruling.rule:
            return
