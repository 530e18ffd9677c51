"""Twins: cases that differ in the IP version alone are one case with a matrix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tw_conformance.model.case import Case
from tw_conformance.notation.packetdrill.cases import without_family

FAMILIES = ("ipv4", "ipv6")


@dataclass(frozen=True, slots=True)
class Folded:
    """A case to be written, and whether it is one for both IP versions."""

    case: Case
    both: bool = False


def fold(cases: Iterable[Case]) -> Iterator[Folded]:
    """Each case, or both of a pair as one, in the order of the first."""
    waiting: dict[str, list[Case]] = {}
    for case in cases:
        waiting.setdefault(without_family(case.name), []).append(case)
    for name, alike in waiting.items():
        if len(alike) == len(FAMILIES) and _are_twins(*alike):
            first = alike[0]
            reach = replace(first.reach, family="ipv4")
            cites = tuple(dict.fromkeys(source for case in alike for source in case.cites))
            yield Folded(replace(first, name=name, reach=reach, cites=cites), both=True)
        else:
            yield from map(Folded, alike)


def _are_twins(one: Case, other: Case) -> bool:
    if {one.reach.family, other.reach.family} != set(FAMILIES):
        return False
    like_one = replace(
        other,
        name=one.name,
        title=one.title,
        cites=one.cites,
        reach=replace(other.reach, family=one.reach.family),
    )
    return like_one == one
