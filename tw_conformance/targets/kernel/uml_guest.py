"""A guest: a world whose DUT is user-mode Linux, with this machine's own files.

Its link is the packet socket on the DUT's end of a veth, its control channel a serial line: see
:mod:`tw_conformance.targets.kernel.uml_start` and :mod:`tw_conformance.targets.kernel.uml_init`.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess

from tw_conformance.model.errors import TargetError
from tw_conformance.targets.kernel import uml_init, uml_start
from tw_conformance.targets.kernel.release import Kernel, kernel_of
from tw_conformance.targets.kernel.world import AGENT, ISOLATED_PYTHON, World

_SECONDS_TO_BOOT = 60.0


def guest_program() -> str:
    """The path of user-mode Linux.

    :raises TargetError: where it is not installed.
    """
    found = shutil.which("linux.uml")
    if found is None:
        raise TargetError("there is no linux.uml command: install user-mode-linux (Debian)")
    return found


def guest_kernel(linux: str) -> Kernel:
    """The kernel that this program boots, as it says itself; boots nothing."""
    hz = re.search(r"^CONFIG_HZ=(\d+)$", _said_by(linux, "--showconfig"), re.MULTILINE)
    return kernel_of(_said_by(linux, "--version").strip(), int(hz[1]) if hz else None)


def expected_kernel() -> Kernel:
    """The guest's kernel; where user-mode Linux is not installed, that of Debian 12."""
    try:
        return guest_kernel(guest_program())
    except TargetError:
        return kernel_of("6.1")


def start_guest(linux: str, cpu: int) -> World:
    """A world whose DUT is a guest, booted on that CPU.  Blocks for some two seconds.

    :raises TargetError: where there is no world, or the guest does not boot; says why.
    """
    boot = ("guest", *ISOLATED_PYTHON, uml_start.__file__, linux, uml_init.__file__, AGENT)
    world = World.start(cpu, boot)
    try:
        _await_boot(world.agent)
    except TargetError:
        world.close()
        raise
    return world


def _await_boot(agent: socket.socket) -> None:
    agent.settimeout(_SECONDS_TO_BOOT)
    try:
        with agent.makefile("rb") as lines:
            line = lines.readline()
    except TimeoutError:
        raise TargetError(f"the guest was not up after {_SECONDS_TO_BOOT:.0f} s") from None
    agent.settimeout(None)
    if not line:
        raise TargetError("the guest ended before it was up, without a word")
    message = json.loads(line)
    if "error" in message:
        raise TargetError(f"the guest did not boot: {message['message']}")


def _said_by(linux: str, option: str) -> str:
    try:
        answer = subprocess.run([linux, option], capture_output=True, text=True, check=False)
    except OSError as error:
        raise TargetError(f"{linux} can't be run: {error.strerror}") from error
    return answer.stdout
