"""Two profiles side by side: which rules they share, which differ, which only one has."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum

from tw_reference.profiles.profile import Profile, Setting
from tw_reference.rules.decision import AnyStage
from tw_reference.rules.rule import AnyRule
from tw_reference.rules.stages import STAGES


class Kind(Enum):
    """How two profiles stand to each other in one line.  The value is for machines."""

    SAME = "same"
    DIFFERS = "differs"
    ONLY_FIRST = "only-first"
    ONLY_SECOND = "only-second"


@dataclass(frozen=True, slots=True)
class RulePosition:
    """A rule and its position in its list, counted from 1."""

    position: int
    rule: AnyRule


@dataclass(frozen=True, slots=True)
class RulePair:
    """A rule of one list and its counterpart in the other; at least one is there."""

    kind: Kind
    first: RulePosition | None
    second: RulePosition | None


@dataclass(frozen=True, slots=True)
class ListDifference:
    stage: AnyStage
    pairs: tuple[RulePair, ...]


@dataclass(frozen=True, slots=True)
class SettingPair:
    kind: Kind
    name: str
    first: Setting | None
    second: Setting | None


def differing_lists(first: Profile, second: Profile) -> Iterator[ListDifference]:
    """Every decision list that either profile has, in the order in which a connection meets
    them."""
    for stage in STAGES:
        ours, theirs = first.find(stage), second.find(stage)
        if ours is not None or theirs is not None:
            yield ListDifference(stage, tuple(_pairs(ours or (), theirs or ())))


def differing_settings(first: Profile, second: Profile) -> Iterator[SettingPair]:
    """Every setting that either profile has; two are the same where their defaults are."""
    for name in dict.fromkeys((*first.settings, *second.settings)):
        ours, theirs = first.settings.get(name), second.settings.get(name)
        same = ours is not None and theirs is not None and ours.default == theirs.default
        yield SettingPair(_kind(ours, theirs, same), name, ours, theirs)


def _pairs(first: Iterable[AnyRule], second: Iterable[AnyRule]) -> Iterator[RulePair]:
    """Rules of equal condition and actions, in order, and between them the closest counterparts.

    The order matters, since the first rule that matches decides: a rule that moved is not the same.
    """
    ours = [RulePosition(number, rule) for number, rule in enumerate(first, start=1)]
    theirs = [RulePosition(number, rule) for number, rule in enumerate(second, start=1)]
    matcher = SequenceMatcher(None, [*map(_does, ours)], [*map(_does, theirs)], autojunk=False)
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        if tag == "equal":
            for a, b in zip(ours[i:i_end], theirs[j:j_end], strict=True):
                yield RulePair(Kind.SAME, a, b)
        else:
            yield from _counterparts(ours[i:i_end], theirs[j:j_end])


def _does(place: RulePosition) -> Hashable:
    rule = place.rule
    return rule.when.text, rule.then, rule.counts, rule.decides


def _counterparts(
    first: Sequence[RulePosition], second: Sequence[RulePosition]
) -> Iterator[RulePair]:
    """Counterparts have the same name, or the same condition; whatever has none stands alone."""
    left = list(second)
    for ours in first:
        theirs = next((place for place in left if _akin(ours.rule, place.rule)), None)
        if theirs is not None:
            for passed in left[: left.index(theirs)]:
                yield RulePair(Kind.ONLY_SECOND, None, passed)
            del left[: left.index(theirs) + 1]
        yield RulePair(_kind(ours, theirs), ours, theirs)
    for passed in left:
        yield RulePair(Kind.ONLY_SECOND, None, passed)


def _akin(first: AnyRule, second: AnyRule) -> bool:
    """Whether two rules bear the same name, whichever stack's, or ask the same."""
    names = {rule.id.rpartition(".")[2] for rule in (first, second)}
    return len(names) == 1 or first.when.text == second.when.text


def _kind(first: object | None, second: object | None, same: bool = False) -> Kind:
    if second is None:
        return Kind.ONLY_FIRST
    if first is None:
        return Kind.ONLY_SECOND
    return Kind.SAME if same else Kind.DIFFERS
