"""States that are asked for on the wire are those that the DUT is in: the reference is the judge,
which can be asked and looked into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tw_conformance.link.base import Arrival, Observation
from tw_conformance.model.case import Case, State
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.notation.bundled import bundled_cases, case_files
from tw_conformance.notation.load import load_file, load_text
from tw_conformance.play.player import play
from tw_conformance.play.state_probe import unaskable
from tw_conformance.targets.in_process import InProcessLink, InProcessTarget
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import BlockAction
from tw_reference.segment import RST, Packet


class Opaque(InProcessTarget):
    """The reference, into which nobody can look."""

    reads_states = False

    async def open(self, case: Case) -> InProcessLink:
        return OpaqueLink(self, case)


class OpaqueLink(InProcessLink):
    async def observe(self) -> Observation | None:
        return None


@cache
def bundled() -> tuple[Case, ...]:
    return tuple(case for file in case_files([str(bundled_cases())]) for case in load_file(file))


def asked(profile: str) -> Iterator[Case]:
    """The cases whose state can be asked for."""
    target = InProcessTarget(PROFILES[profile])
    for case in bundled():
        states = any(isinstance(step, State) for step in case.steps)
        if (
            target.lacks(case) is None
            and states
            and case.applies_to(profile)
            and unaskable(case, profile) is None
        ):
            yield case


def outcome(case: Case, target: InProcessTarget) -> Outcome:
    return target.start(play(case, target)).result()


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_inferred_is_so(profile: str) -> None:
    target = Opaque(PROFILES[profile])
    cases = [case for case in asked(profile) if target.lacks(case) is None]
    assert len(cases) > 100
    for case in cases:
        told = outcome(case, target)
        assert told.verdict is Verdict.PASS, f"{case.id}: {told.reason}"
        assert told.inferred


def deletes_too_early(profile: Profile, rule_id: str) -> Profile:
    decisions = profile[stages.TIME_WAIT]
    rule = decisions.rule(rule_id)
    early = replace(rule, then=(BlockAction.DELETE, *rule.then))
    return profile.with_list(decisions.replacing(rule_id, early))


QUIET_ACK = """
case: quiet-ack
title: The exact duplicate ACK leaves TIME-WAIT alone
cites: [RFC 9293 section 3.10.7.4]
steps:
  - send: {flags: ACK}
  - expect: nothing
  - state: TIME-WAIT
"""


def test_a_block_that_is_deleted_too_early_is_noticed() -> None:
    (case,) = load_text(QUIET_ACK, Path("quiet.tw.yaml"))
    mutant = deletes_too_early(PROFILES["freebsd-10"], "freebsd.duplicate-ack")
    told = outcome(case, Opaque(mutant))
    assert told.verdict is Verdict.FAIL
    assert "but the DUT is in CLOSED, as its answer to an octet below RCV.NXT shows" in told.reason


class Blackhole(Opaque):
    """Nobody can look into it, and a firewall keeps its resets."""

    async def open(self, case: Case) -> InProcessLink:
        return BlackholeLink(self, case)


class BlackholeLink(OpaqueLink):
    async def receive(self, until: float) -> Arrival | None:
        while (arrival := await super().receive(until)) is not None:
            packet = arrival.packet
            if not (isinstance(packet, Packet) and packet.segment.flags & RST):
                return arrival
        return None


def test_a_silence_that_may_be_a_firewalls_decides_nothing() -> None:
    (case,) = load_text(QUIET_ACK.replace("TIME-WAIT\n", "CLOSED\n"), Path("quiet.tw.yaml"))
    mutant = deletes_too_early(PROFILES["freebsd-10"], "freebsd.duplicate-ack")
    told = outcome(case, Blackhole(mutant))
    assert told.verdict is Verdict.INCONCLUSIVE
    assert "a firewall, or a blackhole sysctl on the DUT" in told.reason


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("{is: TIME-WAIT, timer: kept}", "the 2MSL timer"),
        ("TIME-WAIT\n  - wait: 1 s\n  - state: TIME-WAIT", "in mid-script"),
        ("ESTABLISHED", "that it is in ESTABLISHED"),
    ],
)
def test_what_can_not_be_asked_for_says_why(state: str, why: str) -> None:
    text = QUIET_ACK.replace("state: TIME-WAIT", f"state: {state}")
    (case,) = load_text(text, Path("quiet.tw.yaml"))
    assert why in (unaskable(case, "freebsd-10") or "")
    told = outcome(case, Opaque(PROFILES["freebsd-10"]))
    assert told.verdict is Verdict.INCONCLUSIVE
    assert why in told.reason


def test_the_timer_of_another_profile_keeps_nobody_from_asking() -> None:
    text = QUIET_ACK.replace(
        "state: TIME-WAIT\n",
        "state: {linux-6.18: {is: TIME-WAIT, timer: restarted}, default: TIME-WAIT}\n",
    )
    (case,) = load_text(text, Path("quiet.tw.yaml"))
    assert unaskable(case, "linux-6.18") == "needs to read the 2MSL timer on the DUT"
    assert unaskable(case, "linux-6.1") is None
