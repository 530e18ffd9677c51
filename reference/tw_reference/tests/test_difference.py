"""Two profiles side by side: what is the same, what differs, what only one has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tw_reference.difference import Kind, differing_lists, differing_settings
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile, Setting
from tw_reference.rules import stages
from tw_reference.rules.actions import BlockAction
from tw_reference.rules.condition import ALWAYS, all_of, atom
from tw_reference.rules.decision import DecisionList
from tw_reference.rules.rule import AnyRule, Rule


@atom("it is even")
def EVEN(number: int) -> bool:
    return number % 2 == 0


@atom("it is large")
def LARGE(number: int) -> bool:
    return number > 100


A = Rule("a.even", EVEN, (BlockAction.DROP,), "", ())
B = Rule("a.large", LARGE, (BlockAction.ACK,), "", ())
REST = Rule("a.rest", ALWAYS, (BlockAction.RST,), "", ())


def profile(*rules: AnyRule) -> Profile:
    """A profile with one list."""
    some = next(iter(PROFILES.values()))
    return replace(some, decisions=(DecisionList(stages.TIME_WAIT, rules),))


def differences(first: tuple[AnyRule, ...], second: tuple[AnyRule, ...]) -> list[str]:
    """Each pair as ``kind first second``, rules by position and name."""
    (difference,) = differing_lists(profile(*first), profile(*second))
    words = {Kind.SAME: "=", Kind.DIFFERS: "!", Kind.ONLY_FIRST: "<", Kind.ONLY_SECOND: ">"}
    return [
        " ".join(
            (
                words[pair.kind],
                *(f"{p.position}:{p.rule.id}" if p else "-" for p in (pair.first, pair.second)),
            )
        )
        for pair in difference.pairs
    ]


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_does_not_differ_from_itself(name: str) -> None:
    mine = PROFILES[name]
    pairs = [pair for d in differing_lists(mine, mine) for pair in d.pairs]
    assert {pair.kind for pair in pairs} == {Kind.SAME}
    assert len(pairs) == sum(len(rules.rules) for rules in mine.lists())
    assert all(pair.kind is Kind.SAME for pair in differing_settings(mine, mine))


def test_names_and_sentences_do_not_matter() -> None:
    renamed = replace(A, id="b.other", says="Otherwise said.")
    assert differences((A, REST), (renamed, REST)) == [
        "= 1:a.even 1:b.other",
        "= 2:a.rest 2:a.rest",
    ]


def test_a_rule_that_only_one_has() -> None:
    assert differences((A, REST), (A, B, REST)) == [
        "= 1:a.even 1:a.even",
        "> - 2:a.large",
        "= 2:a.rest 3:a.rest",
    ]
    assert differences((A, REST), (REST,))[0] == "< 1:a.even -"


def test_counterparts_bear_the_same_name_or_ask_the_same() -> None:
    other_action = replace(A, id="b.whatever", then=(BlockAction.RST,))
    assert differences((A, REST), (other_action, REST))[0] == "! 1:a.even 1:b.whatever"
    other_condition = replace(A, id="b.even", when=all_of(EVEN, LARGE))
    assert differences((A, REST), (B, other_condition, REST))[:2] == [
        "> - 1:a.large",
        "! 1:a.even 2:b.even",
    ]


def test_a_note_is_not_the_same_as_a_rule_that_decides() -> None:
    assert differences((A, REST), (replace(A, decides=False), REST))[0] == "! 1:a.even 1:a.even"


def test_the_order_matters() -> None:
    assert sorted(differences((A, B, REST), (B, A, REST))) != sorted(
        differences((A, B, REST), (A, B, REST))
    )


def test_settings_differ_by_their_defaults() -> None:
    some = profile(REST)
    first = replace(some, settings={"x": Setting(0, "X.", "x.c"), "y": Setting(1, "Y.", "y.c")})
    second = replace(some, settings={"x": Setting(1, "X.", "x.c"), "z": Setting(1, "Z.", "z.c")})
    assert [(pair.name, pair.kind) for pair in differing_settings(first, second)] == [
        ("x", Kind.DIFFERS),
        ("y", Kind.ONLY_FIRST),
        ("z", Kind.ONLY_SECOND),
    ]


def test_a_list_that_only_one_has() -> None:
    first = profile(REST)
    without = replace(first, decisions=())
    (difference,) = differing_lists(without, first)
    assert [pair.kind for pair in difference.pairs] == [Kind.ONLY_SECOND]
