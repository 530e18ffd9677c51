"""The options of the standard that a DUT has are found by asking, and nothing else is taken for
one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tw_conformance.play.switches import STANDARD, find_switches
from tw_conformance.play.tests.opaque import Opaque
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import BlockAction

RFC = PROFILES[STANDARD]


def having(**settings: int) -> Profile:
    changed = {name: replace(RFC.settings[name], default=value) for name, value in settings.items()}
    return replace(RFC, settings={**RFC.settings, **changed})


def found(dut: Profile, **known: int) -> dict[str, int]:
    target = Opaque(dut, RFC)
    target.settings = known
    return find_switches(target)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"rfc6191_silent": 1},
        {"literal": 1},
        {"rfc5961_ack": 0, "rfc6191_literal": 1, "rfc7323_missing": 0, "icmp_hard": 0},
        {"rfc1337": 1, "rfc5961": 0, "rfc6191": 0},
    ],
)
def test_what_is_not_by_default_is_found(settings: dict[str, int]) -> None:
    assert found(having(**settings)) == settings


def test_what_is_known_is_not_asked_for() -> None:
    assert found(having(rfc1337=1), rfc1337=0) == {}


def test_what_the_standard_demands_is_no_option() -> None:
    assert found(having(paws=0)) == {}


def test_a_deviation_is_no_option() -> None:
    """An RST that nothing explains, where the standard drops or acknowledges."""
    decisions = RFC[stages.TIME_WAIT]
    rule = replace(decisions.rule("rfc9293.ignore"), then=(BlockAction.RST,))
    assert found(RFC.with_list(decisions.replacing("rfc9293.ignore", rule))) == {}
