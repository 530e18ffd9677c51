"""The shape of decision lists: conditions that can be read, lists that can be taken apart."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tw_reference.profiles import PROFILES
from tw_reference.rules.actions import CallAction
from tw_reference.rules.condition import ALWAYS, Condition, all_of, any_of, atom
from tw_reference.rules.decision import DecisionList, Stage
from tw_reference.rules.rule import RuleMaker

NUMBERS = Stage("numbers", "A number is given.", int, CallAction)
STATUS, ABORT, CLOSING = CallAction.STATUS, CallAction.ABORT, CallAction.CLOSING
a = RuleMaker("a")


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
    condition: Condition[int], number: int, part: str
) -> None:
    assert condition.failing(number) == part


def test_the_first_rule_that_matches_decides() -> None:
    even = a.rule("even", EVEN, STATUS, "")
    rest = a.rule("rest", ALWAYS, CLOSING, "")
    numbers = NUMBERS.list(even, rest)
    assert numbers.decide(2).rule is even
    assert numbers.decide(3).rule is rest
    assert numbers.replacing("a.even").decide(2).rule is rest
    large = a.rule("large", LARGE, ABORT, "")
    assert numbers.before("a.even", large).decide(102).rule is large
    with pytest.raises(KeyError):
        numbers.replacing("a.odd")


def test_a_note_acts_and_the_list_goes_on() -> None:
    large = a.note("large", LARGE, ABORT, "")
    even = a.note("even", EVEN, (STATUS, CLOSING), "")
    rest = a.rule("rest", ALWAYS, CLOSING, "")
    numbers = NUMBERS.list(large, even, rest)
    assert numbers.decide(1) == (rest, ())
    assert numbers.decide(2) == (rest, (even,))
    ruling = numbers.decide(102)
    assert ruling.notes == (large, even)
    assert ruling.then == (ABORT, STATUS, CLOSING, CLOSING)


def test_a_note_behind_the_rule_that_decides_does_not_act() -> None:
    even = a.rule("even", EVEN, CLOSING, "")
    large = a.note("large", LARGE, ABORT, "")
    rest = a.rule("rest", ALWAYS, STATUS, "")
    assert NUMBERS.list(even, large, rest).decide(102) == (even, ())


def test_a_list_of_notes_alone_decides_nothing() -> None:
    numbers: DecisionList[int, CallAction] = NUMBERS.list(a.note("even", EVEN, ABORT, ""))
    with pytest.raises(LookupError):
        numbers.decide(2)


@pytest.mark.parametrize("name", PROFILES)
def test_every_rule_has_an_id_a_sentence_and_a_source(name: str) -> None:
    for rules in PROFILES[name].lists():
        seen: set[str] = set()
        last = rules.rules[-1]
        assert last.when.text == "anything else"
        assert last.decides
        for rule in rules:
            assert rule.id not in seen
            seen.add(rule.id)
            assert rule.says.endswith(".")
            assert rule.source
            assert rule.then or rule.counts


def test_an_id_means_one_rule_in_all_profiles() -> None:
    meanings: dict[str, set[tuple[object, ...]]] = defaultdict(set)
    for profile in PROFILES.values():
        for rules in profile.lists():
            for rule in rules:
                meaning = rule.when.text, rule.then, rule.says, rule.counts, rule.decides
                meanings[rule.id].add(meaning)
    assert {rule_id for rule_id, several in meanings.items() if len(several) > 1} == set()
