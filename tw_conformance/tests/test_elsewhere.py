"""Nothing but what says so needs Linux (:mod:`tw_conformance.tests.elsewhere`)."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tw_conformance.tests.checkout import REPOSITORY
from tw_conformance.tests.wire.in_lab import lab_environment

PLATFORMS = pytest.mark.parametrize("platform", ["freebsd14", "darwin"])


def elsewhere(platform: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tw_conformance.tests.elsewhere", platform, *command],
        capture_output=True,
        text=True,
        env=lab_environment(),
        cwd=REPOSITORY,
        check=False,
    )


@PLATFORMS
def test_every_module_can_be_imported(platform: str) -> None:
    done = elsewhere(platform, "import")
    assert done.returncode == 0, done.stdout + done.stderr


@PLATFORMS
def test_cases_are_played_on_the_reference(platform: str) -> None:
    done = elsewhere(platform, "run", "cases/fin/fin.tw.yaml", "--target", "reference")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("run", "--target", "netns"), "the netns target needs Linux"),
        (("run", "--target", "uml"), "the uml target needs Linux"),
        (("run", "--profile", "linux", "--target", "cmd:./stack {ifname}"), "cmd: needs Linux"),
        (("serve", "--profile", "linux", "--tap", "tap0"), "serving needs Linux"),
        (("doctor", "192.0.2.1", "--tester-ip", "192.0.2.9"), "no route to 192.0.2.1"),
        (("doctor", "tap:tap7"), "the interface tap7 can't be had"),
    ],
)
def test_what_can_not_be_had_there_is_said(command: tuple[str, ...], says: str) -> None:
    done = elsewhere("freebsd14", *command)
    assert done.returncode in (2, 3), done.stdout + done.stderr
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
