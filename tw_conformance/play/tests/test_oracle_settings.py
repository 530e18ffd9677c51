"""A failure that a setting of the DUT would explain names that setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.notation.load import load_text
from tw_conformance.play import oracle
from tw_conformance.play.player import play
from tw_conformance.report.outcome_text import explain_outcome
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES

RST = """
case: rst
title: An RST at RCV.NXT ends TIME-WAIT
cites: ["tcp_minisocks.c, tcp_timewait_state_process()"]
profiles: ["linux-*"]
settings: {rfc1337: 1}
steps:
  - send: {flags: RST, seq: rcv_nxt}
  - state: CLOSED
"""


def failed() -> Outcome:
    """That case on a DUT that has rfc1337 set, of which the case does not know."""
    (case,) = load_text(RST, Path("rst.tw.yaml"))
    target = InProcessTarget(PROFILES["linux-6.18"])
    outcome = target.start(play(case, target)).result()
    assert outcome.verdict is Verdict.FAIL
    return replace(outcome, case=replace(case, settings={}))


@pytest.mark.parametrize(
    ("known", "blamed"),
    [({}, [{"rfc1337": 1}]), ({"rfc1337": 1}, [{"rfc1337": 1}]), ({"rfc1337": 0}, [])],
    ids=["unknown", "set", "not set"],
)
def test_the_setting_is_named_where_the_dut_has_or_may_have_it(
    known: Mapping[str, int], blamed: list[Mapping[str, int]]
) -> None:
    answers = oracle.explain(failed(), known)
    assert [answer.settings for answer in answers if answer.settings] == blamed
    text = explain_outcome(failed(), color=False, capture=None, answers=answers)
    assert ("with rfc1337=1 it does what the DUT did" in text) == bool(blamed)
