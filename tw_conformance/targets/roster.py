"""The targets that a run may name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tw_conformance.link.access import Access
from tw_conformance.targets.kinds import locate
from tw_conformance.targets.locator import Locator


@dataclass(frozen=True, slots=True)
class Named:
    """One target of a file; ``fields`` are those of :class:`Access` that it says."""

    target: str
    profile: str | None
    fields: Mapping[str, Any]
    expectations: Path | None = None
    """What it is known to do otherwise: a file, beside the one that names it."""


@dataclass(frozen=True, slots=True)
class Roster:
    """The targets that a run may name: those of a file, and every place.

    ``given`` are fields of :class:`Access` from the command line: they go before a file's.
    """

    named: Mapping[str, Named] = field(default_factory=lambda: MappingProxyType({}))
    given: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def target(self, name: str) -> str:
        """What ``name`` stands for; itself, where no file names it."""
        return self.named[name].target if name in self.named else name

    def profile(self, name: str) -> str | None:
        """The profile that a file holds it to."""
        return self.named[name].profile if name in self.named else None

    def expectations(self, name: str) -> Path | None:
        """The file that says what it is known to do otherwise."""
        return self.named[name].expectations if name in self.named else None

    def locator(self, name: str) -> Locator | None:
        """Where it is; None for a target that this suite makes itself.

        :raises UsageError: where it begins like a place and is none.
        """
        return locate(self.target(name))

    def access(self, name: str) -> Access:
        """:raises UsageError: where what is said about it excludes each other."""
        said = self.named[name].fields if name in self.named else {}
        return Access(**{**said, **self.given})
