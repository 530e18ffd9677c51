"""What pytest prints of a case that did not pass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tw_conformance.report.style import shown


class Writer(Protocol):
    """What :class:`FailureText` needs of pytest's writer to a terminal."""

    hasmarkup: bool

    def line(self, s: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Crash:
    """Where a case did not pass, and why in a line: under these names pytest asks for it."""

    path: str
    lineno: int
    message: str

    def __str__(self) -> str:
        """The line of ``--tb=line``."""
        return f"{shown(Path(self.path))}:{self.lineno}: {self.message}"


class FailureText:
    """What pytest prints for a case that did not pass; plain for files, marked up for terminals.

    ``brief``: a terminal gets nothing but the line that ``--tb=line`` prints.
    """

    def __init__(
        self, path: str, line: int, message: str, plain: str, marked_up: str, *, brief: bool
    ) -> None:
        self.reprcrash = Crash(path, line, message)
        self._plain = plain
        self._marked_up = marked_up
        self._brief = brief

    def as_data(self) -> dict[str, Any]:
        """The arguments with which another process makes the same text."""
        crash = self.reprcrash
        return {
            "path": crash.path,
            "line": crash.lineno,
            "message": crash.message,
            "plain": self._plain,
            "marked_up": self._marked_up,
            "brief": self._brief,
        }

    def toterminal(self, tw: Writer) -> None:
        if not self._brief:
            # Line by line: pytest escapes all of a text that its output can't encode, ends of
            # lines too.
            for line in (self._marked_up if tw.hasmarkup else self._plain).split("\n"):
                tw.line(line)

    def __str__(self) -> str:
        return self._plain
