"""Two hosts on one wire that loses, repeats and reorders: they come to rest, and runs repeat."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from functools import partial
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tw_reference.clock import MILLISECOND, SECOND, Clock
from tw_reference.profiles import PROFILES
from tw_reference.segment import Flow, Packet
from tw_reference.stack.host import Host
from tw_reference.stack.sockets import CallError
from tw_reference.tests.strategies import (
    ACCEPTS,
    CLOSES_FIRST,
    HOST,
    MILLISECONDS,
    OTHER,
    ChosenSettings,
    a_profile_and_settings,
    budget,
    taken,
)

ENOUGH = 400
"""Packets that two hosts may exchange without new input.  What is under way and unsent takes fewer;
a war of ACKs takes more than any number."""


RATELIMIT = "invalid_ratelimit"


class Wire:
    """Two hosts, one clock, and what is on the way between them."""

    def __init__(self, first: ChosenSettings, second: ChosenSettings, seed: int) -> None:
        self.clock = Clock(SECOND)
        self.hosts: dict[str, Host] = {}
        for address, (name, switches) in ((HOST, first), (OTHER, second)):
            host = Host(
                PROFILES[name],
                self.clock,
                addresses=frozenset((address,)),
                seed=f"{seed}{address}",
                settings=switches,
            )
            host.listen(CLOSES_FIRST)
            host.listen(ACCEPTS, closes_first=False)
            self.hosts[address] = host
        self.on_the_way: deque[Packet] = deque()
        self.carried: deque[Packet] = deque(maxlen=64)

    def collect(self) -> None:
        for host in self.hosts.values():
            self.on_the_way.extend(taken(host))

    def deliver(self, packet: Packet) -> None:
        self.carried.append(packet)
        self.hosts[packet.flow.dst].receive(packet)
        self.collect()

    def settle(self) -> int:
        """Deliver until nobody says more, no time passing: how many packets it took."""
        self.collect()
        count = 0
        while self.on_the_way and count < ENOUGH:
            self.deliver(self.on_the_way.popleft())
            count += 1
        return count


def limited(chosen: ChosenSettings) -> ChosenSettings:
    """With Linux's limit of ACKs of what is invalid, which is there to end loops."""
    name, switches = chosen
    return name, {**switches, RATELIMIT: 500} if RATELIMIT in switches else switches


class TwoHosts(RuleBasedStateMachine):
    @initialize(
        first=a_profile_and_settings().map(limited),
        second=a_profile_and_settings().map(limited),
        seed=st.integers(0, 3),
    )
    def boot(self, first: ChosenSettings, second: ChosenSettings, seed: int) -> None:
        self.wire = Wire(first, second, seed)

    def _flow(self, from_first: bool, port: int, listener: int) -> Flow:
        here, there = (HOST, OTHER) if from_first else (OTHER, HOST)
        return Flow(here, port, there, listener)

    @rule(
        from_first=st.booleans(),
        port=st.sampled_from((CLOSES_FIRST, 40000)),
        listener=st.sampled_from((CLOSES_FIRST, ACCEPTS)),
    )
    def one_connects(self, from_first: bool, port: int, listener: int) -> None:
        flow = self._flow(from_first, port, listener)
        with suppress(CallError):
            self.wire.hosts[flow.src].connect(flow)
        self.wire.collect()

    @rule(
        from_first=st.booleans(),
        as_client=st.booleans(),
        port=st.sampled_from((CLOSES_FIRST, 40000)),
        listener=st.sampled_from((CLOSES_FIRST, ACCEPTS)),
        call=st.sampled_from(("close", "shutdown", "abort", "send")),
    )
    def one_calls(
        self, from_first: bool, as_client: bool, port: int, listener: int, call: str
    ) -> None:
        flow = self._flow(from_first, port, listener)
        host = self.wire.hosts[flow.src if as_client else flow.dst]
        own = flow if as_client else flow.reverse
        with suppress(CallError):
            if call == "send":
                host.sockets.send(own, b"y" * 3000)
            else:
                getattr(host.sockets, call)(own)
        self.wire.collect()

    @rule(index=st.integers(0, 63))
    def one_arrives(self, index: int) -> None:
        """Out of its turn, unless it is the first."""
        if self.wire.on_the_way:
            index %= len(self.wire.on_the_way)
            packet = self.wire.on_the_way[index]
            del self.wire.on_the_way[index]
            self.wire.deliver(packet)

    @rule(index=st.integers(0, 63))
    def one_is_lost(self, index: int) -> None:
        if self.wire.on_the_way:
            del self.wire.on_the_way[index % len(self.wire.on_the_way)]

    @rule(index=st.integers(0, 63))
    def an_old_one_arrives_again(self, index: int) -> None:
        if self.wire.carried:
            self.wire.deliver(self.wire.carried[index % len(self.wire.carried)])

    @rule()
    def all_arrive(self) -> None:
        assert self.wire.settle() < ENOUGH, "a war of ACKs"

    @rule(milliseconds=MILLISECONDS)
    def time_passes(self, milliseconds: int) -> None:
        self.wire.clock.advance(self.wire.clock.now + milliseconds * MILLISECOND)
        self.wire.collect()

    @rule(from_first=st.booleans())
    def one_restarts(self, from_first: bool) -> None:
        """With all its tables gone, as after a crash."""
        address = HOST if from_first else OTHER
        old = self.wire.hosts[address]
        host = Host(
            old.profile,
            self.wire.clock,
            addresses=frozenset((address,)),
            seed=self.wire.clock.now,
            settings=old.settings,
        )
        host.listen(CLOSES_FIRST)
        host.listen(ACCEPTS, closes_first=False)
        self.wire.hosts[address] = host

    def teardown(self) -> None:
        self.all_arrive()


