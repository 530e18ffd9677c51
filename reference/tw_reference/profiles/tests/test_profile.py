"""A profile is whole: what its lists do has the trait that says how, and lists are found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import Action, BlockAction, EntryAction, OrphanAction
from tw_reference.rules.condition import Condition
from tw_reference.rules.stages import STAGES
from tw_reference.state import State

EVERY = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)

NEEDS: dict[Action, str] = {
    BlockAction.ENTER_BRIEFLY: "short_lifetime",
    EntryAction.ENTER_BRIEFLY: "short_lifetime",
    OrphanAction.CLOSE_WHEN_IDLE: "idle_limit",
    OrphanAction.CLOSE_LATER: "fin_wait_2_timeout",
    OrphanAction.COMPRESS: "fin_wait_2_timeout",
    OrphanAction.COMPRESS_LATER: "fin_wait_2_timeout",
    OrphanAction.RESET_LATER: "fin_wait_2_timeout",
}
"""The trait that says for how long."""


@EVERY
def test_an_action_has_the_trait_that_it_needs(profile: Profile) -> None:
    for decisions in profile.lists():
        for rule in decisions:
            for action in rule.then:
                needed = NEEDS.get(action)
                assert needed is None or getattr(profile.traits, needed) is not None, rule.id


def settings_in(condition: Condition[Any]) -> Iterator[str]:
    """The settings that a condition compares with a value."""
    said = re.fullmatch(r"(\w+) = \d+", condition.text)
    if condition.kind == "atom" and said:
        yield said[1]
    for part in condition.parts:
        yield from settings_in(part)


@EVERY
def test_a_setting_that_a_rule_asks_for_is_one_of_the_profiles(profile: Profile) -> None:
    for decisions in profile.lists():
        for rule in decisions:
            assert profile.settings.keys() >= set(settings_in(rule.when)), rule.id


@EVERY
def test_lists_are_found_by_their_stage_and_come_in_its_order(profile: Profile) -> None:
    lists = list(profile.lists())
    assert [STAGES.index(d.stage) for d in lists] == sorted(STAGES.index(d.stage) for d in lists)
    for stage in STAGES:
        found = profile.find(stage)
        assert (found is None) == all(d.stage is not stage for d in profile.decisions)
        assert found is None or found.stage is stage


@EVERY
def test_a_list_without_a_rule_is_another_profiles(profile: Profile) -> None:
    decisions = profile[stages.TIME_WAIT]
    first = decisions.rules[0]
    mutant = profile.with_list(decisions.replacing(first.id))
    assert mutant[stages.TIME_WAIT].rules == decisions.rules[1:]
    assert profile[stages.TIME_WAIT] is decisions


def test_what_a_derived_profile_assumes_gives_way_to_a_list_of_its_own() -> None:
    freebsd, rfc = PROFILES["freebsd-10"], PROFILES["rfc9293"]
    bare = freebsd.derive("bare", "", without=tuple(stages.OF_STATE.values()))
    assert not bare.on_connection(State.CLOSING)[1]
    own = bare.derive("own", "", rfc[stages.CLOSING])
    assert own.on_connection(State.CLOSING) == (rfc[stages.CLOSING], True)
    assert not own.on_connection(State.LAST_ACK)[1]


def test_an_iss_above_the_old_numbers_is_never_zero() -> None:
    above = PROFILES["linux-6.18"].traits.iss_above
    assert above(1) == 65538
    assert above(2**32 - 65537) == 1
    assert above(2**32 - 1) == 65536


@EVERY
def test_the_default_of_a_setting_is_ruled(profile: Profile) -> None:
    for name, setting in profile.settings.items():
        assert setting.default in setting.ruled, name
