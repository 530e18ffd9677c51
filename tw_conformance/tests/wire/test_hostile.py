"""However ill a DUT wishes the tester, it ends in verdicts or a sentence, soon and in bounds."""

from __future__ import annotations

import re
import resource
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tw_conformance.model.errors import ExitCode
from tw_conformance.tests.wire.hostile import WAYS
from tw_conformance.tests.wire.in_lab import QUICK, lab_environment, suite

pytestmark = pytest.mark.usefixtures("world_or_skip", "tun_or_skip")

IDLE = {"deaf", "mute", "numb", "lies"}
"""The ways that leave the tester waiting: nothing is said, or nothing that may be meant."""
HELD_TO = ("--profile", "linux-6.18")
SECONDS = 600
"""None of a run's business: for one that would never end."""
MOST_MEMORY = 512 << 20
"""Octets of address space that a run may have: endless answers, if kept, would need more."""


def hostile(way: str) -> str:
    return (
        f"cmd:{shlex.quote(sys.executable)} -m tw_conformance.tests.wire.hostile {way} {{ifname}}"
    )


def limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


@pytest.mark.parametrize("way", sorted(WAYS.keys() - IDLE))
def test_a_run_ends_in_verdicts_or_a_sentence(way: str) -> None:
    play(way)


def test_runs_that_wait_do_too() -> None:
    """All at once, since they do little but wait."""
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(judge, suite("identify", "--target", hostile("mute"), *HELD_TO, *QUICK))
        list(pool.map(play, sorted(IDLE)))
        assert (
            "192.0.2.1 answers no echo request (ICMP) and resets no ACK of no connection at its"
            " listener, so no silence can be proven" in asked.result()
        )


def play(way: str) -> None:
    said = judge(suite("run", "--target", hostile(way), "-k", "ack-fields", *HELD_TO, *QUICK))
    assert re.search("floods the tester|inconclusive|service is gone|no silence can", said)


@pytest.mark.parametrize("way", ["garbage", "endless"])
def test_the_doctor_ends_too(way: str) -> None:
    judge(suite("doctor", hostile(way), *HELD_TO, *QUICK))


def judge(command: list[str]) -> str:
    """What a command said that ended as it should."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=lab_environment(),
        preexec_fn=limit_memory,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert "MemoryError" not in said
    assert done.returncode in (0, ExitCode.TARGET, ExitCode.INCONCLUSIVE), said
    return said
