"""Worlds: nobody sees them, and nothing is left of them."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tw_conformance
import tw_reference
from tw_conformance.dut import agent
from tw_conformance.targets.kernel.world import World
from tw_conformance.tests.checkout import environment
from tw_conformance.tests.wire.conftest import do_without

CPU = min(os.sched_getaffinity(0))
RFC1337 = "net.ipv4.tcp_rfc1337"
PACKAGES = (Path(tw_conformance.__file__).parent, Path(tw_reference.__file__).parent)
SECONDS_TO_END = 10.0
NOBODY = 65534

pytestmark = pytest.mark.usefixtures("world_or_skip")

HOLD_A_WORLD = f"""
from tw_conformance.targets.kernel.world import World
world = World.start({CPU})
print(world.process.pid, flush=True)
input()
"""

COMPARE_READINGS = """
import ctypes, json, os, socket, sys, time
pid, folder, address, port = sys.argv[1:]
for kind in ("user", "net"):  # where the world has no user namespace, the first one refuses
    ctypes.CDLL(None).setns(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY), 0)
sys.path.insert(0, folder)
import agent
with socket.create_connection((address, int(port))) as peer:
    assert peer.recv(1) == b"", "the DUT closes first"
    seen = agent.FourTuple(*peer.getpeername()[:2], *peer.getsockname()[:2])
    diag, proc = agent.SockDiag(0.01), agent.ProcTable(0.01)
    deadline = time.monotonic() + 30.0
    while diag.find(seen).state == "FIN-WAIT-1" and time.monotonic() < deadline:
        pass  # until the peer's ACK is in
    print(json.dumps([diag.find(seen), proc.find(seen)]))
"""

TRY_A_WORLD = f"""
import os
from tw_conformance.model.errors import TargetError
from tw_conformance.targets.kernel.world import World
try:
    World.start({CPU}).close()
    print(f"a world of user {{os.getuid()}}'s own")
except TargetError as error:
    print(error)
"""


@pytest.fixture
def world() -> Iterator[World]:
    opened = World.start(CPU)
    yield opened
    opened.close()


def ask(world: World, verb: str, **arguments: str | int) -> dict[str, Any]:
    world.agent.sendall(json.dumps({"id": 1, "verb": verb, **arguments}).encode() + b"\n")
    reply: dict[str, Any] = json.loads(world.agent.makefile("rb").readline())
    return reply


def network_of(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/net").readlink())


def processes_in(network: str) -> list[int]:
    """Of those that we may look at."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if network_of(int(process.name)) == network:
                found.append(int(process.name))
    return found


def test_a_dut_has_a_network_of_its_own(world: World) -> None:
    assert network_of(world.process.pid) != network_of(os.getpid())


def test_a_world_is_one_process(world: World) -> None:
    """So its network is gone when that one is."""
    pid = world.process.pid
    assert processes_in(network_of(pid)) == [pid]


def test_closing_ends_the_dut(world: World) -> None:
    world.close()
    assert world.process.returncode == 0
    world.close()


def test_a_killed_suite_takes_the_dut_with_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_A_WORLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    ) as suite:
        assert suite.stdout is not None
        dut = os.pidfd_open(int(suite.stdout.readline()))
        suite.send_signal(signal.SIGKILL)
        ended, _, _ = select.select([dut], [], [], SECONDS_TO_END)
        os.close(dut)
    assert ended


def test_a_sysctl_stays_in_its_world(world: World) -> None:
    host = Path("/proc/sys") / RFC1337.replace(".", "/")
    before = host.read_text()
    other = World.start(CPU)
    try:
        assert ask(world, "sysctl_set", name=RFC1337, value=1)["ok"] == {"old": "0"}
        assert ask(other, "sysctl_set", name=RFC1337, value=0)["ok"] == {"old": "0"}
        assert host.read_text() == before
    finally:
        other.close()


def test_sysctls_are_put_back(world: World) -> None:
    ask(world, "sysctl_set", name=RFC1337, value=1)
    ask(world, "sysctl_set", name=RFC1337, value=0)
    ask(world, "sysctl_set", name=RFC1337, value=1)
    assert ask(world, "sysctl_restore")["ok"] == {RFC1337: "0"}
    assert ask(world, "sysctl_set", name=RFC1337, value=0)["ok"] == {"old": "0"}


@pytest.mark.parametrize(("family", "address"), [("ipv4", "127.0.0.1"), ("ipv6", "::1")])
def test_proc_and_sock_diag_agree(world: World, family: str, address: str) -> None:
    """Over the DUT's own loopback, as another process in its namespaces sees it."""
    reply = ask(world, "listen", family=family, address=address, port=0, policy="close")
    answer = subprocess.run(
        [
            *(sys.executable, "-I", "-S", "-c", COMPARE_READINGS, str(world.process.pid)),
            *(str(Path(agent.__file__).parent), address, str(reply["ok"]["port"])),
        ],
        stdout=subprocess.PIPE,
        check=True,
    )
    (diag, diag_left, _), (proc, proc_left, _) = json.loads(answer.stdout)
    assert diag == proc == "FIN-WAIT-2"
    assert diag_left == pytest.approx(proc_left, abs=1.0)
    assert diag_left == pytest.approx(60.0, abs=3.0)


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: every other test here is this one")
def test_an_ordinary_user_has_worlds_too() -> None:
    """From a copy that such a user can read, wherever the checkout lies."""
    interpreter = next(filter(serves_an_ordinary_user, (sys.executable, "/usr/bin/python3")), None)
    if interpreter is None:
        do_without(f"an ordinary user may not run {sys.executable}")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        for package in PACKAGES:
            shutil.copytree(package, Path(folder, package.name))
        answer = as_ordinary_user([interpreter, "-c", TRY_A_WORLD], folder)
    if "may not make namespaces" in answer.stdout:
        do_without(answer.stdout.strip())
    assert answer.stdout.strip() == "a world of user 65534's own", answer.stderr


def serves_an_ordinary_user(interpreter: str) -> bool:
    too_old = "import sys; sys.exit(sys.version_info < (3, 11))"
    try:
        return as_ordinary_user([interpreter, "-c", too_old], "/").returncode == 0
    except OSError:
        return False


def as_ordinary_user(command: list[str], folder: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
