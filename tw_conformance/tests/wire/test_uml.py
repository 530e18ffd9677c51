"""User-mode Linux as a target: another kernel, of which nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import pytest
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

from tw_conformance.model.case import Case, Reach, Send
from tw_conformance.model.errors import TargetError
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.play.player import play
from tw_conformance.targets.kernel import uml, uml_start
from tw_conformance.targets.kernel.uml_guest import (
    guest_kernel,
    guest_program,
    start_guest,
)
from tw_conformance.targets.kernel.world import World
from tw_conformance.targets.kernel.worlds import make_bench
from tw_conformance.targets.loop_thread import LoopThread
from tw_conformance.targets.wire_target import WireTarget
from tw_conformance.tests.checkout import environment
from tw_conformance.tests.wire.conftest import CPU, case_of, do_without, open_uml
from tw_conformance.tests.wire.test_netns import expect, state
from tw_conformance.tests.wire.test_world import (
    NOBODY,
    PACKAGES,
    SECONDS_TO_END,
    as_ordinary_user,
    serves_an_ordinary_user,
)
from tw_reference import segment as tcp
from tw_reference.segment import Packet

HOLD_A_GUEST = f"""
from tw_conformance.targets.kernel.uml_guest import guest_program, start_guest
held = start_guest(guest_program(), {CPU})
print(held.process.pid, flush=True)
input()
"""

TRY_A_GUEST = f"""
import os
from tw_conformance.model.errors import TargetError
from tw_conformance.targets.kernel.uml_guest import guest_program, start_guest
try:
    start_guest(guest_program(), {CPU}).close()
    print(f"a guest of user {{os.getuid()}}'s own")
except TargetError as error:
    print(error)
"""


@pytest.fixture
def guest(guest_or_skip: None) -> Iterator[World]:
    opened = start_guest(guest_program(), CPU)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def target(guest_or_skip: None) -> Iterator[WireTarget]:
    opened = open_uml()
    yield opened
    opened.close()


def processes_of(world: World) -> dict[int, int]:
    """What runs in the guest's PID namespace: pidfds by PID."""
    network = Path(f"/proc/{world.process.pid}/ns/pid_for_children").readlink()
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if Path(process, "ns/pid").readlink() == network:
                found[int(process.name)] = os.pidfd_open(int(process.name))
    return found


def all_end(processes: dict[int, int]) -> bool:
    poll = select.poll()
    for pidfd in processes.values():
        poll.register(pidfd, select.POLLIN)
    left = set(processes.values())
    while left and (ended := poll.poll(SECONDS_TO_END * 1000)):
        for pidfd, _ in ended:
            poll.unregister(pidfd)
            os.close(pidfd)
            left.discard(pidfd)
    return not left


def played(target: WireTarget, case: Case) -> Outcome:
    outcome = target.start(play(case, target)).result()
    assert not outcome.reason, outcome.reason
    return outcome


def test_the_guest_has_a_kernel_of_its_own(guest: World) -> None:
    guest.agent.sendall(b'{"id": 1, "verb": "version"}\n')
    reply = json.loads(guest.agent.makefile("rb").readline())
    assert reply["ok"]["release"] == guest_kernel(guest_program()).release
    assert reply["ok"]["release"] != platform.release()


def test_its_processes_end_with_its_world(guest: World) -> None:
    processes = processes_of(guest)
    assert len(processes) >= 2, "user-mode Linux has more processes than one"
    guest.close()
    assert all_end(processes)


def test_its_processes_end_with_what_boots_it(guest: World) -> None:
    processes = processes_of(guest)
    guest.process.kill()
    assert all_end(processes)


def test_a_killed_suite_takes_the_guest_with_it(guest_or_skip: None) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_A_GUEST],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    ) as suite:
        assert suite.stdout is not None
        helper = int(suite.stdout.readline())
        processes = {helper: os.pidfd_open(helper)}
        suite.send_signal(signal.SIGKILL)
        assert all_end(processes), "it waits for the guest's end"


def test_a_guest_that_ends_by_itself_is_noticed(guest_or_skip: None, loop: LoopThread) -> None:
    async def scenario() -> None:
        guests = []

        def start(cpu: int) -> World:
            guests.append(start_guest(guest_program(), cpu))
            return guests[0]

        bench = await make_bench(CPU, {}, start)
        try:
            for pid, pidfd in processes_of(guests[0]).items():
                os.close(pidfd)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with pytest.raises(TargetError, match="the agent has ended"):
                await bench.agent.ask("version")
        finally:
            await bench.aclose()

    loop.start(scenario()).result()


