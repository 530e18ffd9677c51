"""The divergences of a sweep as cases, each of which fails on the target for the same reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace

from tw_conformance.explore.sweep.case_subject import script_of
from tw_conformance.explore.sweep.groups import Group
from tw_conformance.explore.sweep.reaction import Prediction
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
        script = script_of(
            one.example, segments, settings, age=predicted.reaction.timer is not None
        )
        yield _case(one, name, profile, predicted, script)


def _case(one: Group, name: str, profile: str, predicted: Prediction, script: Case) -> Case:
    expected = predicted.reaction
    assert expected.state is not None  # the oracle can always tell
    state = StateIs(expected.state, expected.timer)
    said = _ALWAYS_SAID | {each.field for each in one.divergence.differences}
    return replace(
        script,
        name=name,
        title=f"{one.example.flags} at {one.example.seq}: {one.result.expected} ({one.where[0]})",
        cites=one.rule.source,
        steps=(
            *script.steps,
            *_expectations(predicted, said),
            ExpectState(ByProfile((("*", state),))),
        ),
        profiles=(profile,),
    )


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
