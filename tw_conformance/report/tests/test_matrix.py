"""The matrix of stacks: what its cells say, whom they follow, and what is one row."""

from __future__ import annotations

import pytest

from tw_conformance.report.matrix_cells import Follows, matrix_of, signs_of
from tw_conformance.report.matrix_page import matrix_page
from tw_conformance.report.results import Dut, Result, Results, RuleNamed, StepDone

RULE = RuleNamed("a.rule", "It does so.", ["RFC 9293"])


def result(
    profile: str, *seen: str, name: str = "rst[1]", target: str = "reference", verdict: str = "PASS"
) -> Result:
    steps = [StepDone("send   RST seq=rcv_nxt", 3, "", RULE)]
    steps += [
        StepDone("state  TIME-WAIT" if each.startswith("state") else "expect nothing", 4, each)
        for each in seen
    ]
    file = ("rst", "rst.tw.yaml", 1, "An RST", ("RFC 1337",))
    return Result(name, *file, target, profile, verdict, steps=steps)


def run(*results: Result) -> Results:
    duts = {
        (each.target, each.profile): Dut(
            each.target, each.profile, "a stack", live=each.target != "reference"
        )
        for each in results
    }
    return Results("now", 1.0, list(duts.values()), results)


@pytest.mark.parametrize(
    ("seen", "signs"),
    [
        (("nothing", "state CLOSED"), "· CL"),
        (("ACK seq=snd_nxt ack=rcv_nxt", "state TIME-WAIT, timer at 60.000 s"), "A TW"),
        (("RST|ACK seq=0 ack=seg_seq",), "R"),
        (("SYN|ACK seq=iss ack=irs+1", "state SYN-RECEIVED"), "S SYN-RECEIVED"),
        (("ACK seq=1 ack=2, FIN|ACK seq=1 ack=2",), "A+F"),
        (("PSH|ACK seq=1 ack=2 length=3",), "D"),
        (("",), ""),
    ],
)
def test_signs_say_what_was_seen(seen: tuple[str, ...], signs: str) -> None:
    assert signs_of(result("rfc9293", *seen)) == signs


def test_a_cell_says_whom_its_stack_follows() -> None:
    made = matrix_of(
        [
            run(
                result("rfc9293", "nothing", "state CLOSED"),
                result("freebsd-10", "nothing", "state TIME-WAIT"),
                result("linux-6.18", "nothing", "state CLOSED"),
            ),
            run(
                result("freebsd-10", "nothing", "state CLOSED", target="a", verdict="FAIL"),
                result("linux-6.18", "nothing", "state TIME-WAIT", target="b", verdict="FAIL"),
                result("linux-6.18", "RST seq=0 ack=0", target="c", verdict="FAIL"),
                result("linux-6.18", target="d", verdict="INCONCLUSIVE"),
                result("linux-6.18", target="e", verdict="LEFT OUT"),
            ),
        ]
    )
    (row,) = made.rows
    said = {
        f"{dut.target}:{dut.profile}": cell.follows
        for dut, cell in zip(made.columns, row.cells, strict=True)
    }
    assert said == {
        "a:freebsd-10": Follows.RFC,
        "b:linux-6.18": Follows.OTHER,
        "c:linux-6.18": Follows.NOBODY,
        "d:linux-6.18": Follows.OPEN,
        "e:linux-6.18": Follows.OPEN,
        "reference:freebsd-10": Follows.OWN,
        "reference:linux-6.18": Follows.RFC,
        "reference:rfc9293": Follows.RFC,
    }
    assert row.differs


def test_variants_that_are_alike_everywhere_are_one_row() -> None:
    made = matrix_of(
        [
            run(
                result("rfc9293", "nothing", name="rst[1]"),
                result("rfc9293", "nothing", name="rst[2]"),
                result("rfc9293", "ACK seq=1 ack=1", name="rst[3]"),
            )
        ]
    )
    assert [list(row.variants) for row in made.rows] == [["rst[1]", "rst[2]"], ["rst[3]"]]
    assert not any(row.differs for row in made.rows)


def test_the_page_names_stacks_signs_and_rules() -> None:
    made = matrix_of([run(result("rfc9293", "nothing", target="<a>"))])
    text = matrix_page(made)
    assert "&lt;a&gt; (rfc9293)" in text
    assert "seen on a live stack" in text
    assert "<code>a.rule</code> It does so." in text
    assert "<a>" not in text
