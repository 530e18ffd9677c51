"""Which cases may notice which mutant: those in which it rules otherwise than the original."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from tw_conformance.explore.coverage.survey import looked_at
from tw_conformance.explore.mutants.effects import Effects
from tw_conformance.explore.mutants.mutant import ListMutant
from tw_reference.profiles.profile import Profile
from tw_reference.rules.decision import AnyList, Ruling


class Suspicion:
    """Asks each mutant at each decision that the original takes.

    ``enough`` cases for a mutant are enough; None: all are wanted.
    """

    def __init__(
        self, profile: Profile, mutants: Iterable[ListMutant], enough: int | None = None
    ) -> None:
        self._effects = Effects(profile)
        self.cases: Mapping[ListMutant, list[int]] = {mutant: [] for mutant in mutants}
        """The cases in which each mutant rules otherwise, by their places in the corpus."""
        self._enough = enough
        self._now: set[ListMutant] = set()
        self._asked: dict[tuple[str, int], list[ListMutant]] = defaultdict(list)
        for mutant in self.cases:
            self._asked[mutant.decisions.stage.name, mutant.index].append(mutant)

    def tell(self, decisions: AnyList, question: Any, ruling: Ruling[Any]) -> None:
        """The original takes a decision."""
        stage, acted = decisions.stage, (*ruling.notes, ruling.rule)
        for index, rule in enumerate(looked_at(decisions, ruling)):
            asked = self._asked.get((stage.name, index))
            if asked:
                holds = any(rule is each for each in acted)
                self._now.update(
                    mutant
                    for mutant in asked
                    if mutant not in self._now
                    and mutant.rules_otherwise(question, holds)
                    and self._effects.differ(stage, ruling, mutant.decisions, question)
                )

    def concluded(self, case: int) -> None:
        """The case at that place was played."""
        for mutant in self._now:
            self.cases[mutant].append(case)
            if len(self.cases[mutant]) == self._enough:
                self._asked[mutant.decisions.stage.name, mutant.index].remove(mutant)
        self._now.clear()
