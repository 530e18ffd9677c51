"""A first look at a DUT: how its answers tell TIME-WAIT from CLOSED, and what its service says."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tw_conformance.link.link import Arrival
from tw_conformance.model.case import Case, Reach
from tw_conformance.model.verdict import Verdict
from tw_conformance.notation.load import load_text
from tw_conformance.play.acquaint import acquaint
from tw_conformance.play.lacking import lacks
from tw_conformance.play.player import play
from tw_conformance.play.tests.opaque import (
    Opaque,
    OpaqueLink,
    ResettingOctets,
    without_time_wait,
)
from tw_conformance.play.tests.scripted import (
    BLOCK_ACK,
    BLOCK_RST,
    REACHED,
    ScriptedLink,
    ScriptedTarget,
    at,
    bad_path,
    in_time_wait,
    in_virtual_time,
    segment,
)
from tw_conformance.targets.acquaintance import Acquaintance, LookBudget, Question, Shape, Telling
from tw_conformance.targets.in_process import InProcessTarget, Played
from tw_conformance.targets.target import family_of, tester_isn
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import BlockAction
from tw_reference.segment import ACK, RST, Damage, Datagram, Packet, Segment

T = TypeVar("T")

QUIET_ACK = """
case: quiet-ack
title: The exact duplicate ACK leaves TIME-WAIT alone
cites: [RFC 9293 section 3.10.7.4]
steps:
  - send: {flags: ACK}
  - expect: nothing
  - state: TIME-WAIT
"""
RFC = PROFILES["rfc9293"]


def answering(rule_id: str, action: BlockAction) -> Profile:
    decisions = RFC[stages.TIME_WAIT]
    rule = replace(decisions.rule(rule_id), then=(action,))
    return RFC.with_list(decisions.replacing(rule_id, rule))


def met(dut: Profile) -> Opaque:
    target = Opaque(dut, RFC)
    acquaint(target)
    return target


@pytest.mark.parametrize(("said", "strict"), [({}, False), ({"strict": True}, True)])
def test_of_a_dut_that_is_held_to_the_standard_its_options_are_found_too(
    said: dict[str, bool], strict: bool
) -> None:
    off = replace(RFC.settings["rfc5961_syn"], default=0)
    target = Opaque(replace(RFC, settings={**RFC.settings, "rfc5961_syn": off}), RFC)
    heard: list[str] = []
    acquaint(target, **said, tell=heard.append)
    assert target.settings.get("rfc5961_syn", 1) == strict
    assert any("rfc5961_syn" in doing for doing in heard) == (not strict)


def verdict(target: Opaque) -> Verdict:
    (case,) = load_text(QUIET_ACK, Path("quiet.tw.yaml"))
    return target.start(play(case, target)).result().verdict


@pytest.mark.parametrize("profile", PROFILES)
def test_documented_stacks_answer_as_the_rfc_says(profile: str) -> None:
    target = Opaque(PROFILES[profile])
    acquaint(target)
    assert target.acquaintance == Acquaintance()
    assert target.acquaintance.telling.apart


def test_where_the_octet_tells_nothing_the_fin_is_asked_with() -> None:
    """picoTCP's TIME-WAIT resets the octet."""
    target = met(answering("rfc9293.unacceptable", BlockAction.RST))
    assert target.acquaintance.telling == Telling(Question.FIN)
    assert verdict(target) is Verdict.PASS


def test_where_the_octet_is_not_answered_the_fin_is_asked_with() -> None:
    target = met(answering("rfc9293.unacceptable", BlockAction.DROP))
    assert target.acquaintance.telling == Telling(Question.FIN)


class AcknowledgingResets(Opaque):
    """Its resets of what belongs to nobody have an ACK, as lwIP's."""

    async def open(self, case: Case) -> OpaqueLink:
        return AckLink.open(self, case)


class AckLink(OpaqueLink):
    async def receive(self, until: float) -> Arrival | None:
        arrival = await super().receive(until)
        if arrival is None or not isinstance(arrival.packet, Packet):
            return arrival
        segment = arrival.packet.segment
        if segment.flags != RST:
            return arrival
        reset = Segment(segment.seq, self.asked.end, RST | ACK)
        return replace(arrival, packet=replace(arrival.packet, segment=reset))

    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        if isinstance(packet, Packet):
            self.asked = packet.segment
        return super().send(packet, damage=damage)


