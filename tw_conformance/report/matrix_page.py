"""The matrix of stacks as a page: one table, whose rows open to what is behind their cells."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import tw_conformance
from tw_conformance.model.words import number_of
from tw_conformance.report.ladder_picture import ladder_picture
from tw_conformance.report.matrix_cells import SIGNS, Cell, Follows, Matrix, Row
from tw_conformance.report.page import resource
from tw_conformance.report.results import Dut


def matrix_page(matrix: Matrix) -> str:
    """The matrix as one page of HTML that loads nothing."""
    return "\n".join((*_head(matrix), *_table(matrix), *_end(), ""))


def _head(matrix: Matrix) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield "<title>TIME-WAIT: what each stack answers</title>"
    yield f"<style>{resource('page.css')}{resource('matrix.css')}</style></head><body>"
    yield "<header><h1>What each stack answers</h1>"
    rows, columns = number_of(len(matrix.rows), "row"), number_of(len(matrix.columns), "stack")
    yield f"<p>{rows}, {columns}; tw-conformance {escape(tw_conformance.__version__)}.</p>"
    signs = "".join(f"<li><b>{sign}</b> {meaning}</li>" for sign, meaning in SIGNS.items())
    yield f'<ul class="key">{signs}</ul><ul class="key">'
    for follows in Follows:
        yield f'<li><span class="c {follows.name}">&nbsp;</span> {follows.value}</li>'
    yield "<li><b>bold</b> stacks were seen live, the others are from sources</li>"
    yield "</ul></header>"
    yield '<form aria-label="Filters"><fieldset><legend>rows</legend><label>'
    yield '<input type="checkbox" name="differ" checked> where stacks differ</label></fieldset>'
    yield '<label>text <input type="search" name="text" placeholder="words"></label>'
    yield '<output id="shown" class="faint" aria-live="polite"></output></form>'


def _table(matrix: Matrix) -> Iterator[str]:
    yield '<main class="wide"><table class="matrix"><thead><tr><th scope="col">stimulus</th>'
    for dut in matrix.columns:
        where = "seen on a live stack" if dut.live else "from sources"
        tip = escape(f"{dut.stack}: {where}")
        live = " class=live" if dut.live else ""
        yield f'<th scope="col"{live} title="{tip}"><span>{escape(_name(dut))}</span></th>'
    yield "</tr></thead>"
    for row in matrix.rows:
        yield from _row(row, matrix)
    yield "</table></main>"


def _name(dut: Dut) -> str:
    return f"{dut.target} ({dut.profile})" if dut.live else dut.profile


def _row(row: Row, matrix: Matrix) -> Iterator[str]:
    differs = ' data-differs="1"' if row.differs else ""
    yield f"<tbody{differs}><tr><th scope=row><details><summary>{escape(row.title)}"
    yield f'<br><code class="faint">{escape(row.stimulus or row.name)}</code></summary>'
    yield from _behind(row, matrix)
    yield "</details></th>"
    for dut, cell in zip(matrix.columns, row.cells, strict=True):
        tip = escape(f"{_name(dut)}: {cell.follows.value}")
        yield f'<td class="c {cell.follows.name}" title="{tip}">{escape(cell.signs)}</td>'
    yield "</tr></tbody>"


def _behind(row: Row, matrix: Matrix) -> Iterator[str]:
    """What a row's cells stand for: each answer once, with who gives it, by which rule."""
    groups: dict[str, list[tuple[Dut, Cell]]] = {}
    for dut, cell in zip(matrix.columns, row.cells, strict=True):
        groups.setdefault(cell.signs, []).append((dut, cell))
    yield '<div class="inside">'
    for signs, members in groups.items():
        names = ", ".join(_name(dut) for dut, _ in members)
        yield f"<p><b>{escape(signs)}</b> {escape(names)}</p>"
        yield from _evidence(members)
    listed = "".join(f"<li><code>{escape(each)}</code></li>" for each in row.variants)
    yield f'<ul class="names">{listed}</ul></div>'


def _evidence(members: list[tuple[Dut, Cell]]) -> Iterator[str]:
    results = [cell.result for _, cell in members if cell.result is not None]
    rules = {step.rule.id: step.rule for each in results for step in each.steps if step.rule}
    for rule in rules.values():
        said = f"<code>{escape(rule.id)}</code> {escape(rule.says)}"
        yield f'<p>{said} <span class="faint">{escape("; ".join(rule.source))}</span></p>'
    shown = next((each for each in results if each.ladder), None)
    if shown is not None:
        yield ladder_picture(shown.ladder, shown.decided, f"The packets of {shown.id}")
        if shown.capture:
            name = escape(f"{shown.id}@{shown.target}.pcapng".replace("/", "_"))
            data = f"data:application/x-pcapng;base64,{shown.capture}"
            yield f'<p class="download"><a download="{name}" href="{data}">capture</a></p>'


def _end() -> Iterator[str]:
    yield f"<script>{resource('matrix.js')}</script></body></html>"
