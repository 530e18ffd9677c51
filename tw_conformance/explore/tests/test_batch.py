"""A batch in lockstep, on a wire whose DUT is the reference and which may do as it likes."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from random import Random
from typing import Any, TypeAlias, cast

import pytest

from tw_conformance.dut.client import AgentClient
from tw_conformance.explore.sweep.alphabet import Precondition, SegmentClass, Selection
from tw_conformance.explore.sweep.batch import Batch
from tw_conformance.explore.sweep.reaction import Trial, differences, without_repeats
from tw_conformance.explore.sweep.reference_stack import ReferenceStack
from tw_conformance.explore.sweep.representatives import Representatives, SegmentMaker
from tw_conformance.link.injector import Injector
from tw_conformance.link.link import Arrival
from tw_conformance.link.mailbox import Mailbox
from tw_conformance.model.errors import TargetError
from tw_conformance.targets.bench import SHARED_PORT, Bench
from tw_reference.clock import Clock
from tw_reference.profiles import PROFILES
from tw_reference.segment import ACK, FIN, RST, SYN, Datagram, Echo, Flow, Packet, Segment
from tw_reference.stack.host import Host
from tw_reference.state import State

DUT, TESTER = "192.0.2.1", "192.0.2.2"
SEGMENTS = SegmentMaker(Representatives.drawn(3))
LINUX = PROFILES["linux-6.18"]

Treat: TypeAlias = Callable[[Datagram], Iterable[Datagram]]
"""What comes of a packet of the DUT's."""


def untouched(packet: Datagram) -> Iterable[Datagram]:
    yield packet


class Wire:
    """The DUT, its process, and the wire to it: as much as a batch needs of an injector and an
    agent.  ``lost``: frames that the capture is to have lost by the end."""

    def __init__(self, treat: Treat, lost: int = 0) -> None:
        self._host = Host(LINUX, Clock(), addresses=frozenset({DUT}), seed=5)
        self._treat = treat
        self._ports = itertools.count(20000)
        self._began = time.monotonic()
        self._losses = iter((0, lost))
        self.mailbox = Mailbox(Flow(TESTER, 0, DUT, 0), 0, self._deliver)
        self.sent: list[Datagram] = []
        self.released = False

    def state(self, flow: Flow) -> State:
        """That of the DUT, of the connection that the tester sends on."""
        return self._host.state(flow.reverse)

    # -- the injector's part ---------------------------------------------------------------------

    def open(self, dut: str, port: int) -> Mailbox:
        self.mailbox.flow = Flow(TESTER, next(self._ports), dut, port)
        return self.mailbox

    def join(self, mailbox: Mailbox, dut: str, port: int) -> Flow:
        mailbox.joined.append(Flow(TESTER, next(self._ports), dut, port))
        return mailbox.joined[-1]

    def release(self, mailbox: Mailbox) -> None:
        self.released = True

    def frames_lost(self) -> int:
        return next(self._losses)

    def send(self, packet: Datagram) -> tuple[float, bytes]:
        now = time.monotonic()
        self.sent.append(packet)
        self._advance()
        self._host.receive(packet)
        self._deliver()
        return now, b""

    def _advance(self) -> None:
        self._host.clock.advance(int((time.monotonic() - self._began) * 1e9))

    def _deliver(self) -> None:
        self._advance()
        while self._host.outbox:
            for packet in self._treat(self._host.outbox.popleft()):
                self.mailbox.put(Arrival(time.monotonic(), packet, b""))

    # -- the agent's part ------------------------------------------------------------------------

    async def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        match verb:
            case "listen":
                self._host.listen(
                    arguments["port"], closes_first=arguments["policy"] == "close", reads=False
                )
            case "unlisten":
                self._host.unlisten(arguments["port"])
            case "shutdown":
                names = (arguments[k] for k in ("local", "local_port", "peer", "peer_port"))
                self._host.sockets.shutdown(Flow(*names))
                self._deliver()
        return {"port": arguments.get("port")}

    async def ask_at(self, verb: str, **arguments: Any) -> tuple[float, Mapping[str, Any]]:
        assert verb == "states"
        asked = time.monotonic()
        self._advance()
        local = arguments["local"], arguments["local_port"]
        return asked, {"rows": [self._row(Flow(*local, *peer)) for peer in arguments["peers"]]}

    def _row(self, flow: Flow) -> tuple[str, float | None, float]:
        found = self._host.snapshot(flow)
        if found.state is not State.TIME_WAIT or found.expires is None:
            return found.state.value, None, 0.0
        return found.state.value, (found.expires - self._host.clock.now) / 1e9, 0.001

    # -- the bed ---------------------------------------------------------------------------------

    def play(self, classes: Sequence[SegmentClass]) -> list[Trial]:
        (found,) = {one.precondition for one in classes}
        return asyncio.run(self._play(found, classes))

    async def _play(self, found: Precondition, classes: Sequence[SegmentClass]) -> list[Trial]:
        bench = Bench(
            cast(Injector, self), {"ipv4": DUT}, {}, AsyncExitStack(), cast(AgentClient, self)
        )
        await bench.serve(SHARED_PORT)
        batch = Batch(bench, found, classes, SEGMENTS, lifetime=60.0, random=Random(7))
        try:
            return await batch.play()
        finally:
            assert self.released


