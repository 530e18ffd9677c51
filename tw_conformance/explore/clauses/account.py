"""The ledger made up: each clause with the cases that show it, and with what profiles do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from tw_conformance.explore.clauses.clause import Clause
from tw_conformance.explore.clauses.ledger import HELD_TO
from tw_conformance.explore.clauses.shown import met_by, shows
from tw_conformance.explore.clauses.standing import Standing, Standings
from tw_conformance.explore.processes import spread
from tw_conformance.model.case import Case


class LedgerLine(NamedTuple):
    """One line of the ledger."""

    clause: Clause
    shown: Sequence[int]
    """The cases that show it, by their place in the corpus."""
    standings: Sequence[Standing]

    @property
    def is_open(self) -> bool:
        """Whether it lacks a case that it should have."""
        return self.clause.level in HELD_TO and not self.shown and not self.clause.why


def account(
    clauses: Sequence[Clause], cases: Sequence[Case], profiles: Sequence[str], processes: int
) -> list[LedgerLine]:
    """Find the cases of each clause, and what each profile does about it."""
    bases = list(dict.fromkeys(clause.base for clause in clauses))
    met = dict(zip(bases, spread(partial(met_by, cases=cases), bases, processes), strict=True))
    shown = [shows(clause, cases, met[clause.base]) for clause in clauses]
    pairs = [
        (clause, [cases[index] for index in found])
        for clause, found in zip(clauses, shown, strict=True)
    ]
    by_profile = list(spread(partial(_standings, pairs), profiles, processes))
    return [
        LedgerLine(clause, found, [each[place] for each in by_profile])
        for place, (clause, found) in enumerate(zip(clauses, shown, strict=True))
    ]


def _standings(pairs: Sequence[tuple[Clause, Sequence[Case]]], profile: str) -> list[Standing]:
    """What one profile does about each clause, of which the cases that show it are given too."""
    standings = Standings()
    return [standings.of(clause, shown, profile) for clause, shown in pairs]
