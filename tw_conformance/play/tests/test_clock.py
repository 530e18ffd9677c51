"""TSval in TIME-WAIT goes on with the clock of the dead connection: on the reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from tw_conformance.model.case import Case, Through
from tw_conformance.model.verdict import Outcome
from tw_conformance.notation.load import load_text
from tw_conformance.play.player import play
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES
from tw_reference.segment import Packet, Timestamps
from tw_reference.seqnum import distance

FILE = Path("clock.tw.yaml")
WAYS = [way.value for way in Through]


def stamped_case(through: str) -> Case:
    """Two ACKs of the connection, then two of its block, more than a second apart."""
    (case,) = load_text(
        f"""
case: tsval-goes-on
title: TSval goes on with the connection's clock
cites: [RFC 7323 section 5.4]
reach: {{through: {through}, timestamps: on}}
steps:
  - wait: 400ms
  - send: {{flags: FIN|ACK, seq: rcv_nxt-1}}
  - expect: ack
  - wait: 1200ms
  - send: {{flags: FIN|ACK, seq: rcv_nxt-1}}
  - expect: ack
""",
        FILE,
    )
    return case


def clock_errors(outcome: Outcome) -> list[float]:
    """By how many milliseconds each TSval of the DUT is off a clock that began with its first."""
    assert not outcome.reason, outcome.reason
    read: list[tuple[float, Timestamps]] = [
        (event.time, event.packet.segment.timestamps)
        for event in outcome.transcript.events
        if event.direction == "received"
        and isinstance(event.packet, Packet)
        and event.packet.segment.timestamps is not None
    ]
    (began, first), *rest = read
    assert len(rest) >= 3, "a FIN or an ACK of the connection, and two of its block"
    return [distance(s.tsval, first.tsval) - (time - began) * 1000 for time, s in rest]


@pytest.mark.parametrize("through", WAYS)
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_tsval_goes_on(profile: str, through: str) -> None:
    target = InProcessTarget(PROFILES[profile])
    outcome = target.start(play(stamped_case(through), target)).result()
    assert max(map(abs, clock_errors(outcome))) <= 1
