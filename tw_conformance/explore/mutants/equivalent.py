"""Mutants that change nothing which a packet or a call could show, and why."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple


class Equivalent(NamedTuple):
    """Some mutants of some profiles, by globs of their names, and why nothing can tell them."""

    profiles: str
    mutants: str
    why: str


EQUIVALENT: tuple[Equivalent, ...] = ()


def equivalence(
    profile: str, mutant: str, written: Sequence[Equivalent] = EQUIVALENT
) -> Equivalent | None:
    """What is written about the mutant; None where nothing is."""
    for each in written:
        if fnmatchcase(profile, each.profiles) and fnmatchcase(mutant, each.mutants):
            return each
    return None
