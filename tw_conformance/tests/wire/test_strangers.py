"""Stacks that know nothing of the suite and answer as no documented one does: verdicts hold.

They are built from Debian's packages, by what stands at the head of each (``ci/strangers``).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tw_conformance.cli.main import main
from tw_conformance.explore.identify.nearness import TOO_FAR
from tw_conformance.model.errors import ExitCode
from tw_conformance.tests.checkout import REPOSITORY
from tw_conformance.tests.wire.conftest import do_without
from tw_conformance.tests.wire.in_lab import QUICK, SECONDS, SHORT, lab_environment, suite

pytestmark = pytest.mark.usefixtures("world_or_skip", "tun_or_skip")

SOURCES = REPOSITORY / "ci" / "strangers"
GO_SOURCES = Path("/usr/share/gocode/src/gvisor.dev/gvisor")
LWIP_HEADERS = Path("/usr/include/lwip")
STRANGERS = ("lwip", "netstack")
TOO_BUSY = re.compile("too slow|too busy|late from a wait|was late")
"""Why a verdict may be missing on a machine that does much else."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs."""
    return tmp_path_factory.mktemp("strangers")


def stranger(name: str, built: Path) -> str:
    """The target that a stranger is; built where it is not yet."""
    program = built / name
    if not program.exists():
        {"lwip": build_lwip, "netstack": build_netstack}[name](program)
    return f"cmd:{program} {{ifname}}"


def build_lwip(program: Path) -> None:
    if shutil.which("cc") is None or not LWIP_HEADERS.is_dir():
        do_without("lwIP can't be built here: apt install gcc libc6-dev liblwip-dev")
    flags = ("-Wall", "-Wextra", "-Werror", f"-I{LWIP_HEADERS}")
    build("cc", *flags, str(SOURCES / "lwip.c"), "-o", str(program), "-llwip")


def build_netstack(program: Path) -> None:
    if shutil.which("go") is None or not GO_SOURCES.is_dir():
        do_without("netstack can't be built here: apt install golang-go golang-gvisor-gvisor-dev")
    build("go", "build", "-o", str(program), str(SOURCES / "netstack.go"))


def build(*command: str) -> None:
    environment = {**os.environ, "GOPATH": "/usr/share/gocode", "GO111MODULE": "off"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        suite(*arguments, *QUICK),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=lab_environment(),
        check=False,
    )


def verdicts(target: str, results: Path) -> dict[str, str]:
    """What a run comes to, by case; without those for which this machine was too busy."""
    # Which family it is, no stack's TCP knows: one will do.
    chosen = ("--profile", "rfc9293", "-k", "ipv4", *SHORT, "--results", str(results))
    done = run("run", "--target", target, *chosen)
    assert done.returncode == 1, done.stdout
    played = json.loads(results.read_text())["results"]
    undecided = {each["id"]: each["reason"] for each in played if each["verdict"] == "INCONCLUSIVE"}
    assert [reason for reason in undecided.values() if not TOO_BUSY.search(reason)] == []
    return {each["id"]: each["verdict"] for each in played if each["id"] not in undecided}


@pytest.mark.parametrize("name", STRANGERS)
def test_equal_runs_give_equal_verdicts_and_all_cases_are_decided(
    name: str, built: Path, tmp_path: Path
) -> None:
    target = stranger(name, built)
    first = verdicts(target, tmp_path / "1.json")
    with ThreadPoolExecutor() as beside:  # two DUTs, each on a device of its own
        files = (tmp_path / "2.json", tmp_path / "3.json")
        others = list(beside.map(lambda file: verdicts(target, file), files))
    assert "FAIL" in first.values()
    for again in others:
        assert {case: first[case] for case in again if case in first} == {
            case: again[case] for case in first if case in again
        }


def test_what_a_stack_does_not_know_is_left_out_by_name(built: Path) -> None:
    """lwIP as Debian builds it knows no timestamps."""
    target = stranger("lwip", built)
    selected = ("-k", "ack-timestamps or ack-fields", *SHORT)
    done = run("run", "--target", target, "--profile", "rfc9293", *selected)
    assert "needs timestamps, which the DUT does not take up" in done.stdout


def test_a_sweep_names_the_rule_that_a_stranger_does_not_follow(
    built: Path, tmp_path: Path
) -> None:
    """lwIP resets a SYN at RCV.NXT, since it knows no RFC 5961, and stays in TIME-WAIT, against RFC
    793: where the look at its settings was disturbed the challenge is missed.  Among them are
    segments of 1,400 octets, which broke its heap in the driver of its package."""
    target = stranger("lwip", built)
    found = tmp_path / "sweep.json"
    part = ("--strength", "near", "--only", "family=ipv4 flags=SYN seq=R length=straddling,0")
    run("sweep", "--target", target, "--profile", "rfc9293", *part, "--json", str(found))
    swept = json.loads(found.read_text())
    assert swept["divergences"] or swept["undecided"]
    rules = {each["rule"] for each in swept["divergences"]}
    assert rules <= {"rfc9293.syn-error", "rfc9293.syn-challenge"}


def test_the_doctor_knows_a_stack_that_may_answer_echoes_first(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["doctor", stranger("netstack", built), *QUICK])
    said = capsys.readouterr().out
    assert "✓ TIME-WAIT" in said, said
    assert re.search(r"\? profile +none of the documented stacks; the nearest", said)


def test_a_stranger_is_identified_as_none_of_the_documented_stacks(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the options that it has, and with the rules named that the nearest has and it has not."""
    code = main(["identify", "--target", stranger("lwip", built), "--json", *QUICK])
    found = json.loads(capsys.readouterr().out)
    assert code == ExitCode.DEVIATES
    assert found["none_of_these"] is True
    assert found["settings"]["timestamps"] == 0
    assert found["nearest"][0]["distance"] > TOO_FAR
    assert found["nearest"][0]["not_followed"]
