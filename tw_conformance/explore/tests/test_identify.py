"""A stack is known by its answers, whatever it is called."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol

import pytest

from tw_conformance.cli.main import main
from tw_conformance.explore.identify.inquiry import (
    Answered,
    Identity,
    Inquiry,
    identify,
)
from tw_conformance.explore.identify.predictions import Candidate, Predictions, documented
from tw_conformance.explore.identify.question_bank import Fork, Respondent, questions
from tw_conformance.explore.tests.alike import alike
from tw_conformance.link.link import Arrival
from tw_conformance.model.case import Case
from tw_conformance.model.errors import ExitCode, TargetError
from tw_conformance.play.acquaint import acquaint
from tw_conformance.play.tests.opaque import Opaque
from tw_conformance.targets.in_process import InProcessLink, InProcessTarget
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import BlockAction
from tw_reference.segment import ECE, RST, Damage, Datagram, Packet, Segment

LINUX = PROFILES["linux-6.18"]

FLIPPED = [
    ("freebsd-10", {"drop_synfin": 1}),
    ("freebsd-13", {"tolerate_missing_ts": 0}),
    ("freebsd-15", {"drop_synfin": 1, "tolerate_missing_ts": 0}),
    ("linux-6.1", {"rfc1337": 1, "invalid_ratelimit": 0}),
    ("linux-6.18", {"rfc1337": 1, "timestamps": 0}),
    ("rfc9293", {"rfc1337": 1, "rfc5961_syn": 0, "paws": 0}),
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
    return documented()


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
    assert sorted(names(identity)) == sorted(alike(profile.name))
    assert identity.deviations == ()
    assert identity.left_out == ()
    assert (identity.family, identity.unasked) == ("ipv4", "ipv6")
    assert identity.telling <= 10
    defaults = profile.defaults()
    told = {name: value for name, value in identity.settings.items() if value is not None}
    assert told == {name: defaults[name] for name in told}


class OfOneFamily(InProcessTarget):
    """Has no IPv4 address."""

    def lacks(self, case: Case) -> str | None:
        return "needs an IPv4 address" if case.reach.family == "ipv4" else super().lacks(case)


def test_who_has_ipv6_alone_is_asked_over_it(ask: Asking) -> None:
    identity = ask(OfOneFamily(replace(PROFILES["freebsd-10"], name="unknown")))
    assert sorted(names(identity)) == sorted(alike("freebsd-10"))
    assert (identity.deviations, identity.left_out) == ((), ())
    assert (identity.family, identity.unasked) == ("ipv6", None)


@pytest.mark.parametrize(("name", "settings"), FLIPPED, ids=[name for name, _ in FLIPPED])
def test_settings_are_seen(name: str, settings: Mapping[str, int], ask: Asking) -> None:
    identity = ask(anonymous(PROFILES[name]), settings)
    assert name in names(identity)
    assert set(names(identity)) <= set(alike(name))
    assert {key: identity.settings[key] for key in settings} == settings
    assert identity.deviations == ()


def test_the_likeliest_comes_first_and_little_is_possible_in_the_end(ask: Asking) -> None:
    heard: list[Answered] = []
    ask(anonymous(LINUX), heard=heard)
    assert len(heard[0].remaining) > 3
    assert sorted(heard[-1].remaining[:3]) == alike("linux-6.18")
    assert (
        len({answered.question.name for answered in heard if answered.question in questions()}) > 20
    )


# -- every sysctl -----------------------------------------------------------------------------


def settled(predictions: Predictions, candidate: Candidate) -> list[str]:
    """The profiles that are named of a stack that replies as the candidate does."""
    inquiry = Inquiry(predictions, predictions.questions)
    while (question := inquiry.most_telling()) is not None:
        inquiry.learn(question, predictions.foreseen(question, candidate))
    return [profile.name for profile in inquiry.identity(0).profiles]


@pytest.mark.parametrize("name", PROFILES)
def test_whatever_is_set_the_profile_is_named(name: str, predictions: Predictions) -> None:
    """Every setting that shows flipped alone, and all of them at once."""
    own = [c for c in predictions.candidates if c.profile.name == name]
    most = max(candidate.flipped for candidate in own)
    chosen = [c for c in own if c.flipped == 1 or (c.flipped == most and name != "rfc9293")]
    assert len(chosen) > 2
    for candidate in chosen:
        assert name in settled(predictions, candidate), candidate.settings


class Filtered(InProcessTarget):
    """A firewall, or a sysctl that no profile has, stands in front of it: what ``let`` makes of
    each of its segments comes through."""

    def __init__(self, profile: Profile, let: Callable[[Segment], Segment | None]) -> None:
        super().__init__(replace(profile, name="unknown"))
        self.let = let

    async def open(self, case: Case) -> FilteredLink:
        link = FilteredLink.open(self, case)
        link.let = self.let
        return link


class FilteredLink(InProcessLink):
    let: Callable[[Segment], Segment | None]

    async def receive(self, until: float) -> Arrival | None:
        while (arrival := await super().receive(until)) is not None:
            if not isinstance(arrival.packet, Packet):
                return arrival
            segment = self.let(arrival.packet.segment)
            if segment is not None:
                return replace(arrival, packet=replace(arrival.packet, segment=segment))
        return None


def blackhole(segment: Segment) -> Segment | None:
    """net.inet.tcp.blackhole, or a firewall that keeps resets in."""
    return None if segment.flags & RST else segment


def without_ecn(segment: Segment) -> Segment | None:
    return replace(segment, flags=segment.flags & ~ECE)


@pytest.mark.parametrize("let", [blackhole, without_ecn])
@pytest.mark.parametrize("name", ["freebsd-13", "freebsd-15", "linux-2.6.32", "linux-6.1"])
def test_what_a_sysctl_changes_takes_no_profile_away(
    name: str, let: Callable[[Segment], Segment | None], ask: Asking
) -> None:
    identity = ask(Filtered(PROFILES[name], let))
    assert name in names(identity)
    assert not identity.none_of_these


def test_a_freebsd_13_without_timestamps_is_no_freebsd_15(ask: Asking) -> None:
    for settings in ({"timestamps": 0}, {"timestamps": 0, "drop_synfin": 1}):
        identity = ask(Filtered(PROFILES["freebsd-13"], without_ecn), settings)
        assert sorted(names(identity)) == ["freebsd-10", "freebsd-13", "freebsd-13.0"]


@pytest.mark.parametrize("name", ["freebsd-10", "freebsd-15", "linux-2.6.32", "linux-6.18"])
def test_a_stack_that_nobody_can_look_into_is_asked_for_its_states(name: str, ask: Asking) -> None:
    """After an RST in TIME-WAIT Linux and FreeBSD are both silent: one of them is CLOSED."""
    target = Opaque(replace(PROFILES[name], name="unknown"))
    acquaint(target)
    heard: list[Answered] = []
    identity = ask(target, heard=heard)
    assert sorted(names(identity)) == sorted(alike(name))
    assert identity.deviations == ()
    (reset,) = (a.reply for a in heard if a.question.name == "time-wait-1")
    state = reset[-1].state
    assert state is not None
    assert state.name == ("CLOSED" if name.startswith("linux") else "TIME-WAIT")


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
    assert not identity.none_of_these
    first, *_ = identity.deviations
    assert first.missed >= 1
    assert first.seen != first.expected


def test_who_can_be_asked_nothing_is_called_by_no_name(ask: Asking) -> None:
    class WithoutAddress(InProcessTarget):
        def lacks(self, case: Case) -> str | None:
            return f"needs an address of the DUT's of {case.reach.family}"

    with pytest.raises(TargetError, match="be asked of reference: each needs an address of the"):
        ask(WithoutAddress(PROFILES["freebsd-10"]))


def test_a_stack_that_breaks_half_of_the_rules_is_none_of_these(ask: Asking) -> None:
    """Resets where Linux acknowledges, as lwIP, and silence where it opens again."""
    stack = LINUX
    for rule in ("rst-kill", "rst-drop", "bare-ack", "ack", "ack-restart"):
        stack = changed(stack, f"linux.{rule}", BlockAction.RST)
    for rule in ("syn-reopen", "syn-no-listener"):
        stack = changed(stack, f"linux.{rule}", BlockAction.DROP)
    identity = ask(anonymous(stack))
    assert identity.none_of_these
    assert len(identity.nearest) == 3
    away = [near.distance for near in identity.nearest]
    assert away[0] <= min(away[1:])
    assert any(d.rule for d in identity.deviations)


class WithoutDf(FilteredLink):
    async def receive(self, until: float) -> Arrival | None:
        arrival = await InProcessLink.receive(self, until)
        if arrival is None or not isinstance(arrival.packet, Packet):
            return arrival
        return replace(arrival, packet=replace(arrival.packet, df=False))


class Fragmenting(InProcessTarget):
    async def open(self, case: Case) -> InProcessLink:
        return WithoutDf.open(self, case)


def test_what_all_packets_of_a_stack_have_is_said_once(ask: Asking) -> None:
    identity = ask(Fragmenting(replace(LINUX, name="unknown")))
    assert names(identity) == alike("linux-6.18")
    assert [(d.rule, d.fields) for d in identity.deviations] == [(None, ("df",))]
    assert identity.deviations[0].missed > 5


def test_the_standard_has_no_df_to_differ_in(ask: Asking) -> None:
    identity = ask(Fragmenting(replace(PROFILES["rfc9293"], name="unknown")))
    assert names(identity) == ["rfc9293"]
    assert identity.deviations == ()


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


class WithoutTimestamps(InProcessTarget):
    """Its answer to the first SYN showed it."""

    def __init__(self) -> None:
        off = replace(LINUX.settings["timestamps"], default=0)
        super().__init__(replace(LINUX, settings={**LINUX.settings, "timestamps": off}))
        self.settings = {"timestamps": 0}

    def lacks(self, case: Case) -> str | None:
        return "needs timestamps" if case.reach.timestamps else None


def test_what_was_seen_before_any_question_is_no_open_question(ask: Asking) -> None:
    identity = ask(WithoutTimestamps())
    assert names(identity) == alike("linux-6.18")
    assert identity.settings["timestamps"] == 0
    assert identity.deviations == ()


# -- predictions ----------------------------------------------------------------------------------


def test_a_prediction_depends_on_the_settings_that_its_rules_look_at() -> None:
    oracle = Respondent(LINUX)
    rst = questions()[0]
    prediction = oracle.predict(rst)
    assert isinstance(prediction, Fork)
    assert list(prediction.settings()) == ["rfc1337"]
    states = [prediction.reply({"rfc1337": value})[-1].state for value in (0, 1)]
    assert [state.name for state in states if state] == ["CLOSED", "TIME-WAIT"]


def test_what_is_foreseen_over_one_family_is_not_taken_for_the_other() -> None:
    """IPv6 has no DF."""
    oracle = Respondent(LINUX)

    def df(question: Case) -> list[object]:
        return [answer.df for effect in oracle.reply(question, {}) for answer in effect.answers]

    over_ipv4 = next(question for question in questions() if df(question))
    over_ipv6 = replace(over_ipv4, reach=replace(over_ipv4.reach, family="ipv6"))
    assert None not in df(over_ipv4)
    assert df(over_ipv6) == [None]


def test_the_first_question_leaves_few_profiles_in_any_case(predictions: Predictions) -> None:
    first = Inquiry(predictions, predictions.questions).most_telling()
    assert first is not None
    told_apart = {tuple(alike(name)): oracle for name, oracle in predictions.oracles.items()}
    replies = [oracle.reply(first, {}) for oracle in told_apart.values()]
    assert max(map(replies.count, replies)) <= 5


# -- the command ----------------------------------------------------------------------------------


def test_command_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["identify", "--profile", "linux-6.1", "--set", "rfc1337=1"]
    assert main(words) == ExitCode.CONFORMS
    said = capsys.readouterr().out
    assert "linux-5.10 or linux-5.15 or linux-6.1: 3 profiles left after" in said
    assert "(no question tells them apart)" in said
    assert "rfc1337 = 1 (default 0)" in said
    assert "linux-5.10: every rule that was tried is followed" in said


def test_command_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["identify", "--profile", "freebsd-15", "--json"]) == ExitCode.CONFORMS
    value = json.loads(capsys.readouterr().out)
    assert value["profiles"] == ["freebsd-14.0", "freebsd-14", "freebsd-15"]
    assert value["settings"]["drop_synfin"] == 0
    assert value["questions_asked"] == len(value["answers"])
    assert value["questions_telling"] < 9
    assert value["deviations"] == []
    assert value["none_of_these"] is False
    assert value["nearest"][0]["distance"] == 0
    assert main(["identify", "--profile", "linux-2.6.32", "--json"]) == ExitCode.CONFORMS
    assert json.loads(capsys.readouterr().out)["nearest"][1]["not_followed"]
