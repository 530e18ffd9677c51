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
_NEEDS_ALL = "Failed to initialize default registers"


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
    try:
        return _booted(linux, cpu, uml_start.OLD)
    except RegistersRefused:  # at once, since its start checks that
        return _booted(linux, cpu, uml_start.ALL)


class RegistersRefused(TargetError):
    """This user-mode Linux needs to see all registers that the CPU has."""


def _booted(linux: str, cpu: int, registers: str) -> World:
    program = (*ISOLATED_PYTHON, uml_start.__file__, linux, registers)
    world = World.start(cpu, ("guest", *program, uml_init.__file__, AGENT))
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
        registers = _NEEDS_ALL in message["message"]
        kind = RegistersRefused if registers else TargetError
        raise kind(f"the guest did not boot: {message['message']}")


def _said_by(linux: str, option: str) -> str:
    try:
        answer = subprocess.run([linux, option], capture_output=True, text=True, check=False)
    except OSError as error:
        raise TargetError(f"{linux} can't be run: {error.strerror}") from error
    return answer.stdout
