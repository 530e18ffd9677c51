"""Every rule of every list is exercised by a bundled case, each part of its condition decides in
one, and some case notices when a rule about TIME-WAIT answers wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from tw_conformance.explore.coverage.gaps import Gap, gaps, reason_for, wanted
from tw_conformance.explore.coverage.reasons import REASONS
from tw_conformance.explore.coverage.survey import RuleKey, Survey, survey
from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Verdict
from tw_conformance.notation.tests.every_case import every_case
from tw_conformance.play.player import play
from tw_conformance.targets.direct import DirectTarget
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import (
    AckLimitAction,
    Action,
    BindAction,
    ConnectAction,
    ConnectionErrorAction,
    ErrorAction,
    OrphanAction,
)
from tw_reference.rules.decision import AnyStage
from tw_reference.rules.rule import AnyRule

STAGES = (
    stages.FIN_WAIT_2_BLOCK,
    stages.TIME_WAIT,
    stages.ICMP,
    stages.ICMP_CONNECTION,
    stages.ACK_LIMIT,
    stages.LISTEN,
    stages.CLOSED,
    stages.ORPHAN,
    stages.BIND,
    stages.CONNECT,
)
"""The lists in which each rule is broken here: those about TIME-WAIT's segments and socket calls.
Those of the other states have their mutants beside the profiles
(reference/tw_reference/profiles/tests)."""


def perform(case: Case, profile: Profile) -> Verdict:
    target = DirectTarget(profile)
    return target.start(play(case, target)).result().verdict


def rules(profile: Profile) -> Iterator[tuple[AnyStage, AnyRule]]:
    """Those that a case should meet."""
    for decisions in profile.lists():
        for rule in decisions:
            gap = Gap(RuleKey(decisions.stage.name, rule.id))
            if decisions.stage in STAGES and reason_for(profile.name, gap, REASONS) is None:
                yield decisions.stage, rule


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
        case stages.ICMP_CONNECTION:
            ends = ConnectionErrorAction.CLOSE in rule.then
            then = ConnectionErrorAction.DROP if ends else ConnectionErrorAction.CLOSE
        case _ if any(action not in silent for action in rule.then):
            then = stage.actions.DROP
        case _:
            then = stage.actions.RST
    return replace(rule, then=(then,))


@pytest.mark.parametrize("name", PROFILES)
def test_each_rule_and_each_part_of_its_condition_decides_in_a_bundled_case(name: str) -> None:
    """One test a profile, since the survey takes longer than all that is asked of it."""
    profile = PROFILES[name]
    found = survey(profile, every_case())
    assert [every_case()[index].id for index in found.failed] == []
    assert [*unnoticed(profile, found)] == []
    assert [*unmet(profile, found)] == []
    assert [*idle_reasons(profile, found)] == []


def unnoticed(profile: Profile, found: Survey) -> Iterator[str]:
    """The rules that no case meets, or that may be wrong without any that fails."""
    for stage, rule in rules(profile):
        cases = found.fired.get(RuleKey(stage.name, rule.id), ())
        broken = wrong(stage, rule)
        mutant = profile.with_list(profile[stage].replacing(rule.id, broken))
        if all(perform(every_case()[index], mutant) is Verdict.PASS for index in cases):
            yield f"{rule.id} ({stage.name}): {len(cases)} cases, and none notices {broken.then}"


def unmet(profile: Profile, found: Survey) -> Iterator[str]:
    """The rules that no case meets, and the parts of their conditions that decide in none, for no
    reason that is written down."""
    for gap in gaps(profile, found):
        if reason_for(profile.name, gap, REASONS) is None:
            yield str(gap)


def idle_reasons(profile: Profile, found: Survey) -> Iterator[str]:
    """Reasons for what some case meets by now."""
    left = gaps(profile, found)
    for reason in REASONS:
        about = partial(reason.is_about, profile.name)
        if any(map(about, wanted(profile))) and not any(map(about, left)):
            yield str(reason)
