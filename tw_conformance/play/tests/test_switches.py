"""The options of the standard that a DUT has are found by asking, and nothing else is taken for
one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tw_conformance.model.case import Answer, ByProfile, Case, Expect, Reach, Send
from tw_conformance.model.expressions import SequenceExpression
from tw_conformance.model.verdict import Verdict
from tw_conformance.play.player import perform_once
from tw_conformance.play.switches import SHOULDS, STANDARD, find_switches
from tw_conformance.play.tests.opaque import Opaque
from tw_reference import segment as tcp
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import BlockAction

RFC = PROFILES[STANDARD]


def having(**settings: int) -> Profile:
    changed = {name: replace(RFC.settings[name], default=value) for name, value in settings.items()}
    return replace(RFC, settings={**RFC.settings, **changed})


def found(dut: Profile, **known: int) -> dict[str, int]:
    target = Opaque(dut, RFC)
    target.settings = known
    return find_switches(target)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"rfc6191_silent": 1},
        {"literal": 1},
        {"rfc5961_ack": 0, "rfc6191_literal": 1, "rfc7323_missing": 0, "icmp_hard": 0},
        {"rfc1337": 1, "rfc5961": 0, "rfc6191": 0},
    ],
)
def test_what_is_not_by_default_is_found(settings: dict[str, int]) -> None:
    assert found(having(**settings)) == settings


def test_what_is_known_is_not_asked_for() -> None:
    assert found(having(rfc1337=1), rfc1337=0) == {}


@pytest.mark.parametrize("name", sorted(SHOULDS))
def test_strictly_a_should_is_no_option(name: str) -> None:
    """A stack without it is asked for its MAYs all the same; of these RFC 5927's check excuses who
    heeds no hard error."""
    dut = having(**{name: 0, "rfc6191_literal": 1})
    assert find_switches(Opaque(dut, RFC), strict=True).keys() <= {"rfc6191_literal", "rfc5927"}
    assert name in find_switches(Opaque(dut, RFC))


def test_strictly_a_challenge_that_does_not_come_is_a_failure() -> None:
    target = Opaque(having(rfc5961=0), RFC)
    target.settings = find_switches(target, strict=True)
    sent = Send(tcp.RST, seq=SequenceExpression("rcv_nxt+1"))
    steps = (sent, Expect(ByProfile((("*", Answer(flags=tcp.ACK)),))))
    case = Case("an RST in the window", "", (), Reach(), steps)
    assert target.start(perform_once(case, target)).result().verdict is Verdict.FAIL


def test_each_switch_says_how_strictly_it_is_meant() -> None:
    ours = {"msl", "timestamps", "paws"}
    assert {n for n, s in RFC.settings.items() if s.level not in ("SHOULD", "MAY")} == ours


def test_what_the_standard_demands_is_no_option() -> None:
    assert found(having(paws=0)) == {}


def test_a_deviation_is_no_option() -> None:
    """An RST that nothing explains, where the standard drops or acknowledges."""
    decisions = RFC[stages.TIME_WAIT]
    rule = replace(decisions.rule("rfc9293.ignore"), then=(BlockAction.RST,))
    assert found(RFC.with_list(decisions.replacing("rfc9293.ignore", rule))) == {}