def test_a_reset_with_an_ack_is_a_reset() -> None:
    target = AcknowledgingResets(RFC)
    acquaint(target)
    assert target.acquaintance.telling == Telling(gone=Shape(RST | ACK, 0, 1))


def test_a_reset_with_a_window_is_told_from_one_without() -> None:
    target = ResettingOctets(RFC)
    acquaint(target)
    telling = target.acquaintance.telling
    assert telling.apart
    assert telling.question is Question.OCTET
    assert verdict(target) is Verdict.PASS


def test_a_dut_without_time_wait_answers_in_one_way() -> None:
    target = met(without_time_wait())
    telling = target.acquaintance.telling
    assert not telling.apart
    assert verdict(target) is Verdict.FAIL


def test_who_reads_states_need_not_ask() -> None:
    target = InProcessTarget(without_time_wait())
    acquaint(target)
    assert target.acquaintance.telling.apart


REOPENED = """
case: reopened
title: A new incarnation is closed too
cites: [RFC 9293 section 3.6.1]
steps:
  - send: {flags: SYN, seq: rcv_nxt+1, mss: 1460}
  - expect: {flags: SYN|ACK}
  - send: {flags: ACK, seq: rcv_nxt+2, ack: ans_seq+1}
  - expect: {flags: FIN|ACK}
"""


def test_a_service_that_speaks_is_no_service_for_a_case_that_expects_a_fin() -> None:
    target = met(RFC)
    (case,) = load_text(REOPENED, Path("reopened.tw.yaml"))
    (quiet,) = load_text(QUIET_ACK, Path("quiet.tw.yaml"))
    assert lacks(case, target) is None
    target.acquaintance = replace(target.acquaintance, says=26)
    assert lacks(case, target) == (
        "needs a service that closes without a word: the DUT's says 26 octets"
    )
    assert lacks(quiet, target) is None


class OfIpv6(Opaque):
    def lacks(self, case: Case) -> str | None:
        return "needs an IPv4 address" if case.reach.family == "ipv4" else None


def test_the_family_is_one_that_there_is() -> None:
    assert family_of(Opaque(RFC)) == "ipv4"
    assert family_of(OfIpv6(RFC)) == "ipv6"


class Few(Opaque):
    """It refuses all connections but the first ones of each look, as many as ``rooms`` has for
    it."""

    realtime = True

    def __init__(self, *rooms: int) -> None:
        super().__init__(RFC, PROFILES["linux-6.18"])
        self.rooms = list(rooms)
        self.opened = 0

    def start(self, play: Coroutine[Any, Any, T]) -> Played[T]:
        self.opened = 0
        done, _ = in_virtual_time(play)
        return Played(as_it_is(done))

    async def open(self, case: Case) -> OpaqueLink:
        look, number = divmod(self.opened, 40)
        self.opened += 1
        return (OpaqueLink if number < self.rooms[look] else Refused).open(self, case)


class Refused(OpaqueLink):
    """Nothing ever comes of it."""

    async def receive(self, until: float) -> Arrival | None:
        await self.sleep(until)
        return None


class Refusing(Opaque):
    """It refuses so many connections, then none."""

    def __init__(self, number: int) -> None:
        super().__init__(RFC)
        self.left = number

    async def open(self, case: Case) -> OpaqueLink:
        self.left -= 1
        return (OpaqueLink if self.left < 0 else Refused).open(self, case)


@pytest.mark.parametrize("number", [1, 1000])
def test_a_connection_that_does_not_come_about_says_nothing_of_a_dut(number: int) -> None:
    """On a path that loses packets it is tried again."""
    target = Refusing(number)
    target.path = bad_path()
    acquaint(target)
    assert target.acquaintance == Acquaintance()


