"""Results as a file: what is written is read again, and what is no such file is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tw_conformance.model.errors import UsageError
from tw_conformance.model.verdict import Verdict
from tw_conformance.notation.load import read_text
from tw_conformance.play import oracle
from tw_conformance.play.player import play
from tw_conformance.report.results import (
    LEFT_OUT,
    Dut,
    Result,
    Results,
    read_results,
    result_of,
    unplayed,
)
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES

CASE = """\
case: an-rst
title: An RST at RCV.NXT
cites: [RFC 1337 section 3]
steps:
  - send: {flags: RST, seq: rcv_nxt}
  - expect: nothing
  - state: {freebsd-*: %s, default: CLOSED}
"""


HEAD = '{"format": "tw-conformance results", "version": %d}'


def judged(state: str, *, evidence: bool = False) -> Result:
    """The result of a case that expects an RST to lead to that state of freebsd-10."""
    file = Path("/cases/rst/an.tw.yaml")
    (written,) = read_text(CASE % state, file).cases
    target = InProcessTarget(PROFILES["freebsd-10"])
    outcome = target.start(play(written.case, target)).result()
    answers = oracle.explain(outcome, {}) if outcome.verdict is Verdict.FAIL else ()
    rules = oracle.rules_by_step(outcome.case, outcome.profile)
    root = Path("/cases")
    return result_of(outcome, written, root, rules=rules, answers=answers, evidence=evidence)


def test_each_step_of_a_pass_says_what_was_seen_and_which_rule_decides() -> None:
    result = judged("TIME-WAIT")
    assert (result.id, result.file, result.line) == ("an-rst", "rst/an.tw.yaml", 1)
    assert result.verdict == "PASS"
    assert [(step.line, step.seen) for step in result.steps] == [
        (5, ""),
        (6, "nothing"),
        (7, "state TIME-WAIT, timer at 60.000 s"),
    ]
    assert {step.rule.id for step in result.steps if step.rule} == {"freebsd.rst-drop"}
    assert not result.ladder
    assert not result.elsewhere


def test_a_pass_has_its_packets_where_evidence_is_asked_for() -> None:
    ladder = judged("TIME-WAIT", evidence=True).ladder
    assert any(rung["text"].startswith("RST seq=rcv_nxt") for rung in ladder)


def test_a_fail_says_where_and_what_others_do() -> None:
    result = judged("CLOSED")
    assert (result.verdict, result.decided) == ("FAIL", 2)
    assert result.mismatches == [{"field": "state", "expected": "CLOSED", "seen": "TIME-WAIT"}]
    assert {each.profile for each in result.elsewhere} == set(PROFILES)
    assert {each.profile for each in result.elsewhere if each.same} >= {"freebsd-10", "freebsd-15"}


def test_a_file_of_results_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    (written,) = read_text(CASE % "CLOSED", tmp_path / "a.tw.yaml").cases
    gone = unplayed(written, tmp_path, "reference", "freebsd-10", LEFT_OUT, "it lacks a clock")
    dut = Dut("reference", "freebsd-10", "the reference", live=False, settings={"msl": 30000})
    results = [judged("TIME-WAIT", evidence=True), judged("CLOSED"), gone]
    file.write_text(Results("2026-11-28T08:00:00+00:00", 1.5, [dut], results).as_json())
    (found,) = read_results([file])
    assert list(found.duts) == [dut]
    assert found.as_json() == file.read_text()
    assert [each.verdict for each in found.results] == ["PASS", "FAIL", LEFT_OUT]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "holds no results: write them with run --results FILE"),
        (
            HEAD % 2,
            "has version 2 of the format, not 1",
        ),
        (HEAD % 1, "'suite' is a required property"),
    ],
)
def test_what_is_no_file_of_results_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "r.json"
    file.write_text(text)
    with pytest.raises(UsageError, match=said):
        read_results([file])


def test_a_result_of_an_unknown_verdict_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    data = json.loads(Results("now", 0, [], [judged("TIME-WAIT")]).as_json())
    data["results"][0]["verdict"] = "FINE"
    file.write_text(json.dumps(data))
    with pytest.raises(UsageError, match=r"results\[0\].verdict"):
        read_results([file])
