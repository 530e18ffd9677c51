"""A stack is known by its answers, whatever it is called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol

import pytest

from tw_conformance.cli.main import main
from tw_conformance.explore.identify.inquiry import (
    Answered,
    Identity,
    Inquiry,
    Predictions,
    identify,
)
from tw_conformance.explore.identify.question_bank import Fork, Respondent, questions
from tw_conformance.explore.tests.alike import alike
from tw_conformance.model.case import Case
from tw_conformance.model.errors import ExitCode, TargetError
from tw_conformance.targets.in_process import InProcessLink, InProcessTarget
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import BlockAction
from tw_reference.segment import Damage, Datagram

LINUX = PROFILES["linux-6.18"]

FLIPPED = [
    ("freebsd-10", {"drop_synfin": 1}),
    ("freebsd-13", {"tolerate_missing_ts": 0}),
    ("freebsd-14", {"drop_synfin": 1}),
    ("freebsd-15", {"drop_synfin": 1, "tolerate_missing_ts": 0}),
    ("linux-2.6.32", {"timestamps": 0}),
    ("linux-6.1", {"rfc1337": 1, "invalid_ratelimit": 0}),
    ("linux-6.18", {"rfc1337": 1, "timestamps": 0}),
    ("rfc9293", {"rfc1337": 1, "rfc5961": 0, "paws": 0}),
]


class Asking(Protocol):
    """Identify a target that is given settings; ``heard`` takes the answers as they come."""

    def __call__(
        self,
        target: InProcessTarget,
        settings: Mapping[str, int] = ...,
        heard: list[Answered] = ...,
    ) -> Identity: ...


@pytest.fixture(scope="module")
def predictions() -> Predictions:
    return Predictions(PROFILES.values())


@pytest.fixture
def ask(predictions: Predictions) -> Asking:
    def asked(
        target: InProcessTarget,
        settings: Mapping[str, int] = MappingProxyType({}),
        heard: list[Answered] | None = None,
    ) -> Identity:
        tell = (heard if heard is not None else []).append
        return identify(target, predictions, settings=settings, tell=tell)

    return asked


def names(identity: Identity) -> list[str]:
    return [profile.name for profile in identity.profiles]


def anonymous(profile: Profile) -> InProcessTarget:
    """The stack, held to nothing that would give it away."""
    return InProcessTarget(replace(profile, name="unknown"))


def changed(profile: Profile, rule: str, *then: BlockAction) -> Profile:
    rules = profile[stages.TIME_WAIT]
    return profile.with_list(rules.replacing(rule, replace(rules.rule(rule), then=then)))


# -- every profile is found -----------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda p: p.name)
def test_every_profile_is_named_in_a_few_questions(profile: Profile, ask: Asking) -> None:
    identity = ask(anonymous(profile))
    assert names(identity) == alike(profile.name)
    assert identity.deviations == ()
    assert identity.left_out == ()
    assert identity.telling <= 8
    defaults = profile.defaults()
    assert all(identity.settings[name] == defaults[name] for name in identity.settings)


@pytest.mark.parametrize(("name", "settings"), FLIPPED, ids=[name for name, _ in FLIPPED])
def test_settings_are_seen(name: str, settings: Mapping[str, int], ask: Asking) -> None:
    identity = ask(anonymous(PROFILES[name]), settings)
    assert names(identity) == alike(name)
    assert {key: identity.settings[key] for key in settings} == settings
    assert identity.deviations == ()


def test_what_remains_becomes_less_with_every_answer(ask: Asking) -> None:
    heard: list[Answered] = []
    ask(anonymous(LINUX), heard=heard)
    counts = [len(answered.remaining) for answered in heard]
    assert counts == sorted(counts, reverse=True)
    assert list(heard[-1].remaining) == alike("linux-6.18")
    assert (
        len({answered.question.name for answered in heard if answered.question in questions()}) > 20
    )


# -- where a stack is none of them ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "then"),
    [
        ("linux.rst-drop", BlockAction.ACK),
        ("linux.bare-ack", BlockAction.DROP),
        ("linux.ack-restart", BlockAction.ACK_LIMITED),
        ("linux.syn-no-listener", BlockAction.DROP),
    ],
)
def test_the_rule_that_is_not_followed_is_named(rule: str, then: BlockAction, ask: Asking) -> None:
    identity = ask(anonymous(changed(LINUX, rule, then)))
    assert names(identity) == alike("linux-6.18")
    assert {d.rule.id for d in identity.deviations if d.rule} == {rule}


class Silent(InProcessTarget):
    """Nothing comes back."""

    async def open(self, case: Case) -> InProcessLink:
        return Unanswered.open(self, case)


class Unanswered(InProcessLink):
    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        return self.now(), b""


def test_a_target_that_does_not_answer(ask: Asking) -> None:
    with pytest.raises(TargetError, match="had no usable answer"):
        ask(Silent(LINUX))


class WithoutCalls(InProcessTarget):
    def lacks(self, case: Case) -> str | None:
        calls = any(type(step).__name__ == "Call" for step in case.steps)
        return "needs socket calls on the DUT" if calls else None


def test_what_a_target_can_not_be_asked_is_not_asked(ask: Asking) -> None:
    identity = ask(WithoutCalls(LINUX))
    assert names(identity) == alike("linux-6.18")
    assert identity.left_out == ()


# -- predictions ----------------------------------------------------------------------------------


def test_a_prediction_depends_on_the_settings_that_its_rules_look_at() -> None:
    oracle = Respondent(LINUX)
    rst = questions()[0]
    prediction = oracle.predict(rst)
    assert isinstance(prediction, Fork)
    assert list(prediction.settings()) == ["rfc1337"]
    states = [prediction.reply({"rfc1337": value})[-1].state for value in (0, 1)]
    assert [state.name for state in states if state] == ["CLOSED", "TIME-WAIT"]


def test_the_first_question_leaves_few_profiles_in_any_case(predictions: Predictions) -> None:
    first = Inquiry(predictions, predictions.questions).most_telling()
    assert first is not None
    told_apart = {tuple(alike(name)): oracle for name, oracle in predictions.oracles.items()}
    replies = [oracle.reply(first, {}) for oracle in told_apart.values()]
    assert max(map(replies.count, replies)) <= 4


# -- the command ----------------------------------------------------------------------------------


def test_command_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["identify", "--profile", "linux-6.1", "--set", "rfc1337=1"]
    assert main(words) == ExitCode.CONFORMS
    said = capsys.readouterr().out
    assert "linux-5.10 or linux-5.15 or linux-6.1: 3 profiles left after" in said
    assert "(no question tells them apart)" in said
    assert "rfc1337 = 1 (default 0)" in said
    assert "every rule that was tried is followed" in said


def test_command_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["identify", "--profile", "freebsd-15", "--json"]) == ExitCode.CONFORMS
    value = json.loads(capsys.readouterr().out)
    assert value["profiles"] == ["freebsd-14", "freebsd-15"]
    assert value["settings"]["drop_synfin"] == 0
    assert value["questions_asked"] == len(value["answers"])
    assert value["questions_telling"] < 5
    assert value["deviations"] == []
