"""Fuzzing finds what differs, makes it short, and believes only what comes again."""

from __future__ import annotations

import builtins
from dataclasses import replace
from itertools import combinations, count, pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings

from tw_conformance.cli.main import main
from tw_conformance.explore.fuzz.hunt import (
    Conformance,
    Counterexample,
    Hunt,
    Tried,
    TwoProfiles,
    Unresolved,
)
from tw_conformance.explore.fuzz.strategies import Space, script, scripts
from tw_conformance.explore.observe import observe
from tw_conformance.explore.tests.alike import alike
from tw_conformance.model.case import Case, ExpectState, Reach, Send, Wait
from tw_conformance.model.errors import ExitCode, TargetGone
from tw_conformance.model.expressions import SequenceExpression, TimeExpression
from tw_conformance.model.verdict import Verdict
from tw_conformance.notation.load import load_file
from tw_conformance.notation.write import save_case
from tw_conformance.play.player import play
from tw_conformance.play.tests.opaque import Opaque
from tw_conformance.targets.direct import DirectTarget
from tw_conformance.targets.in_process import InProcessLink, InProcessTarget
from tw_conformance.targets.target import Play
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import BlockAction
from tw_reference.segment import ACK, RST, SYN

LINUX = PROFILES["linux-6.18"]


def hunt(first: Profile, second: Profile, *, examples: int = 240, steps: int = 3) -> Hunt:
    stacks = DirectTarget(first), DirectTarget(second)
    space = Space(
        longest_wait=1000,
        time_variables=tuple(stack.time_variables for stack in stacks),
        most_steps=steps,
    )
    return Hunt(TwoProfiles(*stacks), space, examples, seed=1)


def changed(profile: Profile, rule: str, *then: BlockAction) -> Profile:
    """The profile with other actions for one of its rules."""
    rules = profile[stages.TIME_WAIT]
    return profile.with_list(rules.replacing(rule, replace(rules.rule(rule), then=then)))


def sends(case: Case) -> list[Send]:
    return [step for step in case.steps if isinstance(step, Send)]


# -- profile against profile ----------------------------------------------------------------------


def test_the_shortest_that_tells_linux_6_1_from_6_18_is_one_syn() -> None:
    (found,) = hunt(PROFILES["linux-6.1"], LINUX).counterexamples()
    (syn,) = sends(found.case)
    assert syn.flags == SYN
    assert found.fields == ("seq",)
    assert [rule.id for rule in found.rules] == ["linux.syn-reopen", "linux.listen-syn"]


BY_A_SYSCTL = (("freebsd-10", "freebsd-13.0"), ("freebsd-13.0", "freebsd-13"))
"""Which differ by what a sysctl turns on and off: an identification does not count that."""


FAR_APART = ("freebsd-15", "linux-2.6.32", "linux-6.18", "rfc9293")
PAIRS = dict.fromkeys([*pairwise(PROFILES), *combinations(FAR_APART, 2)])
"""Each profile and the next, and some that have little in common."""


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_what_tells_two_profiles_apart_is_found(first: str, second: str) -> None:
    hunted = hunt(PROFILES[first], PROFILES[second], examples=240)
    found = next(hunted.counterexamples(), None)
    if second in alike(first) and (first, second) not in BY_A_SYSCTL:
        assert found is None
        return
    assert found is not None
    assert len(sends(found.case)) == 1
    assert found.case.profiles == (first, second)
    for name in (first, second):
        target = InProcessTarget(PROFILES[name])
        assert target.start(play(found.case, target)).result().verdict is Verdict.PASS


def test_the_same_seed_finds_the_same() -> None:
    first, second = (hunt(PROFILES["freebsd-15"], LINUX, examples=60) for _ in range(2))
    assert list(first.counterexamples()) == list(second.counterexamples())
    assert first.tried.keys() == second.tried.keys()


def test_each_kind_is_told_when_it_is_seen_and_again_when_it_is_short() -> None:
    hunted = hunt(PROFILES["freebsd-15"], LINUX, examples=60)
    seen: list[Counterexample] = []
    hunted.see = seen.append
    for found in hunted.counterexamples():
        assert found.kind in {each.kind for each in seen}
        assert found.shortest or found.case in [each.case for each in seen]
    assert len({each.kind for each in seen}) == len(seen) > 3


