"""The divergences of a sweep as cases, each of which fails on the target for the same reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import fields, replace

from tw_conformance.explore.sweep.case_subject import script_of
from tw_conformance.explore.sweep.groups import Group
from tw_conformance.explore.sweep.reaction import Prediction, Reaction
from tw_conformance.explore.sweep.representatives import SegmentMaker
from tw_conformance.explore.sweep.walk import Oracle
from tw_conformance.model.case import (
    NOTHING,
    Answer,
    ByProfile,
    Case,
    Expect,
    Expected,
    ExpectState,
    StateIs,
)

_ALWAYS_SAID = frozenset(("flags", "seq", "ack"))


def cases(
    found: Sequence[Group],
    oracle: Oracle,
    profile: str,
    settings: Mapping[str, int],
    segments: SegmentMaker,
) -> Iterator[Case]:
    """A case for each group: what ``oracle`` does with its example, as what is expected of
    ``profile``."""
    used: Counter[str] = Counter()
    for one in found:
        name = _name(one)
        used[name] += 1
        if used[name] > 1:
            name = f"{name}-{used[name]}"
        predicted = oracle.predict(one.example)
        script = script_of(one.example, segments, settings, age=_differs_in_its_timer(one))
        yield _case(one, name, profile, predicted, script)


def _case(one: Group, name: str, profile: str, predicted: Prediction, script: Case) -> Case:
    differing = {each.field for each in one.divergence.differences}
    return replace(
        script,
        name=name,
        title=f"{one.example.flags} at {one.example.seq}: {one.result.expected} ({one.where[0]})",
        cites=one.rule.source,
        steps=(
            *script.steps,
            *_expectations(predicted, _ALWAYS_SAID | differing),
            *_state_in_question(predicted.reaction, differing),
        ),
        profiles=(profile,),
    )


def _state_in_question(expected: Reaction, differing: Set[str]) -> Iterator[ExpectState]:
    """Only what differs: of a DUT that nobody can look into it takes time to ask for a state, and a
    2MSL to ask for a timer."""
    if differing & {"state", "timer"}:
        assert expected.state is not None  # the oracle can always tell
        timer = expected.timer if "timer" in differing else None
        yield ExpectState(ByProfile((("*", StateIs(expected.state, timer)),)))


def _differs_in_its_timer(one: Group) -> bool:
    return any(each.field == "timer" for each in one.divergence.differences)


def _expectations(predicted: Prediction, said: frozenset[str]) -> Iterator[Expect]:
    answers: list[Expected] = [_only(answer, said) for answer in predicted.answers()]
    for answer in answers or [NOTHING]:
        yield Expect(ByProfile((("*", answer),)))


def _only(answer: Answer, said: frozenset[str]) -> Answer:
    """What is not in question is left open."""
    return Answer(**{f.name: getattr(answer, f.name) for f in fields(answer) if f.name in said})


def _name(one: Group) -> str:
    """``linux-rst-kill-rst-ack-at-r-plus-1``: rule and segment."""
    zone = one.example.seq.replace("2^31", "half").replace("-", " minus ").replace("+", " plus ")
    words = f"{one.rule.id} {one.example.flags} at {zone}"
    return "-".join(re.findall("[a-z0-9]+", words.lower()))
