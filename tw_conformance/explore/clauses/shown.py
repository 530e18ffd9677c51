"""Which cases show a clause: those in which a rule that carries it decides, and those it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TypeAlias

from tw_conformance.explore.clauses.clause import Clause
from tw_conformance.explore.clauses.ledger import rules_of
from tw_conformance.explore.coverage.survey import playable
from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Verdict
from tw_conformance.play.player import perform_once
from tw_conformance.targets.direct import DirectTarget
from tw_reference.profiles import PROFILES

Met: TypeAlias = Mapping[tuple[str, str], Sequence[int]]
"""By list and rule: the cases, by their place in the corpus, in which it decided."""


def met_by(profile: str, cases: Sequence[Case]) -> Met:
    """What each case that passes meets of the profile's rules, the way to its state included."""
    target, met = DirectTarget(PROFILES[profile]), dict[tuple[str, str], list[int]]()
    for index, case in playable(cases, target):
        target.met.clear()
        if target.start(perform_once(case, target)).result().verdict is Verdict.PASS:
            for rule in target.met:
                met.setdefault(rule, []).append(index)
    return met


def shows(clause: Clause, cases: Sequence[Case], met: Met) -> list[int]:
    """The cases that show a clause, by their place; ``met`` is that of its own profile."""
    found = {index for rule in rules_of(clause) for index in met.get(rule, ())}
    found.update(
        index
        for index, case in enumerate(cases)
        if any(fnmatchcase(case.name, glob) for glob in clause.cases)
    )
    return sorted(found)
