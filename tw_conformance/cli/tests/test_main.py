"""The command: what it prints, and the exit code that says what came of it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tw_conformance.cli.main import main
from tw_conformance.model.errors import ExitCode
from tw_conformance.tests.checkout import environment
from tw_conformance.tests.pretend import cases, pretend

GOOD = """\
case: rst
title: An RST beside the window leaves TIME-WAIT alone
cites: [RFC 1337 section 3]
steps:
  - send: {flags: RST, seq: rcv_nxt+1}
  - expect: nothing
"""
WRONG = GOOD.replace("case: rst", "case: wrong").replace("expect: nothing", "expect: ack")
FAULTY = GOOD.replace("flags: RST", "flags: RTS")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder, in which the command is run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(GOOD)
    return tmp_path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tw_conformance", *arguments]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=folder, env=environment(), capture_output=True, text=True
    )


def test_conforming_cases(folder: Path) -> None:
    result = run(folder, "run", ".", "--profile", "freebsd-10")
    assert result.returncode == ExitCode.CONFORMS, result.stdout
    assert "target reference: profile freebsd-10" in result.stdout
    assert "1 passed" in result.stdout
    assert result.stderr == ""


def test_a_release_is_held_to_the_profile_that_stands_for_it(folder: Path) -> None:
    line = "freebsd-14.3 is held to freebsd-14: its version\n"
    played = run(folder, "run", ".", "--profile", "freebsd-14.3")
    assert played.stdout.count(line) == 1
    assert played.stderr == ""
    printed = run(folder, "rules", "freebsd-14.3", "--list", "TIME-WAIT")
    assert printed.stderr == line
    assert printed.stdout.startswith("freebsd-14\n")


def test_a_deviation(folder: Path) -> None:
    (folder / "wrong.yml").write_text(WRONG)
    result = run(folder, "run", "wrong.yml", "--profile", "freebsd-10", "--junit", "junit.xml")
    assert result.returncode == ExitCode.DEVIATES, result.stdout
    assert "FAIL wrong on reference, held to freebsd-10" in result.stdout
    assert (folder / "junit.xml").exists()


def test_a_time_before_now_is_the_cases_fault(folder: Path) -> None:
    (folder / "early.yaml").write_text(GOOD + "  - wait: 1s-2msl\n")
    result = run(folder, "run", "early.yaml", "--profile", "freebsd-10")
    assert result.returncode == ExitCode.USAGE
    assert "early.yaml:7:5: 1s-2msl is -59 s, a time before now" in result.stdout
    assert "Traceback" not in result.stdout


def test_a_faulty_file_beside_a_good_one(folder: Path) -> None:
    (folder / "faulty.yaml").write_text(FAULTY)
    result = run(folder, "run", ".", "--profile", "freebsd-10", "-n", "2")
    assert result.returncode == ExitCode.USAGE, result.stdout
    assert "faulty.yaml:5:" in result.stdout
    assert "1 passed" in result.stdout


def test_a_folder_is_run_without_its_python(folder: Path) -> None:
    (folder / "conftest.py").write_text("raise RuntimeError")
    (folder / "test_own.py").write_text("raise RuntimeError")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option")
    assert run(folder, "run", ".", "--profile", "linux").returncode == ExitCode.CONFORMS


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_plugins_that_happen_to_be_installed_are_not_loaded(
    folder: Path, workers: tuple[str, ...]
) -> None:
    metadata = folder / "site" / "foreign-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[pytest11]\nforeign = no_such_module\n")
    others = {"PYTHONPATH": str(folder / "site"), "PYTEST_ADDOPTS": "--no-such-option"}
    result = subprocess.run(
        command("run", "good.yaml", "--profile", "linux", *workers),
        cwd=folder,
        env=environment(**others),
        capture_output=True,
        text=True,
    )
    assert result.returncode == ExitCode.CONFORMS, result.stdout + result.stderr


def test_ids_are_the_same_from_every_folder(folder: Path) -> None:
    (folder / "pyproject.toml").touch()
    deep = folder / "cases" / "deep"
    deep.mkdir(parents=True)
    (folder / "good.yaml").rename(deep / "good.yaml")
    for where, what in ((folder, "cases"), (deep, "../deep"), (deep.parent, "deep/good.yaml")):
        junit = folder / "junit.xml"
        run(where, "run", what, "--profile", "linux", "--junit", str(junit))
        (case,) = ElementTree.parse(junit).iter("testcase")
        assert case.attrib["classname"] == "cases.deep.good.yaml"
        assert case.attrib["name"] == "rst[linux-6.18]"


def test_ids_of_the_bundled_cases_are_those_of_a_checkout(folder: Path) -> None:
    junit = folder / "junit.xml"
    run(folder, "run", "-k", "fin-again and linux", "--profile", "linux", "--junit", str(junit))
    names = {case.attrib["classname"] for case in ElementTree.parse(junit).iter("testcase")}
    assert names
    assert all(name.startswith("cases.") for name in names)


def test_no_case_matches(folder: Path) -> None:
    result = run(folder, "run", ".", "-k", "nothing-like-it")
    assert result.returncode == ExitCode.NOTHING
    assert "no case was played: none matches -k 'nothing-like-it'" in result.stderr


def test_no_case_is_about_the_profile(folder: Path) -> None:
    (folder / "good.yaml").write_text(GOOD.replace("steps:", "profiles: [freebsd-*]\nsteps:"))
    result = run(folder, "run", ".", "--profile", "linux")
    assert result.returncode == ExitCode.NOTHING
    assert "1 case is about profiles other than those chosen" in result.stdout
    assert "none is about a profile that was chosen" in result.stderr


def test_options_of_pytest_are_passed_on(folder: Path) -> None:
    (folder / "wrong.yaml").write_text(WRONG + "---\n" + WRONG.replace("wrong", "also-wrong"))
    every = ("run", ".", "--profile", "linux", "-q")
    listed = run(folder, *every, "--collect-only")
    assert listed.returncode == ExitCode.CONFORMS
    assert "wrong.yaml::wrong[linux-6.18]" in listed.stdout.splitlines()
    assert "1 failed" in run(folder, *every, "-x").stdout
    result = run(folder, *every, "--lf", "--", "--maxfail=2", "--tb=no")
    assert result.returncode == ExitCode.DEVIATES
    assert "1 failed" in result.stdout
    assert "FAIL wrong on" not in result.stdout


@pytest.fixture
def kernel(folder: Path) -> Callable[[str], int]:
    """Runs cases of those names on a pretended kernel."""

    def run_on(*names: str, absent: str = "") -> int:
        (folder / "kernel.yaml").write_text(cases(*names, wait="1ms"))
        undo = pretend(folder / "closed", absent=absent)
        try:
            return main(["run", "kernel.yaml", "--target", "netns"])
        finally:
            undo()

    return run_on


def test_undecided_cases(kernel: Callable[..., int]) -> None:
    assert kernel("passes", "undecided") == ExitCode.INCONCLUSIVE


def test_a_failure_outweighs_an_undecided_case(kernel: Callable[..., int]) -> None:
    assert kernel("fails", "undecided") == ExitCode.DEVIATES


@pytest.mark.parametrize(
    ("setting", "target", "says"),
    [
        ("rfc1337", "192.0.2.1", "--set 'rfc1337': write NAME=NUMBER"),
        ("rfc137=1", "192.0.2.1", "no setting 'rfc137'; did you mean 'rfc1337'?"),
        ("rfc1337=1", "reference", "reference is none: its cases set what they need"),
    ],
)
def test_a_setting_that_no_dut_can_be_said_to_have(
    capsys: pytest.CaptureFixture[str], setting: str, target: str, says: str
) -> None:
    said = ["run", "--target", target, "--profile", "linux", "--set", setting]
    assert main(said) == ExitCode.USAGE
    assert says in capsys.readouterr().err


def test_a_target_that_is_not_there(
    kernel: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert kernel("passes", absent="no namespaces here; run as root") == ExitCode.TARGET
    assert "no namespaces here; run as root" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chek"], "unknown command 'chek'; did you mean 'check'?"),
        (["sweep", "--seeed=1"], "unrecognized arguments: --seeed=1; did you mean '--seed'?; see"),
        (["run", "nowhere"], "no such file or folder: nowhere"),
        (["run", "--target", "netn"], "did you mean 'netns'?"),
        (["run", "--profile", "freebds"], "did you mean 'freebsd'?"),
        (["show", "rts", "good.yaml"], "no case 'rts'; did you mean 'rst'?"),
        (["show", "rst", "good.yaml", "--profile", "linx"], "did you mean 'linux'?"),
        (["run", "--rate", "9"], "--rate is about a DUT on a link, and reference is none"),
        (["run", "--max-wait", "9"], "--max-wait is about real time, and reference has none"),
    ],
)
def test_a_wrong_word_is_answered_with_the_nearest(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(arguments) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_brackets_in_the_names_of_files_are_none_of_an_id(folder: Path) -> None:
    (folder / "a[x]").mkdir()
    (folder / "a[x]" / "b[y].yaml").write_text(GOOD)
    result = run(folder, "run", "a[x]/b[y].yaml", "--profile", "freebsd-10")
    assert result.returncode == ExitCode.CONFORMS, result.stdout
    assert "1 passed" in result.stdout


def test_check_counts_what_is_good(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "."]) == ExitCode.CONFORMS
    assert capsys.readouterr().out == "1 file, 1 case: no faults\n"


def test_check_prints_every_fault(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "faulty.yaml").write_text(FAULTY.replace("title:", "titel:"))
    assert main(["check", "."]) == ExitCode.USAGE
    faults = capsys.readouterr().out.splitlines()
    assert len(faults) >= 2
    assert all(fault.startswith("faulty.yaml:") for fault in faults)


def test_the_good_cases_of_a_faulty_file_are_listed_and_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "both.yaml").write_text(f"{GOOD}---\n{FAULTY}")
    assert main(["list", "both.yaml"]) == ExitCode.USAGE
    assert capsys.readouterr().out.startswith("rst  ")
    assert main(["show", "rst", "both.yaml"]) == ExitCode.CONFORMS
    assert main(["show", "wrong", "both.yaml"]) == ExitCode.USAGE
    assert "both.yaml:" in capsys.readouterr().err
    assert main(["run", "both.yaml", "--profile", "linux-6.18"]) == ExitCode.USAGE
    said = capsys.readouterr().out
    assert "1 passed, 1 error" in said


def test_list_prints_ids_and_titles(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "good.yaml"]) == ExitCode.CONFORMS
    assert capsys.readouterr().out == "rst  An RST beside the window leaves TIME-WAIT alone\n"


def test_show_prints_the_steps_of_each_profile(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by_profile = "expect:\n      freebsd-*: nothing\n      default: ack"
    (folder / "good.yaml").write_text(GOOD.replace("expect: nothing", by_profile))
    assert main(["show", "rst", "."]) == ExitCode.CONFORMS
    freebsd, linux = capsys.readouterr().out.split("\n\n")[1:3]
    assert freebsd.startswith("freebsd-10")
    assert "expect nothing" in freebsd
    assert linux.startswith("linux-")
    assert "expect ACK seq=snd_nxt ack=rcv_nxt" in linux


def test_a_reader_that_has_gone_gives_no_traceback(folder: Path) -> None:
    with subprocess.Popen(
        command("list", "good.yaml"),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["list", "good.yaml"],
        ["run", "good.yaml", "--profile", "linux", "--results", "results.json"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_full_disk_under_the_output_is_no_deviation(folder: Path, arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            command(*arguments),
            cwd=folder,
            env=environment(PYTHONUNBUFFERED=""),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    said = "tw-conformance: standard output can't be written: No space left on device\n"
    assert (result.stderr, result.returncode) == (said, ExitCode.USAGE)
    assert not (folder / "results.json").exists()


def test_a_disk_that_is_full_in_the_midst_is_no_deviation(folder: Path) -> None:
    lines = "".join(f"  - send: {{flags: RST, seq: rcv_nxt+{n}}}\n" for n in range(1, 9))
    failing = f"{lines}  - expect: ack\n"
    (folder / "good.yaml").write_text(GOOD.replace("  - expect: nothing\n", failing))
    script = (
        f"ulimit -f 1; exec {shlex.join(command('run', 'good.yaml', '--profile', 'linux'))} >out"
    )
    result = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment(), capture_output=True, text=True
    )
    assert result.returncode == ExitCode.USAGE


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("list good.yaml >&-", "tw-conformance: standard output is closed"),
        ("chek 2>/dev/full", ""),
    ],
)
def test_who_can_not_be_told_gets_the_exit_code(folder: Path, words: str, said: str) -> None:
    script = f"exec {shlex.quote(sys.executable)} -m tw_conformance {words}"
    result = subprocess.run(
        ["sh", "-c", script], cwd=folder, env=environment(), capture_output=True, text=True
    )
    assert result.returncode == ExitCode.USAGE
    assert result.stderr.startswith(said)
    assert result.stdout == ""


def test_an_interrupt_is_said_without_a_traceback(folder: Path) -> None:
    os.mkfifo(folder / "endless.yaml")  # blocks whoever reads it
    # A shell's background job ignores SIGINT, and so would its children: this test may be in one.
    with subprocess.Popen(
        ["env", "--default-signal=INT", *command("run", "--targets", "endless.yaml")],
        cwd=folder,
        env=environment(),
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        writer = os.open(folder / "endless.yaml", os.O_WRONLY)  # waits until it is being read
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b"tw-conformance: interrupted\n"
        os.close(writer)
    assert process.returncode == ExitCode.INTERRUPTED


def test_a_file_that_cannot_be_written_is_said_by_the_users_own_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for option in ("--html", "--junit"):
        assert main(["run", option, "/no/such/r"]) == ExitCode.USAGE
        assert f"{option} /no/such/r: there is no folder /no/such" in capsys.readouterr().err


def test_an_output_of_ascii_gets_a_failure_in_lines(folder: Path) -> None:
    (folder / "good.yaml").write_text(WRONG)
    result = subprocess.run(
        command("run", "good.yaml", "--profile", "freebsd-10"),
        cwd=folder,
        env=environment(PYTHONIOENCODING="ascii"),
        capture_output=True,
        text=True,
    )
    assert result.returncode == ExitCode.DEVIATES, result.stderr
    assert "\\n" not in result.stdout
    assert "\nFAIL wrong on reference, held to freebsd-10\n" in result.stdout