def test_shrinking_ends_with_its_time_and_loses_nothing() -> None:
    full, bounded = (hunt(PROFILES["freebsd-15"], LINUX, examples=60) for _ in range(2))
    bounded.shrinking, bounded.clock = 2.0, count().__next__
    short, longer = list(full.counterexamples()), list(bounded.counterexamples())
    assert {each.kind for each in short} >= {each.kind for each in longer} == set(bounded.seen)
    assert not all(each.shortest for each in longer)
    assert len(bounded.tried) < len(full.tried)


def test_what_was_alike_before_is_not_played_again() -> None:
    first, second = (hunt(PROFILES["linux-6.1"], LINUX, examples=60) for _ in range(2))
    found = list(first.counterexamples())
    second.known = {name for name, tried in first.tried.items() if tried is None}
    played: list[str] = []
    second.record = lambda name, tried: played.append(name)
    assert list(second.counterexamples()) == found
    assert sorted(played) == sorted(first.tried.keys() - second.known)


# -- a target against the oracle ------------------------------------------------------------------


def test_a_stack_does_what_its_own_profile_says() -> None:
    target = InProcessTarget(LINUX)
    search = Hunt(Conformance(target, DirectTarget(LINUX)), Space(), 60, seed=0)
    assert list(search.counterexamples()) == []
    assert search.unresolved() == []
    assert len(search.tried) > 30


def test_a_divergence_is_saved_as_a_case_that_fails_in_the_same_place(tmp_path: Path) -> None:
    broken = InProcessTarget(changed(LINUX, "linux.rst-kill", BlockAction.DROP))
    search = Hunt(Conformance(broken, DirectTarget(LINUX)), Space(), 300, seed=0)
    found = next(search.counterexamples())
    assert [rule.id for rule in found.rules] == ["linux.rst-kill"]
    assert [step.flags for step in sends(found.case)] == [RST]

    (read,) = load_file(save_case(found.case, tmp_path))
    again = broken.start(play(read, broken)).result()
    assert again.verdict is Verdict.FAIL
    assert again.step is read.steps[-1]
    assert again.reason == found.reason

    conforming = InProcessTarget(LINUX)
    assert conforming.start(play(read, conforming)).result().verdict is Verdict.PASS


class Fickle(InProcessTarget):
    """Does something else on every third connection."""

    def __init__(self) -> None:
        super().__init__(LINUX)
        self._other = InProcessTarget(changed(LINUX, "linux.rst-kill", BlockAction.DROP))
        self._opened = 0

    async def open(self, case: Case) -> InProcessLink:
        self._opened += 1
        if self._opened % 3 == 1:
            return await self._other.open(case)
        return await super().open(case)


def test_what_does_not_come_again_is_no_divergence() -> None:
    rst = script(Reach(), (Send(RST),), {})
    finding = Conformance(Fickle(), DirectTarget(LINUX)).start(rst).result()
    assert isinstance(finding, Unresolved)
    assert finding.unstable
    assert "then it conformed" in finding.reason


class Blind(InProcessTarget):
    """Its state can't be read."""

    def lacks(self, case: Case) -> str | None:
        looks = any(isinstance(step, ExpectState) for step in case.steps)
        return "needs to read the DUT's state" if looks else super().lacks(case)


def test_a_target_that_can_not_be_looked_into_is_held_to_its_answers() -> None:
    broken = Blind(changed(LINUX, "linux.syn-reopen", BlockAction.ACK))
    syn = script(Reach(), (Send(SYN, seq=SequenceExpression("rcv_nxt+1")),), {})
    finding = Conformance(broken, DirectTarget(LINUX)).start(syn).result()
    assert isinstance(finding, Counterexample)
    assert not any(isinstance(step, ExpectState) for step in finding.case.steps)


