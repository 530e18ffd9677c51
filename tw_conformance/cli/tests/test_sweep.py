"""The command: what it prints and writes, and that its cases fail for the reason they tell."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from argparse import Namespace
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tw_conformance.cli import sweep as sweep_command
from tw_conformance.cli.main import main
from tw_conformance.explore.sweep.case_subject import CaseSubject
from tw_conformance.model.case import Case
from tw_conformance.model.errors import ExitCode, TargetGone
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.notation.load import load_file
from tw_conformance.play.acquaint import acquaint
from tw_conformance.play.player import play
from tw_conformance.play.tests.opaque import Opaque
from tw_conformance.targets.in_process import InProcessLink, InProcessTarget, Played
from tw_conformance.targets.target import Target
from tw_reference.profiles import PROFILES

T = TypeVar("T")
PLAINEST = "bits=none family=ipv4 socket=closed scaling=off ecn=off"
SMALL = f"flags=RST,SYN,SYN|ACK,ACK,FIN|ACK ack=-,S {PLAINEST}"


def sweep(*arguments: str) -> int:
    return main(["sweep", *arguments])


def test_a_profile_does_not_differ_from_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep("--profile", "rfc9293", "--only", SMALL) == ExitCode.CONFORMS
    assert "0 diverge in 0 ways; 0 undecided" in capsys.readouterr().out


def test_what_tells_two_profiles_apart_is_said_in_one_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ("--profile", "freebsd-10", "--against", "freebsd-15", "--strength", "full")
    only = f"{PLAINEST} listener=yes length=0 timestamps=off,newer"
    assert sweep(*arguments, "--only", only) == ExitCode.DEVIATES
    said = capsys.readouterr().out
    assert "1. 480 classes: SYN and ACK set, RST clear, SEG.SEQ R+1 to R+2^31-1" in said
    assert "freebsd-10 -> RST, CLOSED; freebsd-15 -> ACK, TIME-WAIT" in said
    assert "rule freebsd.syn-reopen" in said


def test_json_has_every_divergence_and_the_same_text_for_the_same_seed(tmp_path: Path) -> None:
    arguments = ("--profile", "freebsd-13", "--against", "linux-6.18", "--only", SMALL)
    files = [tmp_path / "first.json", tmp_path / "second.json"]
    for file in files:
        sweep(*arguments, "--seed", "5", "--json", str(file))
    first, second = (json.loads(file.read_text()) for file in files)
    first.pop("seconds")
    second.pop("seconds")
    assert first == second
    diverging = {
        json.dumps(each) for finding in first["divergences"] for each in finding["classes"]
    }
    assert first["walked"] == first["conforming"] + len(diverging)
    causes = [(each["rule"], each["oracle"], each["target"]) for each in first["divergences"]]
    assert len(causes) == len(set(causes)) <= 17
    assert all(finding["rule"].startswith("freebsd.") for finding in first["divergences"])


@pytest.mark.parametrize(
    ("expected", "seen"),
    [("freebsd-10", "linux-6.18"), ("freebsd-15", "linux-6.1"), ("rfc9293", "linux-6.1")],
)
def test_a_saved_case_fails_on_the_other_stack_for_the_same_reason(
    expected: str, seen: str, tmp_path: Path
) -> None:
    cases, report = tmp_path / "cases", tmp_path / "report.json"
    arguments = ("--profile", expected, "--against", seen, "--only", SMALL, "--strength", "full")
    sweep(*arguments, "--save", str(cases), "--json", str(report))
    assert main(["check", str(cases)]) == ExitCode.CONFORMS
    findings = json.loads(report.read_text())["divergences"]
    saved = [case for file in cases.iterdir() for case in load_file(file)]
    assert len(saved) == len(findings) > 0
    for case in saved:
        alike = [each for each in findings if case.title.endswith(f"({each['where'][0]})")]
        assert _played(case, expected, held_to=expected).verdict is Verdict.PASS
        outcome = _played(case, seen, held_to=expected)
        assert outcome.verdict is Verdict.FAIL, case.title
        fields = {each["differences"][0]["field"] for each in alike}
        assert outcome.mismatches[0].field in fields


class Looped(InProcessTarget):
    """Played on an event loop, as a target on a wire is."""

    def start(self, play: Coroutine[object, object, T]) -> Played[T]:
        return Played(_given(asyncio.run(play)))


async def _given(value: T) -> T:
    return value


class Going(Looped):
    """Gone after so many connections."""

    connections = 30

    async def open(self, case: Case) -> InProcessLink:
        self.connections -= 1
        return (InProcessLink if self.connections > 0 else Gone).open(self, case)


class Gone(InProcessLink):
    """Nothing comes of a segment any more."""

    def capture_losses(self) -> int:
        raise TargetGone("the link is gone")


def test_what_was_found_before_a_target_went_is_said_and_gone_on_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = [Going(PROFILES["linux-6.18"]), Looped(PROFILES["linux-6.18"])]
    monkeypatch.setattr(sweep_command, "open_named", lambda arguments, profile: targets.pop(0))
    monkeypatch.setattr(CaseSubject, "batch", 8)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    only = f"flags=RST,SYN,ACK seq=R,R+1 ack=-,S length=0,1 timestamps=off {PLAINEST}"
    words = ("--target", "netns", "--profile", "freebsd-15", "--only", only, "--strength", "full")
    assert sweep(*words) == ExitCode.DEVIATES
    printed = capsys.readouterr()
    assert "rule freebsd.rst-drop" in printed.out
    assert "left out: socket=held socket=unread" not in printed.out
    assert "the link is gone" in printed.err
    assert "under way: flags=" in printed.err
    (journal,) = tmp_path.iterdir()
    assert f"classes; go on with --resume {journal}" in printed.err
    _, _, after = printed.err.partition("  after ")
    done, _, _ = after.partition(" ")
    assert sweep(*words, "--resume", str(journal)) == ExitCode.DEVIATES
    printed = capsys.readouterr()
    assert "under way" not in printed.err
    assert f"; {done} of them are known from {journal}\n" in printed.out
    assert "72 classes in" in printed.out
    assert list(tmp_path.iterdir()) == [journal]


def test_what_ends_after_the_interrupt_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """As on a target, whose thread goes on with a batch until the target is closed."""
    opened = sweep_command._field

    @contextmanager
    def closed_late(*about: Any) -> Iterator[Any]:
        walks = []

        def run(walk: Coroutine[object, object, None]) -> None:
            walks.append(walk)
            raise KeyboardInterrupt

        with opened(*about) as field:
            yield replace(field, run=run)
        asyncio.run(walks.pop())

    monkeypatch.setattr(sweep_command, "_field", closed_late)
    journal = tmp_path / "journal"
    words = ("--profile", "rfc9293", "--only", f"flags=RST seq=R {PLAINEST}")
    assert sweep(*words, "--resume", str(journal)) == ExitCode.INTERRUPTED
    said = capsys.readouterr().err
    monkeypatch.undo()
    assert sweep(*words, "--resume", str(journal)) == ExitCode.CONFORMS
    _, _, after = said.partition("  after ")
    done, total = re.findall(r"\d+", after)[:2]
    assert done == total != "0"
    assert f"{done} classes on " in (again := capsys.readouterr().out)
    assert f"; {done} of them are known from {journal}\n" in again


def test_where_nothing_is_left_it_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Bare(Looped):
        def lacks(self, case: Case) -> str | None:
            return "needs timestamps" if case.reach.timestamps else None

    bare = Bare(PROFILES["linux-6.18"])
    monkeypatch.setattr(sweep_command, "open_named", lambda arguments, profile: bare)
    words = ("--target", "netns", "--only", f"flags=RST seq=R timestamps=newer {PLAINEST}")
    assert sweep(*words) == ExitCode.NOTHING
    printed = capsys.readouterr()
    assert "left out: part of the rest: needs timestamps" in printed.out
    assert "nothing is left to be walked" in printed.err


class OfFewOptions(Opaque):
    """It takes up no timestamps, and honours RFC 1337."""

    def __init__(self) -> None:
        standard = PROFILES["rfc9293"]
        kept = replace(standard.settings["rfc1337"], default=1)
        super().__init__(replace(standard, settings={**standard.settings, "rfc1337": kept}))
        self.settings = {"timestamps": 0}

    def start(self, play: Coroutine[object, object, T]) -> Played[T]:
        return Played(_given(asyncio.run(play)))

    def lacks(self, case: Case) -> str | None:
        return "needs timestamps" if case.reach.timestamps else super().lacks(case)


def test_a_stranger_is_compared_with_the_standard_under_its_own_switches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def opened(arguments: Namespace, profile: str) -> Target:
        target = OfFewOptions()
        acquaint(target)
        return target

    monkeypatch.setattr(sweep_command, "open_named", opened)
    only = "flags=RST,SYN seq=R,R+1 length=0 family=ipv4 way=FIN-WAIT-2"
    words = ("--target", "tap:", "--profile", "rfc9293", "--only", only, "--strength", "full")
    assert sweep(*words) == ExitCode.CONFORMS
    printed = capsys.readouterr().out
    assert "rfc1337=1 (rfc9293: 0)" in printed
    assert "left out: timestamps=absent,older,same,newer,half: needs timestamps" in printed


def test_settings_reach_both_sides(capsys: pytest.CaptureFixture[str]) -> None:
    only = ("--only", f"flags=RST seq=R {PLAINEST}", "--strength", "full")
    profiles = ("--profile", "linux-6.18", "--against", "linux-6.1")
    assert sweep(*profiles, *only, "--set", "rfc1337=1") == ExitCode.CONFORMS


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / "sweep.png"
    arguments = ("--profile", "freebsd-10", "--against", "linux-6.18", "--only", SMALL)
    sweep(*arguments, "--picture", str(file))
    assert file.read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_picture_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    file = str(tmp_path / "sweep.png")
    code = sweep("--profile", "rfc9293", "--only", SMALL, "--picture", file)
    assert code == ExitCode.USAGE
    assert "tw-conformance[plot]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which stack? say --target netns, or --profile A --against B"),
        (
            ["--profile", "linux", "--strength", "1"],
            "a number from 2 is meant, near, rules, or full",
        ),
        (["--profile", "linux", "--from", "CLOSEWAIT"], "did you mean 'CLOSE-WAIT'?"),
        (["--profile", "linux", "--only", "seq=R+7"], "seq=R+7 means nothing"),
        (["--profile", "linux", "--set", "rfc1338=1"], "no setting 'rfc1338'"),
        (["--profile", "lunix"], "no profile 'lunix'; did you mean 'linux'?"),
        (["--target", "netns", "--against", "linux-6.1"], "leave one of them out"),
    ],
)
def test_what_can_not_be_done_is_said_in_one_sentence(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(*arguments) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1


def _played(case: Case, stack: str, held_to: str) -> Outcome:
    target = InProcessTarget(PROFILES[stack])
    target.profile = held_to
    return target.start(play(case, target)).result()
