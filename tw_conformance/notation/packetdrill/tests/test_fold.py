from __future__ import annotations

from pathlib import Path

from tw_conformance.model.case import Case
from tw_conformance.notation.load import load_text
from tw_conformance.notation.packetdrill.cases import import_text
from tw_conformance.notation.packetdrill.fold import FAMILIES, fold
from tw_conformance.notation.packetdrill.tests.scripts import PASSIVE
from tw_conformance.notation.write import case_to_yaml


def case_of(name: str, version: str, mss: int = 1460, window: int = 9) -> Case:
    text = f"--ip_version={version}\n{PASSIVE}+.1 < R 1:1(0) win {window}\n"
    (case,) = import_text(text.replace("mss 1400", f"mss {mss}"), Path(f"{name}.pkt")).cases
    return case


def test_twins_are_one_case_with_a_matrix() -> None:
    one, other = case_of("close-ipv4", "ipv4"), case_of("close-ipv6", "ipv6", mss=1440)
    (folded,) = fold([one, other])
    assert (folded.case.name, folded.both) == ("close", True)
    assert folded.case.cites == (*one.cites, *other.cites)
    text = case_to_yaml(folded.case, {"family": FAMILIES})
    assert [(c.id, c.reach.family) for c in load_text(text, Path("x"))] == [
        ("close[ipv4]", "ipv4"),
        ("close[ipv6]", "ipv6"),
    ]


def test_what_differs_in_more_stays_two_cases() -> None:
    cases = [case_of("close-ipv4", "ipv4"), case_of("close-ipv6", "ipv6", window=8)]
    assert [each.case.name for each in fold(cases)] == ["close-ipv4", "close-ipv6"]
    alike = [case_of("close-ipv4", "ipv4"), case_of("close", "ipv4")]
    assert [each.both for each in fold(alike)] == [False, False]
