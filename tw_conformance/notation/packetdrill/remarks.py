"""What is to be said of a translation: what went another way than the script has it, and what did
not go at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from tw_conformance.model.errors import Place


class Severity(Enum):
    """How much a remark says is missing."""

    NOTE = "note"
    """Nothing that the script demands: how it was read."""
    LOST = "lost"
    """Something that the script demands, and the case doesn't."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One of them, and where the script says it."""

    kind: Severity
    place: Place
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.kind.value}: {self.text}"


class Untranslatable(Exception):
    """No case can say what stands there, and what follows depends on it."""

    def __init__(self, place: Place, reason: str) -> None:
        super().__init__(reason)
        self.remark = Remark(Severity.LOST, place, reason)


@dataclass(slots=True)
class Remarks:
    """Those of one translation, in the order made."""

    made: list[Remark] = field(default_factory=list)

    def note(self, place: Place, text: str) -> None:
        self.made.append(Remark(Severity.NOTE, place, " ".join(text.split())))

    def lost(self, place: Place, text: str) -> None:
        self.made.append(Remark(Severity.LOST, place, " ".join(text.split())))
