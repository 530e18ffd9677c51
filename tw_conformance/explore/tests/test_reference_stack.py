"""The reference as the oracle of a sweep: its own connection, brought to each state."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from random import Random

import pytest

from tw_conformance.explore.sweep.alphabet import BITS, LENGTHS, STATES, SegmentClass, Selection
from tw_conformance.explore.sweep.design import covering, nearly_acceptable
from tw_conformance.explore.sweep.reaction import Prediction, Trial, differences, without_repeats
from tw_conformance.explore.sweep.reference_stack import ReferenceStack
from tw_conformance.explore.sweep.representatives import Representatives, SegmentMaker
from tw_conformance.model.verdict import Mismatch
from tw_reference.explain import Scene, Situation
from tw_reference.profiles import PROFILES
from tw_reference.segment import ACK, FIN, Flow, Packet, Segment

SEGMENTS = SegmentMaker(Representatives.drawn(3))
CLASSES = list(
    Selection.of("family=ipv4 way=FIN-WAIT-2 socket=closed scaling=off ecn=off").product()
)


def stack(name: str, settings: dict[str, int] | None = None, seed: int = 0) -> ReferenceStack:
    return ReferenceStack(PROFILES[name], settings or {}, SEGMENTS, seed=seed)


def one_of(only: str, state: str = "TIME-WAIT") -> SegmentClass:
    return next(Selection.of(f"family=ipv4 {only}", [state]).product())


@pytest.mark.parametrize("name", PROFILES)
def test_its_rule_is_the_one_that_explains_the_segment(name: str) -> None:
    oracle = stack(name)
    for one in Random(name).sample(CLASSES, 200):
        found = one.precondition
        scene = Scene(
            PROFILES[name], Situation(timestamps=found.timestamps, listener=found.listener)
        )
        told = scene.explain(SEGMENTS.segment(one, scene.variables))
        predicted = oracle.predict(one)
        assert predicted.rule is told.passages[0].fired, one
        assert predicted.reaction.state == told.after.state, one
        assert (predicted.reaction.timer == "restarted") == told.restarted, one
        flags = [packet.segment.flags for packet in predicted.reaction.answers]
        assert flags == [packet.segment.flags for packet in told.sent], one


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", PROFILES)
def test_it_gets_to_every_state_and_agrees_with_itself(name: str, state: str) -> None:
    first, second = stack(name), stack(name, seed=77)
    for one in covering(Selection.of("flags=RST,SYN,ACK,FIN|ACK", [state]), 2, seed=0)[::7]:
        seen = second.predict(one)
        assert not _differing(first.predict(one), seen), one


def test_settings_are_those_of_the_stack() -> None:
    one = one_of("flags=RST seq=R timestamps=off")
    states = [
        stack("linux-6.18", settings).predict(one).reaction.state
        for settings in ({}, {"rfc1337": 1})
    ]
    assert states == ["CLOSED", "TIME-WAIT"]


def test_an_iss_that_follows_from_the_block_is_held_to_it_and_a_random_one_is_not() -> None:
    one = one_of("flags=SYN seq=R+1 timestamps=off")
    above, random, random_again = (
        stack(name, seed=seed).predict(one)
        for name, seed in (("linux-6.18", 1), ("linux-6.1", 2), ("linux-6.1", 3))
    )

    fields = [each.field for each in _differing(above, random)]
    assert fields == ["seq"]
    assert not _differing(random, above)
    assert not _differing(random, random_again)


def test_a_fin_that_a_timer_sends_again_is_no_answer_to_the_segment() -> None:
    one = one_of("flags=RST seq=left length=0 timestamps=off bits=none", "FIN-WAIT-1")
    predicted = stack("linux-6.18").predict(one)
    assert predicted.reaction.answers == ()
    again = Packet(
        Flow("192.0.2.1", 7, "192.0.2.2", 40000),
        Segment(seq=predicted.variables["snd_nxt"] - 1, ack=0, flags=FIN | ACK),
    )
    for number, fields in ((0, []), (1, ["answer"])):
        other = replace(again, segment=replace(again.segment, seq=again.segment.seq + number))
        seen = replace(predicted.reaction, answers=(other,))
        kept = without_repeats(Trial(one, predicted.variables, seen), predicted)
        found = differences(predicted, kept, predicted.variables)
        assert [each.field for each in found] == fields


def test_an_ack_that_is_put_off_may_come_before_a_late_sentinel_and_nothing_else_may() -> None:
    one = one_of("flags=FIN|ACK seq=R ack=S length=0 timestamps=off bits=none", "ESTABLISHED")
    predicted = stack("linux-6.18").predict(one)
    assert predicted.reaction.answers == ()
    (ack,) = predicted.late
    for answers, fields in (((), []), ((ack,), []), ((ack, ack), ["answer"])):
        seen = replace(predicted.reaction, answers=answers)
        found = differences(predicted.as_late_as(seen), seen, predicted.variables)
        assert [each.field for each in found] == fields
    silent = stack("linux-6.18").predict(one_of("flags=RST seq=left bits=none", "ESTABLISHED"))
    assert silent.late == ()


def test_nearly_acceptable_segments_fire_every_rule_that_a_segment_can_meet() -> None:
    oracle = stack("linux-6.18")
    near = nearly_acceptable(
        Selection.of("family=ipv4 way=FIN-WAIT-2 socket=closed scaling=off ecn=off")
    )
    assert _fired(oracle, near) >= _fired(oracle, Random(0).sample(CLASSES, 2000))
    exact = [one for one in near if (one.flags, one.seq, one.ack) == ("ACK", "R", "S")]
    assert {(one.bits, one.length) for one in exact} == set(product(BITS, LENGTHS))


def _fired(oracle: ReferenceStack, classes: list[SegmentClass]) -> set[str]:
    rules = (oracle.predict(one).rule for one in classes)
    return {rule.id for rule in rules if rule is not None}


def _differing(expected: Prediction, seen: Prediction) -> tuple[Mismatch, ...]:
    return differences(expected, seen.reaction, seen.variables)
