"""Divergences told in few words: the largest boxes of classes in which all diverge alike.

A box is a product of sets of values, one set a dimension, each flag being a dimension of its own:
«SYN set, RST and ACK clear, SEG.SEQ R+1 to right».  It may hold no class that was walked and did
not diverge that way.  Boxes are grown greedily from a class that no box holds yet, whole
dimensions first, since a dimension that does not matter need not be mentioned.  What was not walked
keeps no box from growing: of a covering array the description is the simplest that fits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from tw_conformance.explore.sweep.alphabet import (
    DIMENSIONS,
    NOT_APPLICABLE,
    SegmentClass,
    plainness,
)
from tw_conformance.model.words import joined
from tw_reference.segment import FLAG_BITS

_FLAGS = ("SYN", "FIN", "RST", "ACK", "PSH", "URG")
_SEEDS = 8
"""Classes that a box is tried to be grown from; the largest box is taken."""
_SET, _CLEAR = "set", "clear"
_NAMES: Mapping[str, str] = {"seq": "SEG.SEQ", "ack": "SEG.ACK"}
"""What dimensions are called in a sentence, where not by their own names."""


@dataclass(frozen=True, slots=True)
class Box:
    """A description and the classes that it covers, the plainest first; ``values`` are those that
    make it up, as a mask."""

    text: str
    classes: tuple[SegmentClass, ...]
    values: int


def boxes(
    diverging: Collection[SegmentClass],
    walked: Mapping[SegmentClass, int],
    others: Sequence[Box] = (),
) -> list[Box]:
    """Boxes that hold every class of ``diverging``, no other that was walked, and nothing at all
    that one of ``others`` holds; the largest first.  ``walked`` are the :func:`masks` of all."""
    masks = {one: walked[one] for one in diverging}
    outside = [mask for one, mask in walked.items() if one not in masks]
    taken = [box.values for box in others]
    values = reduce(or_, walked.values(), 0)
    left = ordered = sorted(diverging, key=plainness)
    found = []
    while left:
        seeds = left[:: -(-len(left) // _SEEDS)]
        grown = (_grow(masks[seed], masks.values(), outside, taken) for seed in seeds)
        box = max(grown, key=lambda box: sum(not masks[one] & ~box for one in left))
        held = [one for one in ordered if not masks[one] & ~box]
        found.append(Box(_describe(box, values), tuple(held), box))
        left = [one for one in left if masks[one] & ~box]
    return sorted(found, key=lambda box: -len(box.classes))


# A set of values is an integer with a bit for each, those of one dimension side by side; a class
# is the set of its own values, so that it lies in a box where it has no bit outside of it.

_DIMENSIONS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(_FLAGS, (_SET, _CLEAR)),
    **{
        name: tuple(value for value in values if value != NOT_APPLICABLE)
        for name, values in DIMENSIONS.items()
        if name != "flags"
    },
}
_BIT: Mapping[tuple[str, str], int] = {
    pair: 1 << place
    for place, pair in enumerate(
        (name, value) for name, values in _DIMENSIONS.items() for value in values
    )
}
_WHOLE: Mapping[str, int] = {
    name: sum(_BIT[name, value] for value in values) for name, values in _DIMENSIONS.items()
}


def masks(classes: Iterable[SegmentClass]) -> dict[SegmentClass, int]:
    """The classes as sets of values."""
    return {one: _mask(one) for one in classes}


def _mask(one: SegmentClass) -> int:
    """Where a dimension has no meaning to a class it lies nowhere in it, and is excluded by none of
    its values."""
    mask = 0
    for flag in _FLAGS:
        mask |= _BIT[flag, _SET if one.tcp_flags & FLAG_BITS[flag] else _CLEAR]
    for name, value in one._asdict().items():
        if name != "flags" and value != NOT_APPLICABLE:
            mask |= _BIT[name, value]
    return mask


def _grow(box: int, inside: Iterable[int], outside: Sequence[int], taken: Sequence[int]) -> int:
    """The box with every value added, dimension by dimension, that lets no outsider in, nor
    anything that a box has ``taken``."""
    values = reduce(or_, inside)
    while True:
        gains = values & ~box & ~_single_steps(box, outside) & ~_steps_into(box, taken)
        if not gains:
            return box
        # The dimension of which the largest share is in the box then; at best all of it.
        grown = [(box | gains) & whole for whole in _WHOLE.values() if gains & whole]
        box |= max(grown, key=_share)


def _share(values: int) -> float:
    """How much of its dimension a set of values makes up."""
    whole = next(each for each in _WHOLE.values() if values & each)
    return values.bit_count() / whole.bit_count()


def _single_steps(box: int, classes: Sequence[int]) -> int:
    """The values of which one, added to the box, lets in some of the classes."""
    steps, excluded = 0, ~box
    for mask in classes:
        missing = mask & excluded
        if not missing & (missing - 1):
            steps |= missing
    return steps


def _steps_into(box: int, taken: Sequence[int]) -> int:
    """The values of which one, added to the box, makes it meet another."""
    steps = 0
    for other in taken:
        apart = [w for w in _WHOLE.values() if box & w and other & w and not box & other & w]
        if len(apart) == 1:
            steps |= other & apart[0]
    return steps


def _describe(box: int, seen: int) -> str:
    """What sets the box apart among all that was walked, where those values were ``seen``."""
    parts = []
    for word in (_SET, _CLEAR):
        other = _CLEAR if word is _SET else _SET
        flags = [
            f
            for f in _FLAGS
            if box & _BIT[f, word] and not box & _BIT[f, other] and seen & _BIT[f, other]
        ]
        if flags:
            parts.append(f"{joined(flags)} {word}")
    for name, values in _DIMENSIONS.items():
        if name in _FLAGS or not seen & _WHOLE[name] & ~box or not box & _WHOLE[name]:
            continue
        inside = [value for value in values if box & _BIT[name, value]]
        parts.append(f"{_NAMES.get(name, name)} {_values(inside, values)}")
    return ", ".join(parts) or "every segment"


def _values(chosen: Sequence[str], all_values: Sequence[str]) -> str:
    """``R+1 to right`` where values lie side by side, ``not R`` where few are missing."""
    missing = [value for value in all_values if value not in chosen]
    if len(missing) == 1 and len(chosen) > 2:
        return f"not {missing[0]}"
    first, last = all_values.index(chosen[0]), all_values.index(chosen[-1])
    if len(chosen) > 2 and last - first + 1 == len(chosen):
        return f"{chosen[0]} to {chosen[-1]}"
    return " or ".join(chosen)
