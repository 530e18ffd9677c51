"""Connection times over time, with the axes of the report that started it."""

from __future__ import annotations

import textwrap
from pathlib import Path

from tw_conformance.churn.stalls import Stalls
from tw_conformance.churn.trace import LoadTrace
from tw_conformance.report.canvas import DOT, canvas, save

MOST_DOTS = 40_000
"""With more of them the picture shows nothing more."""
_CALM = 0.99
"""The share of connections that are thinned out: of those that stand out none is."""
_TITLE = 90
"""Columns of its title."""
_LEAST_MS = 10.0
"""The height of the picture at least: a calm DUT is to look calm."""


def draw(trace: LoadTrace, stalls: Stalls | None, title: str, file: Path) -> None:
    """Write it.

    :raises SuiteError: where matplotlib is not installed, or the file can't be written.
    """
    figure = canvas(7.0, 4.2)
    panel = figure.subplots()
    dots = _thinned([(each.begun, each.dut * 1e3) for each in trace.undisturbed])
    panel.plot([x for x, _ in dots], [y for _, y in dots], ".", markersize=1.5, color=DOT)
    panel.set_xlabel("time (s)")
    panel.set_ylabel("connection time, the tester's part taken out (ms)")
    panel.set_xlim(0, max(trace.seconds, 0.1))
    panel.set_ylim(0, max(_LEAST_MS, 1.1 * max((y for _, y in dots), default=0.0)))
    panel.grid(axis="y", linestyle=":", linewidth=0.5)
    if stalls is not None:
        for number in range(stalls.turns):
            at = stalls.first + number * stalls.period
            panel.axvline(at, color="#7f8c8d", linestyle=":", linewidth=0.5, zorder=0)
    if trace.population:
        blocks = panel.twinx()
        blocks.plot(*zip(*trace.population, strict=True), color="#2471a3", linewidth=1)
        blocks.set_ylabel("TIME-WAIT blocks", color="#2471a3")
        blocks.set_ylim(bottom=0)
    said = textwrap.fill(f"{title} @ {trace.rate:,.0f} connections/s", _TITLE)
    panel.set_title(said, fontsize="small")
    save(figure, file)


def _thinned(dots: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """All that stand out, and of the others as many as are seen as dots."""
    if len(dots) <= MOST_DOTS:
        return dots
    bound = sorted(y for _, y in dots)[int(len(dots) * _CALM)]
    calm = [dot for dot in dots if dot[1] <= bound]
    return [dot for dot in dots if dot[1] > bound] + calm[:: -(-len(calm) // MOST_DOTS)]
