"""Mutants that do as the original does: two rulings that come to the same, bounds out of reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tw_conformance.explore.mutants.effects import Effects
from tw_conformance.explore.mutants.hunt import Sample, families, hunt
from tw_conformance.explore.mutants.lists import list_mutants
from tw_conformance.explore.mutants.mutant import ListMutant
from tw_conformance.explore.mutants.original import Original
from tw_conformance.notation.load import load_text
from tw_reference.profiles import PROFILES
from tw_reference.rules import stages
from tw_reference.rules.actions import BlockAction
from tw_reference.rules.actions import ConnectionAction as Do
from tw_reference.rules.condition import ALWAYS
from tw_reference.rules.decision import AnyList
from tw_reference.rules.questions import SegmentArrives, TimeWaitBlock
from tw_reference.rules.rule import Rule
from tw_reference.segment import ACK, Flow, Segment, Timestamps
from tw_reference.state import State

LINUX = PROFILES["linux-6.18"]
CASES = """\
case: ack
title: An ACK elsewhere is acknowledged
cites: [RFC 9293 section 3.10.7.4]
profiles: [linux-6.18]
reach: {timestamps: on}
steps:
  - send: {flags: ACK, seq: rcv_nxt+1}
  - expect: {flags: ACK}
"""
BLOCK = TimeWaitBlock(
    flow=Flow("192.0.2.1", 7, "192.0.2.2", 20000),
    snd_nxt=100,
    rcv_nxt=200,
    rcv_wnd=1000,
    rcv_scale=0,
    timestamps=True,
    ts_recent=50,
    ts_recent_stamp=0,
    ts_offset=0,
    tos=0,
    rto=0,
    substate=State.TIME_WAIT,
    entered=0,
    expires=1,
)


def arrives(stamps: Timestamps | None = None, *, limit: int = 500) -> SegmentArrives:
    segment = Segment(seq=200, ack=100, flags=ACK, timestamps=stamps)
    settings = {**LINUX.defaults(), "invalid_ratelimit": limit}
    return SegmentArrives(segment, BLOCK, settings, 0, listener=True)


def differ(one: Sequence[BlockAction], other: Sequence[BlockAction], asked: SegmentArrives) -> bool:
    lists = [
        stages.TIME_WAIT.list(Rule("x.y", ALWAYS, tuple(then), "", ())) for then in (one, other)
    ]
    return Effects(LINUX).differ(stages.TIME_WAIT, lists[0].decide(asked), lists[1], asked)


@pytest.mark.parametrize(("stamps", "shows"), [(None, False), (Timestamps(60, 0), True)])
def test_ts_recent_follows_only_a_segment_that_has_a_tsval(
    stamps: Timestamps | None, shows: bool
) -> None:
    ack = (BlockAction.ACK,)
    assert differ((BlockAction.UPDATE_TS, *ack), ack, arrives(stamps)) is shows


def test_nothing_is_left_to_do_on_what_is_gone() -> None:
    gone = (BlockAction.DELETE,)
    assert not differ(gone, (*gone, BlockAction.RESTART), arrives())
    assert not differ(gone, (BlockAction.UPDATE_TS, *gone), arrives(Timestamps(60, 0)))
    assert differ(gone, (BlockAction.ACK, *gone), arrives())


def test_an_ack_under_a_limit_is_what_the_limit_makes_of_it() -> None:
    assert differ((BlockAction.ACK,), (BlockAction.ACK_LIMITED,), arrives())
    with_text = arrives()
    text = replace(with_text.segment, payload=b"t")
    exempt = with_text._replace(segment=text)
    assert not differ((BlockAction.ACK,), (BlockAction.ACK_LIMITED,), exempt)


FREEBSD = PROFILES["freebsd-15"]


@pytest.mark.parametrize(
    ("then", "due", "shows"),
    [
        ((), False, True),
        ((), True, False),
        ((Do.ACK,), False, False),
        ((Do.ACK_WITH_FIN,), False, False),
        ((Do.ACK_DELAYED,), False, True),
        ((Do.OWE_ACK, Do.ENTER_TIME_WAIT), False, False),
        ((Do.CLOSE,), False, False),
        ((Do.NEED_ACK,), False, False),
    ],
)
def test_an_ack_is_due_once_and_not_when_one_was_sent(
    then: Sequence[Do], due: bool, shows: bool
) -> None:
    segment = Segment(seq=200, ack=100, flags=ACK)
    asked = SimpleNamespace(segment=segment, tcb=SimpleNamespace(ack_due=due))
    lists: list[AnyList] = [
        stages.CLOSE_WAIT.list(Rule("x.y", ALWAYS, (*first, *then), "", ()))
        for first in ((Do.NEED_ACK,), ())
    ]
    ruling = lists[0].decide(asked)
    assert Effects(FREEBSD).differ(stages.CLOSE_WAIT, ruling, lists[1], asked) is shows


def test_a_list_that_has_no_answer_does_otherwise() -> None:
    asked = arrives()
    ruling = stages.TIME_WAIT.list(Rule("x.y", ALWAYS, (BlockAction.DROP,), "", ())).decide(asked)
    assert Effects(LINUX).differ(stages.TIME_WAIT, ruling, stages.TIME_WAIT.list(), asked)


def mutant(name: str) -> ListMutant:
    (found,) = (each for each in list_mutants(LINUX) if str(each) == name)
    return found


def test_around_one_case_a_mutant_is_told_that_no_case_tells() -> None:
    told = mutant("TIME-WAIT: linux.rst-kill: without «RST is set»")
    alike = mutant("TIME-WAIT: linux.bare-ack: behind linux.syn-reopen")
    original = Original(LINUX, load_text(CASES, Path("cases.tw.yaml")))
    original.survey([], enough=1)
    walk = original.walk([told, alike])
    assert walk.alike() == {alike}
    assert walk.situations > 1000


def test_a_hunt_says_which_mutants_are_alike_and_in_how_many_situations() -> None:
    sample = Sample(kinds=("list", "condition"))
    found = hunt(LINUX, load_text(CASES, Path("cases.tw.yaml")), sample)
    ends = {fate.mutant: fate.end for fate in found.fates}
    assert ends["TIME-WAIT: linux.bare-ack: behind linux.syn-reopen"] == "alike"
    assert ends["TIME-WAIT: linux.rst-kill: without «RST is set»"] == "survives"
    assert found.situations > 1000


def test_a_tip_is_played_first_and_alone() -> None:
    cases = load_text(CASES, Path("cases.tw.yaml"))
    name = "TIME-WAIT: linux.ack-restart: «drop» for «ACK, rate-limited»"
    found = hunt(LINUX, cases, Sample(kinds=("action",)), {name: 0})
    (fate,) = (each for each in found.fates if each.mutant == name)
    assert (fate.end, fate.killer, fate.plays) == ("failed", 0, 1)


def test_profiles_are_of_a_family_where_most_rules_of_one_are_the_others() -> None:
    names = ["freebsd-13", "linux-6.1", "freebsd-15", "linux-6.18", "rfc9293"]
    assert families(names) == [
        ["freebsd-13", "freebsd-15"],
        ["linux-6.1", "linux-6.18"],
        ["rfc9293"],
    ]
