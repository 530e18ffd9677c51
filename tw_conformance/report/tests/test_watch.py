"""When a command says what it waits for."""

from __future__ import annotations

from tw_conformance.report.watch import PERIOD, Watch


class Clock:
    """Seconds, as a test sets them."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_says_what_is_under_way_once_a_period() -> None:
    clock = Clock()
    watch = Watch(clock)
    watch("asking for its options")
    clock.now = PERIOD - 1
    assert watch.due() is None
    clock.now = PERIOD
    assert watch.due() == f"tw-conformance: asking for its options ({PERIOD:.0f} s since the start)"
    assert watch.due() is None
    clock.now = 2 * PERIOD
    assert watch.due() is not None


def test_nothing_is_said_where_something_was_printed_or_nothing_is_known() -> None:
    clock = Clock()
    watch = Watch(clock)
    clock.now = 2 * PERIOD
    assert watch.due() is None
    watch("asking for its options")
    watch.printed()
    assert watch.due() is None
    clock.now = 3 * PERIOD
    assert watch.due() is not None
    watch("")
    clock.now = 4 * PERIOD
    assert watch.due() is None
