"""A DUT through ssh: the agent comes with the connection and leaves nothing behind."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tw_conformance.notation.bundled import bundled_cases
from tw_conformance.tests.wire.conftest import do_without
from tw_conformance.tests.wire.in_lab import QUICK, TESTERS, WITH_RFC1337, in_lab, suite
from tw_conformance.tests.wire.test_calls import HEAD, WORDS

pytestmark = pytest.mark.usefixtures("world_or_skip")

DUT = ("--target", "ssh://root@192.0.2.20", "--dut-ip", "2001:db8::20", "--profile", "linux")

PLAYED = "rst-at-rcv-nxt or rfc1337 or no-block or orphan or bind-client or linger2-negative"

NSENTER = """\
#!/bin/sh
for command; do :; done
echo welcome to the lab
exec nsenter -t "$LAB_DUT" -n sh -c "$command"
"""
"""Stands for ssh where there is no sshd: runs the command, the last argument, on the DUT."""

SSH = """\
#!/bin/sh
exec {ssh} -F {folder}/config "$@"
"""

SSHD = """\
ListenAddress 0.0.0.0
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
StrictModes no
UsePAM no
PidFile none
"""

WITH_SSHD = """
unshare -m sh -c 'mount -t tmpfs none /run && mkdir /run/sshd &&
    exec nsenter -t "$LAB_DUT" -n $LAB_SSHD -D -e' & sshd=$!
"$@"; code=$?
kill $sshd; exit $code
"""
"""sshd wants a folder of its own, which is nobody else's business."""

CONFIG = """\
IdentityFile {folder}/user_key
UserKnownHostsFile /dev/null
StrictHostKeyChecking no
LogLevel ERROR
ConnectionAttempts 20
"""

BREAK = """
import os, signal, subprocess, sys, time
switch = ["nsenter", "-t", os.environ["LAB_DUT"], "-n", "cat", "/proc/sys/net/ipv4/tcp_rfc1337"]
def value():
    return subprocess.run(switch, capture_output=True, text=True).stdout.strip()
def until(wanted):
    deadline = time.monotonic() + 30
    while value() != wanted and time.monotonic() < deadline:
        pass
    return value()
print(value())
with subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
    print(until("1"))
    run.kill()
print(until("0"))
"""
"""Kills a run that holds a setting; prints what the DUT has before, within and after."""


@pytest.fixture
def pretended(tmp_path: Path) -> dict[str, str]:
    """An environment in which ssh is a way into the lab's DUT."""
    return _on_path(tmp_path, NSENTER)


@pytest.fixture
def real(tmp_path: Path) -> dict[str, str]:
    """An environment in which ssh knows the key of the lab's DUT; ``LAB_SSHD`` is what makes the
    DUT have one."""
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    ssh = shutil.which("ssh")
    if sshd is None or ssh is None:
        do_without("there is no sshd: install openssh-server")
    if os.geteuid() != 0:
        do_without("sshd needs root to change into a user")
    for key in ("host_key", "user_key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / key)], check=True
        )
    (tmp_path / "config").write_text(CONFIG.format(folder=tmp_path))
    (tmp_path / "sshd_config").write_text(SSHD.format(folder=tmp_path))
    environment = _on_path(tmp_path, SSH.format(ssh=ssh, folder=tmp_path))
    return {**environment, "LAB_AS_ROOT": "1", "LAB_SSHD": f"{sshd} -f {tmp_path}/sshd_config"}


def _on_path(folder: Path, script: str) -> dict[str, str]:
    programs = folder / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(script)
    (programs / "ssh").chmod(0o755)
    return {"PATH": f"{programs}:{os.environ['PATH']}"}


def test_states_calls_and_settings_are_the_duts(pretended: dict[str, str]) -> None:
    select = f"({PLAYED}) and not life and not outlives and not below-rfc1337"
    done = in_lab(
        "silent", *suite("run", "-k", select, *DUT, *TESTERS, *QUICK), environment=pretended
    )
    assert done.returncode == 0, done.stdout
    assert "not played" not in done.stdout


def test_one_worker_plays_all_that_shares_settings(pretended: dict[str, str]) -> None:
    select = "(rfc1337 or rst-at-rcv-nxt) and not below-rfc1337"
    done = in_lab(
        "silent",
        *suite("run", "-k", select, "-n", "2", *DUT, *TESTERS, *QUICK),
        environment=pretended,
    )
    assert done.returncode == 0, done.stdout
    assert "not played" not in done.stdout
    assert len(re.findall(r"gw\d: path to ", done.stdout)) == 1


