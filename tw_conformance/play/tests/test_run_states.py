"""How a run sees a state and a 2MSL timer: read on the DUT, or asked for on the wire."""

from __future__ import annotations

import pytest

from tw_conformance.link.link import Observation
from tw_conformance.link.path import Path, perfect_path
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.play.judge import judge
from tw_conformance.play.player import perform
from tw_conformance.play.tests.scripted import (
    ANSWERED,
    BLOCK_ACK,
    BLOCK_RST,
    IRS,
    REACHED,
    SEND,
    SILENT,
    ScriptedLink,
    ScriptedTarget,
    in_time_wait,
    performed,
    reading,
    script,
    segment,
    verdict,
)
from tw_conformance.play.views import View
from tw_reference.segment import SYN, Packet, Segment

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE

# -- read on the DUT ------------------------------------------------------------------------------


AGED = "  - wait: 1s\n"


@pytest.mark.parametrize(
    ("seen", "expected"), [("LISTEN", PASS), ("CLOSED", FAIL), ("TIME-WAIT", FAIL)]
)
def test_a_state_is_what_it_is_read_to_be(seen: str, expected: Verdict) -> None:
    outcome = performed(f"{SILENT}  - state: LISTEN\n", ScriptedLink(readings=[reading(seen)]))
    assert outcome.verdict is expected
    assert not outcome.inferred
    assert outcome.by_absence is (expected is FAIL)
    if expected is FAIL:
        assert outcome.reason == f"expected state LISTEN, but the DUT is in {seen}"


def test_a_state_is_read_once_where_no_timer_is_asked_for() -> None:
    link = ScriptedLink(readings=[reading("LISTEN"), reading("LISTEN"), reading("CLOSED")])
    assert performed(f"{SILENT}  - state: LISTEN\n", link).verdict is PASS


def timed(timer: str, *readings: Observation) -> Outcome:
    """The state after a segment that left at 1 s; 2MSL is 60 s."""
    steps = f"{AGED}{SEND}  - state: {{is: TIME-WAIT, timer: {timer}}}\n"
    link = ScriptedLink(readings=[reading("TIME-WAIT"), *readings])
    return performed(steps, link, msl=30.0)


KEPT = reading("TIME-WAIT", 58.5, asked=1.1)
"""Begun at -0.4 s."""
RESTARTED = reading("TIME-WAIT", 59.95, asked=1.1)
"""Begun at 1.05 s."""
UNTOLD = reading("TIME-WAIT", 59.5, asked=1.1, resolution=1.0)


@pytest.mark.parametrize(
    ("timer", "seen", "expected"),
    [
        ("kept", KEPT, PASS),
        ("restarted", RESTARTED, PASS),
        ("kept", RESTARTED, FAIL),
        ("restarted", KEPT, FAIL),
        ("kept", reading("TIME-WAIT", None, asked=1.1), INCONCLUSIVE),
        ("kept", UNTOLD, INCONCLUSIVE),
    ],
)
def test_a_timer_is_read(timer: str, seen: Observation, expected: Verdict) -> None:
    outcome = timed(timer, seen)
    assert outcome.verdict is expected
    assert outcome.by_absence is (expected is FAIL), "the segment may never have arrived"
    if expected is FAIL:
        assert [m.field for m in outcome.mismatches] == ["timer"]


@pytest.mark.parametrize(
    ("took", "quickest", "expected"),
    [(0.5625, 0.0625, PASS), (0.5625, 0.03125, INCONCLUSIVE), (0.59375, 0.0625, INCONCLUSIVE)],
)
def test_a_timer_says_nothing_where_the_dut_was_behind(
    took: float, quickest: float, expected: Verdict
) -> None:
    """It took longer for the segment than had passed before, or a twentieth of a second where it
    came at once: so may its timers have."""
    steps = f"  - wait: 500ms\n{SEND}  - state: {{is: TIME-WAIT, timer: kept}}\n"
    path = perfect_path()
    path.recent.extend([quickest, 1.0])
    seen = reading("TIME-WAIT", 58.5, asked=9.1)
    link = ScriptedLink(echoes=[took], readings=[seen], clock=8.0)
    outcome = performed(steps, link, path=path, msl=30.0)
    assert outcome.verdict is expected, outcome.reason


def test_a_timer_that_can_not_be_read_says_so_and_one_read_too_slowly_is_read_again() -> None:
    assert "can't read the block's timer" in timed("kept", reading("TIME-WAIT")).reason
    untold = timed("kept", UNTOLD)
    assert "can't be read finely enough" in untold.reason
    assert untold.late
    assert timed("kept", *[UNTOLD] * 8, KEPT).verdict is PASS
    assert timed("kept", KEPT, UNTOLD).verdict is PASS, "what was told is not read again"
    assert timed("kept", *[UNTOLD] * 9, KEPT).verdict is INCONCLUSIVE


# -- a DUT that nobody can look into --------------------------------------------------------------

IN_TIME_WAIT = "{state: TIME-WAIT}"
MSL, TICK = 30.0, 0.5
WAITED = "  - wait: 250ms\n"
SENT = 2 * TICK + 1.0
"""Seconds from TIME-WAIT to a segment whose effect on the timer is to be seen: two ticks, and a
margin on either side of it.  The wait of the script is a part of them."""
ASKED = REACHED + SENT + 2 * MSL - TICK - 0.5
"""When the timer is asked: a tick and a margin before one that the segment restarted expires."""


