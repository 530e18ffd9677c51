"""Whatever a network does to packets, no verdict is turned round: on the reference, in virtual
time."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Verdict
from tw_conformance.notation.tests.every_case import (
    every_case,
    one_of_each,
    state_and_kinds_of_step,
)
from tw_conformance.play.player import play
from tw_conformance.play.tests.hostile import BehindBadNetwork, Weather
from tw_conformance.play.tests.scripted import in_virtual_time

PROFILE = "linux-6.18"
WEATHERS = {
    "calm": Weather(),
    "loses": Weather(loss=0.05),
    "repeats": Weather(repeats=0.05),
    "reorders": Weather(jitter=20.0),
    "all of it": Weather(loss=0.05, repeats=0.02, jitter=20.0),
}


@cache
def cases() -> list[Case]:
    usual = (case for case in every_case() if case.applies_to(PROFILE) and not case.settings)
    return one_of_each(state_and_kinds_of_step, usual)


def verdicts(does: str, weather: Weather) -> list[tuple[str, Verdict]]:
    """Those on a stack that does what a profile does, by the cases' IDs."""
    target = BehindBadNetwork(does, PROFILE, weather, seed=1)
    playable = [case for case in cases() if target.lacks(case) is None]
    return [(case.id, in_virtual_time(play(case, target))[0].verdict) for case in playable]


@cache
def truth(does: str) -> dict[str, Verdict]:
    return dict(verdicts(does, WEATHERS["calm"]))


def test_what_is_true_of_each_stack() -> None:
    assert set(truth(PROFILE).values()) == {Verdict.PASS}
    tally = Counter(truth("freebsd-10").values())
    assert min(tally[Verdict.PASS], tally[Verdict.FAIL]) >= 5


@pytest.mark.parametrize("does", [PROFILE, "freebsd-10"])
@pytest.mark.parametrize("weather", WEATHERS)
def test_no_weather_turns_a_verdict_round(does: str, weather: str) -> None:
    told = verdicts(does, WEATHERS[weather])
    undecided = [name for name, verdict in told if verdict is Verdict.INCONCLUSIVE]
    turned = {Verdict.PASS, Verdict.FAIL}
    assert [name for name, verdict in told if {verdict, truth(does)[name]} == turned] == []
    assert len(undecided) <= len(told) // 5