def test_many_requests_at_once_do_not_choke_the_serial_line(
    guest_or_skip: None, loop: LoopThread
) -> None:
    """Some 50 kB of them; its queue holds 4,096 octets."""
    nobody = {"local": "2001:db8::1", "peer": "2001:db8::2"}

    async def scenario() -> None:
        bench = await make_bench(CPU, {}, partial(start_guest, guest_program()))
        try:
            rows = await asyncio.gather(
                *(
                    bench.agent.ask("state", **nobody, local_port=7, peer_port=port)
                    for port in range(1, 501)
                )
            )
            assert {row["state"] for row in rows} == {"CLOSED"}
        finally:
            await bench.aclose()

    loop.start(scenario()).result()


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_an_echo_does_not_overtake_data(
    target: WireTarget, family: Literal["ipv4", "ipv6"]
) -> None:
    """Data without PSH is what GRO holds back."""
    push_less = Send(tcp.ACK, length=10)
    played(target, case_of(push_less, expect(tcp.ACK), reach=Reach(family=family)))


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_what_the_guest_sends_has_right_checksums(
    target: WireTarget, family: Literal["ipv4", "ipv6"]
) -> None:
    fin = Send(tcp.FIN | tcp.ACK)
    outcome = played(target, case_of(fin, expect(tcp.ACK), reach=Reach(family=family)))
    frames = [
        event.frame
        for event in outcome.transcript.events
        if event.direction == "received" and isinstance(event.packet, Packet)
    ]
    assert frames
    for frame in frames:
        seen = Ether(frame)
        again = seen.copy()
        del again[TCP].chksum
        assert Ether(bytes(again))[TCP].chksum == seen[TCP].chksum


def test_settings_hold_for_their_cases_only(target: WireTarget) -> None:
    """Under rfc1337 an RST at RCV.NXT leaves TIME-WAIT alone; by default it ends it."""
    rst = Send(tcp.RST)
    for case in (
        case_of(rst, state("CLOSED")),
        case_of(rst, state("TIME-WAIT"), rfc1337=1),
        case_of(rst, state("CLOSED")),
    ):
        played(target, case)


def test_many_cases_overlap(target: WireTarget) -> None:
    plays = [target.start(play(case_of(state("TIME-WAIT")), target)) for _ in range(200)]
    assert {one.result().verdict for one in plays} == {Verdict.PASS}


def test_the_profile_and_the_tick_are_those_of_the_guest(target: WireTarget) -> None:
    kernel = guest_kernel(guest_program())
    assert target.profile == kernel.profile
    assert f"Linux {kernel.release} as a guest" in target.describe()
    assert kernel.hz is not None
    assert target.time_variables["tick"] > 64 / kernel.hz, "a slot of the timer wheel's last level"


def test_what_does_not_boot_says_so(world_or_skip: None) -> None:
    with pytest.raises(TargetError, match="the guest did not boot: it said nothing"):
        start_guest("/bin/false", CPU)


def test_one_that_needs_all_registers_sees_them(world_or_skip: None, tmp_path: Path) -> None:
    """As a newer one does: at first a filter of system calls is in its way (proc(5), Seccomp)."""
    needy = tmp_path / "linux.uml"
    needy.write_text(
        "#!/bin/sh\n"
        "grep -q 'Seccomp:.*2' /proc/self/status && echo Failed to initialize default registers\n"
        "grep -q 'Seccomp:.*0' /proc/self/status && echo it sees all of them\n"
        "exit 1\n"
    )
    needy.chmod(0o755)
    with pytest.raises(TargetError, match="did not boot: it sees all of them"):
        start_guest(str(needy), CPU)


def test_a_panic_tells_most() -> None:
    lines = [
        "VFS: Mounted root",
        "Kernel panic - not syncing: no init",
        " [<6002d37a>] panic+0x0",
        "",
    ]
    assert uml_start.reason(lines) == "Kernel panic - not syncing: no init"
    assert uml_start.reason(["ptrace: Operation not permitted", " "]) == (
        "ptrace: Operation not permitted"
    )


def test_a_machine_without_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert uml.unavailable() == "there is no linux.uml command: install user-mode-linux (Debian)"


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: every other test here is this one")
def test_an_ordinary_user_has_guests_too(guest_or_skip: None) -> None:
    """From a copy that such a user can read, wherever the checkout lies."""
    interpreter = next(filter(serves_an_ordinary_user, (sys.executable, "/usr/bin/python3")), None)
    if interpreter is None:
        do_without(f"an ordinary user may not run {sys.executable}")
    with tempfile.TemporaryDirectory(prefix="a folder with spaces ") as folder:
        Path(folder).chmod(0o755)
        for package in PACKAGES:
            shutil.copytree(package, Path(folder, package.name))
        answer = as_ordinary_user([interpreter, "-c", TRY_A_GUEST], folder)
    if "may not make namespaces" in answer.stdout:
        do_without(answer.stdout.strip())
    assert answer.stdout.strip() == f"a guest of user {NOBODY}'s own", answer.stderr
