"""What was observed of Linux and no case can say: how answers hang together, and connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tw_conformance.link.pace import Admission
from tw_conformance.model.case import Case
from tw_conformance.notation.load import load_text
from tw_conformance.play.judge import judge
from tw_conformance.play.player import play
from tw_conformance.play.record import Record
from tw_conformance.play.run import Run
from tw_conformance.play.tests.test_clock import WAYS, clock_errors, stamped_case
from tw_conformance.targets.target import tester_isn
from tw_conformance.targets.wire_link import WireLink
from tw_conformance.targets.wire_target import WireTarget
from tw_conformance.tests.wire.conftest import open_netns, open_uml

FILE = Path("observed.tw.yaml")
LATENESS = 50.0
"""Milliseconds that an answer may have been under way, or a busy machine late."""

BY_THE_SOCKET = """
case: entry-by-the-socket
title: The FIN comes with the ACK of ours
cites: ["tcp_minisocks.c, tcp_time_wait()"]
reach: {{state: FIN-WAIT-1}}
steps:
  - send: {{flags: FIN|ACK, seq: rcv_nxt}}
  - expect: {{flags: ACK, seq: snd_nxt, ack: rcv_nxt+1}}
  - state: {state}
  - send: {{flags: FIN|ACK, seq: rcv_nxt}}
  - expect: {answer}
"""
BY_THE_BLOCK = """
case: entry-by-the-block
title: The ACK of our FIN comes before the peer's FIN
cites: ["tcp_minisocks.c, tcp_time_wait()"]
reach: {{state: FIN-WAIT-1}}
steps:
  - send: {{flags: ACK, seq: rcv_nxt}}
  - expect: nothing
  - send: {{flags: FIN|ACK, seq: rcv_nxt}}
  - expect: {answer}
  - state: {state}
"""
ACKNOWLEDGED = "{flags: ACK, seq: snd_nxt, ack: rcv_nxt+1}"
RESET = "{flags: RST, seq: seg_ack}"


@pytest.fixture(params=["netns", "uml"])
def kernel(request: pytest.FixtureRequest) -> Iterator[WireTarget]:
    """The running kernel, and Linux 6.1."""
    netns = request.param == "netns"
    request.getfixturevalue("world_or_skip" if netns else "guest_or_skip")
    opened: WireTarget = open_netns() if netns else open_uml()
    yield opened
    opened.close()


def test_tsval_goes_on_with_the_clock_of_the_connection(kernel: WireTarget) -> None:
    plays = [kernel.start(play(stamped_case(through), kernel)) for through in WAYS]
    for each in plays:
        assert max(map(abs, clock_errors(each.result()))) < LATENESS


@pytest.mark.parametrize("script", [BY_THE_SOCKET, BY_THE_BLOCK], ids=["by-socket", "by-block"])
def test_the_fifth_close_into_four_buckets_leaves_no_block(kernel: WireTarget, script: str) -> None:
    (waits,) = load_text(script.format(state="TIME-WAIT", answer=ACKNOWLEDGED), FILE)
    (closed,) = load_text(script.format(state="CLOSED", answer=RESET), FILE)
    reasons = kernel.start(in_one_table(kernel, [waits] * 4 + [closed])).result()
    assert reasons == [""] * 5


async def in_one_table(kernel: WireTarget, cases: list[Case]) -> list[str]:
    """Play them one after another where no more than four blocks have room; what each came to."""
    bench = await kernel.new_bench({"max_tw_buckets": 4})
    reasons = []
    try:
        for number, case in enumerate(cases):
            isn = tester_isn(number, case, wraps=True)
            link = await WireLink.open(bench, case, isn, Admission.free(), AsyncExitStack())
            reasons.append(judge(await _performed(Run(case, kernel, link))).reason)
            await link.aclose()
    finally:
        await bench.aclose()
    return reasons


async def _performed(run: Run) -> Record:
    async for _ in run.play():
        pass
    return run.record()
