"""The oracle of a sweep: a block put together is as good as one that was reached."""

from __future__ import annotations

from random import Random

import pytest

from tw_conformance.explore.sweep.alphabet import Representatives, Selection
from tw_conformance.explore.sweep.block_oracle import BlockOracle
from tw_conformance.explore.sweep.reaction import Block, differences
from tw_conformance.explore.sweep.stimuli import Stimuli
from tw_reference.explain import Scene as Played
from tw_reference.explain import Situation
from tw_reference.profiles import PROFILES
from tw_reference.segment import Flow

FLOW = Flow("192.0.2.2", 40000, "192.0.2.1", 7)
CLASSES = list(Selection.of("family=ipv4 way=FIN-WAIT-2").product())
STIMULI = Stimuli(Representatives.drawn(3))


@pytest.mark.parametrize("name", PROFILES)
def test_it_answers_as_the_host_does_that_played_the_whole_connection(name: str) -> None:
    oracle = BlockOracle(PROFILES[name], {})
    for number, one in enumerate(Random(name).sample(CLASSES, 400)):
        scene = one.scene
        played = Played(
            PROFILES[name], Situation(timestamps=scene.timestamps, listener=scene.listener)
        )
        v = played.variables
        recent = v["ts_recent"] if scene.timestamps else None
        block = Block(v["rcv_nxt"], v["snd_nxt"], v["rcv_wnd"], recent)
        stimulus = STIMULI.segment(one, block)
        told = played.explain(stimulus)
        flow = FLOW._replace(sport=FLOW.sport + number)
        predicted = oracle.predict(flow, stimulus, block, listener=scene.listener)
        assert predicted.rule is told.passages[0].fired, one
        assert predicted.reaction.state == told.after.state, one
        assert (predicted.reaction.timer == "restarted") == told.restarted, one
        ours = [packet.segment for packet in predicted.reaction.answers]
        theirs = [packet.segment for packet in told.sent]
        assert [s.flags for s in ours] == [s.flags for s in theirs], one
        assert [s.ack for s in ours] == [s.ack for s in theirs], one


def test_settings_are_those_of_the_stack() -> None:
    one = next(Selection.of("flags=RST seq=R timestamps=off family=ipv4").product())
    block = Block(1000, 2000, 64240, None)
    stimulus = STIMULI.segment(one, block)
    states = [
        BlockOracle(PROFILES["linux-6.18"], settings)
        .predict(FLOW, stimulus, block, listener=True)
        .reaction.state
        for settings in ({}, {"rfc1337": 1})
    ]
    assert states == ["CLOSED", "TIME-WAIT"]


def test_an_iss_that_follows_from_the_block_is_held_to_it_and_a_random_one_is_not() -> None:
    one = next(Selection.of("flags=SYN seq=R+1 timestamps=off family=ipv4").product())
    block = Block(1000, 2000, 64240, None)
    stimulus = STIMULI.segment(one, block)
    above, random, random_again = (
        BlockOracle(PROFILES[name], {}).predict(FLOW, stimulus, block, listener=True)
        for name in ("linux-6.18", "linux-6.1", "linux-6.1")
    )
    fields = [each.field for each in differences(above, random.reaction, block, stimulus)]
    assert fields == ["seq"]
    assert not differences(random, above.reaction, block, stimulus)
    assert not differences(random, random_again.reaction, block, stimulus)
