"""Stacks that know nothing of the suite and answer as no documented one does: verdicts hold.

They are built from Debian's packages, by what stands at the head of each (``ci/strangers``).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tw_conformance.tests.checkout import REPOSITORY
from tw_conformance.tests.wire.conftest import do_without
from tw_conformance.tests.wire.in_lab import SECONDS, SHORT, lab_environment, suite

pytestmark = pytest.mark.usefixtures("world_or_skip", "tun_or_skip")

SOURCES = REPOSITORY / "ci" / "strangers"
GO_SOURCES = Path("/usr/share/gocode/src/gvisor.dev/gvisor")
LWIP_HEADERS = Path("/usr/include/lwip")
STRANGERS = ("lwip", "netstack")


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
        suite(*arguments, "--rate", "5000"),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=lab_environment(),
        check=False,
    )


def verdicts(target: str) -> tuple[frozenset[str], str]:
    """The names of the cases that fail, and the summary of a run."""
    done = run("run", "--target", target, "--profile", "rfc9293", *SHORT)
    assert done.returncode == 1, done.stdout
    summary = done.stdout.rstrip().splitlines()[-1]
    return frozenset(re.findall(r"^FAILED (\S+)", done.stdout, re.MULTILINE)), summary


@pytest.mark.parametrize("name", STRANGERS)
def test_equal_runs_give_equal_verdicts_and_all_cases_are_decided(name: str, built: Path) -> None:
    target = stranger(name, built)
    first, summary = verdicts(target)
    assert first
    assert "inconclusive" not in summary
    for _ in range(2):
        again, summary = verdicts(target)
        assert "inconclusive" not in summary
        assert again == first


def test_what_a_stack_does_not_know_is_left_out_by_name(built: Path) -> None:
    """lwIP as Debian builds it knows no timestamps."""
    target = stranger("lwip", built)
    selected = ("-k", "ack-timestamps or ack-fields", *SHORT)
    done = run("run", "--target", target, "--profile", "rfc9293", *selected)
    assert "needs timestamps, which the DUT does not take up" in done.stdout


def test_the_doctor_finds_the_time_wait_of_a_stack_that_may_answer_echoes_first(
    built: Path,
) -> None:
    done = run("doctor", stranger("netstack", built))
    assert "✓ TIME-WAIT" in done.stdout, done.stdout
