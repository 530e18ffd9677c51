"""The oracle's «that is what this stack does» looks at all that an answer says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.play import oracle
from tw_conformance.play.oracle import OracleAnswer
from tw_conformance.play.player import play
from tw_conformance.play.tests.scripted import script
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES
from tw_reference.segment import RST, Packet, Timestamps

REACH = "{state: TIME-WAIT, timestamps: on}"
FIN_AGAIN = "  - send: {flags: FIN|ACK, seq: rcv_nxt-1}\n"


def played(steps: str, profile: str = "linux-6.18") -> Outcome:
    target = InProcessTarget(PROFILES[profile])
    return target.start(play(script(steps, REACH), target)).result()


def explained(outcome: Outcome) -> dict[str, OracleAnswer]:
    """By profile, with the settings that the case gives it."""
    return {a.profile: a for a in oracle.explain(outcome, {}) if not a.settings}


def beside(change: Callable[[Packet], Packet]) -> bool:
    """Whether linux-6.18 is said to do what a DUT did that answered as it does but for that."""
    outcome = played(f"{FIN_AGAIN}  - expect: nothing\n")
    events = outcome.transcript.events
    for number, event in enumerate(events):
        if event.direction == "received" and event.step == 1 and isinstance(event.packet, Packet):
            events[number] = replace(event, packet=change(event.packet))
    return explained(outcome)["linux-6.18"].same_as_seen


def segment_with(packet: Packet, **changes: Any) -> Packet:
    return replace(packet, segment=replace(packet.segment, **changes))


def test_the_same_answer_is_the_same() -> None:
    assert beside(lambda packet: packet)


@pytest.mark.parametrize(
    "change",
    [
        lambda packet: segment_with(packet, flags=packet.segment.flags | RST),
        lambda packet: segment_with(packet, seq=packet.segment.seq + 1),
        lambda packet: segment_with(packet, ack=packet.segment.ack + 1),
        lambda packet: segment_with(packet, payload=b"t"),
        lambda packet: segment_with(packet, window=packet.segment.window + 1),
        lambda packet: segment_with(packet, timestamps=None),
        lambda packet: segment_with(packet, timestamps=Timestamps(1, 99)),
        lambda packet: replace(packet, tos=4),
        lambda packet: replace(packet, df=False),
    ],
)
def test_an_answer_that_differs_in_one_thing_is_another(
    change: Callable[[Packet], Packet],
) -> None:
    assert not beside(change)


@pytest.mark.parametrize(
    "change",
    [
        lambda packet: segment_with(packet, timestamps=packet.segment.timestamps._replace(tsval=5)),
        lambda packet: replace(packet, ttl=3),
        lambda packet: replace(packet, ip_id=9),
    ],
)
def test_clocks_routers_and_counters_make_no_other_answer(
    change: Callable[[Packet], Packet],
) -> None:
    assert beside(change)


def test_one_answer_is_not_two() -> None:
    outcome = played(f"{FIN_AGAIN}  - expect: nothing\n")
    events = outcome.transcript.events
    events.append(next(e for e in events if isinstance(e.packet, Packet) and e.step == 1))
    assert not explained(outcome)["linux-6.18"].same_as_seen


def test_every_profile_that_the_case_is_about_is_asked() -> None:
    outcome = played(f"{FIN_AGAIN}  - expect: nothing\n")
    assert explained(outcome).keys() == PROFILES.keys()
    told = explained(outcome)["linux-6.18"]
    assert told.answer == "ACK seq=snd_nxt ack=rcv_nxt"
    assert told.state == "TIME-WAIT"
    assert told.rule is not None


def test_without_a_deciding_step_nobody_is_asked() -> None:
    assert oracle.explain(played(f"{FIN_AGAIN}  - expect: ack\n"), {}) == []


def test_a_state_is_the_same_where_the_dut_was_seen_in_it() -> None:
    outcome = played("  - send: {flags: RST}\n  - expect: nothing\n  - state: TIME-WAIT\n")
    told = explained(outcome)
    assert told["linux-6.18"].state == "CLOSED"
    assert told["linux-6.18"].same_as_seen
    assert told["freebsd-10"].state == "TIME-WAIT"
    assert not told["freebsd-10"].same_as_seen


def test_a_stray_is_explained_by_what_came_before_the_deciding_step() -> None:
    outcome = played(f"{FIN_AGAIN}  - wait: 1s\n")
    assert outcome.verdict is Verdict.FAIL
    assert explained(outcome)["linux-6.18"].same_as_seen
