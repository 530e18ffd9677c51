"""A ladder as a picture for pages: two lifelines, the time, an arrow for each segment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from textwrap import wrap
from typing import Any

_TESTER, _DUT, _WIDTH = 70, 650, 660
"""x of the lifelines, and the picture's width, in pixels."""
_LINE, _GAP = 15, 13
"""Pixels for a line of text, and between a rung's text and the next rung."""
_CHARACTERS = 76
"""Of a line of text between the lifelines."""


def ladder_picture(rungs: Sequence[Mapping[str, Any]], decided: int | None, name: str) -> str:
    """Rungs (:class:`~tw_conformance.report.ladder.Rung`, as plain data) as inline SVG.

    Those of the step ``decided`` are marked; a dashed line parts the way to the first state from
    the steps.  ``name`` is what a screen reader says.
    """
    parts: list[str] = []
    y = 34
    reached = False
    for rung in rungs:
        if not reached and rung.get("step") is not None:
            reached = True
            level = y - _LINE + 1
            parts.append(f'<line class="reached" x1="0" y1="{level}" x2="{_DUT}" y2="{level}"/>')
            y += _GAP // 2
        bad = decided is not None and rung.get("step") == decided
        lines = wrap(rung["text"], _CHARACTERS, break_on_hyphens=False) or [""]
        parts.append(
            f'<g class="bad">{_rung(rung, lines, y)}</g>' if bad else _rung(rung, lines, y)
        )
        y += _LINE * len(lines) + _GAP
    ends = "".join(f'<line x1="{x}" y1="22" x2="{x}" y2="{y}"/>' for x in (_TESTER, _DUT))
    heads = (
        f'<text x="{_TESTER}" y="14" text-anchor="middle">tester</text>'
        f'<text x="{_DUT}" y="14" text-anchor="end">DUT</text><text x="0" y="14" class="t">s</text>'
    )
    return (
        f'<div class="wide"><svg viewBox="0 0 {_WIDTH} {y + 4}" width="{_WIDTH}" role="img"'
        f' aria-label="{escape(name)}"><title>{escape(name)}</title>'
        f"{heads}{ends}{''.join(parts)}</svg></div>"
    )


def _rung(rung: Mapping[str, Any], lines: Sequence[str], y: int) -> str:
    texts = "".join(
        f'<text x="{_TESTER + 12}" y="{y + _LINE * number}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    time = f'<text x="0" y="{y}" class="t">{rung["time"]:.4f}</text>'
    return time + texts + "".join(_arrow(rung["direction"], y + _LINE * (len(lines) - 1) + 5))


def _arrow(direction: str, y: int) -> Iterator[str]:
    if direction == "note":
        return
    tip, back = (_DUT, -7) if direction == "sent" else (_TESTER, 7)
    yield f'<line class="{direction}" x1="{_TESTER}" y1="{y}" x2="{_DUT}" y2="{y}"/>'
    points = f"{tip},{y} {tip + back},{y - 4} {tip + back},{y + 4}"
    yield f'<polygon class="head {direction}" points="{points}"/>'
