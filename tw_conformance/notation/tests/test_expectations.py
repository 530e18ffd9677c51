"""Files of expectations: what they say, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tw_conformance.model.errors import CaseError, UsageError
from tw_conformance.model.verdict import Verdict
from tw_conformance.notation.expectations import first_about, load_expectations

TWO = """\
- case: rst-at-rcv-nxt[RST-ipv?-*]
  verdict: FAIL
  why: it has no RFC 1337
  link: https://bugs.example.org/7
  profile: freebsd-*
- {case: rst-*, verdict: INCONCLUSIVE, why: it is slow, target: box}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "expectations.yaml"


@pytest.mark.parametrize(
    ("case", "target", "profile", "reason"),
    [
        ("rst-at-rcv-nxt[RST-ipv4-on]", "any", "freebsd-10", "it has no RFC 1337"),
        ("rst-at-rcv-nxt[RST-ipv4-on]", "box", "freebsd-10", "it has no RFC 1337"),
        ("rst-at-rcv-nxt[RST-ipv4-on]", "any", "linux-6.18", None),
        ("rst-at-rcv-nxt[RST|ACK-ipv4-on]", "any", "freebsd-10", None),
        ("rst-at-rcv-nxt", "any", "freebsd-10", None),
        ("rst-at-rcv-nxt", "box", "freebsd-10", "it is slow"),
        ("rst-other[1]", "box", "linux-6.18", "it is slow"),
        ("first-rst", "box", "linux-6.18", None),
    ],
)
def test_the_first_that_speaks_of_a_case_counts(
    file: Path, case: str, target: str, profile: str, reason: str | None
) -> None:
    file.write_text(TWO)
    found = first_about(load_expectations(file), case, target, profile)
    assert (found.why if found else None) == reason


def test_what_an_entry_says(file: Path) -> None:
    file.write_text(TWO)
    first, second = load_expectations(file)
    assert (first.verdict, second.verdict) == (Verdict.FAIL, Verdict.INCONCLUSIVE)
    assert first.reason == "it has no RFC 1337 (https://bugs.example.org/7)"
    assert (second.reason, second.place.line) == ("it is slow", 6)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("case: a", "1:1: expected a list of entries with case, verdict and why"),
        ("- a", "1:3: expected an entry with case, verdict and why"),
        ("- {case: a}", "1:3: an entry needs case, verdict and why: verdict and why is missing"),
        (
            "- {case: a, verdict: fail, why: b}",
            "1:22: no verdict that may be expected is 'fail'; did you mean 'FAIL'?"
            " (known: FAIL, INCONCLUSIVE)",
        ),
        (
            "- {case: a, verdict: FAIL, why: b, lnk: c}",
            "1:36: no key 'lnk'; did you mean 'link'?"
            " (known: case, verdict, why, link, target, profile)",
        ),
        ("- {case: a, verdict: FAIL, why: 7}", "1:33: why is text"),
    ],
)
def test_faults_have_a_place(file: Path, text: str, fault: str) -> None:
    file.write_text(text)
    with pytest.raises(CaseError) as caught:
        load_expectations(file)
    assert [str(each).removeprefix(f"{file}:") for each in caught.value.faults] == [fault]


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        load_expectations(file)
