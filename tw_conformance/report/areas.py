"""The verdicts of a run by area, which is the folder of a case's file; on one screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from tw_conformance.model.words import number_of

_FINE = ("PASS", "LEFT OUT")
_COLUMNS = ("FAIL", "ERROR", "INCONCLUSIVE", "EXPECTED", *_FINE)
"""Verdicts and what stands for one, the most urgent first."""
_ROWS = 18
"""Areas that are named; with its head and the line before it the table fits 24 lines."""


def areas(verdicts: Iterable[tuple[str, str]]) -> list[Sequence[str]] | None:
    """The rows of a table, its header first, from files and what came of their cases.

    Areas in which a case has no verdict or the wrong one have a row each, the worst first; all
    others share the last one.  None where there is no such area, or but one area at all.
    """
    counted: dict[str, Counter[str]] = {}
    for file, verdict in verdicts:
        area = PurePosixPath(file).parent.name or "."
        counted.setdefault(area, Counter())[verdict] += 1
    if len(counted) < 2:
        return None
    trouble = {area: _trouble(counts) for area, counts in counted.items()}
    troubled = sorted(filter(trouble.get, trouble), key=lambda area: (-trouble[area], area))
    if not troubled:
        return None
    named, others = troubled[:_ROWS], counted.keys() - troubled[:_ROWS]
    columns = [each for each in _COLUMNS if any(counts[each] for counts in counted.values())]
    rows = [("area", *columns)]
    rows += [(area, *_cells(counted[area], columns)) for area in named]
    if others:
        rest = sum((counted[area] for area in others), Counter[str]())
        rows.append((number_of(len(others), "other area"), *_cells(rest, columns)))
    return list(rows)


def _trouble(counts: Counter[str]) -> int:
    return counts.total() - sum(counts[each] for each in (*_FINE, "EXPECTED"))


def _cells(counts: Counter[str], columns: Sequence[str]) -> Iterator[str]:
    return (f"{counts[each]:,}" if counts[each] else "" for each in columns)