def test_the_first_answer_is_the_answer() -> None:
    way = in_time_wait((REACHED + 0.0004, BLOCK_ACK), (REACHED + 0.0005, BLOCK_RST))
    closed = at((0.0005, segment(RST, 0, 0)))
    target = ScriptedTarget([], realtime=False, reads_states=False)
    of_numbers = [ScriptedLink() for _ in range(2 * target.path.askings)]
    target.links = [*of_numbers, way, closed]
    acquaint(target)
    assert target.acquaintance.telling.there == Telling().there


class Plain(OpaqueLink):
    """To a stack that compares numbers without the modulus: near 2^32 nothing is in the window."""

    async def receive(self, until: float) -> Arrival | None:
        if self.tester_isn > (1 << 32) - (1 << 16):
            await self.sleep(until)
            return None
        return await super().receive(until)


class Unwrapping(Opaque):
    async def open(self, case: Case) -> OpaqueLink:
        return Plain.open(self, case)


def test_whether_numbers_may_pass_two_to_the_32nd_is_seen() -> None:
    target = Unwrapping(RFC)
    acquaint(target)
    assert not target.acquaintance.wraps
    assert "pass 2^32" in target.acquaintance.describe_numbers()
    assert not met(RFC).acquaintance.describe_numbers()


@pytest.mark.parametrize(("wraps", "near"), [(True, True), (False, False)])
def test_where_they_may_not_no_case_begins_near_there(wraps: bool, near: bool) -> None:
    names = (Case(f"case-{number}", "", (), Reach(), ()) for number in range(100))
    isns = [tester_isn(0, case, wraps=wraps) for case in names]
    assert any(isn > (1 << 32) - (1 << 16) for isn in isns) == near


class Evicting(Few):
    """It takes all connections, and forgets those for which it has no room."""

    async def open(self, case: Case) -> OpaqueLink:
        look, number = divmod(self.opened, 40)
        self.opened += 1
        dut = self if number < self.rooms[look] else Opaque(without_time_wait())
        return OpaqueLink.open(dut, case)


def test_what_was_brought_to_time_wait_is_reset() -> None:
    reset: list[Segment] = []

    class Noting(OpaqueLink):
        def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
            if isinstance(packet, Packet) and packet.segment.flags == RST:
                reset.append(packet.segment)
            return super().send(packet, damage=damage)

    class Roomy(Few):
        async def open(self, case: Case) -> OpaqueLink:
            return Noting.open(self, case)

    acquaint(Roomy(40))
    assert len(reset) >= 40


def test_what_is_forgotten_is_not_held() -> None:
    target = Evicting(5, 5)
    acquaint(target)
    assert target.acquaintance.holds == 5


async def as_it_is(done: T) -> T:
    return done


@pytest.mark.parametrize(
    ("rooms", "holds", "lingering"),
    [
        ((40,), None, False),
        ((39, 40), None, False),
        ((39, 38), None, False),
        ((39, 39), 39, False),
        ((5, 5), 5, False),
        ((16, 17), 17, False),
        ((19, 20), None, False),
        ((5, 1), 5, True),
        ((0, 0), 1, False),
    ],
)
def test_a_dut_of_few_sockets_is_seen_to_have_no_more(
    rooms: tuple[int, ...], holds: int | None, lingering: bool
) -> None:
    target = Few(*rooms)
    acquaint(target)
    assert target.acquaintance.holds == holds
    assert target.acquaintance.lingering == lingering
    assert bool(target.acquaintance.describe_room()) == (holds is not None)


@pytest.mark.parametrize(
    ("look", "tried"),
    [
        (LookBudget(rate=51.2), 14),
        (LookBudget(rate=200.0, max_time=12.8), 14),
        (LookBudget(rate=2.0), 0),
        (LookBudget(), 40),
    ],
)
def test_where_packets_are_rationed_fewer_are_tried(look: LookBudget, tried: int) -> None:
    target = Few(40)
    target.look = look
    acquaint(target)
    assert target.acquaintance.holds is None
    assert target.opened == tried


def test_what_a_lossy_path_may_have_lost_is_no_lack_of_room() -> None:
    target = Few(38, 37)
    target.path = bad_path()
    acquaint(target)
    assert target.acquaintance.holds is None
