"""Expressions: sums over the DUT's variables, modulo 2^32 or in seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw_conformance.model.expressions import (
    SEQUENCE_NAMES,
    ExpressionError,
    SequenceExpression,
    TimeExpression,
)

VARIABLES = {
    "rcv_nxt": 5,
    "snd_nxt": 0xFFFFFFFF,
    "rcv_wnd": 1000,
    "seg_seq": 7,
    "seg_len": 2,
    "msl": 30.0,
    "tick": 2.0,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("rcv_nxt", 5),
        ("rcv_nxt+1", 6),
        ("rcv_nxt + 1", 6),
        ("rcv_nxt-6", 0xFFFFFFFF),
        ("snd_nxt+1", 0),
        ("rcv_nxt+-1", 4),
        ("rcv_nxt--1", 6),
        ("-1+rcv_nxt", 4),
        ("rcv_nxt+2^31", 5 + 2**31),
        ("rcv_nxt+rcv_wnd-1", 1004),
        ("seg_seq+seg_len", 9),
        ("0", 0),
        ("4294967295", 0xFFFFFFFF),
    ],
)
def test_a_sequence_expression_is_a_sum_modulo_2_32(text: str, value: int) -> None:
    assert SequenceExpression(text).evaluate(VARIABLES) == value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("msl", 30),
        ("2msl", 60),
        ("2msl-1s", 59),
        ("2msl+tick+500ms", 62.5),
        ("0.5tick", 1),
        ("1s", 1),
        ("250ms", 0.25),
        ("1.5 s", 1.5),
    ],
)
def test_a_time_is_a_sum_in_seconds(text: str, seconds: float) -> None:
    assert TimeExpression(text).evaluate(VARIABLES) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "offset", "sentence"),
    [
        ("", 0, "expected a name or a number at the end"),
        ("+1", 0, "relative to what? write rcv_nxt+1"),
        (" -1", 1, "relative to what? write rcv_nxt-1"),
        ("rcvnxt+1", 0, "unknown name 'rcvnxt'; did you mean 'rcv_nxt'?"),
        ("RCV.NXT+1", 0, "unknown name 'RCV.NXT'; did you mean 'rcv_nxt'?"),
        ("1+RCV_NXT", 2, "did you mean 'rcv_nxt'?"),
        ("rcv_nxt+", 8, "expected a name or a number at the end"),
        ("rcv_nxt*2", 7, "expected '+' or '-', found '*'"),
        ("rcv_nxt 1", 8, "expected '+' or '-', found '1'"),
        ("2rcv_nxt", 1, "expected '+' or '-', found 'rcv_nxt'"),
        ("rcv_nxt\n", 7, "found '\\n'"),
        ("rcv_nxt+1.5", 8, "1.5 is not a whole number"),
        ("rcv_nxt+2^32", 8, "2^0 to 2^31"),
        ("rcv_nxt+3^2", 8, "only powers of two"),
        ("rcv_nxt+4294967296", 8, "32 bits"),
        ("rcv_nxt+" + "9" * 5000, 8, "too large"),
        ("msl", 0, "unknown name 'msl'"),
    ],
)
def test_what_is_no_sequence_expression_says_where_and_why(
    text: str, offset: int, sentence: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        SequenceExpression(text)
    assert sentence in str(caught.value)
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("text", "offset", "sentence"),
    [
        ("5", 0, "5 of what? write 5s, 5ms or 5msl"),
        ("1s+2 min", 5, "unknown name 'min': write 120s"),
        ("250msec", 3, "unknown name 'msec': write 250ms"),
        ("2msl-1", 5, "1 of what?"),
        ("2mls", 1, "unknown name 'mls'; did you mean 'msl'?"),
        ("ms", 0, "how many ms? write 1ms"),
        ("1s-2s", 0, "a time before now"),
        ("rcv_nxt", 0, "(known: msl, tick, s, ms)"),
        ("", 0, "expected a time such as"),
    ],
)
def test_what_is_no_time_says_where_and_why(text: str, offset: int, sentence: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        TimeExpression(text)
    assert sentence in str(caught.value)
    assert caught.value.offset == offset


def test_a_time_below_zero_is_refused_when_its_variables_are_known() -> None:
    with pytest.raises(ValueError, match=r"^2msl-1s is -0\.5 s, .* where msl is 0\.25 s$"):
        TimeExpression("2msl-1s").evaluate({"msl": 0.25})


def test_an_expression_names_its_variables_and_compares_by_its_text() -> None:
    assert SequenceExpression("seg_seq+seg_len+1").names == {"seg_seq", "seg_len"}
    assert SequenceExpression("rcv_nxt") == SequenceExpression("rcv_nxt")
    assert SequenceExpression("rcv_nxt") != SequenceExpression("snd_nxt")
    assert str(TimeExpression("2msl-1s")) == "2msl-1s"


Terms = list[tuple[int, str | int]]

terms_of_a_sum: st.SearchStrategy[Terms] = st.lists(
    st.tuples(
        st.sampled_from((1, -1)),
        st.one_of(st.sampled_from(SEQUENCE_NAMES), st.integers(0, 2**32 - 1)),
    ),
    min_size=1,
    max_size=6,
)


def written(terms: Terms) -> str:
    """A sum as text, after a name so that it is relative to something."""
    return "rcv_nxt" + "".join(f"{'+' if sign > 0 else '-'}{term}" for sign, term in terms)


@given(terms_of_a_sum, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_what_is_written_is_what_is_evaluated(terms: Terms, rcv_nxt: int, other: int) -> None:
    variables = dict.fromkeys(SEQUENCE_NAMES, other) | {"rcv_nxt": rcv_nxt}
    expression = SequenceExpression(written(terms))

    values = [sign * (variables[term] if isinstance(term, str) else term) for sign, term in terms]
    assert expression.evaluate(variables) == (rcv_nxt + sum(values)) % 2**32
    assert SequenceExpression(str(expression)) == expression


@given(terms_of_a_sum, st.integers(0, 2**32 - 1))
def test_moving_the_origin_moves_the_value(terms: Terms, shift: int) -> None:
    expression = SequenceExpression("+".join(["rcv_nxt", *(str(abs(s)) for s, _ in terms)]))
    at_zero = expression.evaluate({"rcv_nxt": 0})
    assert expression.evaluate({"rcv_nxt": shift}) == (at_zero + shift) % 2**32


def offset_of_fault(kind: type[SequenceExpression | TimeExpression], text: str) -> int:
    try:
        kind(text)
    except ExpressionError as error:
        return error.offset
    return 0


@given(st.text(alphabet="rcv_nxtmsltick0129^+-. $\n", max_size=20))
def test_any_text_is_an_expression_or_a_fault_with_an_offset_in_it(text: str) -> None:
    assert 0 <= offset_of_fault(SequenceExpression, text) <= len(text)
    assert 0 <= offset_of_fault(TimeExpression, text) <= len(text)
