"""``--tw-cites``: only the cases about a clause."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tw_conformance.model.citation import parse
from tw_conformance.model.words import nearest, quoted
from tw_conformance.plugin.items import CaseItem
from tw_conformance.plugin.run_state import RunState


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect all that cites none of the places asked for; a place that no case cites is noted."""
    asked: list[str] = config.getoption("--tw-cites")
    cited: dict[str, list[pytest.Item]] = {}
    for item in items:
        for cite in item.case.cites if isinstance(item, CaseItem) else ():
            cited.setdefault(cite, []).append(item)
    kept = set[pytest.Item]()
    for query in asked:
        wanted = parse(query)
        found = [item for cite in cited if wanted.covers(parse(cite)) for item in cited[cite]]
        kept.update(found)
        if not found:
            RunState.of(config).uncited.append(_sentence(query, list(cited)))
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


def _sentence(query: str, cites: Sequence[str]) -> str:
    short = {_short(cite): cite for cite in cites}
    near = nearest(_short(query), short)
    return f"no case cites {quoted(query)}" + (f"; the nearest is {short[near]!r}" if near else "")


def _short(cite: str) -> str:
    """Without the word that every place in an RFC has, and that would make all of them alike."""
    return cite.replace(" section", "")