TWO = """\
one:
  target: ssh://root@192.0.2.20
  profile: linux
  tester_ip: [192.0.2.9]
other:
  target: ssh://root@192.0.2.21
  profile: linux
  tester_ip: [192.0.2.9]
"""


def test_two_targets_of_a_file_are_played_by_two_workers(
    real: dict[str, str], tmp_path: Path
) -> None:
    """The lab's second DUT is the first by another address: no settings are changed here."""
    (tmp_path / "targets.yaml").write_text(TWO)
    named = ("--targets", str(tmp_path / "targets.yaml"))
    run = suite("run", "-k", "rst-at-rcv-nxt and ipv4", "-n", "2", *named, *QUICK)
    second = 'nsenter -t "$LAB_DUT" -n ip address add 192.0.2.21/24 dev lab0; '
    done = in_lab("silent", "sh", "-c", second + WITH_SSHD, "sh", *run, environment=real)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not played" not in done.stdout
    assert len(set(re.findall(r"(gw\d): path to ", done.stdout))) == 2


def test_a_dut_is_not_for_each_worker(pretended: dict[str, str]) -> None:
    run = [sys.executable, "-m", "pytest", "-p", "tw_conformance.plugin", "-p", "no:cacheprovider"]
    dut = ("--tw-target", "ssh://192.0.2.20", "--tw-profile", "linux")
    testers = ("--tw-tester-ip", "192.0.2.9", str(bundled_cases()))
    done = in_lab(
        "silent", *run, "-n", "2", "--dist", "each", *dut, *testers, environment=pretended
    )
    assert done.returncode == 4, done.stdout
    assert "under each other" in done.stdout + done.stderr


def test_settings_are_put_back_where_the_run_is_killed(pretended: dict[str, str]) -> None:
    run = suite("run", "-k", "rfc1337", *DUT, *TESTERS, "--rate", "5")
    done = in_lab("silent", sys.executable, "-c", BREAK, *run, environment=pretended)
    assert done.stdout.split() == ["0", "1", "0"]


def test_the_doctor_reads_the_settings(pretended: dict[str, str]) -> None:
    done = in_lab(
        "silent", *suite("doctor", "ssh://192.0.2.20", *TESTERS, *QUICK), environment=pretended
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rfc1337=0" in done.stdout


def test_a_setting_of_the_duts_own_is_named(pretended: dict[str, str]) -> None:
    """In the summary, where it differs from the profile; cases that it makes meaningless are left
    out, and all others played."""
    select = "(rst-at-rcv-nxt or ack-fields) and ipv4 and off"
    run = suite("run", "-k", select, *DUT, *TESTERS[:2], *QUICK)
    done = in_lab("silent", "sh", "-c", WITH_RFC1337, "sh", *run, environment=pretended)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "settings of ssh://root@192.0.2.20: differ: rfc1337=1 (linux-6.18: 0)" in done.stdout
    assert "expects what linux-6.18 does without the DUT's rfc1337=1" in done.stdout
    assert " passed" in done.stdout


def test_what_a_case_says_is_done_there(pretended: dict[str, str], tmp_path: Path) -> None:
    """Sends, receives, closes, binds: as on a kernel of our own."""
    for name, steps in WORDS.items():
        text = HEAD.replace("case: calls", f"case: {name}") + steps
        (tmp_path / f"{name}.tw.yaml").write_text(text)
    run = suite("run", *DUT, *TESTERS, *QUICK, str(tmp_path))
    done = in_lab("silent", *run, environment=pretended)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(WORDS)} passed" in done.stdout


def test_a_dut_without_python_says_so(tmp_path: Path) -> None:
    no_python = _on_path(tmp_path, "#!/bin/sh\necho 'sh: python3: not found' >&2\nexit 127\n")
    done = in_lab("silent", *suite("run", *DUT, *TESTERS), environment=no_python)
    assert done.returncode == 3
    assert "no agent through ssh: sh: python3: not found" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_through_a_real_ssh(real: dict[str, str]) -> None:
    run = suite("run", "-k", "rst-at-rcv-nxt or (rfc1337 and not reused)", *DUT, *TESTERS, *QUICK)
    done = in_lab("silent", "sh", "-c", WITH_SSHD, "sh", *run, environment=real)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not played" not in done.stdout
