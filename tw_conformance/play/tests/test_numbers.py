"""Numbers in words: from which variable one is said."""

from __future__ import annotations

import pytest

from tw_conformance.play.numbers import relative

VARIABLES = {"rcv_nxt": 0xFFFFFFF2, "rcv_wnd": 64240}


def test_zero_is_itself_unless_a_variable_is_zero() -> None:
    assert relative(0, {"snd_nxt": 5}, "snd_nxt") == "0"
    assert relative(0, {"snd_nxt": 0}, "snd_nxt") == "snd_nxt"
    assert relative(1, {"snd_nxt": 5}, "snd_nxt") == "snd_nxt-4"


def test_a_number_is_said_from_the_first_variable_that_it_is_near_to() -> None:
    near = (1 << 20) - 1
    assert relative(5, {"a": 4, "b": 5}, "a", "b") == "a+1"
    assert relative(5, {"a": 5, "b": 5}, "a", "b") == "a"
    assert relative(5 + near, {"a": 5}, "a") == f"a+{near}"
    assert relative(5 + near + 1, {"a": 5, "b": 6}, "a", "b") == f"b+{near}"
    assert relative(5 + near + 1, {"a": 5}, "a") == str(5 + near + 1)
    assert relative(3, {"a": 2**32 - 1}, "a") == "a+4", "around the end of the space"
    assert relative(3, {}, "a") == "3"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0xFFFFFFF2, "rcv_nxt"),
        (0xFFFFFFF1, "rcv_nxt-1"),
        (5, "rcv_nxt+19"),
        ((0xFFFFFFF2 + 64240) % 2**32, "rcv_nxt+rcv_wnd"),
        ((0xFFFFFFF2 + 64239) % 2**32, "rcv_nxt+rcv_wnd-1"),
        ((0xFFFFFFF2 + 64242) % 2**32, "rcv_nxt+rcv_wnd+2"),
        ((0xFFFFFFF2 + 64243) % 2**32, "rcv_nxt+64243"),
        (0x7FFFFFF2, "rcv_nxt-2^31"),
        (0x7FFFFFF3, "rcv_nxt-2^31+1"),
        (0x7FFFFFF1, "rcv_nxt+2^31-1"),
        (0x7FFFFFF0, "rcv_nxt+2^31-2"),
        (0x7FFFFFEF, "rcv_nxt+2147483645"),
    ],
)
def test_numbers_are_said_from_the_duts_variables(number: int, said: str) -> None:
    assert relative(number, VARIABLES, "rcv_nxt", however_far=True) == said


def test_a_number_without_a_variable_is_said_as_it_is() -> None:
    assert relative(17, {}, "rcv_nxt", however_far=True) == "17"


def test_a_window_so_small_is_no_edge() -> None:
    assert relative(104, {"rcv_nxt": 100, "rcv_wnd": 4}, "rcv_nxt") == "rcv_nxt+4"
    assert relative(105, {"rcv_nxt": 100, "rcv_wnd": 5}, "rcv_nxt") == "rcv_nxt+rcv_wnd"
    assert relative(105, {"snd_nxt": 100, "rcv_wnd": 5}, "snd_nxt") == "snd_nxt+5"


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"iss": 0, "snd_nxt": 0, "seg_ack": 0}, "0"),
        ({"iss": 4, "snd_nxt": 5, "seg_ack": 0}, "0"),
        ({"iss": 0xFFFFFFFF, "snd_nxt": 0, "seg_ack": 9}, "snd_nxt"),
    ],
)
def test_zero_is_said_from_no_variable_that_nobody_has_said(
    known: dict[str, int], said: str
) -> None:
    assert relative(0, known, "snd_nxt", "iss", "seg_ack") == said
