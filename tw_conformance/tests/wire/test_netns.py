"""The running kernel as a target."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Literal

import pytest

from tw_conformance.captures.judging import judge_capture
from tw_conformance.captures.reading import CaptureReader
from tw_conformance.link.link import Observation
from tw_conformance.model.case import (
    Answer,
    ByProfile,
    Call,
    Expect,
    ExpectState,
    Reach,
    Send,
    SendIcmp,
    StateIs,
    Wait,
)
from tw_conformance.model.errors import TargetError
from tw_conformance.model.expressions import SequenceExpression, TimeExpression
from tw_conformance.model.verdict import Outcome, Transcript, Verdict
from tw_conformance.notation.load import load_text
from tw_conformance.play import approach, tester
from tw_conformance.play.player import perform_once, play
from tw_conformance.report.capture import pcapng
from tw_conformance.targets.target import Play
from tw_conformance.targets.wire_target import WireTarget
from tw_conformance.tests.wire.conftest import case_of, open_netns
from tw_reference import segment as tcp
from tw_reference.profiles import PROFILES

FRAGMENT = SendIcmp("fragmentation-needed", SequenceExpression("snd_nxt"))
TOO_BIG = SendIcmp("packet-too-big", SequenceExpression("snd_nxt"))


async def observed(target: WireTarget, reach: Reach) -> Observation:
    case = case_of(reach=reach)
    link = await target.open(case)
    try:
        peer = tester.TesterEndpoint(reach, link, target.path, Transcript())
        await approach.reach(peer)
        seen = await link.observe()
        peer.abandon()
        assert seen is not None
        return seen
    finally:
        await link.aclose()


def state(name: str) -> ExpectState:
    return ExpectState(ByProfile((("*", StateIs(name)),)))


def expect(flags: int) -> Expect:
    return Expect(ByProfile((("*", Answer(flags=flags)),)))


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_time_wait_is_seen_with_its_timer(
    target: WireTarget, family: Literal["ipv4", "ipv6"]
) -> None:
    seen = target.start(observed(target, Reach(family=family))).result()
    assert seen.state == "TIME-WAIT"
    assert seen.remaining == pytest.approx(60.0, abs=1.0)
    assert seen.asked <= seen.answered


@pytest.mark.parametrize("name", ["ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSING"])
def test_every_state_has_its_name(target: WireTarget, name: str) -> None:
    seen = target.start(observed(target, Reach(state=name))).result()
    assert seen.state == name


def test_an_established_connection_is_closed_by_call(target: WireTarget) -> None:
    case = case_of(
        Call("close"),
        expect(tcp.FIN | tcp.ACK),
        state("FIN-WAIT-1"),
        reach=Reach(state="ESTABLISHED"),
    )
    assert played(target.start(play(case, target))) is Verdict.PASS


@pytest.mark.parametrize(
    ("family", "icmp", "full"), [("ipv4", FRAGMENT, 1460), ("ipv6", TOO_BIG, 1440)]
)
def test_a_path_mtu_that_one_case_told_is_unknown_to_the_next(
    target: WireTarget, family: Literal["ipv4", "ipv6"], icmp: SendIcmp, full: int
) -> None:
    reach = Reach(state="ESTABLISHED", family=family)
    sent = Expect(ByProfile((("*", Answer(flags=tcp.PSH | tcp.ACK, length=full)),)))
    text = Call("send", {"length": full})
    target.start(play(case_of(text, sent, icmp, reach=reach), target)).result()
    outcome = target.start(play(case_of(text, sent, reach=reach), target)).result()
    assert outcome.verdict is not Verdict.FAIL, outcome.reason


def test_what_the_link_does_not_take_is_left_out(target: WireTarget) -> None:
    text = Send(tcp.ACK, length=1460)
    assert target.lacks(case_of(text)) is None
    lacks = target.lacks(case_of(text, reach=Reach(family="ipv6")))
    assert lacks == "needs packets of 1520 octets: the tester's link takes 1500"


def test_a_case_that_would_outlast_any_run_is_left_out(target: WireTarget) -> None:
    lacks = target.lacks(case_of(Wait(TimeExpression("4320000s"))))
    assert lacks == "needs to wait 4320000 s, and --max-wait says 3600"


def test_an_abort_resets(target: WireTarget) -> None:
    case = case_of(
        Call("abort"),
        expect(tcp.RST | tcp.ACK),
        state("CLOSED"),
        reach=Reach(state="ESTABLISHED"),
    )
    assert played(target.start(play(case, target))) is Verdict.PASS


def test_a_listener_can_go_and_come_back(target: WireTarget) -> None:
    case = case_of(Call("unlisten"), Call("listen"), state("TIME-WAIT"))
    assert played(target.start(play(case, target))) is Verdict.PASS


def test_a_call_that_can_not_be_made_decides_nothing(target: WireTarget) -> None:
    outcome = target.start(play(case_of(Call("dance")), target)).result()
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "no call 'dance'" in outcome.reason


def test_a_listener_goes_with_its_case(target: WireTarget) -> None:
    async def scenario() -> None:
        link = await target.open(case_of(Call("unlisten")))
        await link.aclose()
        assert await link.call("unlisten", {}) == "ENOENT", "nothing listens"

    target.start(scenario()).result()


def test_settings_hold_for_their_cases_only(target: WireTarget) -> None:
    """Under rfc1337 an RST at RCV.NXT leaves TIME-WAIT alone; by default it ends it."""
    rst = Send(tcp.RST)
    plain = target.start(play(case_of(rst, state("CLOSED")), target))
    strict = target.start(play(case_of(rst, state("TIME-WAIT"), rfc1337=1), target))
    again = target.start(play(case_of(rst, state("CLOSED")), target))
    assert [played(each) for each in (plain, strict, again)] == [Verdict.PASS] * 3


def test_a_full_table_is_felt_by_its_own_case_only(target: WireTarget) -> None:
    plays = [
        target.start(play(case_of(state("TIME-WAIT"), max_tw_buckets=1), target)) for _ in range(3)
    ]
    assert {played(each) for each in plays} == {Verdict.PASS}


def test_a_setting_that_no_sysctl_has_is_refused(target: WireTarget) -> None:
    case = case_of(drop_synfin=1)
    with pytest.raises(TargetError, match="can't set 'drop_synfin': it knows timestamps, rfc1337"):
        target.start(play(case, target)).result()


def test_many_cases_overlap(target: WireTarget) -> None:
    plays = [target.start(play(case_of(state("TIME-WAIT")), target)) for _ in range(200)]
    assert {played(each) for each in plays} == {Verdict.PASS}


def test_two_targets_have_the_same_addresses_and_nothing_else_in_common(
    target: WireTarget,
) -> None:
    other = open_netns()
    try:
        cases = [case_of(state("TIME-WAIT"))] * 20
        plays = [each.start(play(case, each)) for case in cases for each in (target, other)]
        assert {played(each) for each in plays} == {Verdict.PASS}
    finally:
        other.close()


def test_close_cancels_what_runs_and_ends_its_thread() -> None:
    before = threading.active_count()
    target = open_netns()
    running = target.start(asyncio.sleep(3600))
    target.close()
    target.close()
    assert running.done()
    assert threading.active_count() == before
    with pytest.raises(TargetError, match="closed"):
        target.start(asyncio.sleep(0))


def test_the_profile_is_that_of_the_kernel_unless_asked_for() -> None:
    target = open_netns("freebsd-10")
    try:
        assert target.profile == "freebsd-10"
        assert "held to freebsd-10 (as asked)" in target.describe()
    finally:
        target.close()


def played(one: Play[Outcome]) -> Verdict:
    outcome = one.result()
    assert not outcome.reason, outcome.reason
    return outcome.verdict


def test_a_capture_of_the_kernel_is_explained_by_its_profile(
    target: WireTarget, tmp_path: Path
) -> None:
    ack_beyond = Send(flags=tcp.ACK, seq=SequenceExpression("rcv_nxt+70000"))
    case = case_of(Send(flags=tcp.RST), ack_beyond, expect(tcp.RST), reach=Reach(timestamps=True))
    file = tmp_path / "kernel.pcapng"
    file.write_bytes(pcapng(target.start(play(case, target)).result()))
    judged = judge_capture(CaptureReader(file), list(PROFILES.values()))
    assert judged.connections == 1
    assert judged.fits[target.profile].deviates == 0
    assert judged.fits["freebsd-15"].deviates == 1


SLOW = """
case: slow
title: A round trip of 400 ms, known when the connection ends
cites: [RFC 6298]
reach: {state: SYN-RECEIVED}
steps:
  - wait: 400ms
  - send: {flags: ACK}
  - expect: {flags: FIN|ACK}
  - send: {flags: FIN|ACK, seq: rcv_nxt, ack: snd_nxt+1}
  - expect: {flags: ACK}
"""
QUICK = """
case: quick
title: One of a millisecond has a time-out of 200 ms
cites: [RFC 6298]
reach: {state: ESTABLISHED}
steps:
  - call: shutdown
  - expect: {flags: FIN|ACK}
  - wait: 1100ms
  - expect: {flags: FIN|ACK}
  - expect: {flags: FIN|ACK}
  - state: FIN-WAIT-1
"""


def test_no_connection_has_the_time_out_of_a_slow_one_before_it(target: WireTarget) -> None:
    """`tcp_metrics.c, tcp_init_metrics()`: it would be 1.2 s."""
    for text in (SLOW, QUICK):
        (case,) = load_text(text, Path("metrics.tw.yaml"))
        outcome = target.start(perform_once(case, target)).result()
        came = [e for e in outcome.transcript.events if e.direction == "received" and e.step]
    copies = [event for event in came if event.probe is None]
    assert len(copies) >= 3, outcome.reason
