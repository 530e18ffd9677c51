"""The findings of a sweep as cases, each of which fails on the target for the same reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tw_conformance.explore.sweep.case_field import script_of
from tw_conformance.explore.sweep.findings import Finding
from tw_conformance.explore.sweep.stimuli import Stimuli
from tw_conformance.explore.sweep.sweep import Divergence
from tw_conformance.model.case import NOTHING, ByProfile, Case, Expect, Expected, State, StateIs


def cases(
    found: Sequence[Finding],
    profile: str,
    settings: Mapping[str, int],
    stimuli: Stimuli,
) -> Iterator[Case]:
    """One case for each finding, which fails on the target for the same reason."""
    used: Counter[str] = Counter()
    for one in found:
        name = _name(one)
        used[name] += 1
        if used[name] > 1:
            name = f"{name}-{used[name]}"
        yield _case(one, name, profile, settings, stimuli)


def _case(
    one: Finding,
    name: str,
    profile: str,
    settings: Mapping[str, int],
    stimuli: Stimuli,
) -> Case:
    example, divergence = one.example, one.divergence
    script = script_of(example, stimuli, settings, age=divergence.timer is not None)
    state = StateIs(divergence.state, divergence.timer)
    return replace(
        script,
        name=name,
        title=f"{example.flags} at {example.seq}: {divergence.expected} ({one.where})",
        cites=one.rule.source,
        steps=(
            *script.steps,
            *_expectations(divergence),
            State(ByProfile((("*", state),))),
        ),
        profiles=(profile,),
    )


def _expectations(divergence: Divergence) -> Iterator[Expect]:
    fields = frozenset(each.field for each in divergence.differences)
    answers: list[Expected] = [answer.as_answer(fields) for answer in divergence.answers]
    for answer in answers or [NOTHING]:
        yield Expect(ByProfile((("*", answer),)))


def _name(one: Finding) -> str:
    """``linux-rst-kill-rst-ack-at-r-plus-1``: rule and segment."""
    zone = one.example.seq.replace("2^31", "half").replace("-", " minus ").replace("+", " plus ")
    words = f"{one.rule.id} {one.example.flags} at {zone}"
    return "-".join(re.findall("[a-z0-9]+", words.lower()))
