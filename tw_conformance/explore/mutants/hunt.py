"""The hunt: every mutant of a profile meets the cases that may notice it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from random import Random
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from tw_conformance.explore.mutants.answers import answer_mutants
from tw_conformance.explore.mutants.beside import Shown, play
from tw_conformance.explore.mutants.equivalent import equivalence
from tw_conformance.explore.mutants.lists import list_mutants
from tw_conformance.explore.mutants.mutant import (
    KINDS,
    AnyMutant,
    ListMutant,
    Mutant,
    MutantKind,
)
from tw_conformance.explore.mutants.original import Original
from tw_conformance.explore.mutants.stack import stack_mutants
from tw_conformance.explore.mutants.target import MutantTarget, Runaway
from tw_conformance.model.case import Case
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile

_FIRST = 40
"""Cases that may notice a mutant, of which most kill it at once; more are looked for where none of
these does."""
_MOST = 2000
"""Cases after which a mutant that none noticed survives: more are unlikely to notice.  One of
each name, and as many others."""
_TOGETHER = 4
"""Profiles that are hunted one behind the other."""
_ONLY_THE_ORACLE = 8
"""Cases after which a mutant that the oracle sees is left to it: more are unlikely to fail."""
End: TypeAlias = Literal["failed", "seen", "changes nothing", "out of reach", "alike", "survives"]
"""A case fails on the mutant; each passes, but the oracle sees another stack beside one; it is
written why nothing can show it, of one kind or the other; it does as the original does in every
situation that was walked (:mod:`situations`); none of these."""


class Sample(NamedTuple):
    """So many mutants of some kinds of a profile, drawn by the seed; all where ``size`` is None.

    A mutant that is added or gone leaves the others of a sample where they are.
    """

    size: int | None = None
    seed: int = 0
    kinds: Sequence[MutantKind] = KINDS

    def of(self, mutants: Sequence[AnyMutant], profile: str) -> list[AnyMutant]:
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
    situations: int = 0
    """Questions that were put to find those that are alike."""
    seconds: float = 0.0
    """Of a CPU."""

    def survivors(self) -> list[Fate]:
        return [fate for fate in self.fates if fate.end == "survives"]


def families(profiles: Sequence[str]) -> list[list[str]]:
    """Bundled profiles, together where most rules of one are rules of another, and few enough for
    the processes of a small machine to have as much to do as each other."""
    found: list[tuple[set[tuple[str, str, str]], list[str]]] = []
    for name in profiles:
        rules = {
            (each.stage.name, rule.id, rule.when.text)
            for each in PROFILES[name].lists()
            for rule in each
        }
        for theirs, names in found:
            if 2 * len(rules & theirs) > len(rules) and len(names) < _TOGETHER:
                theirs |= rules
                names.append(name)
                break
        else:
            found.append((rules, [name]))
    return [names for _, names in found]


def hunt_family(profiles: Sequence[str], cases: Sequence[Case], sample: Sample) -> list[MutantHunt]:
    """The hunts of bundled profiles that are alike, for another process: what kills a mutant of one
    is tried first on its like of the next."""
    killers: dict[str, int] = {}
    hunts: list[MutantHunt] = []
    for name in profiles:
        hunts.append(hunt(PROFILES[name], cases, sample, killers))
        killers.update((f.mutant, f.killer) for f in hunts[-1].fates if f.killer is not None)
    return hunts


def hunt(
    profile: Profile,
    cases: Sequence[Case],
    sample: Sample = ALL,
    tips: Mapping[str, int] = MappingProxyType({}),
) -> MutantHunt:
    """Every mutant of the profile, or a sample of them, against the cases that pass on it.

    ``tips`` are cases that may kill a mutant of that name, by their places.
    """
    begun = time.process_time()
    original = Original(profile, cases)
    beat = _Beat(original, tips)
    drawn = sample.of(list(_written_mutants(profile, sample.kinds)), profile.name)
    fates = {mutant: beat.at_first(mutant) for mutant in drawn}
    listed = [m for m in drawn if isinstance(m, ListMutant) and fates[m].end == "survives"]
    suspects = original.survey(listed, _FIRST)
    if "answer" in sample.kinds:
        drawn = sample.of([*drawn, *answer_mutants(original.sent())], profile.name)
        fates = {m: fates[m] if m in fates else beat.at_first(m) for m in drawn}
    for mutant, fate in fates.items():
        if fate.end == "survives":
            told = suspects[mutant] if isinstance(mutant, ListMutant) else original.showing(mutant)
            fates[mutant] = beat.fate(mutant, told)
    left = [m for m in listed if m in fates and fates[m].end == "survives"]
    many = original.suspects([m for m in left if fates[m].plays == _FIRST])
    fates.update((m, beat.fate(m, told)) for m, told in many.items())
    walk = original.walk([m for m in left if not fates[m].plays])
    fates.update((m, fates[m]._replace(end="alike")) for m in walk.alike())
    seconds = time.process_time() - begun
    return MutantHunt(profile.name, tuple(fates.values()), walk.situations, seconds)


def _written_mutants(profile: Profile, kinds: Sequence[MutantKind]) -> Iterator[AnyMutant]:
    """Every mutant of what is written down of a profile."""
    mutants: Iterator[AnyMutant] = chain(list_mutants(profile), stack_mutants(profile))
    yield from (mutant for mutant in mutants if mutant.kind in kinds)


class _Beat:
    """Plays cases on mutants, those first that killed others of the same rule, or of any."""

    def __init__(self, original: Original, tips: Mapping[str, int]) -> None:
        self._original = original
        self._tips = tips
        self._target = MutantTarget(original.profile)
        self._kills = Counter[int]()
        self._kills_there = Counter[tuple[str, int]]()

    def at_first(self, mutant: Mutant) -> Fate:
        """What is written about the mutant, or else what becomes of it in the case that killed its
        like."""
        written = equivalence(self._original.profile.name, str(mutant))
        if written is not None:
            return Fate(mutant.kind, str(mutant), written.because)
        tip = self._tips.get(str(mutant))
        return self.fate(mutant, [] if tip is None or tip not in self._original.order else [tip])

    def fate(self, mutant: Mutant, suspects: Sequence[int]) -> Fate:
        """What becomes of the mutant in these cases."""
        self._target.become(mutant)
        seen: int | None = None
        plays = 0
        for plays, index in enumerate(self._likeliest(mutant, suspects)[:_MOST], start=1):
            shown = _play(self._original.cases[index], self._target)
            right = self._original.shown(index)
            if right.passes and (shown is None or not shown.passes):
                self._kills[index] += 1
                self._kills_there[mutant.place, index] += 1
                return Fate(mutant.kind, str(mutant), "failed", index, plays)
            if seen is None and (shown is None or shown.differs(right)):
                seen = index
            if seen is not None and plays >= _ONLY_THE_ORACLE:
                break
        end: End = "survives" if seen is None else "seen"
        return Fate(mutant.kind, str(mutant), end, seen, plays)

    def _likeliest(self, mutant: Mutant, suspects: Sequence[int]) -> list[int]:
        """Those first that killed others of the same rule, or look at the state that it is of, for
        many a rule is passed on the way to where a case looks; where there are more than are
        played, one of each name."""
        cases, too_many = self._original.cases, len(suspects) > _MOST

        def unlikely(case: int) -> tuple[int, bool, bool, int]:
            place = mutant.place
            there = place.startswith(cases[case].reach.state)
            twin = too_many and case not in self._original.first_of_a_name
            return (-self._kills_there[place, case], not there, twin, -self._kills[case])

        return sorted(suspects, key=unlikely)


def _play(case: Case, target: MutantTarget) -> Shown | None:
    """What the case shows of a mutant; None of one that crashes or never ends."""
    try:
        return target.start(play(case, target)).result()
    except (Runaway, AssertionError, LookupError, ValueError, TypeError, AttributeError):
        return None
