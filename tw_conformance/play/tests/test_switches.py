"""The options of the standard that a DUT has are found by asking, and nothing else is taken for
one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tw_conformance.model.case import Answer, ByProfile, Case, Expect, Reach, Send, SendIcmp
from tw_conformance.model.expressions import SequenceExpression
from tw_conformance.model.verdict import Verdict
from tw_conformance.play import switches
from tw_conformance.play.acquaint import acquaint
from tw_conformance.play.player import perform_once
from tw_conformance.play.switches import SHOULDS, STANDARD, find_switches
from tw_conformance.play.tests.opaque import Opaque, OpaqueLink, ResettingOctets
from tw_conformance.targets.target import Target
from tw_reference import segment as tcp
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import BlockAction
from tw_reference.segment import flag_names

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
        {"rfc1337": 1, "rfc5961_syn": 0, "rfc6191": 0},
        {"rfc5961_rst": 0},
        {"rfc5961_rst_before": 0, "rfc5961_syn": 0},
        {"rfc5961_rst": 0, "rfc5961_syn_before": 0},
        {"half_duplex": 0, "rfc6191_timestamps": 0, "rfc6191_silent": 1},
    ],
)
def test_what_is_not_by_default_is_found(settings: dict[str, int]) -> None:
    assert found(having(**settings)) == settings


@pytest.mark.parametrize("rfc1337", [0, 1])
def test_whether_the_block_is_there_is_asked_as_the_dut_tells_it(rfc1337: int) -> None:
    target = ResettingOctets(having(rfc1337=rfc1337), RFC)
    acquaint(target)
    assert target.settings.get("rfc1337", 0) == rfc1337


class Listening(Opaque):
    """Notes what it is asked."""

    def __init__(self, family: str) -> None:
        super().__init__(RFC)
        self.family = family
        self.asked: list[tuple[Reach, object]] = []

    def lacks(self, case: Case) -> str | None:
        return super().lacks(case) if case.reach.family == self.family else "needs another address"

    async def open(self, case: Case) -> OpaqueLink:
        stimulus, _, again, _ = case.steps
        assert again == Send(tcp.ACK, seq=SequenceExpression("rcv_nxt-1"), length=1)
        self.asked.append((case.reach, stimulus))
        return await super().open(case)


@pytest.mark.parametrize(("family", "too_big"), [("ipv4", True), ("ipv6", False)])
def test_of_each_option_the_simplest_question_that_tells_is_asked(
    family: str, too_big: bool
) -> None:
    target = Listening(family)
    assert find_switches(target) == {}
    assert Counter(in_words(*asked) for asked in target.asked) == {
        "SYN rcv_nxt+1": 1,
        "SYN rcv_nxt": 3,
        "RST rcv_nxt": 1,
        "RST rcv_nxt+1": 1,
        "RST rcv_nxt+1 in FIN-WAIT-2": 1,
        "SYN rcv_nxt+1 in FIN-WAIT-2": 1,
        "ACK rcv_nxt": 1,
        "ACK rcv_nxt 1 in FIN-WAIT-2": 1,
        "SYN rcv_nxt-1000 newer": 1,
        "ACK rcv_nxt ack=snd_nxt+100000": 1,
        "port-unreachable": 2,
        "ACK rcv_nxt-1 absent": 1,
        **({"fragmentation-needed": 1} if too_big else {}),
    }


def test_all_questions_that_may_tell_are_asked_until_one_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a DUT whose every answer says nothing."""
    dut, replies = Listening("ipv4"), switches._reply

    async def reply(question: Case, target: Target) -> tuple[int | None, ...] | None:
        if target is not dut:
            return await replies(question, target)
        dut.asked.append((question.reach, question.steps[0]))
        return None

    monkeypatch.setattr(switches, "_reply", reply)
    assert find_switches(dut) == {}
    assert Counter(in_words(*asked) for asked in dut.asked) == {
        "SYN rcv_nxt+1 in FIN-WAIT-2": 1,
        "RST rcv_nxt+1 in FIN-WAIT-2": 1,
        "SYN rcv_nxt+1": 1,
        "SYN rcv_nxt": 3,
        "SYN rcv_nxt-1000": 1,
        "SYN rcv_nxt-1000 newer": 2,
        "SYN|ACK rcv_nxt+1": 1,
        "RST rcv_nxt": 1,
        "RST rcv_nxt+1": 2,
        "ACK rcv_nxt": 1,
        "ACK rcv_nxt 1 in FIN-WAIT-2": 1,
        "ACK rcv_nxt ack=snd_nxt+100000": 1,
        "ACK rcv_nxt-1 absent": 1,
        "port-unreachable": 2,
        "fragmentation-needed": 1,
    }