def some_classes(state: str, only: str = "socket=closed", count: int = 30) -> list[SegmentClass]:
    there = "way=FIN-WAIT-2 listener=yes" if state == "TIME-WAIT" else ""
    said = f"family=ipv4 timestamps=newer scaling=off ecn=off {only} {there}"
    return Random(state).sample(list(Selection.of(said, [state]).product()), count)


def faults(trials: Iterable[Trial]) -> list[str]:
    """Where what came is not what the same stack does when asked in its own process."""
    oracle = ReferenceStack(LINUX, {}, SEGMENTS, seed=1)
    found: list[str] = []
    for trial in trials:
        assert trial.reaction is not None, trial.reason
        expected = oracle.predict(trial.of)
        seen = without_repeats(trial, expected)
        found += map(str, differences(expected.as_late_as(seen), seen, trial.variables))
    return found


def dropping(which: Callable[[Datagram], bool]) -> Treat:
    return lambda packet: [] if which(packet) else [packet]


def is_syn_ack(packet: Datagram) -> bool:
    return isinstance(packet, Packet) and packet.segment.flags & SYN > 0


@pytest.mark.parametrize(
    ("state", "only"),
    [
        ("SYN-RECEIVED", "socket=-"),
        ("FIN-WAIT-1", "socket=closed"),
        ("FIN-WAIT-2", "socket=held"),
        ("CLOSING", "socket=closed"),
        ("TIME-WAIT", "socket=closed"),
    ],
)
def test_it_sees_what_the_stack_does(state: str, only: str) -> None:
    assert faults(Wire(untouched).play(some_classes(state, only))) == []


def test_what_comes_twice_ends_no_turn_and_is_no_answer() -> None:
    def twice(packet: Datagram) -> Iterable[Datagram]:
        again = isinstance(packet, Packet) and packet.segment.flags & (SYN | FIN)
        return [packet, packet] if again else [packet]

    assert faults(Wire(twice).play(some_classes("CLOSING"))) == []


def test_without_the_answer_to_the_sentinel_nothing_is_said() -> None:
    wire = Wire(dropping(lambda p: isinstance(p, Echo) and p.sequence >= 1 << 15))
    trials = wire.play(some_classes("TIME-WAIT"))
    assert {trial.reaction for trial in trials} == {None}
    assert {trial.reason for trial in trials} == {
        "no echo came back: the segment may not have arrived"
    }


def test_one_that_does_not_get_there_has_a_reason_and_the_others_play_on() -> None:
    unlucky = 20003
    classes = some_classes("FIN-WAIT-1")
    wire = Wire(dropping(lambda p: is_syn_ack(p) and cast(Packet, p).flow.dport == unlucky))
    trials = wire.play(classes)
    (left_out,) = (trial for trial in trials if trial.reaction is None)
    assert left_out.of is classes[3]
    assert left_out.reason == "FIN-WAIT-1 was not reached: an answer did not come"
    assert faults(trial for trial in trials if trial is not left_out) == []


def test_a_reset_on_the_way_is_the_reason() -> None:
    def refuse(packet: Datagram) -> Iterable[Datagram]:
        if isinstance(packet, Packet) and is_syn_ack(packet):
            return [Packet(packet.flow, Segment(0, packet.segment.ack, RST | ACK))]
        return [packet]

    trials = Wire(refuse).play(some_classes("FIN-WAIT-1", count=10))
    assert {t.reason for t in trials} == {"the DUT reset the connection before FIN-WAIT-1"}


@pytest.mark.parametrize(("count", "gone"), [(10, False), (11, True)])
def test_silence_to_every_syn_is_a_dut_that_is_gone(count: int, gone: bool) -> None:
    play = partial(Wire(dropping(is_syn_ack)).play, some_classes("FIN-WAIT-1", count=count))
    if not gone:
        assert [trial.reaction for trial in play()] == [None] * count
        return
    with pytest.raises(TargetError, match=r"11 SYNs to 192\.0\.2\.1 port 7 and no answer"):
        play()


def test_frames_that_the_capture_lost_leave_nothing_to_say() -> None:
    trials = Wire(untouched, lost=1).play(some_classes("TIME-WAIT", count=5))
    assert [(trial.reaction, trial.reason) for trial in trials] == [
        (None, "frames were lost in capture")
    ] * 5


def test_what_is_left_half_open_is_reset_where_the_dut_is() -> None:
    classes = some_classes("FIN-WAIT-2", "socket=held")
    wire = Wire(untouched)
    trials = wire.play(classes)
    last = {packet.flow: packet.segment for packet in wire.sent if isinstance(packet, Packet)}
    resets = [segment for segment in last.values() if segment.flags == RST]
    alive = [t for t in trials if t.reaction and t.reaction.state not in ("CLOSED", "TIME-WAIT")]
    assert 0 < len(alive) <= len(resets)
    assert {wire.state(flow) for flow in last} <= {State.CLOSED, State.TIME_WAIT}
