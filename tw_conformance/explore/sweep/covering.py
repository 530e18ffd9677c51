"""Covering arrays: few classes in which every combination of ``strength`` dimensions occurs.

In parameter order (Lei and Tai's IPO, greedy): the product of the largest dimensions is extended
by one dimension after the other; each row takes the value that covers most of what is not covered
yet, and what no row can cover gets rows of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, product
from random import Random

Combination = dict[str, str]
Feasible = Callable[[Mapping[str, str]], bool]
"""Whether a partial row can be completed."""


def covering_array(
    dimensions: Mapping[str, Sequence[str]], strength: int, feasible: Feasible, seed: int
) -> list[Combination]:
    """Rows, each with a value for every dimension, that cover every feasible combination of values
    of any ``strength`` dimensions.  The same for the same seed."""
    random = Random(f"covering:{seed}")
    order = sorted(dimensions, key=lambda name: -len(dimensions[name]))
    first, later = order[:strength], order[strength:]
    corner = product(*(dimensions[name] for name in first))
    rows = [dict(zip(first, values, strict=True)) for values in corner]
    rows = [row for row in rows if feasible(row)]
    done = list(first)
    for name in later:
        missing = _combinations(dimensions, done, name, strength, feasible)
        random.shuffle(rows)
        for row in rows:
            # Where nothing is left to cover, chance spreads the rows over all values.
            values = random.sample(dimensions[name], len(dimensions[name]))
            _extend(row, name, values, done, strength, missing, feasible)
        done.append(name)
        rows += _rows_for(missing, done, feasible)
    for row in rows:
        _complete(row, dimensions, random, feasible)
    return rows


Missing = dict[str, set[tuple[tuple[str, ...], tuple[str, ...]]]]
"""By value of the new dimension: what it has not met yet, as (names, values)."""


def _combinations(
    dimensions: Mapping[str, Sequence[str]],
    done: Sequence[str],
    name: str,
    strength: int,
    feasible: Feasible,
) -> Missing:
    missing: Missing = defaultdict(set)
    for names in combinations(done, strength - 1):
        for values in product(*(dimensions[each] for each in names)):
            row = dict(zip(names, values, strict=True))
            for value in dimensions[name]:
                if feasible({**row, name: value}):
                    missing[value].add((names, values))
    return missing


def _extend(
    row: Combination,
    name: str,
    values: Sequence[str],
    done: Sequence[str],
    strength: int,
    missing: Missing,
    feasible: Feasible,
) -> None:
    """Give the row the first of the values that cover most, and strike off what it covers."""
    met = [
        (names, tuple(row[each] for each in names))
        for names in combinations([each for each in done if each in row], strength - 1)
    ]
    possible = [value for value in values if feasible({**row, name: value})]
    best = max(possible, key=lambda value: sum(each in missing[value] for each in met))
    row[name] = best
    missing[best].difference_update(met)


def _rows_for(missing: Missing, done: Sequence[str], feasible: Feasible) -> list[Combination]:
    """New rows for what is missing still; each takes in as much as fits."""
    rows: list[Combination] = []
    name = done[-1]
    for value, left in missing.items():
        fresh: list[Combination] = []
        for names, values in sorted(left):
            wanted = {**dict(zip(names, values, strict=True)), name: value}
            for row in fresh:
                if all(row.get(key, each) == each for key, each in wanted.items()) and feasible(
                    {**row, **wanted}
                ):
                    row.update(wanted)
                    break
            else:
                fresh.append(wanted)
        rows += fresh
    return rows


def _complete(
    row: Combination, dimensions: Mapping[str, Sequence[str]], random: Random, feasible: Feasible
) -> None:
    """Any value will do where none was needed."""
    for name, values in dimensions.items():
        if name not in row:
            row[name] = random.choice([v for v in values if feasible({**row, name: v})])