def in_words(reach: Reach, stimulus: object) -> str:
    if isinstance(stimulus, SendIcmp):
        return stimulus.icmp
    assert isinstance(stimulus, Send)
    words = [flag_names(stimulus.flags), str(stimulus.seq and stimulus.seq.text)]
    words += [f"ack={stimulus.ack.text}"] if stimulus.ack else []
    words += [str(stimulus.length)] if stimulus.length else []
    words += [stimulus.timestamps or "newer"] if reach.timestamps else []
    words += [f"in {reach.state}"] if reach.state != "TIME-WAIT" else []
    return " ".join(words)


class WrongAtFirst(Opaque):
    """Over a wire; the first replies to one question are resets, which fit no setting."""

    realtime = True

    def __init__(self, dut: Profile, question: str, wrong: int) -> None:
        super().__init__(dut, RFC)
        self._right, self._question, self._wrong = dut, question, wrong
        decisions = RFC[stages.TIME_WAIT]
        resets = (replace(r, then=(BlockAction.RST,)) if r.decides else r for r in decisions)
        self._resetting = RFC.with_list(decisions.stage.list(*resets))
        self.asked = 0

    async def open(self, case: Case) -> OpaqueLink:
        its_own = in_words(case.reach, case.steps[0]) == self._question
        self.asked += its_own
        self.stack = self._resetting if its_own and self.asked <= self._wrong else self._right
        return await super().open(case)


@pytest.mark.parametrize(("wrong", "asked"), [(0, 2), (1, 3), (2, 3), (3, 3)])
def test_a_question_whose_reply_fits_neither_is_asked_again_on_a_wire(
    wrong: int, asked: int
) -> None:
    """Three times at most: after that the next question that may tell is asked."""
    target = WrongAtFirst(having(rfc1337=1), "RST rcv_nxt", wrong)
    assert find_switches(target) == {"rfc1337": 1}
    assert target.asked == asked


def test_what_is_known_is_not_asked_for() -> None:
    assert found(having(rfc6191_literal=1), rfc6191_literal=0) == {}


@pytest.mark.parametrize("name", sorted(SHOULDS))
def test_strictly_a_should_is_no_option(name: str) -> None:
    """A stack without it is asked for its MAYs all the same; of these RFC 5927's check excuses who
    heeds no hard error."""
    dut = having(**{name: 0, "rfc6191_literal": 1})
    assert find_switches(Opaque(dut, RFC), strict=True).keys() <= {"rfc6191_literal", "rfc5927"}
    assert name in find_switches(Opaque(dut, RFC))


def test_strictly_a_may_behind_a_should_is_still_asked_for() -> None:
    dut = having(rfc6191_literal=1)
    assert find_switches(Opaque(dut, RFC), strict=True) == {"rfc6191_literal": 1}


def test_strictly_a_challenge_that_does_not_come_is_a_failure() -> None:
    target = Opaque(having(rfc5961_rst=0), RFC)
    target.settings = find_switches(target, strict=True)
    sent = Send(tcp.RST, seq=SequenceExpression("rcv_nxt+1"))
    steps = (sent, Expect(ByProfile((("*", Answer(flags=tcp.ACK)),))))
    case = Case("an RST in the window", "", (), Reach(), steps)
    assert target.start(perform_once(case, target)).result().verdict is Verdict.FAIL


def test_each_switch_says_how_strictly_it_is_meant() -> None:
    ours = {"msl", "timestamps", "paws"}
    assert {n for n, s in RFC.settings.items() if s.level not in ("SHOULD", "MAY")} == ours


def test_who_resets_a_syn_and_stays_follows_neither_rfc_5961_nor_rfc_6191() -> None:
    """As lwIP does; that it stays is a deviation, which the cases of RFC 793 show."""
    decisions = having(rfc5961_syn=0, rfc6191=0)[stages.TIME_WAIT]
    rule = replace(decisions.rule("rfc9293.syn-error"), then=(BlockAction.RST,))
    dut = having(rfc5961_syn=0, rfc6191=0).with_list(decisions.replacing("rfc9293.syn-error", rule))
    assert found(dut).items() >= {"rfc5961_syn": 0, "rfc6191": 0}.items()


def test_what_the_standard_demands_is_no_option() -> None:
    assert found(having(paws=0)) == {}


def test_a_deviation_is_no_option() -> None:
    """An RST that nothing explains, where the standard drops or acknowledges."""
    decisions = RFC[stages.TIME_WAIT]
    rule = replace(decisions.rule("rfc9293.ignore"), then=(BlockAction.RST,))
    assert found(RFC.with_list(decisions.replacing("rfc9293.ignore", rule))) == {}
