"""The text of a script, read from left to right: words, numbers, and where they stand."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import NoReturn

from tw_conformance.model.errors import CaseError, Fault, Place
from tw_conformance.model.words import did_you_mean, quoted

LARGEST = 1 << 18
"""Characters of a script."""

_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_NEXT = re.compile(r"[A-Za-z0-9_.#-]+|[^\s]")


class Scanner:
    """A place in a text.  What is asked for and not there is a fault that names the place."""

    def __init__(self, text: str, file: Path) -> None:
        self._text = text
        self._file = file
        self._at = 0
        self._skip_blank()

    def define(self, names: Mapping[str, str]) -> None:
        """Read those words, from here, as the text that they stand for (``--define``)."""
        for name, text in names.items():
            if text and re.fullmatch("[A-Za-z0-9_]+", name):
                word = re.compile(rf"(?<![A-Za-z0-9_.]){name}(?![A-Za-z0-9_])")
                rest = word.sub(partial(_said, text), self._text[self._at :])
                self._text = self._text[: self._at] + rest

    # -- looking ---------------------------------------------------------------------------------

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._text)

    @property
    def place(self) -> Place:
        return self._place(self._at)

    @property
    def rest(self) -> str:
        """What is left, of the next line at most."""
        return self._text[self._at :].partition("\n")[0]

    def sees(self, pattern: str) -> bool:
        return re.compile(pattern, re.DOTALL).match(self._text, self._at) is not None

    # -- taking ----------------------------------------------------------------------------------

    def take(self, pattern: str) -> str | None:
        """The text that the pattern matches here, or its first group; None where it doesn't."""
        found = re.compile(pattern, re.DOTALL).match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        self._skip_blank()
        return found[found.re.groups and 1]

    def expect(self, pattern: str, what: str, known: Collection[str] = ()) -> str:
        """The same, which has to be there.

        :raises CaseError: with the place, what was expected, and the nearest word of ``known``.
        """
        taken = self.take(pattern)
        return self.fail(what, known) if taken is None else taken

    def number(self, what: str, most: int) -> int:
        """A whole number, decimal or hexadecimal, from 0.

        :raises CaseError: where there is none, or it is greater than ``most``.
        """
        place = self.place
        text = self.expect(r"0[xX][0-9a-fA-F]+|[0-9]+", what)
        # A number with more digits than 32 bits have can be converted at no cost and never is one.
        value = int(text, 0 if text[:2].lower() == "0x" else 10) if len(text) < 20 else most + 1
        if value > most:
            raise fault(place, f"expected {what} of at most {most}, not {quoted(text)}")
        return value

    def fail(self, what: str, known: Collection[str] = ()) -> NoReturn:
        """:raises CaseError: that ``what`` was expected here."""
        found = _NEXT.match(self._text, self._at)
        word = found[0] if found else ""
        said = f"not {quoted(word)}" if word else "and the script ends"
        hint = did_you_mean(word, known) if word else ""
        raise fault(self.place, f"expected {what}, {said}{hint}")

    def _skip_blank(self) -> None:
        found = _BLANK.match(self._text, self._at)
        if found is not None:
            self._at = found.end()

    def _place(self, at: int) -> Place:
        line = self._text.count("\n", 0, at) + 1
        return Place(self._file, line, at - self._text.rfind("\n", 0, at))


def fault(place: Place, message: str) -> CaseError:
    return CaseError([Fault(place, message)])


def _said(text: str, _: re.Match[str]) -> str:
    return text
