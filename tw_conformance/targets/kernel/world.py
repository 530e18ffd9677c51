"""A world of its own: a DUT, and one link to it.

No root, no names, nothing to clean up.  The world consists of one process (the agent, in the DUT's
network namespace, or what boots a guest that has one) and one packet socket (which holds the
tester's namespace).  When both are gone so is the world, and the process goes when the suite's end
of the agent's stream does, however that happens.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tw_conformance.dut import agent
from tw_conformance.model.errors import TargetError
from tw_conformance.targets.kernel import world_setup

DUT_IPV4 = "192.0.2.1"
DUT_IPV6 = "2001:db8::1"
TESTER_IPV4 = tuple(f"192.0.2.{host}" for host in range(2, 10))
TESTER_IPV6 = tuple(f"2001:db8::{host}" for host in range(2, 10))
"""Addresses of the suite's own: no kernel has them."""
APART = (
    *(f"192.0.2.{host}" for host in range(10, 255)),
    *(f"2001:db8::{host}" for host in range(10, 255)),
)
"""The same for cases that tell the DUT a path MTU, which it may keep for 10 minutes.  Where more of
them than these are played in that time, one meets what another has told."""

AGENT = str(Path(agent.__file__))
ISOLATED_PYTHON = (sys.executable, "-I", "-S")
THIS_KERNEL = ("kernel", *ISOLATED_PYTHON, AGENT)
"""What the setup needs to know of a DUT (see :mod:`tw_conformance.targets.kernel.world_setup`)."""

_LONGEST_MESSAGE = 4096
_SECONDS_TO_SET_UP = 30.0
_SECONDS_TO_EXIT = 5.0
_BETWEEN_STARTS = (0.1, 0.5)
"""Seconds between the tries to start a process."""


@dataclass(slots=True)
class World:
    """A running world.

    ``packets`` is a packet socket on the tester's end of the link, ``spares`` are some of the same
    namespace that are not bound yet, and ``agent`` is a stream socket to the agent; all are closed
    with the world.
    """

    process: subprocess.Popen[bytes]
    packets: socket.socket
    agent: socket.socket
    spares: tuple[socket.socket, ...] = ()

    @classmethod
    def start(cls, cpu: int, dut: Sequence[str] = THIS_KERNEL) -> Self:
        """Make a world whose DUT runs on that CPU.  Blocks for some 50 ms.

        :raises TargetError: where this machine or this user can't have one; says what to do.
        """
        agent_here, agent_there = socket.socketpair()
        control_here, control_there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with agent_there, control_here:
            with control_there:
                process = spawn(
                    [
                        *(*ISOLATED_PYTHON, world_setup.__file__),
                        *(str(control_there.fileno()), str(cpu), *dut),
                    ],
                    agent_there.fileno(),
                    control_there.fileno(),
                )
            try:
                packets, *spares = receive_packet_sockets(
                    control_here, _SECONDS_TO_SET_UP, "no world for the DUT"
                )
            except TargetError:
                agent_here.close()
                process.kill()
                process.wait()
                raise
        return cls(process, packets, agent_here, tuple(spares))

    def close(self) -> None:
        """End the world and wait until its process is gone; may be called twice."""
        for each in (self.packets, *self.spares, self.agent):
            each.close()
        try:
            self.process.wait(_SECONDS_TO_EXIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def spawn(command: Sequence[str], stream: int, control: int) -> subprocess.Popen[bytes]:
    """A process with ``stream`` as its standard input and output, which inherits ``control``.

    A machine that is short of memory or processes refuses for a moment: EAGAIN, ENOMEM, EFAULT
    (fork(2), execve(2)).  So it is tried again.

    :raises TargetError: where this machine can't start it.
    """

    def begin() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdin=stream,
            stdout=stream,
            stderr=subprocess.DEVNULL,
            pass_fds=[control],
            start_new_session=True,  # Ctrl-C is for the suite, which then ends the world
        )

    for pause in _BETWEEN_STARTS:
        try:
            return begin()
        except OSError:
            time.sleep(pause)
    try:
        return begin()
    except OSError as error:
        raise TargetError(f"no world for the DUT: {error}") from None


def receive_packet_sockets(
    control: socket.socket, patience: float, lack: str
) -> list[socket.socket]:
    """Those that a setup sends through ``control`` in ``patience`` seconds, the bound one first.

    :raises TargetError: ``lack``, and why, where none comes.
    """
    control.settimeout(patience)
    try:
        message, descriptors, _, _ = socket.recv_fds(
            control, _LONGEST_MESSAGE, 1 + world_setup.SPARES
        )
    except TimeoutError:
        message, descriptors = f"nothing was heard of it for {patience:g} s".encode(), []
    if not descriptors:
        reason = message.decode() or "its process ended without a word"
        raise TargetError(f"{lack}: {reason}")
    return [socket.socket(fileno=each) for each in descriptors]
