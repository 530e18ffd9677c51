"""What a tester's lateness makes of a case, and what it does not make of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import count

import pytest

from tw_conformance.link.link import Arrival
from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.play.hindsight import in_hindsight
from tw_conformance.play.player import perform_once, play
from tw_conformance.play.tests.scripted import in_virtual_time, script
from tw_conformance.targets.in_process import InProcessLink, InProcessTarget
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
    """``target`` says of what is done on any of its links how late it is."""

    target: LateTester

    def _pause(self) -> None:
        self.advance(self.now() + self.target.pauses.get(next(self.target.doings), 0.0))

    async def beside(self, *, other_peer: bool = False) -> LateLink:
        link = await super().beside(other_peer=other_peer)
        link.target = self.target
        return link

    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        noted = self.now()
        if isinstance(packet, Packet):
            self._pause()
        time, frame = super().send(packet, damage=damage)
        return noted if self.target.between else time, frame

    async def receive(self, until: float) -> Arrival | None:
        arrival = await super().receive(until)
        if arrival is None or not isinstance(arrival.packet, Packet):
            return arrival
        late = self.target.timers_late.get(next(self.target.arrivals), 0.0)
        if arrival.time + late <= until:
            return replace(arrival, time=arrival.time + late)
        await self.sleep(until)
        return None

    async def call(self, verb: str, arguments: Mapping[str, int | str]) -> str:
        self._pause()
        return await super().call(verb, arguments)


class LateTester(InProcessTarget):
    """A DUT of one profile that is held to another, and a tester that pauses.

    ``pauses`` are the seconds that pass before a segment or a call of the tester, by number;
    ``between``: that moment is noted before the pause, as where the CPU is lost between.
    ``timers_late`` are the seconds by which segments of the DUT are late, by number.
    """

    realtime = True

    def __init__(
        self,
        stack: str,
        pauses: Mapping[int, float],
        profile: str = "linux-6.18",
        *,
        between: bool = False,
        timers_late: Mapping[int, float] | None = None,
    ):
        super().__init__(PROFILES[stack])
        self.profile = profile
        self.pauses, self.between = pauses, between
        self.timers_late = timers_late or {}

    async def open(self, case: Case) -> InProcessLink:
        self.doings, self.arrivals = count(1), count(1)
        link = LateLink.open(self, case)
        link.target = self
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


FIN = "  - expect: {flags: FIN|ACK}\n"
FIN_AGAIN = script(f"  - call: close\n{FIN}{FIN}    within: 2s\n", ESTABLISHED)


@pytest.mark.parametrize("between", [False, True])
def test_the_way_to_the_first_state_is_counted(between: bool) -> None:
    """Its round trip is the first that the DUT measures: the FIN comes again after 2.1 s."""
    target = LateTester("linux-6.18", {2: 0.7}, between=between)
    before, outcome = seen(FIN_AGAIN, target)
    assert (before.verdict, outcome.verdict, outcome.late) == (FAIL, INCONCLUSIVE, True)


def test_so_is_that_of_another_connection() -> None:
    on, fin = "  - on: other\n    ", FIN.removeprefix("  - ")
    other = f"{on}call: close\n{on}{fin}{on}{fin}    within: 2s\n"
    case = script(f"  - open: other\n{other}", ESTABLISHED)
    before, outcome = seen(case, LateTester("linux-6.18", {4: 0.7}))
    assert (before.verdict, outcome.verdict, outcome.late) == (FAIL, INCONCLUSIVE, True)


def test_an_answer_that_is_put_off_is_waited_for_in_hindsight_too() -> None:
    acked = "  - expect: {flags: ACK, ack: rcv_nxt+2}\n"
    case = script(
        f"{INTERACTIVE}{acked}  - call: shutdown\n{FIN}{FIN}    within: 2s\n", ESTABLISHED
    )
    assert seen(case, LateTester("linux-6.18", {}))[0].verdict is Verdict.PASS
    before, outcome = seen(case, LateTester("linux-6.18", {2: 0.7}))
    assert (before.verdict, outcome.verdict, outcome.late) == (FAIL, INCONCLUSIVE, True)


@pytest.mark.parametrize(("way", "late", "excused"), [(0.6, 0.225, True), (0.1, 3.0, False)])
def test_a_timer_of_the_dut_may_be_an_eighth_late(way: float, late: float, excused: bool) -> None:
    """The FIN comes again after three round trips; it is the third segment."""
    before, outcome = seen(
        FIN_AGAIN, LateTester("linux-6.18", {2: way}, timers_late={3: late, 4: late, 5: late})
    )
    assert (before.verdict, outcome.verdict is INCONCLUSIVE) == (FAIL, excused)


def test_a_case_that_gives_a_timer_no_room_is_held_to_it() -> None:
    soon = script(f"  - call: close\n{FIN}{FIN}    within: 210ms\n", ESTABLISHED)
    before, outcome = seen(soon, LateTester("linux-6.18", {}, timers_late=dict.fromkeys((3, 4), 3)))
    assert before.verdict is FAIL
    assert outcome is before


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