TwoHosts.TestCase.settings = budget(150)
TestTwoHosts = TwoHosts.TestCase


@pytest.mark.parametrize("second", PROFILES)
@pytest.mark.parametrize("first", PROFILES)
def test_two_that_open_at_the_same_time_are_connected(first: str, second: str) -> None:
    """RFC 9293 section 3.5, figure 7 (MUST-10)."""
    wire = Wire((first, {}), (second, {}), seed=1)
    flow = Flow(HOST, CLOSES_FIRST, OTHER, CLOSES_FIRST)
    wire.hosts[HOST].connect(flow)
    wire.hosts[OTHER].connect(flow.reverse)
    assert wire.settle() < ENOUGH
    assert wire.hosts[HOST].state(flow) == wire.hosts[OTHER].state(flow.reverse) == "ESTABLISHED"


def test_two_ends_in_syn_received_come_to_rest() -> None:
    """A SYN from before a crash meets one from the other side: neither accepts what the other says,
    and both acknowledge."""
    wire = Wire(("rfc9293", {}), ("rfc9293", {}), seed=1)
    after_the_crash = Wire(("rfc9293", {}), ("rfc9293", {}), seed=2)
    flow = Flow(HOST, CLOSES_FIRST, OTHER, CLOSES_FIRST)
    wire.hosts[HOST].connect(flow)
    wire.collect()
    wire.hosts[HOST] = after_the_crash.hosts[HOST]
    wire.hosts[OTHER].connect(flow.reverse)
    wire.hosts[OTHER].sockets.close(flow.reverse)
    assert wire.settle() < ENOUGH
    assert wire.hosts[HOST].state(flow) == wire.hosts[OTHER].state(flow.reverse) == "SYN-RECEIVED"


@pytest.mark.parametrize(("limit", "war"), [(500, False), (0, True)])
def test_without_its_limit_linux_wars_with_freebsd(limit: int, war: bool) -> None:
    """What ip-sysctl.rst has tcp_invalid_ratelimit for: loops of ACKs.  Of two SYNs that cross, one
    is from before a close(): FreeBSD answers what lies beyond its window with its SYN|ACK
    (freebsd.syn-received-beyond), and Linux challenges each SYN."""
    wire = Wire(("freebsd-14", {}), ("linux-5.10", {RATELIMIT: limit}), seed=2)
    flow = Flow(HOST, CLOSES_FIRST, OTHER, CLOSES_FIRST)
    wire.hosts[OTHER].connect(flow.reverse)
    wire.collect()
    wire.hosts[HOST].connect(flow)
    wire.collect()
    wire.hosts[OTHER].sockets.close(flow.reverse)
    wire.hosts[OTHER].connect(flow.reverse)
    assert (wire.settle() == ENOUGH) is war


# -- to the letter -------------------------------------------------------------------------------


def closed_at_once(literal: int) -> Wire:
    """Two ends that closed at the same time and are both in TIME-WAIT."""
    wire = Wire(("rfc9293", {"literal": literal}), ("rfc9293", {"literal": literal}), seed=1)
    flow = Flow(HOST, 40000, OTHER, ACCEPTS)
    wire.hosts[HOST].connect(flow)
    wire.settle()
    wire.hosts[HOST].sockets.close(flow)
    wire.hosts[OTHER].sockets.close(flow.reverse)
    wire.settle()
    assert wire.hosts[HOST].state(flow) == "TIME-WAIT"
    assert wire.hosts[OTHER].state(flow.reverse) == "TIME-WAIT"
    return wire


@pytest.mark.parametrize(("literal", "war"), [(0, False), (1, True)])
def test_to_the_letter_two_ends_acknowledge_for_ever(literal: int, war: bool) -> None:
    """RFC 9293 section 3.10.7.4, fifth, read literally: hazard H2 of RFC 1337."""
    wire = closed_at_once(literal)
    wire.deliver(wire.carried[-1])
    assert (wire.settle() == ENOUGH) is war


# -- every run repeats ---------------------------------------------------------------------------


def played(first: ChosenSettings, second: ChosenSettings, seed: int) -> list[object]:
    """Everything that two hosts sent and decided in a run of random calls, losses and waits."""
    random = Random(seed)
    wire = Wire(first, second, seed)
    flows = [Flow(HOST, port, OTHER, ACCEPTS) for port in (40000, 40001)]
    told: list[object] = []
    for _ in range(60):
        flow = random.choice(flows)
        flow = random.choice((flow, flow.reverse))
        host, sockets = wire.hosts[flow.src], wire.hosts[flow.src].sockets
        say = partial(sockets.send, data=b"x")
        call = random.choice((host.connect, sockets.close, sockets.abort, say))
        with suppress(CallError):
            call(flow)
        wire.collect()
        if wire.on_the_way and random.random() < 0.2:
            wire.on_the_way.popleft()
        wire.settle()
        told += wire.carried
        wire.clock.advance(wire.clock.now + random.choice((0, 1, 1000, 70_000)) * MILLISECOND)
    for host in wire.hosts.values():
        told += host.trace
    return told


@settings(max_examples=30, deadline=None, derandomize=True)
@given(a_profile_and_settings(), a_profile_and_settings(), st.integers(0, 1 << 32))
def test_the_same_seed_and_input_give_the_same_packets_and_trace(
    first: ChosenSettings, second: ChosenSettings, seed: int
) -> None:
    assert played(first, second, seed) == played(first, second, seed)
