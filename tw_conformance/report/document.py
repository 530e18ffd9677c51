"""Headings, paragraphs and tables, set as plain text of a given width or as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TypeAlias

from tw_conformance.report import terminal

_WIDEST_ALIGNED = 160
"""Characters up to which a table's line in Markdown is aligned, to be read as it is."""

_MARKUP = re.compile(r"[\\`*<\[\]|~]|^>|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """One line of a table.  ``details`` are sentences about it: further columns in Markdown, lines
    of their own in text, where columns are dear."""

    cells: Sequence[str]
    details: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """``details`` are the headers of the rows' details; ``code`` the columns that hold words of a
    program rather than of a language."""

    header: Sequence[str]
    rows: Sequence[TableRow]
    details: Sequence[str] = ()
    code: frozenset[int] = frozenset()


Block: TypeAlias = Heading | Paragraph | Table


def as_text(blocks: Iterable[Block], width: int) -> str:
    """Plain text of at most ``width`` columns, as far as words of code leave the room."""
    return "\n\n".join("\n".join(_text(block, width)) for block in blocks) + "\n"


def as_markdown(blocks: Iterable[Block]) -> str:
    """GitHub's Markdown, in which every character stands for itself."""
    return "\n\n".join("\n".join(_markdown(block)) for block in blocks) + "\n"


def escaped(text: str) -> str:
    """Text in which no character is taken for markup, a pipe in a table included."""
    return _MARKUP.sub(r"\\\g<0>", text)


# -- plain text ----------------------------------------------------------------------------------


def _text(block: Block, width: int) -> Iterator[str]:
    match block:
        case Heading(level, text):
            yield text
            yield ("=" if level == 1 else "-") * min(len(text), width)
        case Paragraph(text):
            yield from wrap(text, width, break_on_hyphens=False)
        case Table():
            yield from _text_table(block, width)


def _text_table(table: Table, width: int) -> Iterator[str]:
    made = terminal.table(
        table.header,
        [row.cells for row in table.rows],
        width=width,
        details=[row.details for row in table.rows],
        whole=table.code,
    )
    yield terminal.rendered(made, width)


# -- Markdown ------------------------------------------------------------------------------------


def _markdown(block: Block) -> Iterator[str]:
    match block:
        case Heading(level, text):
            yield f"{'#' * level} {escaped(text)}"
        case Paragraph(text):
            yield escaped(text)
        case Table():
            yield from _markdown_table(block)


def _markdown_table(table: Table) -> Iterator[str]:
    header = [escaped(text) for text in (*table.header, *table.details)]
    rows = [_markdown_cells(row, table) for row in table.rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    if sum(widths) > _WIDEST_ALIGNED:
        widths = [1] * len(header)
    yield _markdown_line(header, widths)
    yield _markdown_line(["-" * width for width in widths], widths)
    for cells in rows:
        yield _markdown_line(cells, widths)


def _markdown_cells(row: TableRow, table: Table) -> list[str]:
    cells = [
        _code(text) if column in table.code else _cell(text)
        for column, text in enumerate(row.cells)
    ]
    details = [_cell(text) for text in row.details]
    return cells + details + [""] * (len(table.details) - len(details))


def _cell(text: str) -> str:
    """A table's cell is one line; where the text breaks, so does the cell when it is shown."""
    return escaped(text).replace("\n", "<br>")


def _code(text: str) -> str:
    """A code span, in which a table still needs its pipes escaped."""
    return f"`{text.replace('|', chr(92) + '|')}`" if text else ""


def _markdown_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"
