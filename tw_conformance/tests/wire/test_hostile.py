"""However ill a DUT wishes the tester, it ends in verdicts or a sentence, soon and in bounds."""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys

import pytest

from tw_conformance.tests.wire.hostile import WAYS
from tw_conformance.tests.wire.in_lab import QUICK, lab_environment, suite

pytestmark = [
    pytest.mark.usefixtures("world_or_skip"),
    pytest.mark.skipif(
        not os.access("/dev/net/tun", os.R_OK | os.W_OK),
        reason="this user may not open /dev/net/tun",
    ),
]

HOSTILE = f"{shlex.quote(sys.executable)} -m tw_conformance.tests.wire.hostile"
SECONDS = 100
MOST_MEMORY = 512 << 20
"""Octets of address space that a run may have: endless answers, if kept, would need more."""


def limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("command", ["run", "doctor"])
def test_it_ends_in_verdicts_or_a_sentence(command: str, way: str) -> None:
    target = f"cmd:{HOSTILE} {way} {{ifname}}"
    chosen = ("--target", target, "-k", "rst-fields") if command == "run" else (target,)
    done = subprocess.run(
        suite(command, *chosen, "--profile", "linux-6.18", *QUICK),
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
    assert done.returncode in (0, 1, 3, 4), said
