"""The command: what it prints and writes, and that its cases fail for the reason they tell."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tw_conformance.cli.main import main
from tw_conformance.model.case import Case
from tw_conformance.model.errors import ExitCode
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.notation.load import load_file
from tw_conformance.play.player import play
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES

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
    only = f"{PLAINEST} listener=yes length=0"
    assert sweep(*arguments, "--only", only) == ExitCode.DEVIATES
    said = capsys.readouterr().out
    assert "1. 1440 classes: SYN and ACK set, RST clear, SEG.SEQ R+1 to R+2^31-1" in said
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
    assert len(causes) == len(set(causes))
    assert all(finding["rule"].startswith("freebsd.") for finding in first["divergences"])


@pytest.mark.parametrize(
    ("expected", "seen"),
    [("freebsd-10", "linux-6.18"), ("linux-6.18", "freebsd-15"), ("rfc9293", "linux-6.1")],
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


def test_settings_reach_both_sides(capsys: pytest.CaptureFixture[str]) -> None:
    only = ("--only", "flags=RST seq=R", "--strength", "full")
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
        (["--profile", "linux", "--strength", "1"], "a number from 2 is meant, near, or full"),
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
