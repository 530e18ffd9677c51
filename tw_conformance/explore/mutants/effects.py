"""What a ruling comes to: two rules that do the same can't be told apart."""

from __future__ import annotations

from typing import Any

from tw_conformance.explore.mutants.actions import visible
from tw_reference.profiles.profile import Profile
from tw_reference.rules.decision import AnyList, AnyStage, Ruling

_Effect = tuple[object, ...]


class Effects:
    """Compares rulings by what they do under one profile: actions that show, and counters."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._known: dict[tuple[int, ...], tuple[Ruling[Any], _Effect]] = {}

    def differ(
        self, stage: AnyStage, ruling: Ruling[Any], other: AnyList, question: object
    ) -> bool:
        """Whether ``other``, asked the same, does otherwise than ``ruling``; a list without an
        answer does."""
        try:
            theirs = other.decide(question)
        except LookupError:
            return True
        return self._of(stage, ruling) != self._of(stage, theirs)

    def _of(self, stage: AnyStage, ruling: Ruling[Any]) -> _Effect:
        acted = (*ruling.notes, ruling.rule)
        key = tuple(map(id, acted))
        known = self._known.get(key)
        if known is None:
            counts = tuple(sorted(rule.counts for rule in acted if rule.counts))
            effect = (*visible(ruling.then, stage, self._profile), counts)
            known = self._known[key] = ruling, effect  # kept, or another could get its id()
        return known[1]
