"""A clause: one sentence that somebody may be held to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from tw_conformance.model.citation import Citation, parse


class Level(Enum):
    """How strictly it is meant (RFC 2119)."""

    MUST = "MUST"
    """A MUST NOT is one too."""
    SHOULD = "SHOULD"
    MAY = "MAY"
    TEXT = "text"
    """Said without a key word: the older RFCs know none, and event processing is told as a tale."""
    STACK = "stack"
    """What a stack says of itself, by its code or by who read it."""


MUST, SHOULD, MAY, TEXT, STACK = Level


@dataclass(frozen=True, slots=True)
class Clause:
    """One normative sentence."""

    id: str
    """``rfc9293.linger``."""
    level: Level
    place: str
    """Where it is written."""
    says: str
    """What it says, in our words."""
    base: str
    """The profile that speaks for it."""
    rules: tuple[str, ...] = ()
    """Globs of that profile's rules: ``fin-again``, or ``LIST: rule`` of one list alone."""
    cases: tuple[str, ...] = ()
    """Globs of the names of cases that show it, where no rule tells which."""
    about: str = "*"
    """Glob of the profiles that it can be about."""
    why: str = ""
    """Why no case shows it, and what does instead."""
    stands: Mapping[str, str] = field(default_factory=dict)
    """What a profile does, by globs, where no case tells: ``conforms``, ``deviates: …``,
    ``not applicable: …``."""

    @property
    def citation(self) -> Citation:
        return parse(self.place)


@dataclass(frozen=True, slots=True)
class ClauseMaker:
    """Makes the clauses of one document."""

    short: str
    """What their IDs begin with."""
    title: str
    """What their places begin with."""
    base: str
    about: str = "*"
    joint: str = " "
    """Between title and place."""

    def clause(
        self,
        name: str,
        level: Level,
        place: str,
        says: str,
        *,
        rules: tuple[str, ...] = (),
        cases: tuple[str, ...] = (),
        why: str = "",
        stands: Mapping[str, str] | None = None,
    ) -> Clause:
        return Clause(
            id=f"{self.short}.{name}",
            level=level,
            place=f"{self.title}{self.joint}{place}",
            says=says,
            base=self.base,
            rules=rules,
            cases=cases,
            about=self.about,
            why=why,
            stands=stands or {},
        )
