"""The lines of a case file around a place in it."""

from __future__ import annotations

from tw_conformance.model.errors import Place


def excerpt(place: Place, *, around: int) -> list[tuple[int, str]]:
    """Numbered lines of the file, ``around`` on either side; none where it can't be read any
    more."""
    try:
        lines = place.file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    first = max(1, place.line - around)
    return list(enumerate(lines[first - 1 : place.line + around], start=first))
