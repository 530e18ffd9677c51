"""Tables that fit a terminal, and Markdown in which every character stands for itself."""

from __future__ import annotations

import pytest

from tw_conformance.report.document import Heading, Paragraph, Table, TableRow, as_markdown, as_text

LONG = "a sentence that is rather longer than the table is wide and has to go on below"
TABLE = Table(("#", "flags", "says"), [TableRow(("1", "RST|ACK", LONG), ("Why.",))], ("because",))


@pytest.mark.parametrize("width", [30, 60, 100])
def test_text_keeps_to_its_width_and_loses_no_word(width: int) -> None:
    text = as_text([Heading(1, "title"), Paragraph(LONG), TABLE], width)
    assert max(map(len, text.splitlines())) <= width
    for word in LONG.split():
        assert text.count(word) >= 2


def test_columns_are_no_wider_than_they_need() -> None:
    table = Table(("a", "b"), [TableRow(("1", "two")), TableRow(("three", ""))])
    assert as_text([table], 60) == "a      b\n-----  ---\n1      two\nthree\n"


def test_a_word_of_code_stays_whole() -> None:
    table = Table(
        ("rule", "says"), [TableRow(("linux.connect-no-timestamps", LONG))], code=frozenset({0})
    )
    assert "linux.connect-no-timestamps" in as_text([table], 60)


def test_details_are_lines_in_text_and_columns_in_markdown() -> None:
    table = Table(("a",), [TableRow(("1",), ("Why.",)), TableRow(("2",))], ("because",))
    assert as_text([table], 60) == "a\n-\n1\n    Why.\n2\n"
    assert as_markdown([table]).splitlines() == [
        "| a | because |",
        "| - | ------- |",
        "| 1 | Why.    |",
        "| 2 |         |",
    ]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("RST|ACK", r"RST\|ACK"),
        ("<SEQ=SEG.ACK><CTL=RST>", r"\<SEQ=SEG.ACK>\<CTL=RST>"),
        ("a * b", r"a \* b"),
        ("tcp_time_wait()", "tcp_time_wait()"),
        ("_emphasis_", r"\_emphasis\_"),
        ("[link](x)", r"\[link\](x)"),
        ("> quote", r"\> quote"),
    ],
)
def test_no_character_is_taken_for_markup(text: str, escaped: str) -> None:
    assert as_markdown([Paragraph(text)]) == escaped + "\n"


def test_code_needs_only_its_pipes_escaped() -> None:
    table = Table(
        ("stimulus",), [TableRow(("RST|ACK seq=a*b",)), TableRow(("",))], code=frozenset({0})
    )
    assert as_markdown([table]).splitlines()[2:] == [
        r"| `RST\|ACK seq=a*b` |",
        "|                    |",
    ]


def test_lines_of_a_detail_stay_in_its_cell_in_markdown() -> None:
    table = Table(("a",), [TableRow(("1",), ("cases: x\nrules: y",))], ("because",))
    assert as_markdown([table]).splitlines()[2:] == ["| 1 | cases: x<br>rules: y |"]
    assert as_text([table], 60).splitlines()[2:] == ["1", "    cases: x", "    rules: y"]
