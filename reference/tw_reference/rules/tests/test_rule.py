"""The shape of decision lists: conditions that can be read, lists that can be taken apart."""

from __future__ import annotations

import pytest

from tw_reference.profiles import PROFILES
from tw_reference.rules.rule import (
    Action,
    Condition,
    DecisionList,
    Rule,
    Stage,
    all_of,
    always,
    any_of,
    atom,
)


@atom("it is even")
def EVEN(number: int) -> bool:
    return number % 2 == 0


@atom("it is large")
def LARGE(number: int) -> bool:
    return number > 100


def test_conditions_read_as_written() -> None:
    assert all_of(EVEN, ~LARGE).text == "it is even and not it is large"
    assert any_of(EVEN, all_of(LARGE, ~EVEN)).text == (
        "it is even or (it is large and not it is even)"
    )
    assert (~~EVEN) is EVEN


@pytest.mark.parametrize(
    ("condition", "number", "part"),
    [
        (all_of(EVEN, LARGE), 2, "it is large"),
        (all_of(EVEN, LARGE), 101, "it is even"),
        (any_of(EVEN, LARGE), 3, "it is even or it is large"),
        (all_of(EVEN, LARGE), 102, ""),
    ],
)
def test_a_condition_names_the_part_that_failed(
    condition: Condition, number: int, part: str
) -> None:
    assert condition.failing(number) == part


def test_the_first_rule_that_matches_decides() -> None:
    even = Rule("even", EVEN, (Action.ACK,), "", ())
    rest = Rule("rest", always(), (Action.DROP,), "", ())
    numbers = DecisionList(Stage.CALL, (even, rest))
    assert numbers.decide(2) is even
    assert numbers.decide(3) is rest
    assert numbers.replacing("even").decide(2) is rest
    large = Rule("large", LARGE, (Action.RST,), "", ())
    assert numbers.before("even", large).decide(102) is large
    with pytest.raises(KeyError):
        numbers.replacing("odd")


@pytest.mark.parametrize("name", PROFILES)
def test_every_rule_has_an_id_a_sentence_and_a_source(name: str) -> None:
    seen: set[str] = set()
    for rules in PROFILES[name].lists():
        assert rules.rules[-1].when.text == "anything else"
        for rule in rules:
            assert rule.id not in seen
            seen.add(rule.id)
            assert rule.says.endswith(".")
            assert rule.source
            assert rule.then
