"""Commands in a lab network of their own (:mod:`tw_conformance.tests.wire.lab`)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from itertools import pairwise

from tw_conformance.notation.bundled import bundled_cases, case_files
from tw_conformance.tests.checkout import PYTHONPATH

SECONDS = 600
QUICK = ("--rate", "5000")
SHORT = ("--max-wait", "5")
"""What takes longer is left out; a wait costs a test its time, not its worker's."""
WITH_RFC1337 = """
nsenter -t "$LAB_DUT" -n sh -c 'echo 1 > /proc/sys/net/ipv4/tcp_rfc1337'
exec "$@"
"""
"""A script that runs its arguments where the DUT has that setting."""
WITHOUT_ECHO = """
nsenter -t "$LAB_DUT" -n sh -c 'cd /proc/sys/net
    echo 1 > ipv4/icmp_echo_ignore_all; echo 1 > ipv6/icmp/echo_ignore_all'
exec "$@"
"""
TESTERS = ("--tester-ip", "192.0.2.9", "--tester-ip", "2001:db8::9")


def in_lab(
    layout: str, *command: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What becomes of a command in that lab."""
    return subprocess.run(
        lab_command(layout, *command),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=lab_environment(environment),
        check=False,
    )


def lab_command(layout: str, *command: str) -> list[str]:
    return [sys.executable, "-m", "tw_conformance.tests.wire.lab", layout, *command]


def lab_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """A command is no worker of pytest-xdist, even where its test runs in one.

    In a lab everybody is root, whose temporary folder pytest would take (getpass.getuser()).
    """
    own = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    return {**own, "LOGNAME": f"lab-{os.getuid()}", "PYTHONPATH": PYTHONPATH, **(more or {})}


def suite(*arguments: str) -> list[str]:
    """The command ``tw-conformance`` with those arguments.  To ``run -k`` the files are named that
    may be meant, since most of a short run goes by in reading all the others."""
    named = files_of(arguments[arguments.index("-k") + 1]) if "-k" in arguments else []
    return [sys.executable, "-m", "tw_conformance", *arguments[:1], *named, *arguments[1:]]


@cache
def files_of(expression: str) -> list[str]:
    """The bundled case files in which some word stands that the expression wants; none where it
    only says what is not wanted."""
    tokens = expression.replace("(", " ").replace(")", " ").split()
    wanted = {word for before, word in pairwise(["", *tokens]) if before != "not"}
    words = wanted - {"and", "or", "not"}
    texts = {str(file): file.read_text() for file in case_files([str(bundled_cases())])}
    return [file for file, text in texts.items() if any(word in file + text for word in words)]


def in_one_line(said: str) -> str:
    """What a command says, however wide it takes the terminal to be."""
    return " ".join(said.split())
