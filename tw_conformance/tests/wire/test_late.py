"""A DUT whose answers come behind those of the echo requests that were sent after them: no verdict
is wrong for that."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest

from tw_conformance.tests.wire.in_lab import QUICK, SECONDS, SHORT, lab_environment, suite
from tw_conformance.tests.wire.late import WAYS

pytestmark = pytest.mark.usefixtures("world_or_skip", "tun_or_skip")


def run(way: str, profile: str, held_to: str, *more: str) -> subprocess.CompletedProcess[str]:
    stack = f"{shlex.quote(sys.executable)} -m tw_conformance.tests.wire.late {way} {profile}"
    return subprocess.run(
        suite(
            "run",
            "--target",
            f"cmd:{stack} {{ifname}}",
            "--profile",
            held_to,
            *more,
            *QUICK,
            *SHORT,
        ),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=lab_environment(),
        check=False,
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_late_answer_is_waited_for(way: str) -> None:
    # The patient DUT sends nothing again, which these wait for.
    timed = "closing-sends-its-fin-again", "reopened-syn-ack-again", "duplicate-acks-counted-anew"
    selected = " and ".join(f"not {name}" for name in timed)
    done = run(way, "freebsd-10", "freebsd-10", "-k", selected)
    assert done.returncode == 0, done.stdout
    assert "answered behind the probe" in done.stdout


@pytest.mark.parametrize("way", WAYS)
def test_a_dut_that_deviates_fails_all_the_same(way: str) -> None:
    done = run(way, "freebsd-10", "linux-6.18", "-k", "rst")
    assert done.returncode == 1, done.stdout
    assert " inconclusive" not in done.stdout
