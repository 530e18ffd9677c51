"""The table of verdicts by area."""

from __future__ import annotations

from tw_conformance.report.areas import areas


def test_areas_that_are_fine_share_a_row_below_the_worst() -> None:
    found = [
        *[("cases/syn/a.yaml", "PASS"), ("cases/syn/a.yaml", "FAIL")],
        *[("cases/rst/b.yaml", "FAIL"), ("cases/rst/c.yaml", "INCONCLUSIVE")],
        *[("cases/fin/d.yaml", "PASS"), ("cases/ack/e.yaml", "LEFT OUT")],
    ]
    assert areas(found) == [
        ("area", "FAIL", "INCONCLUSIVE", "PASS", "LEFT OUT"),
        ("rst", "1", "1", "", ""),
        ("syn", "1", "", "1", ""),
        ("2 other areas", "", "", "1", "1"),
    ]


def test_nothing_is_said_where_all_is_fine_or_there_is_but_one_area() -> None:
    assert areas([("a/x.yaml", "PASS"), ("b/x.yaml", "EXPECTED")]) is None
    assert areas([("a/x.yaml", "FAIL"), ("a/y.yaml", "PASS")]) is None


def test_it_fits_a_screen() -> None:
    found = [(f"cases/area-{n}/x.yaml", "FAIL") for n in range(100)]
    rows = areas(found)
    assert rows is not None
    assert len(rows) == 20
    assert rows[-1] == ("82 other areas", "82")
