"""Every rule that a segment or a socket call can meet is exercised by a bundled case, each part of
its condition decides in one, and some case notices when the rule answers wrongly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import pytest

from tw_conformance.explore.corpus import read_corpus
from tw_conformance.explore.coverage.gaps import Gap, gaps, reason_for, wanted
from tw_conformance.explore.coverage.reasons import REASONS
from tw_conformance.explore.coverage.survey import RuleKey, Survey, survey
from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Verdict
from tw_conformance.play.player import play
from tw_conformance.targets.in_process import InProcessTarget
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


def perform(case: Case, profile: Profile) -> Verdict:
    target = InProcessTarget(profile)
    return target.start(play(case, target)).result().verdict


@cache
def bundled() -> Sequence[Case]:
    return read_corpus([]).cases


@cache
def surveyed(name: str) -> Survey:
    """What the bundled cases meet under that profile."""
    return survey(PROFILES[name], bundled())


def rules() -> Iterator[tuple[str, AnyStage, str]]:
    for name, profile in PROFILES.items():
        for decisions in profile.lists():
            for rule in decisions:
                gap = Gap(RuleKey(decisions.stage.name, rule.id))
                if decisions.stage in STAGES and reason_for(name, gap, REASONS) is None:
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
    cases = surveyed(profile).fired.get(RuleKey(stage.name, rule_id), ())
    assert cases, f"no bundled case exercises {rule_id}"
    decisions = PROFILES[profile][stage]
    broken = wrong(stage, decisions.rule(rule_id))
    mutant = PROFILES[profile].with_list(decisions.replacing(rule_id, broken))
    verdicts = (perform(bundled()[index], mutant) for index in cases)
    assert any(verdict is not Verdict.PASS for verdict in verdicts), (
        f"{len(cases)} cases exercise {rule_id} and none notices {broken.then}"
    )


@pytest.mark.parametrize("name", PROFILES)
def test_every_part_of_a_condition_decides_in_a_bundled_case_or_has_a_reason(name: str) -> None:
    found, profile = surveyed(name), PROFILES[name]
    assert [bundled()[index].id for index in found.failed] == []
    about = {stage.name for stage in (*STAGES, stages.ENTRY, stages.CHALLENGE_LIMIT)}
    left = gaps(profile, found)
    unsaid = [gap for gap in left if reason_for(name, gap, REASONS) is None]
    assert [str(gap) for gap in unsaid if gap.rule.stage in about] == []
    for reason in REASONS:
        if any(reason.is_about(name, gap) for gap in wanted(profile)):
            assert any(reason.is_about(name, gap) for gap in left), f"not needed: {reason}"
