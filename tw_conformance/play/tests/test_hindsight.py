"""What a tester's lateness makes of a case, and what it does not make of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.play.hindsight import in_hindsight
from tw_conformance.play.player import perform_once, play
from tw_conformance.play.tests.scripted import in_virtual_time, script
from tw_conformance.targets.in_process import InProcessLink, InProcessTarget
from tw_reference.clock import SECOND
from tw_reference.profiles import PROFILES
from tw_reference.segment import Damage, Datagram, Packet

FAIL, INCONCLUSIVE = Verdict.FAIL, Verdict.INCONCLUSIVE
ESTABLISHED = "{state: ESTABLISHED}"
INTERACTIVE = """
  - send: {flags: PSH|ACK, length: 1}
  - expect: {flags: ACK, ack: rcv_nxt+1}
  - call: {send: 1}
  - expect: {flags: PSH|ACK, length: 1}
  - send: {flags: PSH|ACK, seq: rcv_nxt+1, ack: snd_nxt+1, length: 1}
"""
PUT_OFF = script(
    f"{INTERACTIVE}  - expect: nothing\n"
    "  - send: {flags: PSH|ACK, seq: rcv_nxt+2, ack: snd_nxt+1, length: 1}\n"
    "  - wait: 60ms\n  - expect: {flags: ACK, ack: rcv_nxt+3}\n",
    ESTABLISHED,
)
WRONG = script(f"{INTERACTIVE}  - expect: {{flags: RST}}\n    within: 1s\n", ESTABLISHED)


class LateLink(InProcessLink):
    """``pauses`` are the seconds that pass before a segment or a call of the tester, by number."""

    pauses: Mapping[int, float]
    _done = 0

    def _pause(self) -> None:
        self._done += 1
        self._clock.advance(self._clock.now + round(self.pauses.get(self._done, 0) * SECOND))
        self._dut.collect()

    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        if isinstance(packet, Packet):
            self._pause()
        return super().send(packet, damage=damage)

    async def call(self, verb: str, arguments: Mapping[str, int | str]) -> str:
        self._pause()
        return await super().call(verb, arguments)


class LateTester(InProcessTarget):
    """A DUT of one profile that is held to another, and a tester that pauses."""

    realtime = True

    def __init__(self, stack: str, pauses: Mapping[int, float], profile: str = "linux-6.18"):
        super().__init__(PROFILES[stack])
        self.profile = profile
        self.pauses = pauses

    async def open(self, case: Case) -> InProcessLink:
        link = LateLink.open(self, case)
        link.pauses = self.pauses
        return link


def seen(case: Case, target: LateTester) -> tuple[Outcome, Outcome]:
    """The outcome, before and in hindsight."""
    outcome = target.start(perform_once(case, target)).result()
    return outcome, in_virtual_time(in_hindsight(outcome))[0]


@pytest.mark.parametrize("paused", [{4: 0.06}, {6: 0.06}])
def test_what_a_late_tester_sees_of_the_right_stack_says_nothing(
    paused: Mapping[int, float],
) -> None:
    before, outcome = seen(PUT_OFF, LateTester("linux-6.18", paused))
    assert (before.verdict, outcome.verdict, outcome.late) == (FAIL, INCONCLUSIVE, True)
    assert outcome.reason.startswith(before.reason)
    assert "linux-6.18 itself fails" in outcome.reason
    assert not outcome.mismatches


def test_the_way_to_the_first_state_is_counted() -> None:
    """Its round trip is the first that the DUT measures: the FIN comes again after 2.1 s."""
    fin = "  - expect: {flags: FIN|ACK}\n"
    case = script(f"  - call: close\n{fin}{fin}    within: 2s\n", ESTABLISHED)
    before, outcome = seen(case, LateTester("linux-6.18", {2: 0.7}))
    assert (before.verdict, outcome.verdict, outcome.late) == (FAIL, INCONCLUSIVE, True)


def test_a_syn_sent_again_by_the_timer_of_the_first_needs_no_hindsight() -> None:
    """It runs on when SYNs have crossed, and sends the <SYN,ACK> again a second after the SYN."""
    case = script(
        "  - send: {flags: SYN, seq: irs, mss: 1460}\n"
        "  - expect: {flags: SYN|ACK, seq: iss, ack: irs+1}\n"
        "  - send: {flags: PSH, seq: irs+1}\n  - expect: nothing\n",
        "{state: SYN-SENT, open: active}",
    )
    before, outcome = seen(case, LateTester("linux-6.18", {2: 0.97, 3: 0.05}))
    assert (before.verdict, before.late) == (INCONCLUSIVE, True)
    assert outcome is before


@pytest.mark.parametrize("paused", [{}, {4: 0.06}, {6: 0.06}])
def test_a_case_that_is_wrong_without_delay_too_is_not_excused(paused: Mapping[int, float]) -> None:
    before, outcome = seen(WRONG, LateTester("linux-6.18", paused))
    assert before.verdict is FAIL
    assert outcome is before


@pytest.mark.parametrize("paused", [{}, {4: 0.001}, {6: 0.03}])
def test_a_deviation_is_not_excused_by_a_delay_that_the_case_bears(
    paused: Mapping[int, float],
) -> None:
    before, outcome = seen(PUT_OFF, LateTester("rfc9293", paused))
    assert before.verdict is FAIL
    assert outcome is before


def test_a_target_on_real_time_is_judged_in_hindsight_and_tried_again() -> None:
    target = LateTester("linux-6.18", {6: 0.06})
    outcome, paused = in_virtual_time(play(PUT_OFF, target))
    assert (outcome.verdict, outcome.late, paused) == (INCONCLUSIVE, True, 1 + 2 + 3 + 4 + 5)
    target.pauses = {}
    outcome, paused = in_virtual_time(play(PUT_OFF, target))
    assert (outcome.verdict, paused) == (Verdict.PASS, 0)
