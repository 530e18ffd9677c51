"""Every rule that a segment or a socket call can meet is exercised by a bundled case, and some case
notices when the rule answers wrongly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest

from tw_conformance.link.link import Link
from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.notation.bundled import bundled_cases, case_files
from tw_conformance.notation.load import load_file
from tw_conformance.play.player import play
from tw_conformance.targets.in_process import InProcessLink, InProcessTarget
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import (
    AckLimitAction,
    Action,
    BindAction,
    ConnectAction,
    ErrorAction,
    OrphanAction,
)
from tw_reference.rules.decision import AnyStage
from tw_reference.rules.rule import AnyRule

STAGES = (
    stages.FIN_WAIT_2_BLOCK,
    stages.TIME_WAIT,
    stages.ICMP,
    stages.ACK_LIMIT,
    stages.LISTEN,
    stages.CLOSED,
    stages.ORPHAN,
    stages.BIND,
    stages.CONNECT,
)
"""The lists about TIME-WAIT's segments and socket calls.  Those about the other states of a
connection, about many connections, and about the calls of the RFC, which no case makes, have their
tests and mutants beside the profiles (reference/tw_reference/profiles/tests)."""

OFF_THE_WIRE = frozenset(
    {
        # Where in a second a block began no case can choose: tests/wire asks the kernel until both
        # answers have been seen.
        ("linux-5.10", "linux.connect-same-second"),
        ("linux-5.15", "linux.connect-same-second"),
        ("linux-6.1", "linux.connect-same-second"),
        ("linux-6.12", "linux.connect-same-second"),
        # A limit that the RFC leaves open, so that no case counts on it; a test of the list does.
        ("rfc9293", "rfc9293.challenge-war"),
    }
)
"""Rules that no bundled case can tell from another, and where they are tested."""


class Traced(InProcessTarget):
    """The reference, which remembers what it decided in the last case."""

    link: InProcessLink

    async def open(self, case: Case) -> InProcessLink:
        self.link = await super().open(case)
        return self.link


def perform(case: Case, profile: Profile) -> tuple[Outcome, Link]:
    target = Traced(profile)
    return target.start(play(case, target)).result(), target.link


@cache
def bundled() -> tuple[Case, ...]:
    return tuple(case for file in case_files([str(bundled_cases())]) for case in load_file(file))


@cache
def exercised(name: str) -> dict[str, list[Case]]:
    """The cases that each rule decided in, under that profile."""
    by_rule: dict[str, list[Case]] = defaultdict(list)
    target = InProcessTarget(PROFILES[name])
    for case in bundled():
        if case.applies_to(name) and target.lacks(case) is None:
            outcome, link = perform(case, PROFILES[name])
            assert outcome.verdict is Verdict.PASS, f"{case.id}: {outcome.reason}"
            acted = (rule for d in link.decisions() for rule in (*d.notes, d.rule))
            for rule_id in {rule.id for rule in acted}:
                by_rule[rule_id].append(case)
    return by_rule


def rules() -> Iterator[tuple[str, AnyStage, str]]:
    for name, profile in PROFILES.items():
        for decisions in profile.lists():
            if decisions.stage in STAGES:
                for rule in decisions:
                    if (name, rule.id) not in OFF_THE_WIRE:
                        yield name, decisions.stage, rule.id


def wrong(stage: AnyStage, rule: AnyRule) -> AnyRule:
    """The same rule with another answer: silence where it answers, an RST or the end of the block
    elsewhere."""
    then: Action
    silent = {action for action in stage.actions if action.name in ("DROP", "SUPPRESS")}
    match stage:
        case stages.ORPHAN:
            waits = rule.then == (OrphanAction.WAIT,)
            then = OrphanAction.RESET_AND_CLOSE if waits else OrphanAction.WAIT
        case stages.BIND:
            allows = rule.then == (BindAction.ALLOW,)
            then = BindAction.EADDRINUSE if allows else BindAction.ALLOW
        case stages.CONNECT:
            reuses = rule.then == (ConnectAction.CONNECT_ABOVE,)
            then = ConnectAction.EADDRNOTAVAIL if reuses else ConnectAction.CONNECT_ABOVE
        case stages.ACK_LIMIT:
            sends = AckLimitAction.SUPPRESS not in rule.then
            then = AckLimitAction.SUPPRESS if sends else AckLimitAction.SEND_AND_STAMP
        case stages.ICMP:
            drops = rule.then == (ErrorAction.DROP,)
            then = ErrorAction.DELETE if drops else ErrorAction.DROP
        case _ if any(action not in silent for action in rule.then):
            then = stage.actions.DROP
        case _:
            then = stage.actions.RST
    return replace(rule, then=(then,))


@pytest.mark.parametrize(("profile", "stage", "rule_id"), list(rules()))
def test_some_case_notices_when_a_rule_is_wrong(
    profile: str, stage: AnyStage, rule_id: str
) -> None:
    cases = exercised(profile).get(rule_id, [])
    assert cases, f"no bundled case exercises {rule_id}"
    decisions = PROFILES[profile][stage]
    broken = wrong(stage, decisions.rule(rule_id))
    mutant = PROFILES[profile].with_list(decisions.replacing(rule_id, broken))
    verdicts = (perform(case, mutant)[0].verdict for case in cases)
    assert any(verdict is not Verdict.PASS for verdict in verdicts), (
        f"{len(cases)} cases exercise {rule_id} and none notices {broken.then}"
    )
