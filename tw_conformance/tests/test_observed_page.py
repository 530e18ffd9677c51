"""The page of what Linux was seen to do names only cases and tests that there are."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

import tw_conformance
from tw_conformance.model.case import Case
from tw_conformance.notation.bundled import bundled_cases, case_files
from tw_conformance.notation.load import load_file

PAGE = bundled_cases() / "OBSERVED.md"
ROOT = Path(tw_conformance.__file__).parent.parent
CELLS = re.compile(r"(?<!\\)\|")


def rows() -> list[list[str]]:
    """The cells of each row below a heading of columns."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in CELLS.split(line)[1:-1]] for line in lines]
    return [row for row in table if row[-1] not in ("shown by", "---")]


def named() -> list[str]:
    return sorted({name for row in rows() for name in re.findall("`([^`]+)`", row[-1])})


@cache
def cases() -> dict[str, Case]:
    return {case.name: case for file in case_files([str(PAGE.parent)]) for case in load_file(file)}


def test_every_row_has_three_cells_and_says_where_it_is_shown() -> None:
    assert len(rows()) > 90
    for row in rows():
        assert len(row) == 3, row
        assert re.fullmatch("`[^`]+`(, `[^`]+`)*", row[-1]), row


@pytest.mark.parametrize("name", [name for name in named() if "::" not in name])
def test_every_case_named_there_is_played_on_linux(name: str) -> None:
    assert cases()[name].applies_to("linux-6.18")


@pytest.mark.parametrize("name", [name for name in named() if "::" in name])
def test_every_test_named_there_exists(name: str) -> None:
    file, _, function = name.partition("::")
    assert f"\ndef {function}(" in (ROOT / file).read_text()
