"""The hunt: every mutant of a profile meets the cases that may notice it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Literal, NamedTuple, TypeAlias

from tw_conformance.explore.coverage.survey import playable
from tw_conformance.explore.mutants.answers import Origin, answer_mutants
from tw_conformance.explore.mutants.beside import Shown, play
from tw_conformance.explore.mutants.equivalent import equivalence
from tw_conformance.explore.mutants.lists import list_mutants
from tw_conformance.explore.mutants.mutant import KINDS, Mutant, MutantKind
from tw_conformance.explore.mutants.stack import reading_traits, stack_mutants
from tw_conformance.explore.mutants.suspicion import Suspicion
from tw_conformance.explore.mutants.target import MutantTarget, Runaway
from tw_conformance.model.case import Case
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.segment import Packet

_FIRST = 40
"""Cases that may notice a mutant, of which most kill it at once; more are looked for where none of
these does."""
_ONLY_THE_ORACLE = 8
"""Cases after which a mutant that the oracle sees is left to it: more are unlikely to fail."""
End: TypeAlias = Literal["failed", "seen", "equivalent", "survives"]
"""A case fails on the mutant; each passes, but the oracle sees another stack beside one; it is
written why nothing can show it; none of these."""


class Sample(NamedTuple):
    """So many mutants of some kinds of a profile, drawn by the seed; all where ``size`` is None.

    A mutant that is added or gone leaves the others of a sample where they are.
    """

    size: int | None = None
    seed: int = 0
    kinds: Sequence[MutantKind] = KINDS

    def of(self, mutants: Sequence[Mutant], profile: str) -> list[Mutant]:
        if self.size is None or self.size >= len(mutants):
            return list(mutants)
        return sorted(mutants, key=lambda m: Random(f"{self.seed}:{profile}:{m}").random())[
            : self.size
        ]


ALL = Sample()


class Fate(NamedTuple):
    """What became of a mutant."""

    kind: MutantKind
    mutant: str
    end: End
    killer: int | None = None
    """The case, by its place in the corpus, that told it from the original."""
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
    mutants = sample.of(list(all_mutants(profile, cases, sample.kinds)), profile.name)
    fates = {mutant: Fate(mutant.kind, str(mutant), "equivalent") for mutant in mutants}
    mutants = [m for m in mutants if equivalence(profile.name, str(m)) is None]
    original = _Original.of(profile, cases, mutants, _FIRST)
    target = MutantTarget(profile)
    fates.update((mutant, original.fate(target, mutant)) for mutant in mutants)
    left = [m for m in mutants if fates[m].end == "survives" and fates[m].plays == _FIRST]
    if left:
        more = _Original.of(profile, cases, left, None)
        fates.update((m, more.fate(target, m)) for m in left)
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


def _sent(profile: Profile, cases: Sequence[Case]) -> Iterator[tuple[Origin, Packet]]:
    target = MutantTarget(profile)
    for _, case in playable(cases, target):
        target.start(play(case, target)).result()
        yield from target.sent


class _Original(NamedTuple):
    """The stack without a fault, in each case that it passes."""

    cases: Sequence[Case]
    shown: Mapping[int, Shown]
    suspects: Mapping[Mutant, Sequence[int]]
    """For each mutant, the cases in which it rules otherwise."""

    @classmethod
    def of(
        cls, profile: Profile, cases: Sequence[Case], mutants: Sequence[Mutant], enough: int | None
    ) -> _Original:
        order = list(playable(cases, MutantTarget(profile)))
        Random(0).shuffle(order)  # neighbours are alike: what one misses the next does too
        suspicion, shown, read = Suspicion(mutants, enough), dict[int, Shown](), set[str]()
        target = MutantTarget(reading_traits(profile, read), suspicion.tell)
        for index, case in order:
            read.clear()
            shown[index] = target.start(play(case, target)).result()
            suspicion.concluded(index, {origin for origin, _ in target.sent}, read)
        return cls(cases, shown, suspicion.cases)

    def fate(self, target: MutantTarget, mutant: Mutant) -> Fate:
        target.become(mutant)
        seen: int | None = None
        plays = 0
        for plays, index in enumerate(self.suspects[mutant], start=1):
            shown = _play(self.cases[index], target)
            if shown is None or not shown.passes:
                return Fate(mutant.kind, str(mutant), "failed", index, plays)
            if seen is None and shown.differs(self.shown[index]):
                seen = index
            if seen is not None and plays >= _ONLY_THE_ORACLE:
                break
        end: End = "survives" if seen is None else "seen"
        return Fate(mutant.kind, str(mutant), end, seen, plays)


def _play(case: Case, target: MutantTarget) -> Shown | None:
    """What the case shows of a mutant; None of one that crashes or never ends."""
    try:
        return target.start(play(case, target)).result()
    except (Runaway, AssertionError, LookupError, ValueError, TypeError, AttributeError):
        return None
