"""How many ACKs are quick, where the window is not known."""

from __future__ import annotations

import pytest

from tw_reference.clock import MILLISECOND, SECOND
from tw_reference.stack.delayed_ack import AckPace


def quick_after_old_text(half_window: tuple[int, int]) -> tuple[int, int]:
    """How many ACKs surely are, and may be, quick after old text."""
    pace = AckPace(40 * MILLISECOND, 0, lambda: half_window)
    pace.text_comes(0, SECOND, grows=False)
    pace.old_comes()
    surely = maybe = 0
    while pace.may_be_quick(grows=False):
        surely += pace.is_quick(0, SECOND)
        maybe += 1
        pace.is_owed()
        pace.ack_goes()
    return surely, maybe


@pytest.mark.parametrize(
    ("half_window", "quick"),
    [
        ((22, 44), (16, 16)),
        ((3, 20), (3, 16)),
        ((3, 3), (3, 3)),
        ((0, 0), (2, 2)),
        ((0, 1), (1, 2)),
    ],
)
def test_quick_acks_go_by_the_window(half_window: tuple[int, int], quick: tuple[int, int]) -> None:
    assert quick_after_old_text(half_window) == quick


def test_a_window_that_may_grow_may_make_an_ack_quick() -> None:
    pace = AckPace(40 * MILLISECOND, 0, lambda: (22, 22))
    pace.hurry(2)
    for _ in range(2):
        pace.is_owed()
        pace.ack_goes()
    assert pace.may_be_quick(grows=True)
    assert not pace.may_be_quick(grows=False)
    pace.text_comes(0, SECOND, grows=True)
    assert pace.may_be_quick(grows=False)
    assert not pace.is_quick(0, SECOND)
