"""The hunt: every mutant of a profile meets the cases that may notice it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Literal, NamedTuple, TypeAlias

from tw_conformance.explore.coverage.survey import playable
from tw_conformance.explore.mutants.answers import Origin, answer_mutants
from tw_conformance.explore.mutants.equivalent import equivalence
from tw_conformance.explore.mutants.lists import list_mutants
from tw_conformance.explore.mutants.mutant import KINDS, Mutant, MutantKind
from tw_conformance.explore.mutants.stack import stack_mutants
from tw_conformance.explore.mutants.suspicion import Suspicion, expected_fields
from tw_conformance.explore.mutants.target import MutantTarget, Runaway
from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Verdict
from tw_conformance.play.player import perform_once
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile

_FIRST = 40
"""Cases that may notice a mutant, of which most kill it at once; more are looked for where none of
these does."""
End: TypeAlias = Literal["killed", "equivalent", "survives"]


class Sample(NamedTuple):
    """So many mutants of some kinds of a profile, drawn by the seed; all where ``size`` is None."""

    size: int | None = None
    seed: int = 0
    kinds: Sequence[MutantKind] = KINDS

    def of(self, mutants: Sequence[Mutant], profile: str) -> list[Mutant]:
        if self.size is None or self.size >= len(mutants):
            return list(mutants)
        return Random(f"{self.seed}:{profile}").sample(list(mutants), self.size)


ALL = Sample()


class Fate(NamedTuple):
    """What became of a mutant."""

    kind: MutantKind
    mutant: str
    end: End
    killer: int | None = None
    """The case, by its place in the corpus, that did not pass on it."""
    plays: int = 0
    """Cases that were played."""


class MutantHunt(NamedTuple):
    """Plain data, since it travels between processes."""

    profile: str
    fates: Sequence[Fate]

    def survivors(self) -> list[Fate]:
        return [fate for fate in self.fates if fate.end == "survives"]


def hunt_named(profile: str, cases: Sequence[Case], sample: Sample) -> MutantHunt:
    """The hunt for mutants of a bundled profile, for another process."""
    return hunt(PROFILES[profile], cases, sample)


def hunt(profile: Profile, cases: Sequence[Case], sample: Sample = ALL) -> MutantHunt:
    """Every mutant of the profile, or a sample of them, against the cases that pass on it."""
    order = list(range(len(cases)))
    Random(0).shuffle(order)  # neighbours in a corpus are alike: what one misses the next does too
    mutants = sample.of(list(all_mutants(profile, cases, sample.kinds)), profile.name)
    fates = {mutant: Fate(mutant.kind, str(mutant), "equivalent") for mutant in mutants}
    mutants = [m for m in mutants if equivalence(profile.name, str(m)) is None]
    first = _suspicion(profile, cases, order, mutants, _FIRST)
    target = MutantTarget(profile)
    fates.update((mutant, _fate(target, mutant, cases, first[mutant])) for mutant in mutants)
    left = [m for m in mutants if fates[m].killer is None and len(first[m]) == _FIRST]
    if left:
        more = _suspicion(profile, cases, order, left, None)
        fates.update((m, _fate(target, m, cases, more[m])) for m in left)
    return MutantHunt(profile.name, tuple(fates.values()))


def all_mutants(
    profile: Profile, cases: Sequence[Case], kinds: Sequence[MutantKind] = KINDS
) -> Iterator[Mutant]:
    """Every mutant of the profile; what it may send wrong is what it sends in the cases."""
    for mutant in (*list_mutants(profile), *stack_mutants(profile)):
        if mutant.kind in kinds:
            yield mutant
    if "answer" in kinds:
        yield from answer_mutants(_sent(profile, cases))


def _sent(profile: Profile, cases: Sequence[Case]) -> set[Origin]:
    target, sent = MutantTarget(profile), set[Origin]()
    for _, case in playable(cases, target):
        target.start(perform_once(case, target)).result()
        sent |= target.sent
    return sent


def _suspicion(
    profile: Profile,
    cases: Sequence[Case],
    order: Sequence[int],
    mutants: Sequence[Mutant],
    enough: int | None,
) -> Mapping[Mutant, Sequence[int]]:
    """For each mutant, the cases that pass on the profile and that it may fail."""
    suspicion = Suspicion(mutants, enough)
    target = MutantTarget(profile, suspicion.tell)
    for index in order:
        case = cases[index]
        if case.applies_to(profile.name) and target.lacks(case) is None:
            target.start(perform_once(case, target)).result()
            looked_at = expected_fields(case, profile.name)
            suspicion.concluded(index, target.sent, looked_at)
    return suspicion.cases


def _fate(
    target: MutantTarget, mutant: Mutant, cases: Sequence[Case], suspects: Sequence[int]
) -> Fate:
    if suspects:
        target.become(mutant)
    for plays, index in enumerate(suspects, start=1):
        if _fails(cases[index], target):
            return Fate(mutant.kind, str(mutant), "killed", index, plays)
    return Fate(mutant.kind, str(mutant), "survives", plays=len(suspects))


def _fails(case: Case, target: MutantTarget) -> bool:
    """Whether the case does not pass; a mutant that crashes or never ends does not either."""
    try:
        outcome = target.start(perform_once(case, target)).result()
    except (Runaway, AssertionError, LookupError, ValueError, TypeError, AttributeError):
        return True
    return outcome.verdict is not Verdict.PASS
