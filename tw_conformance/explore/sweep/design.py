"""Which classes to walk: all, a covering array, or all that are nearly an acceptable segment; by
the rules' own conditions in :mod:`~tw_conformance.explore.sweep.rule_classes`.

A covering array has every combination of values of a few dimensions, but a rule may ask for five
things at once: the exact SEG.SEQ and SEG.ACK, no text, a newer TSval, and a bit.  So whatever it
asks for, there are classes in which each of its conditions is flipped alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

from tw_conformance.explore.sweep.alphabet import (
    DIMENSIONS,
    FLAGS,
    NOT_APPLICABLE,
    SegmentClass,
    Selection,
    is_feasible,
)
from tw_conformance.explore.sweep.covering import covering_array
from tw_reference import segment as tcp

_OF_THE_SEGMENT = ("seq", "ack", "length", "timestamps", "bits")
"""Dimensions of which two at once may be unlike those of an acceptable segment; of others, one."""
_UNHEEDED = tcp.PSH | tcp.URG
"""Flags that no documented list looks at: they are met with one other thing at most."""
_ACCEPTABLE = {"seq": "R", "ack": "S", "timestamps": "newer"}
"""Values of an acceptable segment; of other dimensions it is the first."""


def covering(selection: Selection, strength: int, seed: int) -> list[SegmentClass]:
    """Classes in which every combination of values of any ``strength`` dimensions occurs."""
    states = selection.values["state"]

    def feasible(values: Mapping[str, str]) -> bool:
        """In some state, where none is chosen yet: two values may need different ones."""
        return any(is_feasible({**values, "state": values.get("state", s)}) for s in states)

    rows = covering_array(selection.values, min(strength, len(DIMENSIONS)), feasible, seed)
    return sorted({SegmentClass(**row) for row in rows})


def nearly_acceptable(selection: Selection) -> list[SegmentClass]:
    """Every combination of flags on a segment that is acceptable, or unlike one in a dimension or
    in two."""
    return sorted(set(_nearly_acceptable(selection)))


def _nearly_acceptable(selection: Selection) -> Iterator[SegmentClass]:
    values = selection.values
    for flags, state in product(values["flags"], values["state"]):
        base = acceptable(flags, state, selection)
        changes: list[tuple[str, ...]] = [
            (),
            *((name,) for name in base if name not in ("flags", "state")),
        ]
        if not FLAGS[flags] & _UNHEEDED:
            changes += combinations(_OF_THE_SEGMENT, 2)
        for names in changes:
            yield from _changed(base, names, selection)


def acceptable(flags: str, state: str, selection: Selection) -> dict[str, str]:
    """The values of an acceptable segment with these flags, as far as the selection has them."""
    base = {"flags": flags, "state": state}
    for name, values in selection.values.items():
        if name in base:
            continue
        possible = [v for v in values if is_feasible({**base, name: v})]
        wanted = _ACCEPTABLE.get(name)
        base[name] = wanted if wanted in possible else (possible or [NOT_APPLICABLE])[0]
    return base


def _changed(
    base: dict[str, str], names: Sequence[str], selection: Selection
) -> Iterator[SegmentClass]:
    for values in product(*(selection.values[name] for name in names)):
        row = {**base, **dict(zip(names, values, strict=True))}
        if is_feasible(row):
            yield SegmentClass(**row)
