"""The stack without a fault: what it shows in each case, and which cases may notice a mutant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from tw_conformance.explore.coverage.survey import playable
from tw_conformance.explore.mutants.answers import Origin
from tw_conformance.explore.mutants.beside import Shown, play
from tw_conformance.explore.mutants.mutant import AnswerMutant, ListMutant, ProfileMutant
from tw_conformance.explore.mutants.situations import KindsMet, Walk
from tw_conformance.explore.mutants.stack import reading_traits
from tw_conformance.explore.mutants.suspicion import Suspicion
from tw_conformance.explore.mutants.target import MutantTarget
from tw_conformance.model.case import Case
from tw_reference.profiles.profile import Profile
from tw_reference.rules.decision import AnyList, Ruling
from tw_reference.segment import Packet


class _Met(NamedTuple):
    """What was met in one case: the segments that were sent, as they were built, and what built
    them; the traits that were looked at."""

    sent: Sequence[tuple[Origin, Packet]]
    read: frozenset[str]


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
        self._met: dict[int, _Met] = {}
        self._of_new_kinds: list[int] = []
        """The cases in which a list was asked about a kind of connection for the first time."""

    def shown(self, index: int) -> Shown:
        """What the case at that place shows."""
        if index not in self._shown:
            self._shown[index] = self._play(index, self._target)
        return self._shown[index]

    def survey(
        self, mutants: Sequence[ListMutant], enough: int
    ) -> Mapping[ListMutant, Sequence[int]]:
        """Play every case: for each mutant those in which it does otherwise, or as many as are
        enough."""
        suspicion, kinds, read = Suspicion(self.profile, mutants, enough), KindsMet(), set[str]()

        def tell(decisions: AnyList, question: Any, ruling: Ruling[Any]) -> None:
            suspicion.tell(decisions, question, ruling)
            kinds.are_met(decisions, question)

        target = MutantTarget(reading_traits(self.profile, read), tell)
        for index in self.order:
            read.clear()
            known = kinds.number
            self._shown[index] = self._play(index, target)
            self._met[index] = _Met(tuple(target.sent), frozenset(read))
            suspicion.concluded(index)
            if kinds.number > known:
                self._of_new_kinds.append(index)
        return suspicion.cases

    def sent(self) -> Iterator[tuple[Origin, Packet]]:
        """All that is sent in any case that was surveyed, and what built it."""
        for met in self._met.values():
            yield from met.sent

    def showing(self, mutant: AnswerMutant | ProfileMutant) -> list[int]:
        """The cases that were surveyed in which that is sent, or looked at, which the mutant has
        wrong."""
        if isinstance(mutant, AnswerMutant):
            origin = Origin(mutant.origin, mutant.flags)
            return [i for i, met in self._met.items() if any(origin == o for o, _ in met.sent)]
        reads = mutant.reads
        return [i for i, met in self._met.items() if not reads or reads in met.read]

    def suspects(self, mutants: Sequence[ListMutant]) -> Mapping[ListMutant, Sequence[int]]:
        """For each mutant all cases in which it does otherwise."""
        suspicion = Suspicion(self.profile, mutants)
        target = MutantTarget(self.profile, suspicion.tell)
        for index in self.order if mutants else ():
            self._play(index, target)
            suspicion.concluded(index)
        return suspicion.cases

    def walk(self, mutants: Sequence[ListMutant]) -> Walk:
        """Which of the mutants do as this does around all that the survey came to."""
        walk = Walk(self.profile, mutants)
        target = MutantTarget(self.profile, walk.tell)
        for index in self._of_new_kinds if mutants else ():
            self._play(index, target)
        return walk

    def _play(self, index: int, target: MutantTarget) -> Shown:
        return target.start(play(self.cases[index], target)).result()
