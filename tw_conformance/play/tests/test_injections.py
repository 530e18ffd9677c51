"""What a reading says of the 2MSL timer: whether the segment before it restarted it."""

from __future__ import annotations

import pytest

from tw_conformance.link.link import Observation
from tw_conformance.link.path import perfect_path
from tw_conformance.play.injections import Injections, InjectionTimes, timer_effect
from tw_conformance.play.record import TimerEffect


@pytest.mark.parametrize(
    ("begun", "resolution", "effect"),
    [
        (0.5, 0.0, "kept"),
        (0.875, 0.0, "kept"),
        (0.9375, 0.0, None),
        (1.0, 0.0, "restarted"),
        (3.0, 0.0, "restarted"),
        (0.5, 0.375, "kept"),
        (0.5, 0.5, None),
        (3.0, 2.0, "restarted"),
        (3.0, 2.125, None),
    ],
)
def test_a_timer_that_began_before_the_segment_was_kept(
    begun: float, resolution: float, effect: TimerEffect | None
) -> None:
    """What came before had been processed by 0.875 s, the segment left at 1 s, 2MSL is 60 s."""
    seen = Observation("TIME-WAIT", 10.0, 10.0, begun + 60.0 - 10.0, resolution)
    assert timer_effect(seen, 60.0, settled=0.875, sent=1.0) == effect


def test_a_slow_answer_makes_a_reading_coarse() -> None:
    seen = Observation("TIME-WAIT", 10.0, 10.5, 0.5 + 50.0, 0.0)
    assert timer_effect(seen, 60.0, settled=0.875, sent=1.0) is None
    assert timer_effect(seen, 60.0, settled=0.875, sent=1.25) == "kept"


def test_without_a_timer_there_is_nothing_to_tell() -> None:
    seen = Observation("CLOSED", 10.0, 10.0)
    assert timer_effect(seen, 60.0, settled=0.875, sent=1.0) is None


def test_the_latest_on_a_connection_counts() -> None:
    injections = Injections(perfect_path())
    seen = Observation("TIME-WAIT", 10.0, 10.0, 1.5 + 60.0 - 10.0)
    assert injections.effect("", seen, 60.0, answered=2.0) is None, "nothing was sent"
    injections.note("", InjectionTimes(1.0, 0.0))
    injections.note("second", InjectionTimes(5.0, 4.0))
    assert injections.effect("", seen, 60.0, answered=1.0) == "restarted"
    assert injections.effect("second", seen, 60.0, answered=5.0) == "kept"
    injections.note("", InjectionTimes(2.0, 1.75))
    assert injections.effect("", seen, 60.0, answered=2.25) == "kept"
    assert injections.effect("", seen, 60.0, answered=2.5) is None, "the DUT was behind"
    injections.note("", InjectionTimes(3.0, 2.99))
    assert injections.effect("", seen, 60.0, answered=3.04) == "kept", "as any DUT may be"
