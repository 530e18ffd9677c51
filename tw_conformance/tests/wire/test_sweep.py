"""The sweep of the running kernel."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import pytest

from tw_conformance.explore.sweep.alphabet import STATES, SegmentClass, Selection
from tw_conformance.explore.sweep.case_subject import CaseSubject
from tw_conformance.explore.sweep.cases import cases
from tw_conformance.explore.sweep.design import covering
from tw_conformance.explore.sweep.groups import groups
from tw_conformance.explore.sweep.lockstep import Lockstep, lockstep_on
from tw_conformance.explore.sweep.reference_stack import ReferenceStack
from tw_conformance.explore.sweep.representatives import Representatives, SegmentMaker
from tw_conformance.explore.sweep.walk import ClassResult, Subject, Walk
from tw_conformance.model.errors import ExitCode
from tw_conformance.model.verdict import Verdict
from tw_conformance.play.player import play
from tw_conformance.targets.bench import Bench
from tw_conformance.targets.loop_thread import LoopThread
from tw_conformance.targets.wire_target import WireTarget
from tw_conformance.tests.checkout import environment
from tw_reference.profiles import PROFILES

SEGMENTS = SegmentMaker(Representatives.drawn(1))
PLAINEST = "length=0 bits=none socket=closed scaling=off ecn=off"
RST_AND_SYN = f"flags=RST,SYN,FIN|ACK seq=R,R+1 {PLAINEST}"


def lockstep(target: WireTarget, settings: Mapping[str, int]) -> Lockstep:
    return lockstep_on(target, settings, SEGMENTS, seed=1)


def oracle(target: WireTarget, settings: Mapping[str, int] | None) -> ReferenceStack:
    return ReferenceStack(PROFILES[target.profile], settings or {}, SEGMENTS, seed=0)


def walked(
    target: WireTarget,
    subject: Subject,
    classes: Iterable[SegmentClass],
    settings: Mapping[str, int] | None = None,
) -> dict[SegmentClass, ClassResult]:
    """What a sweep finds, its oracle being the kernel's profile under those settings."""
    walk = Walk(
        subject,
        oracle(target, settings),
        seed=1,
        record=lambda found: None,
        tell=lambda progress: None,
    )
    target.start(walk.run(classes)).result()
    if isinstance(subject, Lockstep):
        target.start(subject.aclose()).result()
    return walk.results


@pytest.mark.parametrize("settings", [{}, {"rfc1337": 1}])
def test_the_kernel_does_in_time_wait_what_its_profile_says(
    target: WireTarget, settings: Mapping[str, int]
) -> None:
    classes = covering(Selection.of(""), 2, seed=1)
    assert {one.way for one in classes} == {"FIN-WAIT-2", "FIN-WAIT-1", "CLOSING"}
    results = walked(target, lockstep(target, settings), classes, settings)
    doubtful = {str(one): outcome for one, outcome in results.items() if outcome.doubtful}
    assert not doubtful
    assert len(results) == len(classes)


def test_a_kernel_that_does_something_else_is_found_out_and_its_case_fails(
    target: WireTarget,
) -> None:
    """The oracle is not told that rfc1337 is set."""
    classes = list(Selection.of(f"{RST_AND_SYN} family=ipv4 way=FIN-WAIT-2").product())
    results = walked(target, lockstep(target, {"rfc1337": 1}), classes)
    (found,) = groups(results, PROFILES[target.profile])
    assert found.where[0].startswith("RST set")
    assert "SEG.SEQ R, timestamps not older" in found.where[0]
    assert (found.result.expected, found.result.seen) == (
        "nothing, CLOSED",
        "nothing, TIME-WAIT",
    )
    for settings, verdict in (({}, Verdict.PASS), ({"rfc1337": 1}, Verdict.FAIL)):
        (case,) = cases([found], oracle(target, None), target.profile, settings, SEGMENTS)
        outcome = target.start(play(case, target)).result()
        assert outcome.verdict is verdict
    assert outcome.mismatches[0].field == "state"


@pytest.mark.parametrize("state", STATES)
def test_lockstep_brings_the_kernel_to_every_state(target: WireTarget, state: str) -> None:
    """Whatever it answers to an RST far outside the window, it stays where it was."""
    only = "flags=RST seq=right length=0 bits=none timestamps=off,newer"
    classes = list(Selection.of(only, [state]).product())
    results = walked(target, lockstep(target, {}), classes)
    assert set(results) == set(classes)
    assert {result.seen.split(", ")[1] for result in results.values()} == {state}


def test_the_player_finds_what_lockstep_finds(target: WireTarget) -> None:
    classes = list(Selection.of(f"{RST_AND_SYN} timestamps=newer way=CLOSING").product())
    by_player = walked(target, CaseSubject(target, {}, SEGMENTS), classes)
    assert by_player == walked(target, lockstep(target, {}), classes)
    assert not any(outcome.doubtful for outcome in by_player.values())


def test_states_are_read_in_bulk_as_one_by_one(loop: LoopThread, bench: Bench) -> None:
    async def ask() -> tuple[dict[str, object], dict[str, object]]:
        ask = partial(bench.agent.ask, local="192.0.2.1", local_port=7)
        many = await ask("states", peers=[("192.0.2.2", 9), ("192.0.2.3", 9)])
        return many, await ask("state", peer="192.0.2.2", peer_port=9)

    many, one = loop.start(ask()).result()
    assert many["rows"] == [list(one.values())] * 2


def test_an_interrupted_sweep_leaves_a_journal_and_is_gone_on_with(
    target: WireTarget, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    command = [sys.executable, "-m", "tw_conformance", "sweep", "--target", "netns"]
    command += ["--strength", "3", "--only", "socket=closed", "--resume", str(journal)]
    # A shell's background job ignores SIGINT, and so would its children: this test may be in one.
    interruptible = ["env", "--default-signal=INT", *command]
    with subprocess.Popen(
        interruptible,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while process.poll() is None and not (journal.exists() and len(_lines(journal)) > 2):
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=600)
    assert process.returncode == ExitCode.INTERRUPTED
    assert f"go on with --resume {journal}" in said
    before = _lines(journal)
    assert all(json.loads(line) for line in before)
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.CONFORMS, done.stderr
    assert _lines(journal)[: len(before)] == before


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines(keepends=True)
