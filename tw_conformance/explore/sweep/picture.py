"""A heat map of a sweep: flags down, SEG.SEQ across, coloured by answer, target beside oracle.

A cell is split where its classes (by SEG.ACK, length, timestamps and so on) are answered
differently: each answer has the share of the width that its classes have.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tw_conformance.explore.sweep.alphabet import DIMENSIONS, SegmentClass
from tw_conformance.explore.sweep.walk import ClassResult
from tw_conformance.report.canvas import canvas, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Patch

_COLOURS: Mapping[str, str] = {
    "nothing, TIME-WAIT": "#e6e6e6",
    "nothing, TIME-WAIT restarted": "#a9b8c6",
    "nothing, CLOSED": "#222222",
    "ACK, TIME-WAIT": "#9ecae1",
    "ACK, TIME-WAIT restarted": "#2171b5",
    "SYN|ACK, SYN-RECEIVED": "#31a354",
    "SYN|ACK|ECE, SYN-RECEIVED": "#a1d99b",
    "RST, CLOSED": "#e6550d",
    "RST|ACK, CLOSED": "#fdae6b",
    "RST, TIME-WAIT": "#d94801",
    "RST|ACK, TIME-WAIT": "#fdd0a2",
}
_OTHER_COLOURS = ("#756bb1", "#c994c7", "#dd1c77", "#8c6d31", "#bcbd22", "#17becf")
_UNKNOWN = "white"
_DIVERGES = "#d6008c"

FlagsAndZone: TypeAlias = tuple[str, str]
"""Flags and SEG.SEQ zone."""
AnswerCounts: TypeAlias = Mapping[FlagsAndZone, Counter[str]]


def draw(results: Mapping[SegmentClass, ClassResult], oracle: str, target: str, file: Path) -> None:
    """Write the picture; its format is that of the file's name.

    :raises SuiteError: where matplotlib is not installed, or the file can't be written.
    """
    flags = sorted({one.flags for one in results}, key=_deciding_flags_first)
    zones = [z for z in DIMENSIONS["seq"] if any(one.seq == z for one in results)]
    figure = canvas(4 + 1.1 * len(zones), 2.4 + 0.19 * len(flags))
    left, right = figure.subplots(1, 2, sharey=True)
    expected = _tally(results, lambda result: result.expected)
    seen = _tally(results, lambda result: result.seen)
    colours = _palette(expected, seen)
    diverging = {(o.flags, o.seq) for o, result in results.items() if result.divergence}
    for axes, title, tally in ((left, f"oracle: {oracle}", expected), (right, target, seen)):
        _panel(axes, title, tally, colours, flags, zones, diverging)
    left.set_ylabel("flags")
    handles = _legend(colours, bool(diverging))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    save(figure, file, dpi=110)


def _deciding_flags_first(flags: str) -> tuple[bool, ...]:
    """Rows that are mostly answered alike lie side by side."""
    names = flags.split("|")
    return tuple(flag in names for flag in ("RST", "SYN", "ACK", "FIN", "PSH", "URG"))


def _tally(
    results: Mapping[SegmentClass, ClassResult], answer: Callable[[ClassResult], str]
) -> dict[FlagsAndZone, Counter[str]]:
    """How often each answer was given in each cell; what is undecided counts as no answer."""
    tally: dict[FlagsAndZone, Counter[str]] = defaultdict(Counter)
    for one, result in results.items():
        tally[one.flags, one.seq][answer(result)] += 1
    return tally


def _palette(*tallies: AnswerCounts) -> dict[str, str]:
    """The colour of each answer that occurs, the usual ones first."""
    total: Counter[str] = Counter()
    for tally in tallies:
        for counts in tally.values():
            total += counts
    total.pop("", None)
    usual = {answer: colour for answer, colour in _COLOURS.items() if answer in total}
    others = [answer for answer, _ in total.most_common() if answer not in _COLOURS]
    cycle = (_OTHER_COLOURS[place % len(_OTHER_COLOURS)] for place in range(len(others)))
    return usual | dict(zip(others, cycle, strict=True))


def _panel(
    axes: Axes,
    title: str,
    tally: AnswerCounts,
    colours: Mapping[str, str],
    flags: Sequence[str],
    zones: Sequence[str],
    diverging: Set[FlagsAndZone],
) -> None:
    for row, flag in enumerate(flags):
        for column, zone in enumerate(zones):
            counts = tally.get((flag, zone), Counter())
            at, total = column - 0.5, counts.total()
            for answer in (*colours, ""):
                if counts[answer]:
                    width = counts[answer] / total
                    axes.barh(row, width, 1.0, left=at, color=colours.get(answer, _UNKNOWN))
                    at += width
    for flag, zone in diverging:
        corner = zones.index(zone) - 0.5, flags.index(flag) - 0.5
        axes.add_patch(_frame(corner))
    axes.set_title(title)
    axes.set_xlabel("SEG.SEQ")
    axes.set_xticks(range(len(zones)), zones, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(flags)), flags, fontsize=7)
    for row in range(4, len(flags), 4):
        axes.axhline(row - 0.5, color="white", linewidth=0.8)
    axes.set_xlim(-0.5, len(zones) - 0.5)
    axes.set_ylim(len(flags) - 0.5, -0.5)


def _frame(corner: tuple[float, float]) -> Patch:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, 1, 1, fill=False, edgecolor=_DIVERGES, linewidth=0.9)


def _legend(colours: Mapping[str, str], diverges: bool) -> list[Patch]:
    from matplotlib.patches import Patch

    handles = [Patch(color=colour, label=answer) for answer, colour in colours.items()]
    if diverges:
        frame = Patch(fill=False, edgecolor=_DIVERGES, label="some class here diverges")
        handles.append(frame)
    return handles
