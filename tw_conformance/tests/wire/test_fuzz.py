"""Random scripts on the running kernel."""

from __future__ import annotations

from pathlib import Path

from tw_conformance.explore.fuzz.hunt import Conformance, Hunt
from tw_conformance.explore.fuzz.strategies import Space
from tw_conformance.model.verdict import Verdict
from tw_conformance.notation.load import load_file
from tw_conformance.notation.write import save_case
from tw_conformance.play.player import play
from tw_conformance.targets.direct import DirectTarget
from tw_conformance.targets.wire_target import WireTarget
from tw_reference.profiles import PROFILES


def hunt(target: WireTarget, profile: str, space: Space, examples: int) -> Hunt:
    return Hunt(Conformance(target, DirectTarget(PROFILES[profile])), space, examples, seed=1)


def test_the_kernel_does_what_its_profile_says(target: WireTarget) -> None:
    search = hunt(target, target.profile, Space(time_variables=(target.time_variables,)), 90)
    assert list(search.counterexamples()) == []
    assert search.unresolved() == []


def test_held_to_another_profile_it_fails_the_case_that_is_saved(
    target: WireTarget, tmp_path: Path
) -> None:
    found = next(hunt(target, "freebsd-10", Space(most_steps=1), 40).counterexamples())
    (case,) = load_file(save_case(found.case, tmp_path))
    assert target.start(play(case, target)).result().verdict is Verdict.FAIL
