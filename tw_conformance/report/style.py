"""How a report says things: its few colours, and paths as short as they can be."""

from __future__ import annotations

from pathlib import Path

from tw_conformance.report.terminal import styled


class Style:
    """Marks text up for a terminal, or leaves it plain."""

    def __init__(self, color: bool) -> None:
        self._color = color

    def __call__(self, text: str, *marks: str) -> str:
        """``text`` in those marks: ``bold``, ``dim``, ``red``, ``green``, ``yellow``, ``cyan``."""
        if not self._color or not text or not marks:
            return text
        return styled(text, marks)


def shown(path: Path) -> Path:
    """The path as short as it can be said from the current folder."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
