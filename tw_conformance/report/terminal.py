"""What is shown on a terminal, or kept as the text of one: tables, colours and widths, by rich.

Rich is imported where something is printed: a test suite without cases does not pay for it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from io import StringIO
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, Group, RenderableType
    from rich.table import Table

PLAIN_WIDTH = 80
"""Columns of what is kept in a file, or piped."""
_NARROWEST = 56
"""Columns below which a ladder can't be drawn."""
_WIDEST = 120
"""Columns beyond which lines get hard to read, however wide the terminal is."""
_BLANK_END = re.compile(r" +((?:\x1b\[[0-9;]*m)*)$")
_GAP = (0, 2, 0, 0)
_NARROW = 12
"""Columns of a cell that nothing is gained by wrapping."""


def console(*, stderr: bool = False) -> Console:
    """Standard output, or standard error: coloured, and as wide as it is, where it is a terminal;
    plain, and 80 columns wide, where not."""
    made = _console(sys.stderr if stderr else sys.stdout)
    made.width = readable(made.width) if made.is_terminal else PLAIN_WIDTH
    return made


def say(what: RenderableType) -> None:
    """Print it to standard output, as :func:`console` would, and at once."""
    shown = console()
    print(rendered(what, shown.width, color=shown.is_terminal), flush=True)


def readable(columns: int) -> int:
    """So many columns, but no fewer than a report needs and no more than a reader can follow."""
    return max(_NARROWEST, min(columns, _WIDEST))


def rendered(what: RenderableType, width: int, *, color: bool = False) -> str:
    """The text that a terminal of that width shows, without a line's end of blanks."""
    text = StringIO()
    _console(text, width=width, color=color).print(what)
    return "\n".join(_BLANK_END.sub(r"\1", line) for line in text.getvalue().splitlines())


def styled(text: str, marks: Sequence[str]) -> str:
    """``text`` with the escape sequences of marks such as ``bold`` and ``red``."""
    from rich.color import ColorSystem
    from rich.style import Style

    return Style.parse(" ".join(marks)).render(text, color_system=ColorSystem.STANDARD)


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    width: int,
    details: Sequence[Sequence[str]] = (),
    whole: Collection[int] = (),
    styles: Sequence[str] = (),
) -> Group:
    """A table without a frame, of at most ``width`` columns of text.

    ``details`` are sentences about each row, which stand below it as wide as the table.  Columns in
    ``whole`` are never wrapped; ``styles`` are those of the columns, left to right.
    """
    from rich.console import Group
    from rich.padding import Padding
    from rich.rule import Rule

    cells = [tuple(header), *map(tuple, rows)]
    longest = [max(map(len, column)) for column in zip(*cells, strict=True)]
    room = width - sum(longest) - 2 * (len(longest) - 1)
    layout = [
        {"width": size} if room >= 0 or column in whole or size <= _NARROW else {"ratio": size}
        for column, size in enumerate(longest)
    ]
    parts: list[RenderableType] = [
        line(cells[0], layout, ("bold",) * len(layout)),
        Rule(characters="-", style="dim") if room < 0 else "  ".join("-" * w for w in longest),
    ]
    for number, row in enumerate(cells[1:]):
        parts.append(line(row, layout, styles))
        said = details[number] if number < len(details) else ()
        parts += [Padding(sentence, (0, 0, 0, 4)) for sentence in said if sentence]
    return Group(*parts)


def line(
    cells: Sequence[str], layout: Sequence[Mapping[str, int]], styles: Sequence[str] = ()
) -> Table:
    """One row of a table that grows while it is printed: a column has a ``width``, or a share
    (``ratio``) of what is left, and wraps within it."""
    from rich.table import Table

    made = Table.grid(expand=any("ratio" in column for column in layout), padding=_GAP)
    for number, column in enumerate(layout):
        style = styles[number] if number < len(styles) else ""
        made.add_column(
            style=style,
            overflow="fold",
            width=column.get("width"),
            ratio=column.get("ratio"),
        )
    made.add_row(*cells)
    return made


def _console(file: IO[str], *, width: int | None = None, color: bool | None = None) -> Console:
    from rich.console import Console

    return Console(
        file=file, width=width, force_terminal=color, markup=False, emoji=False, highlight=False
    )
