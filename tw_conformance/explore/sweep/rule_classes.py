"""Which classes to walk, by the rules' own conditions: wherever another part of one decides.

A rule may ask for more at once than a covering array combines, and only where all else is as it
asks does one part decide alone.  So the oracle itself is asked: from segments that are acceptable
on, one thing about a segment that has shown something new is changed at a time, for as long as that
shows which other parts of conditions decide (:class:`~tw_conformance.explore.coverage.survey.
Witness`).  Two classes of which the same parts decide are the same to the rules; one of them is
walked, and another like it in all that the rules look at, for a stack may look at more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Mapping
from itertools import product
from random import Random

from tw_conformance.explore.coverage.survey import Witness
from tw_conformance.explore.sweep.alphabet import (
    DIMENSIONS,
    FLAGS,
    NOT_APPLICABLE,
    SegmentClass,
    Selection,
    is_feasible,
)
from tw_conformance.explore.sweep.design import acceptable
from tw_conformance.explore.sweep.reference_stack import ReferenceStack
from tw_conformance.explore.sweep.representatives import SegmentMaker
from tw_conformance.play.approach import NotReached
from tw_reference import segment as tcp
from tw_reference.profiles.profile import Profile
from tw_reference.segment import flag_names

_UNREAD_AT_ALL = ("family", "way", "scaling", "ecn")
"""Dimensions that no rule looks at."""
_UNREAD = ("bits", *_UNREAD_AT_ALL)
"""The same, and one that few look at."""
_DRAWS = 4
"""How often a class like another is looked for."""


def where_conditions_decide(
    selection: Selection,
    profile: Profile,
    settings: Mapping[str, int],
    segments: SegmentMaker,
    seed: int,
) -> list[SegmentClass]:
    """For all that a segment of that selection can make parts of the profile's conditions decide,
    the first class found, and one more where there is another."""
    asked = _Asked(profile, settings, segments, seed)
    random = Random(f"conditions:{seed}")
    shown: dict[Hashable, SegmentClass] = {}
    values = selection.values
    starts = product(values["flags"], values["state"])
    waiting = deque(SegmentClass(**acceptable(*start, selection)) for start in starts)
    met = set(waiting)
    while waiting:
        one = waiting.popleft()
        told = asked.what_decides(one)
        if told is None or told in shown:
            continue
        shown[told] = one
        fresh = dict.fromkeys(other for other in _neighbours(one, selection) if other not in met)
        met.update(fresh)
        waiting.extend(fresh)
    likes = (_another_like(one, told, selection, asked, random) for told, one in shown.items())
    return sorted({*shown.values(), *(like for like in likes if like is not None)})


class _Asked:
    """The oracle, asked which parts of its conditions decide on a class."""

    def __init__(
        self, profile: Profile, settings: Mapping[str, int], segments: SegmentMaker, seed: int
    ) -> None:
        self._witness = Witness(profile)
        watched = profile.watched(self._witness.tell)
        self._oracle = ReferenceStack(watched, settings, segments, seed=seed)

    def what_decides(self, one: SegmentClass) -> Hashable | None:
        """Equal for two classes of which the same parts decide; None where the oracle does not get
        to the state in question."""
        self._witness.clear()
        try:
            self._oracle.predict(one)
        except NotReached:
            return None
        return frozenset(self._witness.decided), frozenset(self._witness.fired)


def _neighbours(one: SegmentClass, selection: Selection) -> Iterator[SegmentClass]:
    """The classes that differ from it in one flag, or in one dimension; with ACK comes a SEG.ACK
    that is right."""
    row = one._asdict()
    for bit in (tcp.FIN, tcp.SYN, tcp.RST, tcp.PSH, tcp.ACK, tcp.URG):
        flags = flag_names(FLAGS[one.flags] ^ bit)
        ack = row["ack"]
        if bit == tcp.ACK:
            ack = "S" if ack == NOT_APPLICABLE else NOT_APPLICABLE
        if flags in selection.values["flags"] and ack in selection.values["ack"]:
            yield SegmentClass(**{**row, "flags": flags, "ack": ack})
    for name in DIMENSIONS:
        if name in ("flags", "state", *_UNREAD_AT_ALL):
            continue
        for value in selection.values[name]:
            if value != row[name] and is_feasible({**row, name: value}):
                yield SegmentClass(**{**row, name: value})


def _another_like(
    one: SegmentClass, told: Hashable, selection: Selection, asked: _Asked, random: Random
) -> SegmentClass | None:
    """A class that is another in what rules seldom look at, and of which the same parts decide."""
    for _ in range(_DRAWS):
        row = one._asdict()
        flags = FLAGS[one.flags] ^ random.choice((0, tcp.PSH, tcp.URG, tcp.PSH | tcp.URG))
        row["flags"] = flag_names(flags)
        row.update((name, random.choice(selection.values[name])) for name in _UNREAD)
        if row["flags"] not in selection.values["flags"] or not is_feasible(row):
            continue
        like = SegmentClass(**row)
        if like != one and asked.what_decides(like) == told:
            return like
    return None
