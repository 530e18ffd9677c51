"""What was measured; times are in seconds, and begin with the run."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

LATE = 0.01
"""Seconds behind its time from which on a SYN is late: this machine could not keep up."""
MOST_LATE = 0.05
"""The share of SYNs that may be."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """``rate`` connections a second for ``seconds``; ``tester_closes``: it is not the DUT that
    closes first.  ``late_fins``: how many connections get their FIN once more in the end."""

    rate: float
    seconds: float
    tester_closes: bool = False
    late_fins: int = 0
    seed: int = 0

    @property
    def connections(self) -> int:
        return max(1, round(self.rate * self.seconds))


class EndedConnection(NamedTuple):
    """One that ended.  ``begun`` is when its first SYN left; ``time`` is from there to the last
    ACK, ``dut`` the part of it that the DUT took: between each segment of the tester's and the
    answer that it waited for.  ``again``: a segment had to be sent again."""

    begun: float
    time: float
    dut: float
    again: bool = False


class LateFin(NamedTuple):
    """What a FIN that came once more, ``age`` seconds after the last ACK, was answered with: ACK
    by a block in TIME-WAIT, RST where there is none, or nothing."""

    begun: float
    age: float
    answer: str


@dataclass(slots=True)
class LoadTrace:
    """What became of a plan."""

    plan: LoadPlan
    opened: int = 0
    seconds: float = 0.0
    """How long connections were opened."""
    connections: list[EndedConnection] = field(default_factory=list)
    resets: int = 0
    unfinished: int = 0
    """Those that neither ended nor were reset."""
    retransmitted: int = 0
    """Segments that the tester sent again, for want of an answer."""
    repeated: int = 0
    """Segments that the DUT sent again."""
    not_taken: int = 0
    """Frames that the link to the DUT had no room for."""
    capture_lost: int = 0
    late: int = 0
    """SYNs that left more than :data:`LATE` behind their time."""
    latest: float = 0.0
    cpu: float = 0.0
    """The share of one CPU that the tester took, what the kernel did on its behalf included."""
    population: list[tuple[float, int]] = field(default_factory=list)
    """How many TIME-WAIT blocks the DUT had, where it can be asked."""
    late_fins: list[LateFin] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    """By how much the DUT's own counters moved, where they can be read."""
    unknown: list[str] = field(default_factory=list)
    """Why what the DUT was asked for is missing above, wholly or in part."""
    interrupted: bool = False

    @property
    def rate(self) -> float:
        """Connections opened a second."""
        return self.opened / self.seconds if self.seconds else 0.0

    @property
    def loss_free(self) -> bool:
        """Whether every connection ended, and no segment was sent twice."""
        return not (self.unfinished or self.resets or self.retransmitted or self.not_taken)

    @property
    def limit(self) -> str | None:
        """What kept this machine from measuring the DUT; None where nothing did."""
        if self.capture_lost:
            return f"the capture lost {self.capture_lost:,} frames"
        if self.late > MOST_LATE * self.opened:
            return (
                f"{self.late:,} of {self.opened:,} SYNs left more than {LATE * 1e3:.0f} ms late,"
                f" {self.latest * 1e3:.0f} ms at most"
            )
        return None

    @property
    def undisturbed(self) -> list[EndedConnection]:
        """Those of which no segment was lost, in the order in which they began."""
        return [each for each in self.connections if not each.again]


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest of the sorted ``values`` that ``share`` of them do not exceed; 0 of none."""
    return values[max(0, -(-int(len(values) * share * 1e6) // 1_000_000) - 1)] if values else 0.0


def answers(fins: Sequence[LateFin]) -> Counter[str]:
    return Counter(fin.answer for fin in fins)


def write_csv(trace: LoadTrace, file: Path) -> None:
    """One line a connection that ended."""
    with file.open("w", newline="", encoding="utf-8") as out:
        lines = csv.writer(out)
        lines.writerow(("syn_s", "connection_ms", "dut_ms", "retransmitted"))
        for each in trace.connections:
            times = (f"{each.time * 1e3:.6f}", f"{each.dut * 1e3:.6f}")
            lines.writerow((f"{each.begun:.9f}", *times, int(each.again)))


def as_json(trace: LoadTrace) -> dict[str, Any]:
    """All but the connections themselves, which are many; their times by quantile, in ms."""
    fields = {name: value for name, value in asdict(trace).items() if name != "connections"}
    times = {
        name: {
            label: 1e3 * quantile(sorted(getattr(each, name) for each in trace.undisturbed), share)
            for label, share in (("median", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0))
        }
        for name in ("time", "dut")
    }
    return {**fields, "ended": len(trace.connections), "rate": trace.rate, "ms": times}
