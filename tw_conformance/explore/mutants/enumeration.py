"""Every class of segment in every state, put to mutants: which segment shows which of them?

What a sweep walks (:mod:`tw_conformance.explore.sweep`) is walked once on the original.  Where a
mutant rules otherwise it gets the same segment, and what both did with it is compared.  A mutant
that no class shows is told from the original by no single segment; a call, a setting or a second
segment may still show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tw_conformance.explore.mutants.mutant import ListMutant
from tw_conformance.explore.mutants.suspicion import Suspicion
from tw_conformance.explore.sweep.alphabet import STATES, SegmentClass, Selection, plainness
from tw_conformance.explore.sweep.design import covering, nearly_acceptable
from tw_conformance.explore.sweep.reaction import differences
from tw_conformance.explore.sweep.reference_stack import ReferenceStack
from tw_conformance.explore.sweep.representatives import Representatives, SegmentMaker
from tw_conformance.play.approach import NotReached
from tw_reference.profiles.profile import Profile

_TRIED = 20
"""Classes on which a mutant that rules otherwise may do the same all the same."""


def every_class() -> list[SegmentClass]:
    """All that is nearly acceptable in each state, and a covering array of the rest; the plainest
    first."""
    found: set[SegmentClass] = set()
    for state in STATES:
        selection = Selection.of("", [state]).without("way")
        found.update(covering(selection, 2, seed=0), nearly_acceptable(selection))
    return sorted(found, key=plainness)


def witnesses(
    profile: Profile, mutants: Sequence[ListMutant], classes: Sequence[SegmentClass]
) -> Mapping[ListMutant, SegmentClass | None]:
    """For each mutant the first class that shows it, None where none does."""
    suspicion = Suspicion(profile, mutants, _TRIED)
    for index, one in enumerate(classes):
        if _reaches(profile.watched(suspicion.tell), one):
            suspicion.concluded(index)
    return {
        mutant: _witness(profile, mutant, [classes[index] for index in suspicion.cases[mutant]])
        for mutant in mutants
    }


def _witness(
    profile: Profile, mutant: ListMutant, suspects: Iterable[SegmentClass]
) -> SegmentClass | None:
    return next((one for one in suspects if _shows(profile, mutant.of(profile), one)), None)


def _shows(original: Profile, mutant: Profile, one: SegmentClass) -> bool:
    """Whether both, on the same connection, do otherwise with a segment of that class."""
    wanted = _stack(original).predict(one)
    try:
        seen = _stack(mutant).predict(one)
    except NotReached:
        return True
    return bool(differences(wanted, seen.reaction, seen.variables))


def _reaches(profile: Profile, one: SegmentClass) -> bool:
    try:
        _stack(profile).predict(one)
    except NotReached:
        return False
    return True


def _stack(profile: Profile) -> ReferenceStack:
    return ReferenceStack(profile, {}, SegmentMaker(Representatives.drawn(0)), seed=0)
