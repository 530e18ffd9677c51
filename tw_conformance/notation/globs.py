"""Globs over profile names, as cases use them to say whom they are about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from tw_conformance.model.words import did_you_mean, listed, quoted
from tw_reference.profiles import ALIASES, PROFILES

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


def unanswered(globs: Iterable[str], profiles: Iterable[str]) -> list[str]:
    """The profiles for which no glob decides."""
    covered = {name for glob in globs for name in matched(glob)}
    return [name for name in profiles if name not in covered]
