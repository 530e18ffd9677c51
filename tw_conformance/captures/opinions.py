"""What each documented stack does with a recorded case: whose case it is, and what the others would
have answered at each of its steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tw_conformance.model.case import Case, Expect
from tw_conformance.model.verdict import Outcome, Transcript, Verdict
from tw_conformance.notation.globs import globs_of
from tw_conformance.play import oracle
from tw_conformance.play.player import perform_once
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles.profile import Profile


class Opinion(NamedTuple):
    """``holds`` are the profiles that meet the whole case; ``beside`` are remarks on its steps, by
    their index: which profiles answer what, by which rule, where they differ."""

    holds: tuple[str, ...]
    beside: Mapping[int, Sequence[str]]


def opinion(case: Case, profiles: Sequence[Profile]) -> Opinion:
    """Have each profile play the case."""
    outcomes = {profile.name: _play(case, profile) for profile in profiles}
    holds = tuple(n for n, outcome in outcomes.items() if outcome.verdict is Verdict.PASS)
    beside: dict[int, Sequence[str]] = {}
    if len(holds) < len(outcomes):
        for index, step in enumerate(case.steps):
            if isinstance(step, Expect):
                beside[index] = list(_remarks(case, step, outcomes))
    return Opinion(holds, {index: said for index, said in beside.items() if said})


def _play(case: Case, profile: Profile) -> Outcome:
    target = InProcessTarget(profile)
    return target.start(perform_once(case, target)).result()


def _remarks(case: Case, step: Expect, played: Mapping[str, Outcome]) -> Iterator[str]:
    asked = Outcome(case, "reference", "", Verdict.FAIL, Transcript(), step=step)
    alike: dict[tuple[str, str], list[str]] = {}
    for told in oracle.explain(asked, {}):
        if told.profile in played:
            rule = "not ruled" if told.rule is None else told.rule.id
            alike.setdefault((told.answer, rule), []).append(told.profile)
    if len({answer for answer, _ in alike}) < 2:
        return
    for (answer, rule), names in alike.items():
        yield f"{' '.join(globs_of(names))}: {answer}   [{rule}]"
