"""Pictures of the lock model: the report's axes, and what the result owes to fitted numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tw_conformance.report.canvas import DOT, canvas, save
from tw_reference.contention.figures import figures
from tw_reference.contention.reaping_strategies import BATCH, ONE
from tw_reference.contention.simulation import Load, ReceivePath, Trace, simulate

MOST_DOTS = 40_000
"""Of one panel: with more of them the picture shows nothing more."""
FACTORS = (0.5, 0.7, 0.85, 1.0, 1.15, 1.3, 1.5)


def draw(traces: Mapping[str, Trace], load: Load, file: str) -> None:
    """Write connection times (ms) over the time of their SYNs (s), a panel a strategy.

    :raises SuiteError: where matplotlib is not installed, or the file can't be written.
    """
    figure = canvas(7.0, 2.6 * len(traces))
    panels = figure.subplots(len(traces), 1, squeeze=False, sharex=True, sharey=True)
    for panel, (name, trace) in zip(panels[:, 0], traces.items(), strict=True):
        whole = [(x, y * 1e3) for x, y in trace.connections if y < load.retransmit]
        # All that stand out, and of the others as many as are seen as dots.
        calm = [point for point in whole if point[1] < 1.0]
        dots = [p for p in whole if p[1] >= 1.0] + calm[:: max(1, len(calm) // MOST_DOTS)]
        panel.plot([x for x, _ in dots], [y for _, y in dots], ".", markersize=1, color=DOT)
        lost = f", {trace.dropped:,} packets dropped" if trace.dropped else ""
        panel.set_title(f"{name} @ {load.rate:,.0f} connections/s{lost}", fontsize="medium")
        panel.set_ylabel("connection time (ms)")
        panel.set_ylim(0, 50)
        panel.grid(axis="y", linestyle=":", linewidth=0.5)
    panels[-1, 0].set_xlabel("time (s)")
    save(figure, file)


def draw_sensitivity(path: ReceivePath, load: Load, file: str, seed: int = 0) -> None:
    """Write the longest connection time as each fitted number is half to one and a half of what
    it is.

    :raises SuiteError: where matplotlib is not installed, or the file can't be written.
    """
    figure = canvas(7.0, 4.0)
    panel = figure.subplots()
    quick = replace(path, lifetime=0.8)
    brief = replace(load, seconds=2.0)
    for label, style in (("service", "o-"), ("close", "s--"), ("handover", "^:")):
        longest = [1e3 * _longest(quick, brief, label, factor, seed) for factor in FACTORS]
        panel.plot(FACTORS, longest, style, label=_LABELS[label])
    panel.set_xlabel("times its fitted value")
    panel.set_ylabel("longest connection time (ms)")
    panel.set_title(f"At {load.rate:,.0f} connections/s", fontsize="medium")
    panel.set_ylim(bottom=0)
    panel.grid(linestyle=":", linewidth=0.5)
    panel.legend()
    save(figure, file)


_LABELS = {
    "service": "lock a packet (batch scan)",
    "close": "lock a block (batch scan)",
    "handover": "to take a contended lock (one at a time)",
}


def _longest(path: ReceivePath, load: Load, label: str, factor: float, seed: int) -> float:
    strategy = ONE if label == "handover" else BATCH
    if label == "service":
        path = replace(path, service=path.service * factor)
    elif label == "close":
        strategy = replace(strategy, close=strategy.close * factor)
    else:
        strategy = replace(strategy, handover=strategy.handover * factor)
    return figures(simulate(path, load, strategy, seed), path, strategy, load.retransmit).longest
