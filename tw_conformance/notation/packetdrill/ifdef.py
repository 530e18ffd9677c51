"""``#ifdef`` in nplab's scripts: one text for several stacks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from pathlib import Path

from tw_conformance.model.errors import Place
from tw_conformance.model.words import quoted
from tw_conformance.notation.packetdrill.scan import fault

_IFDEF = re.compile(r"#ifdef\b[ \t]*([A-Za-z][A-Za-z0-9_]*)?")
_ENDIF = re.compile(r"#endif\b")


def symbols_of(text: str, file: Path) -> frozenset[str]:
    """The names that a script asks for.

    :raises CaseError: where an ``#ifdef`` has no name, no end, or one within it.
    """
    return frozenset(symbol for symbol, _, _ in _conditions(text, file))


def reading(text: str, file: Path, defined: Set[str]) -> str:
    """The text where those names are defined: what is not read is blank, so that every line keeps
    its number.

    :raises CaseError: where an ``#ifdef`` has no name, no end, or one within it.
    """
    lines = text.split("\n")
    for symbol, first, last in _conditions(text, file):
        blank = range(first, last + 1) if symbol not in defined else (first, last)
        for index in blank:
            lines[index] = ""
    return "\n".join(lines)


def _conditions(text: str, file: Path) -> Iterator[tuple[str, int, int]]:
    """Each symbol, and the indices of the lines that it begins and ends on."""
    begun: tuple[str, int] | None = None
    for index, line in enumerate(text.split("\n")):
        stripped = line.strip()
        place = Place(file, index + 1, len(line) - len(line.lstrip()) + 1)
        if found := _IFDEF.match(stripped):
            if begun is not None:
                raise fault(place, f"expected #endif of {quoted(begun[0])} before another #ifdef")
            if found[1] is None:
                raise fault(place, "expected a name after #ifdef")
            begun = found[1], index
        elif _ENDIF.match(stripped):
            if begun is None:
                raise fault(place, "expected #ifdef before this #endif")
            yield *begun, index
            begun = None
    if begun is not None:
        place = Place(file, begun[1] + 1, 1)
        raise fault(place, f"expected #endif for #ifdef {begun[0]}, and the script ends")
