"""States that are asked for on the wire are those that the DUT is in: the reference is the judge,
which can be asked and looked into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from tw_conformance.link.link import Arrival
from tw_conformance.model.case import Case, ExpectState
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.notation.load import load_text
from tw_conformance.notation.tests.every_case import every_case
from tw_conformance.play.player import play
from tw_conformance.play.tests.opaque import Opaque, OpaqueLink
from tw_conformance.play.views import View, views
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import BlockAction
from tw_reference.segment import RST, Packet


def asked(profile: str) -> Iterator[Case]:
    """The cases all of whose states and timers can be asked for."""
    target = InProcessTarget(PROFILES[profile])
    for case in every_case():
        states = any(isinstance(step, ExpectState) for step in case.steps)
        if states and case.applies_to(profile) and target.lacks(case) is None:
            _, unseen = views(case, profile, target.time_variables, inf)
            if not unseen:
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
        assert told.inferred or not isinstance(case.steps[-1], ExpectState)


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

    async def open(self, case: Case) -> OpaqueLink:
        return BlackholeLink.open(self, case)


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
    ("state", "verdict"),
    [
        ("{is: TIME-WAIT, timer: kept}", Verdict.PASS),
        ("{is: TIME-WAIT, timer: restarted}", Verdict.FAIL),
        ("TIME-WAIT\n  - wait: 1 s\n  - state: TIME-WAIT", Verdict.PASS),
        ("TIME-WAIT\n  - wait: 2msl\n  - state: TIME-WAIT", Verdict.FAIL),
        ("CLOSED\n  - wait: 1 s\n  - state: TIME-WAIT", Verdict.FAIL),
    ],
)
def test_each_state_and_each_timer_is_seen_in_a_performance_of_its_own(
    state: str, verdict: Verdict
) -> None:
    text = QUIET_ACK.replace("state: TIME-WAIT", f"state: {state}")
    (case,) = load_text(text, Path("quiet.tw.yaml"))
    told = outcome(case, Opaque(PROFILES["freebsd-10"]))
    assert told.verdict is verdict, told.reason
    assert not told.unseen


def test_what_can_not_be_seen_costs_its_step_and_says_why() -> None:
    text = QUIET_ACK.replace("state: TIME-WAIT", "state: ESTABLISHED")
    (case,) = load_text(text, Path("quiet.tw.yaml"))
    told = outcome(case, Opaque(PROFILES["freebsd-10"]))
    assert told.verdict is Verdict.PASS
    assert told.unseen == ("needs to read on the DUT that it is in ESTABLISHED",)
    wrong = text.replace("nothing", "ack")
    (case,) = load_text(wrong, Path("quiet.tw.yaml"))
    assert outcome(case, Opaque(PROFILES["freebsd-10"])).verdict is Verdict.FAIL


def test_only_right_behind_a_syn_ack_its_ack_asks() -> None:
    steps = """
  - send: {flags: SYN, seq: rcv_nxt}
  - expect: {flags: SYN|ACK, ack: rcv_nxt+1}
  - send: {flags: RST, seq: rcv_nxt-1}
  - expect: nothing
"""
    head, state = QUIET_ACK.split("steps:")[0] + "steps:", "  - state: SYN-RECEIVED\n"
    for played, unseen in ((steps.split("  - send: {flags: RST")[0], 0), (steps, 1)):
        (case,) = load_text(head + played + state, Path("again.tw.yaml"))
        assert len(views(case, "freebsd-15", {"msl": 30.0, "tick": 0.5}, inf)[1]) == unseen


def test_the_timer_of_another_profile_is_not_asked() -> None:
    text = QUIET_ACK.replace(
        "state: TIME-WAIT\n",
        "state: {linux-6.18: {is: TIME-WAIT, timer: restarted}, default: TIME-WAIT}\n",
    )
    (case,) = load_text(text, Path("quiet.tw.yaml"))
    times = {"msl": 30.0, "tick": 0.5}
    assert views(case, "linux-6.18", times, inf) == ([View(2), View(2, timer=True)], [])
    assert views(case, "linux-6.1", times, inf) == ([View(2)], [])
