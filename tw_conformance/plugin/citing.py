"""``--tw-cites``: only the cases about a clause."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tw_conformance.explore.clauses.ledger import called
from tw_conformance.explore.clauses.shown import met_by, shows
from tw_conformance.model.case import Case
from tw_conformance.model.citation import nearest_place, parse
from tw_conformance.model.words import quoted
from tw_conformance.plugin.items import CaseItem
from tw_conformance.plugin.run_state import RunState


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect all that is about none of the places asked for; where nothing is about one, that is
    noted."""
    cases = {id(item.case): item.case for item in items if isinstance(item, CaseItem)}
    wanted = set[int]()
    for query in config.getoption("--tw-cites"):
        found = _about(query, list(cases.values()))
        wanted.update(map(id, found))
        if not found:
            RunState.of(config).uncited.append(_sentence(query, list(cases.values())))
    kept = [item for item in items if isinstance(item, CaseItem) and id(item.case) in wanted]
    left = set(items) - set(kept)
    config.hook.pytest_deselected(items=[item for item in items if item in left])
    items[:] = kept


def _about(query: str, cases: Sequence[Case]) -> list[Case]:
    """The cases that cite a place, or that show the clause which the ledger calls so."""
    place = parse(query)
    found = {
        index
        for index, case in enumerate(cases)
        if any(place.covers(parse(cite)) for cite in case.cites)
    }
    for clause in called(query):
        found.update(shows(clause, cases, met_by(clause.base, cases)))
    return [cases[index] for index in sorted(found)]


def _sentence(query: str, cases: Sequence[Case]) -> str:
    near = nearest_place(query, {cite for case in cases for cite in case.cites})
    return f"no case cites {quoted(query)}" + (f"; the nearest is {near!r}" if near else "")
