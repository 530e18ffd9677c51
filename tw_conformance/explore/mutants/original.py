"""The stack without a fault: what it shows in each case, and which cases may notice a mutant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from tw_conformance.explore.coverage.survey import playable
from tw_conformance.explore.mutants.answers import Origin
from tw_conformance.explore.mutants.beside import Shown, play
from tw_conformance.explore.mutants.mutant import ListMutant, Mutant
from tw_conformance.explore.mutants.situations import Walk
from tw_conformance.explore.mutants.stack import reading_traits
from tw_conformance.explore.mutants.suspicion import Suspicion
from tw_conformance.explore.mutants.target import MutantTarget
from tw_conformance.model.case import Case
from tw_reference.profiles.profile import Profile
from tw_reference.segment import Packet


class Original:
    """A profile in the cases of a corpus that it can play."""

    def __init__(self, profile: Profile, cases: Sequence[Case]) -> None:
        self.profile = profile
        self.cases = cases
        self._target = MutantTarget(profile)
        order = [index for index, _ in playable(cases, self._target)]
        Random(0).shuffle(order)  # neighbours are alike: what one misses the next does too
        self.order = dict.fromkeys(order)
        """The places of these cases, in the order in which they are played."""
        self.first_of_a_name = set({cases[index].name: index for index in order}.values())
        """Of the cases of one name, which are alike, one each."""
        self._shown: dict[int, Shown] = {}

    def shown(self, index: int) -> Shown:
        """What the case at that place shows."""
        if index not in self._shown:
            self._shown[index] = self._play(index, self._target)
        return self._shown[index]

    def sent(self) -> Iterator[tuple[Origin, Packet]]:
        """All that is sent in any case, and what built it."""
        for index in self.order:
            self._shown[index] = self._play(index, self._target)
            yield from self._target.sent

    def suspects(
        self, mutants: Sequence[Mutant], enough: int | None
    ) -> Mapping[Mutant, Sequence[int]]:
        """For each mutant the cases in which it does otherwise, or as many as are enough."""
        suspicion, read = Suspicion(self.profile, mutants, enough), set[str]()
        target = MutantTarget(reading_traits(self.profile, read), suspicion.tell)
        for index in self.order:
            read.clear()
            self._shown[index] = self._play(index, target)
            suspicion.concluded(index, {origin for origin, _ in target.sent}, read)
        return suspicion.cases

    def walk(self, mutants: Sequence[ListMutant]) -> Walk:
        """Which of the mutants do as this does around all that the corpus comes to."""
        walk = Walk(self.profile, mutants)
        target = MutantTarget(self.profile, walk.tell)
        for index in self.order:
            self._play(index, target)
        return walk

    def _play(self, index: int, target: MutantTarget) -> Shown:
        return target.start(play(self.cases[index], target)).result()
