from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tw_reference.seqnum import HALF, add, after, distance, in_window, seq_gt

numbers = st.integers(0, 2**32 - 1)


@given(numbers, st.integers(1 - HALF, HALF - 1))
def test_distance_undoes_add(origin: int, offset: int) -> None:
    assert distance(add(origin, offset), origin) == offset


@given(numbers, st.integers(1, HALF - 1))
def test_both_orders_agree_within_half_the_space(origin: int, offset: int) -> None:
    above = add(origin, offset)
    assert seq_gt(above, origin)
    assert after(above, origin)
    assert not seq_gt(origin, above)
    assert not after(origin, above)


@given(numbers)
def test_at_half_the_space_bsd_says_no_and_linux_yes(origin: int) -> None:
    opposite = add(origin, HALF)
    assert not seq_gt(opposite, origin)
    assert after(opposite, origin)


@given(numbers, st.integers(1, 65535))
def test_a_window_has_its_left_edge_and_not_its_right(start: int, size: int) -> None:
    assert in_window(start, start, size)
    assert in_window(add(start, size - 1), start, size)
    assert not in_window(add(start, size), start, size)
    assert not in_window(add(start, -1), start, size)
