"""Lists with one fault: a rule less, two neighbours swapped, a condition or an action broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tw_conformance.explore.mutants.actions import instead
from tw_conformance.explore.mutants.conditions import AnyCondition, broken
from tw_conformance.explore.mutants.mutant import ListMutant, MutantKind, RulesOtherwise
from tw_reference.profiles.profile import Profile
from tw_reference.rules.decision import AnyList
from tw_reference.rules.rule import AnyRule


def list_mutants(profile: Profile) -> Iterator[ListMutant]:
    """Every fault of every list of a profile."""
    for decisions in profile.lists():
        for index in range(len(decisions.rules)):
            yield from _mutants(decisions, index, profile)


def _mutants(decisions: AnyList, index: int, profile: Profile) -> Iterator[ListMutant]:
    rules, rule = decisions.rules, decisions.rules[index]
    place = f"{decisions.stage}: {rule.id}"

    def make(
        kind: MutantKind,
        change: str,
        changed: tuple[AnyRule, ...],
        otherwise: RulesOtherwise,
        *,
        acts: bool = True,
    ) -> ListMutant:
        broken_list = replace(decisions, rules=changed)
        return ListMutant(kind, place, change, broken_list, index, otherwise, acts)

    def with_rule(other: AnyRule) -> tuple[AnyRule, ...]:
        return (*rules[:index], other, *rules[index + 1 :])

    if index + 1 < len(rules):
        yield make("list", "dropped", rules[:index] + rules[index + 1 :], _where_it_holds)
        after = rules[index + 1]
        if _order_matters(rule, after):
            swapped = (*rules[:index], after, rule, *rules[index + 2 :])
            yield make("list", f"behind {after.id}", swapped, _where_both_hold(after))
    for fault in broken(rule.when, decisions.stage.question):
        changed = with_rule(replace(rule, when=fault.condition))
        differs = _where_it_differs(fault.condition)
        yield make(fault.kind, fault.change, changed, differs, acts=False)
    for change, then in instead(rule, decisions.stage, profile):
        yield make("action", change, with_rule(replace(rule, then=then)), _where_it_holds)


def _order_matters(rule: AnyRule, after: AnyRule) -> bool:
    """Whether two neighbours can hold together, and then do different things."""
    if rule.decides and after.decides and rule.then == after.then:
        return False
    there = set(_literals(after.when))
    return not any((atom, not value) in there for atom, value in _literals(rule.when))


def _literals(condition: AnyCondition, value: bool = True) -> Iterator[tuple[str, bool]]:
    """The atoms that are what ``value`` says wherever the condition is."""
    match condition.kind:
        case "atom":
            yield condition.text, value
        case "not":
            yield from _literals(condition.parts[0], not value)
        case "all" if value:
            for part in condition.parts:
                yield from _literals(part)
        case "any" if not value:
            for part in condition.parts:
                yield from _literals(part, False)
        case _:
            pass  # which of the parts it is does not follow


def _where_it_holds(question: Any, holds: bool) -> bool:
    return holds


def _where_both_hold(after: AnyRule) -> RulesOtherwise:
    test = after.when.test
    return lambda question, holds: holds and test(question)


def _where_it_differs(condition: AnyCondition) -> RulesOtherwise:
    test: Callable[[Any], bool] = condition.test
    return lambda question, holds: test(question) is not holds
