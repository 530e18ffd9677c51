"""FreeBSD's patch of April 2014 (svn r264321) changes who waits for a scan, and nothing that a
segment is answered: what lets time pass plays the same where blocks are closed one at a time."""

from __future__ import annotations

from dataclasses import replace

from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Verdict
from tw_conformance.notation.bundled import bundled_cases, case_files
from tw_conformance.notation.load import load_file
from tw_conformance.play.player import play
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.clock import Clock
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile, Settings
from tw_reference.reaping import Expire, FifoScan, Reaper

STACK = "freebsd-10"


def patched(profile: Profile) -> Profile:
    def reaper(clock: Clock, expire: Expire, settings: Settings) -> Reaper:
        made = profile.reaper(clock, expire, settings)
        assert isinstance(made, FifoScan)
        made.again = lambda now: now
        return made

    return replace(profile, reaper=reaper)


def outlives_a_block(case: Case, target: InProcessTarget) -> bool:
    """Whether 2MSL pass in it."""
    waits = sum(wait.evaluate(target.time_variables) for wait in case.waits())
    return waits >= 2 * target.time_variables["msl"]


def test_cases_that_let_time_pass_play_the_same_on_the_patched_scan() -> None:
    target = InProcessTarget(patched(PROFILES[STACK]))
    files = [file for file in case_files([str(bundled_cases())]) if "2msl" in file.read_text()]
    every = (case for file in files for case in load_file(file))
    played = [case for case in every if case.applies_to(STACK) and target.lacks(case) is None]
    waiting = [case for case in played if outlives_a_block(case, target)]
    assert len(waiting) > 10
    outcomes = {case.id: target.start(play(case, target)).result() for case in waiting}
    assert {name for name, each in outcomes.items() if each.verdict is not Verdict.PASS} == set()
