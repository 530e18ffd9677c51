"""KTAP as the kernel's parsers read it."""

from __future__ import annotations

from tw_conformance.report.ktap import KtapLine, ktap


def test_version_plan_and_a_line_for_each_result() -> None:
    told = ktap(
        [
            KtapLine("a::one", True),
            KtapLine("a::two", False, "", "nothing came", ["ladder", "", "rule"]),
            KtapLine("a::three", True, "SKIP", "no agent there"),
        ]
    )
    assert told.splitlines() == [
        "KTAP version 1",
        "1..3",
        "ok 1 a::one",
        "# ladder",
        "#",
        "# rule",
        "not ok 2 a::two # nothing came",
        "ok 3 a::three # SKIP no agent there",
    ]


def test_a_name_has_neither_the_sign_that_ends_it_nor_a_line_break() -> None:
    assert "ok 1 a/b c # ERROR d" in ktap([KtapLine("a#b\nc", True, "ERROR", "d")])


def test_a_run_without_tests_is_an_empty_plan() -> None:
    assert ktap([]) == "KTAP version 1\n1..0\n"
