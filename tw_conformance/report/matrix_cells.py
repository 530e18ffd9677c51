"""A matrix of stacks as data: what each stack answers to the same stimulus, and whose rule that is.

Rows are cases, columns are stacks.  A cell says in a few signs what was seen; what colours it is
whether RFC 9293's own profile answers so, another document of the stack's own, or nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from tw_conformance.report.results import Dut, Result, Results

RFC = "rfc9293"

SIGNS = {
    "·": "nothing comes",
    "A": "an ACK",
    "R": "an RST",
    "S": "a SYN|ACK",
    "F": "a segment with FIN",
    "D": "another segment",
    "TW": "then TIME-WAIT",
    "CL": "then CLOSED",
    "?": "undecided",
    "-": "left out, or not asked",
}
"""The signs of cells that no word of TCP explains; states and errnos stand as they are."""

_STATES = {"TIME-WAIT": "TW", "CLOSED": "CL"}


class Follows(Enum):
    """Whom a cell follows."""

    RFC = "as RFC 9293 has it"
    OWN = "by its own documents; RFC 9293 has it otherwise, or says nothing"
    OTHER = "unlike its documents, as another documented stack"
    NOBODY = "as no document has it"
    OPEN = "undecided, or not asked"


@dataclass(frozen=True, slots=True)
class Cell:
    signs: str
    follows: Follows
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One case; or all its variants that are alike in every column."""

    name: str
    title: str
    stimulus: str
    variants: Sequence[str]
    cells: Sequence[Cell]

    @property
    def differs(self) -> bool:
        """Whether stacks that were asked answer differently."""
        return len({c.signs for c in self.cells if c.follows is not Follows.OPEN}) > 1


@dataclass(frozen=True, slots=True)
class Matrix:
    columns: Sequence[Dut]
    rows: Sequence[Row]


def matrix_of(runs: Iterable[Results]) -> Matrix:
    """The matrix of several runs; of a stack that is in more than one the last result counts."""
    columns: dict[tuple[str, str], Dut] = {}
    found: dict[str, dict[tuple[str, str], Result]] = {}
    for run in runs:
        columns.update({(dut.target, dut.profile): dut for dut in run.duts})
        for result in run.results:
            found.setdefault(result.id, {})[result.target, result.profile] = result
    ordered = sorted(columns, key=lambda key: (not columns[key].live, *key))
    rows = [_row(case_id, by_dut, ordered) for case_id, by_dut in found.items()]
    return Matrix([columns[key] for key in ordered], _merged(rows))


def signs_of(result: Result) -> str:
    """What was seen, step by step, in signs: ``A TW``."""
    looked = [_sign(step.seen) for step in result.steps if step.seen and _looks(step.text)]
    return " ".join(looked)


def _looks(step: str) -> bool:
    return step.split(maxsplit=1)[0] in ("expect", "state", "call")


def _sign(seen: str) -> str:
    if seen == "nothing":
        return "·"
    if state := re.match(r"state (\S+?)(,|$)", seen):
        return _STATES.get(state[1], state[1])
    if re.match(r"[A-Z|]+ seq=", seen):
        return "+".join(_of_flags(each.split(" ", 1)[0]) for each in seen.split(", "))
    return seen.rpartition(" ")[2]


def _of_flags(flags: str) -> str:
    bits = set(flags.split("|"))
    for bit, sign in (("RST", "R"), ("SYN", "S"), ("FIN", "F")):
        if bit in bits:
            return sign
    return "A" if bits == {"ACK"} else "D"


def _row(
    case_id: str, by_dut: dict[tuple[str, str], Result], columns: Sequence[tuple[str, str]]
) -> Row:
    documented = {
        result.profile: signs_of(result)
        for result in by_dut.values()
        if result.verdict == "PASS" and result.target == "reference"
    }
    first = next(iter(by_dut.values()))
    sends = (step.text for step in first.steps if step.text.startswith("send"))
    return Row(
        name=first.name,
        title=first.title,
        stimulus="; ".join(" ".join(text.split()[1:]) for text in sends),
        variants=[case_id],
        cells=[_cell(by_dut.get(key), documented) for key in columns],
    )


def _cell(result: Result | None, documented: dict[str, str]) -> Cell:
    if result is None or result.verdict in ("LEFT OUT", "ERROR"):
        return Cell("-", Follows.OPEN, result)
    if result.verdict == "INCONCLUSIVE":
        return Cell("?", Follows.OPEN, result)
    signs = signs_of(result)
    if signs == documented.get(RFC):
        return Cell(signs, Follows.RFC, result)
    if result.verdict == "PASS":
        return Cell(signs, Follows.OWN, result)
    known = signs in documented.values()
    return Cell(signs, Follows.OTHER if known else Follows.NOBODY, result)


def _merged(rows: Iterable[Row]) -> list[Row]:
    """Variants of a case that are alike in every column, as one row."""
    groups: dict[object, list[Row]] = {}
    for row in rows:
        alike = tuple((cell.signs, cell.follows) for cell in row.cells)
        groups.setdefault((row.name, alike), []).append(row)
    return [
        Row(
            *(group[0].name, group[0].title, group[0].stimulus),
            variants=[variant for row in group for variant in row.variants],
            cells=group[0].cells,
        )
        for group in groups.values()
    ]
