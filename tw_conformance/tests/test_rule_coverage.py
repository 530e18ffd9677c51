"""Every rule that a segment or a socket call can meet is exercised by a bundled case, and some case
notices when the rule answers wrongly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest

from tw_conformance.link.base import Link
from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.notation.bundled import bundled_cases, case_files
from tw_conformance.notation.load import load_file
from tw_conformance.play.player import play
from tw_conformance.targets.in_process import InProcessLink, InProcessTarget
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.rules.rule import Action, Rule, Stage

STAGES = (
    Stage.FIN_WAIT_2,
    Stage.TIME_WAIT,
    Stage.ICMP,
    Stage.ACK_LIMIT,
    Stage.LISTEN,
    Stage.CLOSED,
    Stage.ORPHAN,
    Stage.BIND,
    Stage.CONNECT,
)
"""The lists about segments and socket calls.  The others are about many connections, and about the
calls of the RFC, which no case makes; reference/tests has their tests and mutants."""

OFF_THE_WIRE = frozenset({("linux-6.1", "linux.connect-too-young")})
"""Rules that depend on where in a second a block began, which no case can choose: tests/wire asks
the kernel until both answers have been seen."""


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
    for case in bundled():
        if case.applies_to(name):
            outcome, link = perform(case, PROFILES[name])
            assert outcome.verdict is Verdict.PASS, f"{case.id}: {outcome.reason}"
            for rule_id in {decision.rule.id for decision in link.decisions()}:
                by_rule[rule_id].append(case)
    return by_rule


def rules() -> Iterator[tuple[str, Stage, str]]:
    for name, profile in PROFILES.items():
        for decisions in profile.lists():
            if decisions.stage in STAGES:
                for rule in decisions:
                    if (name, rule.id) not in OFF_THE_WIRE:
                        yield name, decisions.stage, rule.id


def wrong(stage: Stage, rule: Rule) -> Rule:
    """The same rule with another answer: silence where it answers, an RST or the end of the block
    elsewhere."""
    silent = {Action.DROP, Action.SUPPRESS}
    answers = [action for action in rule.then if action not in silent]
    match rule.then:
        case _ if stage is Stage.ORPHAN:
            waits = rule.then == (Action.WAIT,)
            then: tuple[Action, ...] = (Action.RESET_AND_CLOSE if waits else Action.WAIT,)
        case _ if stage is Stage.BIND:
            then = (Action.EADDRINUSE if rule.then == (Action.ALLOW,) else Action.ALLOW,)
        case _ if stage is Stage.CONNECT:
            reuses = rule.then == (Action.CONNECT_ABOVE,)
            then = (Action.EADDRNOTAVAIL if reuses else Action.CONNECT_ABOVE,)
        case (Action.SEND,) | (Action.SEND_AND_STAMP,):
            then = (Action.SUPPRESS,)
        case (Action.SUPPRESS,):
            then = (Action.SEND_AND_STAMP,)
        case _ if answers:
            then = (Action.DROP,)
        case _:
            then = (Action.DELETE,) if stage is Stage.ICMP else (Action.RST,)
    return replace(rule, then=then)


@pytest.mark.parametrize(("profile", "stage", "rule_id"), list(rules()))
def test_some_case_notices_when_a_rule_is_wrong(profile: str, stage: Stage, rule_id: str) -> None:
    cases = exercised(profile).get(rule_id, [])
    assert cases, f"no bundled case exercises {rule_id}"
    decisions = PROFILES[profile][stage]
    broken = wrong(stage, decisions.rule(rule_id))
    mutant = PROFILES[profile].with_list(decisions.replacing(rule_id, broken))
    verdicts = (perform(case, mutant)[0].verdict for case in cases)
    assert any(verdict is not Verdict.PASS for verdict in verdicts), (
        f"{len(cases)} cases exercise {rule_id} and none notices {broken.then}"
    )
