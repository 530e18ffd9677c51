"""A second kernel as the DUT: user-mode Linux, booted for the run with this machine's own files.

The guest's link is the packet socket on the DUT's end of a veth, its control channel a serial line:
see :mod:`tw_conformance.targets.uml_start`, :mod:`tw_conformance.targets.uml_init`.

An echo probe proves that what was sent before it has been processed, since its whole way is first
in, first out: the veth, by the one CPU that the loop's thread and the guest are pinned to (see
:mod:`tw_conformance.targets.netns`); the packet socket's queue; the guest's only receive queue,
worked off by its only CPU; and its only transmit queue, a plain FIFO.

A case reads times from the tester's clock, and the guest's is the same one: user-mode Linux takes
its time from the host's monotonic clock.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from functools import partial
from pathlib import Path

from tw_conformance.errors import TargetError
from tw_conformance.targets import uml_init, uml_start
from tw_conformance.targets.kernel import Kernel, kernel_of
from tw_conformance.targets.kernel_target import KernelTarget, check_platform
from tw_conformance.targets.world import AGENT, ISOLATED_PYTHON, World

_SECONDS_TO_BOOT = 60.0
_LONGEST_LINE = 65536


class UmlTarget(KernelTarget):
    """User-mode Linux, held to ``profile``; None: to the documented one of its version.

    Every combination of settings has a guest of its own, which boots in some two seconds.

    :raises TargetError: where this machine or this user can't have a guest; says what to do.
    """

    name = "uml"

    def __init__(self, profile: str | None = None, seed: int = 0) -> None:
        check_platform(self.name)
        linux = guest_program()
        where = "as a guest of this machine (user-mode Linux)"
        super().__init__(guest_kernel(linux), where, partial(start_guest, linux), profile, seed)

    @classmethod
    def available(cls) -> str | None:
        """None where a guest can be had, else a sentence that says why not.  Boots one to see."""
        try:
            check_platform(cls.name)
            start_guest(guest_program(), min(os.sched_getaffinity(0))).close()
        except TargetError as error:
            return str(error)
        return None


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
    release = _said_by(linux, "--version").strip()
    hz = re.search(r"^CONFIG_HZ=(\d+)$", _said_by(linux, "--showconfig"), re.MULTILINE)
    return kernel_of(release, None if hz is None else int(hz.group(1)))


def expected_profile() -> str:
    """The profile of the guest's kernel; where there is none to ask, of the one in Debian 12."""
    try:
        return guest_kernel(guest_program()).profile
    except TargetError:
        return kernel_of("6.1").profile


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
        line = agent.recv(_LONGEST_LINE)
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