@pytest.mark.parametrize(("longest", "told"), [(59.0, False), (60.0, True)])
def test_a_timer_that_can_not_be_read_is_asked_by_waiting_if_a_script_may_wait_so_long(
    longest: float, told: bool
) -> None:
    broken = Opaque(changed(LINUX, "linux.bare-ack", BlockAction.DROP), LINUX)
    ack = script(Reach(), (Wait(TimeExpression("700ms")), Send(ACK)), {})
    contest = Conformance(broken, DirectTarget(LINUX), longest)
    assert (contest.start(ack).result() is not None) == told


# -- scripts --------------------------------------------------------------------------------------


@given(drawn=scripts(Space(states=("SYN-SENT", "ESTABLISHED"))))
def test_who_is_in_syn_sent_has_opened(drawn: Case) -> None:
    reach = drawn.reach
    assert (reach.open == "active") == (reach.state == "SYN-SENT")


@given(scripts(Space(longest_wait=1000)))
@settings(max_examples=50, deadline=None)
def test_with_bytes_or_without_the_reference_does_the_same(drawn: Case) -> None:
    direct, framed = DirectTarget(LINUX), InProcessTarget(LINUX)
    without = direct.start(observe(drawn, direct)).result()
    assert without == framed.start(observe(drawn, framed)).result()


# -- the command ----------------------------------------------------------------------------------


def test_command_tells_profiles_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fuzz", "--profile", "linux-6.1", "--against", "linux-6.18", "--steps", "1"]
    assert main([*words, "--examples", "1000", "--save", str(tmp_path)]) == ExitCode.DEVIATES
    said = capsys.readouterr().out
    assert "rule linux.syn-reopen" in said
    assert "1 kind of divergence" in said
    assert main(["check", str(tmp_path)]) == ExitCode.CONFORMS


@pytest.mark.parametrize(
    ("cause", "code"),
    [(KeyboardInterrupt(), ExitCode.INTERRUPTED), (TargetGone("it is gone"), ExitCode.DEVIATES)],
)
def test_what_is_broken_off_is_kept_and_gone_on_with(
    cause: BaseException,
    code: ExitCode,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ["fuzz", "--profile", "freebsd-10", "--against", "linux-6.18", "--steps", "1"]
    words += ["--examples", "60", "--save", str(tmp_path / "saved")]
    words += ["--resume", str(tmp_path / "journal")]
    start, plays = TwoProfiles.start, count()

    def until_the_60th(contest: TwoProfiles, script: Case) -> Play[Tried]:
        if next(plays) == 60:
            raise cause
        return start(contest, script)

    with monkeypatch.context() as patched:
        patched.setattr(TwoProfiles, "start", until_the_60th)
        assert main(words) == code
    said = capsys.readouterr()
    kinds = said.out.count("seen: ")
    assert kinds == len(list((tmp_path / "saved").iterdir())) > 1
    assert f" scripts: {kinds} kinds of divergence; go on with --resume" in said.err
    assert "under way: fuzz-" in said.err

    alike = (tmp_path / "journal").read_text().count("alike")
    assert main(words) == ExitCode.DEVIATES
    assert capsys.readouterr().out.count("seen: ") >= kinds
    assert (tmp_path / "journal").read_text().count("alike") > alike > 0
    other = [*words, "--profile", "freebsd-13"]
    assert main(other) == ExitCode.USAGE
    assert "is the journal of another search: scripts on freebsd-10" in capsys.readouterr().err


def test_command_finds_nothing_where_nothing_is() -> None:
    assert main(["fuzz", "--target", "reference", "--examples", "12"]) == ExitCode.CONFORMS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say what to try"),
        (["--against", "linux-6.1"], "name the one by --profile"),
        (["--target", "reference", "--set", "rfc1337"], "write NAME=NUMBER"),
        (["--target", "reference", "--profile", "linux", "--set", "rfc137=1"], "mean 'rfc1337'"),
        (["--target", "reference", "--examples", "0"], "count from 1"),
        (["--target", "reference", "--shrink", "-1"], "0 or more"),
    ],
)
def test_command_says_what_is_wrong(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fuzz", *words]) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_command_says_how_to_get_hypothesis(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def without_hypothesis(name: str, *rest: Any) -> ModuleType:
        if name.startswith("hypothesis"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_hypothesis)
    assert main(["fuzz", "--target", "reference"]) == ExitCode.USAGE
    assert "tw-conformance[explore]" in capsys.readouterr().err
