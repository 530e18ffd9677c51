"""The bundled cases, for tests that play them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache

from tw_conformance.model.case import Case
from tw_conformance.notation.bundled import bundled_cases, case_files
from tw_conformance.notation.load import load_file


@cache
def every_case() -> Sequence[Case]:
    """All of them; read once in a process, which takes a second or two."""
    return tuple(case for file in case_files([str(bundled_cases())]) for case in load_file(file))


def one_of_each(kind: Callable[[Case], Hashable], cases: Iterable[Case]) -> list[Case]:
    """The first of each kind: a sample by what a case is, not by where it stands."""
    first: dict[Hashable, Case] = {}
    for case in cases:
        first.setdefault(kind(case), case)
    return list(first.values())


def state_and_steps(case: Case) -> Hashable:
    """The state that it begins in, and what its steps are, in their order."""
    return case.reach.state, tuple(map(type, case.steps))


def state_and_kinds_of_step(case: Case) -> Hashable:
    """The state that it begins in, and which kinds of steps it has."""
    return case.reach.state, frozenset(map(type, case.steps))
