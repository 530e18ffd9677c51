"""What explains a verdict keeps to the width that it is given."""

from __future__ import annotations

import pytest

from tw_conformance.play import oracle
from tw_conformance.play.player import play
from tw_conformance.play.tests.scripted import script
from tw_conformance.report.outcome_text import explain_outcome
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES

STEPS = "  - send: {flags: RST, seq: rcv_nxt}\n  - expect: nothing\n  - state: LISTEN\n"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    target = InProcessTarget(PROFILES["linux-6.18"])
    outcome = target.start(play(script(STEPS, "{timestamps: on}", "['*']"), target)).result()
    answers = oracle.explain(outcome, {})
    text = explain_outcome(outcome, color=False, capture=None, answers=answers, width=width)
    assert "unless" in text  # a rule's long sentence
    assert "this is what linux-2.6.32" in text
    assert max(map(len, text.splitlines())) <= width
