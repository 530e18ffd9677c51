"""What is shown on a terminal, by rich; a file or a pipe gets plain text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

WIDEST = 120
"""Columns beyond which lines get hard to read, however wide the terminal is."""
_PLAIN = 80
"""Columns of what is kept in a file, or piped."""


def console(
    *, stderr: bool = False, color: bool | None = None, width: int | None = None
) -> Console:
    """A console on standard output, or on standard error.

    ``color`` None: where it is a terminal.  Nothing is marked up or highlighted but what says so.
    ``width`` is the terminal's where it is one, else 80 columns.
    """
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    made = Console(
        file=stream,
        force_terminal=color,
        width=width,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=False,
    )
    if width is None:
        made.width = min(made.width, WIDEST) if made.is_terminal else _PLAIN
    return made
