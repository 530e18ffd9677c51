"""Where pictures are drawn: matplotlib, which only those need who want one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tw_conformance.model.errors import SuiteError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOT = "#c0392b"


def canvas(width: float, height: float) -> Figure:
    """An empty picture of so many inches.

    :raises SuiteError: where matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise SuiteError(
            "a picture is drawn by matplotlib, which is not installed: "
            "pip install 'tw-conformance[plot]'"
        ) from None
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, file: str | Path, dpi: int = 120) -> None:
    """Write it; the format is that of the file's name.

    :raises UsageError: where the file can't be written.
    """
    try:
        figure.savefig(file, dpi=dpi)
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} can't be written: {error}") from None
