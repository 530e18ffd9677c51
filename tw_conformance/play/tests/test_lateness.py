"""On virtual time nobody is late: what the DUT sends again is judged."""

from __future__ import annotations

from pathlib import Path

from tw_conformance.model.verdict import Verdict
from tw_conformance.notation.load import load_text
from tw_conformance.play.player import play
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES

CASE = """\
case: unexpected-retransmission
title: A FIN that nobody acknowledges is sent again
cites: [RFC 6298 section 5]
reach: {state: FIN-WAIT-1}
steps:
  - wait: 5s
  - state: FIN-WAIT-1
"""


def test_a_retransmission_that_no_step_expects_fails_the_case() -> None:
    target = InProcessTarget(PROFILES["linux-6.18"])
    outcome = target.start(play(load_text(CASE, Path("again.tw.yaml"))[0], target)).result()
    assert outcome.verdict is Verdict.FAIL
    assert "which no step expects" in outcome.reason
