"""Rule coverage: which atoms decide, what a case covers, what is left, and what excuses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tw_conformance.explore.coverage.gaps import Gap, Reason, gaps, reason_for
from tw_conformance.explore.coverage.parts import Part, Parts
from tw_conformance.explore.coverage.survey import RuleKey, survey
from tw_conformance.explore.processes import spread
from tw_conformance.notation.load import load_text
from tw_reference.profiles import PROFILES
from tw_reference.rules.condition import ALWAYS, Condition, all_of, any_of

LINUX, FREEBSD = PROFILES["linux-6.18"], PROFILES["freebsd-15"]
KILL = RuleKey("TIME-WAIT", "linux.rst-kill")
CASE = """\
case: rst
title: An RST at RCV.NXT
cites: [RFC 1337 section 3]
steps:
  - send: {{flags: RST, seq: rcv_nxt}}
  - expect: nothing
  - state: {state}
"""


def has(letter: str) -> Condition[str]:
    return Condition(letter, lambda word: letter in word)


A, B, C = has("a"), has("b"), has("c")


@pytest.mark.parametrize(
    ("condition", "question", "deciding"),
    [
        (A, "a", {"a: true"}),
        (A, "", {"a: false"}),
        (~A, "a", {"a: true"}),
        (all_of(A, B), "ab", {"a: true", "b: true"}),
        (all_of(A, B), "a", {"b: false"}),
        (all_of(A, B), "", set()),
        (any_of(A, B), "", {"a: false", "b: false"}),
        (any_of(A, B), "ab", set()),
        (all_of(A, any_of(B, ~C)), "ac", {"b: false", "c: true"}),
        (any_of(all_of(A, B), all_of(A, C)), "ac", {"a: true", "c: true"}),
        (ALWAYS, "a", set()),
    ],
)
def test_an_atom_decides_where_flipping_it_alone_changes_the_condition(
    condition: Condition[str], question: str, deciding: set[str]
) -> None:
    assert {str(part) for part in Parts(condition).deciding(question)} == deciding


def test_a_rule_is_covered_by_the_cases_that_fire_it_and_its_parts_by_those_that_decide() -> None:
    (case,) = load_text(CASE.format(state="CLOSED"), Path("rst.tw.yaml"))
    found = survey(LINUX, [case])
    assert (found.played, found.failed) == (1, ())
    assert found.fired[KILL] == [0]
    assert found.decided[KILL, Part("RST is set", True)] == [0]
    left = gaps(LINUX, found)
    assert Gap(KILL) not in left
    assert Gap(KILL, Part("RST is set", False)) in left
    assert Gap(RuleKey("TIME-WAIT", "linux.rst-1337")) in left
    assert not any(gap.rule.rule == "linux.rst-1337" and gap.part for gap in left)


def test_what_did_not_pass_covers_nothing() -> None:
    (case,) = load_text(CASE.format(state="CLOSED"), Path("rst.tw.yaml"))
    found = survey(FREEBSD, [case])
    assert (found.played, found.failed, dict(found.fired)) == (1, (0,), {})


@pytest.mark.parametrize(
    ("reason", "excused"),
    [
        (Reason("linux-*", "TIME-WAIT: linux.rst-*", "why"), True),
        (Reason("linux-*", "*", "why", part="RST is set: false"), True),
        (Reason("linux-*", "*", "why", part="RST is set: true"), False),
        (Reason("freebsd-*", "*", "why"), False),
        (Reason("linux-*", "CLOSED: *", "why"), False),
    ],
)
def test_a_reason_is_about_a_profile_a_rule_and_a_part(reason: Reason, excused: bool) -> None:
    gap = Gap(KILL, Part("RST is set", False))
    assert (reason_for("linux-6.18", gap, [reason]) is reason) is excused


@pytest.mark.parametrize("processes", [1, 2])
def test_spread_work_comes_back_in_order(processes: int) -> None:
    assert list(spread(abs, [-3, -2, -1], processes)) == [3, 2, 1]
