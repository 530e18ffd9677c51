"""Globs over profile names, as cases use them to say whom they are about."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TypeVar

from tw_conformance.model.case import ByProfile
from tw_conformance.model.words import did_you_mean, listed, quoted
from tw_reference.profiles import ALIASES, PROFILES

T = TypeVar("T")

_FAMILIES = tuple(dict.fromkeys(name.partition("-")[0] for name in PROFILES))
"""What the names of a family's profiles begin with."""

DEFAULT = "default"
"""The key of a mapping by profile that stands for the rest."""


_GLOB_SIGNS = "*?["


def is_glob(key: str) -> bool:
    """Whether a key says that its mapping is by profile; the schema decides in the same way."""
    return key == DEFAULT or key.startswith(_FAMILIES) or any(sign in key for sign in _GLOB_SIGNS)


def matched(glob: str) -> frozenset[str]:
    """The known profiles that a glob names."""
    return frozenset(name for name in PROFILES if fnmatchcase(name, glob))


def glob_problem(glob: str) -> str | None:
    """What is wrong with a glob: no known profile, and no other of a known family, is meant.

    ``linux-5.4`` is right although no profile has that name yet.
    """
    if matched(glob) or re.fullmatch(f"({'|'.join(_FAMILIES)})-.+", glob):
        return None
    hint = did_you_mean(glob, (*(f"{family}-*" for family in ALIASES), *PROFILES))
    return f"no profile is named {quoted(glob)}{hint} {listed(PROFILES)}"


def unreachable(globs: Sequence[str]) -> list[tuple[str, str]]:
    """(glob, reason) of each that never decides, since those before it match all that it does."""
    found = []
    seen: set[str] = set()
    for index, glob in enumerate(globs):
        mine = matched(glob)
        if mine and mine <= seen:
            earlier = " and ".join(repr(g) for g in globs[:index] if matched(g) & mine)
            found.append((glob, f"{glob!r} never decides: {earlier} stands before it"))
        seen |= mine
    return found


def by_globs(choices: Sequence[tuple[str, T]]) -> ByProfile[T]:
    """A value for each of some profiles, written as briefly as it can be: what most have is the
    default, what most of another family have is that of a glob, and the rest goes by name."""
    values = dict(choices)
    default = _usual(list(values.values()))
    single, whole = [], []
    for family, names in _by_family(values).items():
        usual = _usual([values[name] for name in names])
        single += [(name, values[name]) for name in names if values[name] != usual]
        if usual != default:
            whole.append((names[0] if len(names) == 1 else f"{family}-*", usual))
    return ByProfile((*single, *whole, ("*", default)))


def globs_of(names: Collection[str]) -> tuple[str, ...]:
    """Globs that name these profiles and no other known one: a family, where it is whole."""
    known = _by_family(PROFILES)
    if len(names) == len(PROFILES):
        return ("*",)
    globs: list[str] = []
    for family, mine in _by_family(names).items():
        globs += [f"{family}-*"] if mine == known[family] and len(mine) > 1 else mine
    return tuple(globs)


def _by_family(names: Iterable[str]) -> dict[str, list[str]]:
    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(name.partition("-")[0], []).append(name)
    return families


def _usual(values: Sequence[T]) -> T:
    """What most have; of several the first."""
    return max(values, key=values.count)
