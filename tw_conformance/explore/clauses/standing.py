"""What each profile does about a clause: played where it can be, else as the ledger states it.

A clause's own profile says what it comes to.  The plainest cases that show it are played on another
profile, and held to what the clause's profile answers.  An RFC is asked of a stack as it is by
default; what a stack says of itself is asked with the settings that the case gives it.  A deviation
is one by design: the rule that brings it about has a source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from fnmatch import fnmatchcase
from typing import NamedTuple, TypeVar

from tw_conformance.explore.clauses.clause import Clause, Level
from tw_conformance.model.case import (
    NOTHING,
    Answer,
    ByProfile,
    Call,
    Case,
    Expect,
    ExpectState,
    Step,
)
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.play.oracle import rules_by_step
from tw_conformance.play.player import perform_once
from tw_conformance.targets.direct import DirectTarget
from tw_reference.profiles import PROFILES

T = TypeVar("T")

_PROBES = 3
"""Cases that are played of each clause."""


class Does(Enum):
    """What a profile does about a clause."""

    CONFORMS = "conforms"
    DEVIATES = "deviates"
    NOT_APPLICABLE = "not applicable"
    NOT_KNOWN = "not known"
    """No case compares it, and nobody says."""


class Standing(NamedTuple):
    """What one profile does about one clause, and why: the rule that decides otherwise, or what the
    ledger states."""

    profile: str
    does: Does
    why: str = ""


class _Found(NamedTuple):
    """What came of a probe."""

    conforms: bool
    rule: str
    """The ID of the rule that decided otherwise."""


class Standings:
    """What profiles do about clauses; a case that several clauses share is played once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, bool, str], _Found | None] = {}

    def of(self, clause: Clause, shown: Sequence[Case], profile: str) -> Standing:
        """What that profile does; ``shown`` are the cases that show the clause."""
        stated = _stated(clause, profile)
        if stated is not None:
            return stated
        found = [self._ask(clause, case, profile) for case in probes_of(clause, shown)]
        played = [each for each in found if each is not None]
        if not played:
            lack = Does.NOT_APPLICABLE if found else Does.NOT_KNOWN
            return Standing(profile, lack, "it has nothing that the cases need" if found else "")
        deviating = [each.rule for each in played if not each.conforms]
        if not deviating:
            return Standing(profile, Does.CONFORMS)
        return Standing(profile, Does.DEVIATES, next(filter(None, deviating), ""))

    def _ask(self, clause: Clause, case: Case, profile: str) -> _Found | None:
        settled = clause.level is Level.STACK or profile == clause.base
        key = case.name, clause.base, settled, profile
        if key not in self._known:
            self._known[key] = _play(case if settled else replace(case, settings={}), profile)
        return self._known[key]


def probes_of(clause: Clause, shown: Sequence[Case]) -> list[Case]:
    """The plainest cases, each by one point of its matrix, held to what the clause's own profile
    answers.  Where the ledger names cases it is these that tell."""
    named = [case for case in shown if any(fnmatchcase(case.name, g) for g in clause.cases)]
    usable = [case for case in named or shown if case.applies_to(clause.base)]
    usable.sort(key=lambda case: (not _is_plain(case, clause.base), len(case.steps)))
    by_name = {case.name: case for case in reversed(usable)}
    first = list(dict.fromkeys(case.name for case in usable))[:_PROBES]
    return [_held(by_name[name], clause.base) for name in first]


def _is_plain(case: Case, profile: str) -> bool:
    """Whether it looks at kinds of answers alone, not at their fields."""
    answers = (s.answer.choose(profile) for s in case.steps if isinstance(s, Expect))
    return all(each is NOTHING or (isinstance(each, Answer) and each.word) for each in answers)


def _held(case: Case, profile: str) -> Case:
    """The case with what it expects of one profile expected of all."""
    steps = tuple(_of_all(step, profile) for step in case.steps)
    return replace(case, steps=steps, profiles=("*",))


def _of_all(step: Step, profile: str) -> Step:
    match step:
        case Expect():
            return replace(step, answer=_alone(step.answer, profile))
        case ExpectState():
            return replace(step, state=_alone(step.state, profile))
        case Call():
            return replace(step, gives=_alone(step.gives, profile))
    return step


def _alone(values: ByProfile[T], profile: str) -> ByProfile[T]:
    """That profile's value for all; nothing is expected where there is none."""
    value = values.choose(profile)
    return ByProfile(() if value is None else (("*", value),))


def _stated(clause: Clause, profile: str) -> Standing | None:
    """What the ledger says, if anything."""
    for glob, what in clause.stands.items():
        if fnmatchcase(profile, glob):
            does, _, why = what.partition(": ")
            return Standing(profile, Does(does), why)
    if not fnmatchcase(profile, clause.about):
        return Standing(profile, Does.NOT_APPLICABLE, f"it is about {clause.about}")
    return None


def _play(case: Case, profile: str) -> _Found | None:
    """What came of a case on a profile; None where the stack can't play it."""
    target = DirectTarget(PROFILES[profile])
    if target.lacks(case) is not None or not case.settings.keys() <= target.settings.keys():
        return None
    outcome = target.start(perform_once(case, target)).result()
    match outcome.verdict:
        case Verdict.PASS:
            return _Found(True, "")
        case Verdict.FAIL:
            return _Found(False, _rule(outcome, profile))
    return None


def _rule(outcome: Outcome, profile: str) -> str:
    """The rule that decided last, up to the step that deviated."""
    steps = enumerate(outcome.case.steps)
    last = next((index for index, step in steps if step is outcome.step), 0)
    rules = rules_by_step(outcome.case, profile)[: last + 1]
    return next((rule.id for rule in reversed(rules) if rule is not None), "")
