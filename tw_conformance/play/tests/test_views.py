"""Which performances a case takes where the DUT's state has to be asked for."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from tw_conformance.play.tests.scripted import script
from tw_conformance.play.views import View, age, last_injection, left_out, views

TIMES = {"msl": 30.0, "tick": 2.0}
SENT = "  - wait: 100ms\n  - send: {flags: ACK}\n  - expect: nothing\n"
TIMER = "  - state: {is: TIME-WAIT, timer: kept}\n"


def seen(steps: str, reach: str = "{state: TIME-WAIT}", longest: float = inf) -> list[View]:
    return views(script(steps, reach), "linux-6.18", TIMES, longest)[0]


def unseen(steps: str, reach: str = "{state: TIME-WAIT}", longest: float = inf) -> list[str]:
    return views(script(steps, reach), "linux-6.18", TIMES, longest)[1]


def test_a_case_without_a_state_is_performed_once() -> None:
    assert seen(SENT) == [View(None)]


def test_a_case_without_a_step_is_performed_too() -> None:
    assert views(replace(script(SENT), steps=()), "linux-6.18", TIMES, inf) == ([View(None)], [])


def test_each_state_ends_a_performance_and_what_follows_has_one() -> None:
    steps = f"{SENT}  - state: TIME-WAIT\n{SENT}  - state: TIME-WAIT\n{SENT}"
    assert seen(steps) == [View(3), View(7), View(None)]


def test_a_timer_has_a_performance_beside_its_state() -> None:
    assert seen(SENT + TIMER) == [View(3), View(3, timer=True)]


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        (SENT.replace("ACK}", "ACK, within: 1s}") + TIMER, "that may not wait"),
        ("  - wait: 2msl-3s\n" + SENT + TIMER, "about to expire"),
    ],
)
def test_a_timer_that_waiting_can_not_tell_is_named(steps: str, why: str) -> None:
    assert View(len(steps.strip().splitlines()) - 1, timer=True) not in seen(steps)
    assert any(why in reason for reason in unseen(steps))


@pytest.mark.parametrize(("waited", "timeable"), [("54s", True), ("54.25s", False)])
def test_a_timer_is_asked_where_a_block_that_is_old_enough_has_a_second_left(
    waited: str, timeable: bool
) -> None:
    """2MSL is 60 s; before the segment the block is to be twice 2 s and a margin on either
    side old: its timer may be late, and early."""
    assert age(TIMES) == 5.0
    steps = f"  - wait: {waited}\n  - send: {{flags: ACK}}\n{TIMER}"
    assert seen(steps) == ([View(2), View(2, timer=True)] if timeable else [View(2)])


def test_a_timer_is_asked_of_a_block_that_a_segment_was_sent_to() -> None:
    case = script(SENT + TIMER, "{state: FIN-WAIT-2}")
    told = views(case, "linux-6.18", TIMES, inf)
    assert told == ([View(3)], ["needs to read the 2MSL timer of what was in FIN-WAIT-2"])
    case = script(SENT + TIMER, "{state: TIME-WAIT}")
    unsent = replace(case, steps=(case.steps[0], case.steps[3]))
    told = views(unsent, "linux-6.18", TIMES, inf)
    assert told == ([View(1)], ["needs to read the 2MSL timer where no segment was sent"])


def test_what_comes_before_the_first_state_is_a_part_of_its_performance() -> None:
    state = "  - state: TIME-WAIT\n"
    assert seen(state) == [View(0)]
    assert seen(state + SENT) == [View(0), View(None)]
    assert seen(SENT + state) == [View(3)]
    assert seen(state + "  - wait: 1s\n") == [View(0), View(None)]
    assert seen(f"{SENT}{state}  - state: ESTABLISHED\n") == [View(3)]


def test_a_timer_that_takes_too_long_is_named() -> None:
    assert unseen(SENT + TIMER, longest=60.1) == []
    (why,) = unseen(SENT + TIMER, longest=60.0)
    assert why == "needs to wait 60.1 s for the 2MSL timer, and --max-wait says 60"


def test_what_can_not_be_seen_leaves_the_answers_before_it() -> None:
    steps = f"{SENT}  - state: ESTABLISHED\n"
    assert seen(steps) == [View(None)]
    assert unseen(steps) == ["needs to read on the DUT that it is in ESTABLISHED"]


def test_a_performance_takes_the_steps_up_to_its_state_and_no_other_state() -> None:
    case = script(f"{SENT}  - state: TIME-WAIT\n{SENT}  - state: TIME-WAIT\n{SENT}")
    assert left_out(case, None) == frozenset()
    assert left_out(case, View(3)) == frozenset(range(4, 11))
    assert left_out(case, View(7, timer=True)) == {3, 8, 9, 10}
    assert left_out(case, View(None)) == {3, 7}


def test_the_segment_whose_effect_is_asked_for_is_the_last_one() -> None:
    case = script(f"{SENT}{SENT}{TIMER}", "{state: TIME-WAIT}")
    assert last_injection(case, 6) == 4
    assert last_injection(case, 3) == 1
    assert last_injection(case, 1) is None