def viewed(
    steps: str,
    view: View,
    *arrivals: tuple[float, Packet],
    oversleeps: float = 0.0,
    path: Path | None = None,
) -> tuple[Outcome, ScriptedLink]:
    case = script(steps, IN_TIME_WAIT)
    link = in_time_wait(*arrivals)
    link.oversleeps = oversleeps
    times = {"msl": MSL, "tick": TICK}
    target = ScriptedTarget([link], path or perfect_path(), time_variables=times)
    return judge(target.start(perform(case, target, view)).result()), link


def timer_viewed(
    expected: str, *arrivals: tuple[float, Packet], oversleeps: float = 0.0
) -> tuple[Outcome, ScriptedLink]:
    steps = f"{WAITED}{SILENT}  - state: {{is: TIME-WAIT, timer: {expected}}}\n"
    return viewed(steps, View(3, timer=True), *arrivals, oversleeps=oversleeps)


def segments_of(link: ScriptedLink) -> list[tuple[float, Segment]]:
    pairs = zip(link.sent_at, link.sent, strict=True)
    return [(time, packet.segment) for time, packet in pairs if isinstance(packet, Packet)]


def test_the_state_is_asked_for_at_the_place_that_the_view_says_and_nothing_follows() -> None:
    steps = f"{SILENT}  - state: TIME-WAIT\n{SILENT}  - state: TIME-WAIT\n{SILENT}"
    for place, sent in ((2, 1), (5, 2)):
        outcome, link = viewed(steps, View(place), (REACHED + 0.1, BLOCK_ACK))
        assert verdict(outcome) == (PASS, "")
        assert outcome.inferred
        *before, (_, question) = segments_of(link)
        assert (question.seq, question.payload) == (IRS + 1, b"t")
        assert [s.seq for _, s in before].count(IRS + 2) == sent


def test_a_view_without_a_state_goes_on_to_the_end() -> None:
    steps = f"{SILENT}  - state: CLOSED\n{ANSWERED}"
    outcome, _ = viewed(steps, View(None))
    assert outcome.verdict is FAIL
    assert outcome.step is outcome.case.steps[4]
    assert not outcome.inferred


@pytest.mark.parametrize(
    ("expected", "answer", "comes_to"),
    [
        ("kept", BLOCK_RST, PASS),
        ("kept", BLOCK_ACK, FAIL),
        ("restarted", BLOCK_RST, FAIL),
        ("restarted", BLOCK_ACK, PASS),
    ],
)
def test_a_timer_is_told_by_the_state_in_which_it_leaves_the_dut(
    expected: str, answer: Packet, comes_to: Verdict
) -> None:
    outcome, link = timer_viewed(expected, (ASKED + 0.0005, answer))
    assert outcome.verdict is comes_to, outcome.reason
    assert outcome.inferred
    assert not outcome.late
    fields = [mismatch.field for mismatch in outcome.mismatches]
    assert fields == (["timer"] if comes_to is FAIL else [])
    (sent, _), (asked, question) = segments_of(link)[-2:]
    assert (sent, asked) == (REACHED + SENT, ASKED)
    assert question.payload == b"t"


def test_where_the_state_alone_is_asked_for_its_timer_is_another_performances() -> None:
    steps = f"{WAITED}{SILENT}  - state: {{is: TIME-WAIT, timer: restarted}}\n"
    outcome, link = viewed(steps, View(3), (REACHED + 0.26, BLOCK_ACK))
    assert verdict(outcome) == (PASS, "")
    assert segments_of(link)[-2][0] == REACHED + 0.25, "the block need not be any older"


def test_what_comes_while_a_timer_is_waited_for_is_no_answer_to_the_question() -> None:
    outcome, link = timer_viewed("restarted", (ASKED - 1.0, BLOCK_ACK))
    assert outcome.verdict is INCONCLUSIVE
    assert outcome.reason.endswith("came while a timer was waited for")
    assert segments_of(link)[-1][0] == REACHED + SENT, "none is put"


@pytest.mark.parametrize(("overrun", "comes_to"), [(0.25, PASS), (0.3, INCONCLUSIVE)])
def test_a_timer_is_asked_a_quarter_of_a_second_late_at_most(
    overrun: float, comes_to: Verdict
) -> None:
    """Each of three waits overruns: the step's own, that for the block's age, and the last."""
    asked = ASKED + 2 * overrun
    outcome, _ = timer_viewed("kept", (asked + 0.0005, BLOCK_RST), oversleeps=overrun)
    assert outcome.verdict is comes_to, outcome.reason
    assert outcome.late is (comes_to is INCONCLUSIVE)


def test_a_question_that_nobody_answers_decides_nothing() -> None:
    of_a_state, _ = viewed(f"{SILENT}  - state: TIME-WAIT\n", View(2))
    of_a_timer, _ = timer_viewed("kept")
    for outcome in (of_a_state, of_a_timer):
        assert outcome.verdict is INCONCLUSIVE
        assert "no answer to an octet below RCV.NXT tells the state" in outcome.reason


def test_an_answer_of_neither_kind_decides_nothing_and_is_said() -> None:
    outcome, _ = timer_viewed("kept", (ASKED + 0.0005, segment(SYN, 0, 0)))
    assert outcome.verdict is INCONCLUSIVE
    assert "SYN came, which is of neither kind" in outcome.reason


def test_a_state_that_can_not_be_asked_for_decides_nothing() -> None:
    outcome, _ = viewed(f"{SILENT}  - state: FIN-WAIT-2\n", View(2))
    assert verdict(outcome) == (
        INCONCLUSIVE,
        "needs to read on the DUT that it is in FIN-WAIT-2",
    )
