"""Userspace stacks on a TAP: the reference as anybody's stack, which knows nothing of the suite."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest

from tw_conformance.tests.wire.in_lab import QUICK, SECONDS, SHORT, in_lab, lab_environment, suite

pytestmark = pytest.mark.usefixtures("world_or_skip", "tun_or_skip")

STACK = f"{shlex.quote(sys.executable)} -m tw_reference --tap {{ifname}} --profile "

ON_A_TAP_THAT_IS_THERE = """
import shlex, subprocess, sys
stack, *suite = sys.argv[1:]
subprocess.run(["ip", "tuntap", "add", "mode", "tap", "name", "stack0"], check=True)
subprocess.run(["ip", "link", "set", "stack0", "up"], check=True)
with subprocess.Popen(shlex.split(stack), stdout=subprocess.PIPE, text=True) as served:
    served.stdout.readline()
    code = subprocess.run(suite).returncode
    served.terminate()
sys.exit(code)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        suite(*arguments),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=lab_environment(),
        check=False,
    )


@pytest.mark.parametrize("profile", ["freebsd-10", "freebsd-15", "linux-6.18", "rfc9293"])
def test_a_command_conforms_to_the_profile_that_it_plays(profile: str) -> None:
    done = run(
        *("run", "--target", f"cmd:{STACK}{profile}", "--profile", profile, *QUICK, *SHORT),
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.mark.parametrize(("address", "other"), [("192.0.2.1", "IPv6"), ("2001:db8::1", "IPv4")])
def test_a_stack_of_one_family_is_tested_in_that(address: str, other: str) -> None:
    stack = f"cmd:{STACK}freebsd-10 --address {address}"
    selected = ("-k", "ack-fields", *QUICK, *SHORT)
    done = run("run", "--target", stack, "--profile", "freebsd-10", *selected)
    assert done.returncode == 0, done.stdout
    assert f"6 cases were not played on this target: needs an {other} address" in done.stdout
    named = ("--dut-ip", "192.0.2.1", "--dut-ip", "2001:db8::1")
    done = run("run", "--target", stack, "--profile", "freebsd-10", *selected, *named)
    assert done.returncode == 3, done.stdout
    assert "does not answer on this link" in done.stderr


def test_a_command_does_not_conform_to_another() -> None:
    """Without a state to be read: an RST at RCV.NXT, then a duplicate FIN."""
    done = run(
        "run",
        "--target",
        f"cmd:{STACK}freebsd-10",
        "--profile",
        "linux",
        "-k",
        "rst",
        *QUICK,
        *SHORT,
    )
    assert done.returncode == 1, done.stdout


def test_a_command_that_ends_is_quoted() -> None:
    done = run(
        "run",
        "--target",
        "cmd:sh -c 'echo no device {ifname} >&2; exit 3'",
        *("--profile", "linux"),
    )
    assert done.returncode == 3
    assert (
        "ended with status 3, and its last words are: no device tap0" in done.stdout + done.stderr
    )


def test_a_command_that_ends_later_is_quoted_by_what_is_played_then() -> None:
    """The pipe that its trace goes into is closed after as many decisions, some four times those of
    the first look: it dies of the next."""
    traced = f"{STACK}linux-6.18 --trace 2>&- | head -n 2000 >/dev/null"
    dies = f"cmd:sh -c '{traced}; echo it broke >&2; exit 3'"
    selected = ("-k", "(ack or fields) and not timer and not life", "--rate", "2000")
    done = run("run", "--target", dies, "--profile", "linux", *selected)
    assert done.returncode == 3, done.stdout
    assert "the stack ended with status 3, and its last words are: it broke" in done.stdout


def test_a_command_that_is_none_is_quoted() -> None:
    done = run("run", "--target", "cmd:./no-such-stack {ifname}", "--profile", "linux")
    assert done.returncode == 3
    assert "./no-such-stack can't be run" in done.stdout + done.stderr


def test_a_stack_that_runs_already() -> None:
    stack = f"{STACK}freebsd-13 --address 203.0.113.1".format(ifname="stack0")
    dut = ("--target", "tap:stack0", "--profile", "freebsd-13", "--dut-ip", "203.0.113.1")
    tested = suite("run", *dut, "--tester-ip", "203.0.113.9", "-k", "fields", *QUICK)
    done = in_lab("link", sys.executable, "-c", ON_A_TAP_THAT_IS_THERE, stack, *tested)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_tap_that_is_not_there_is_said() -> None:
    done = in_lab("link", *suite("run", "--target", "tap:stack9", "--profile", "linux"))
    assert done.returncode == 3
    assert "the interface stack9 can't be had" in done.stdout + done.stderr
