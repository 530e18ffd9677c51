"""A userspace stack that is started on a TAP device made for the run (Linux)."""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from tw_conformance.link.access import Access
from tw_conformance.link.capture import Capture
from tw_conformance.link.capture.packet_socket import PacketSocket
from tw_conformance.link.injector import Injector
from tw_conformance.model.errors import TargetError, TargetGone, UsageError
from tw_conformance.targets.bench import Bench
from tw_conformance.targets.kernel.world import receive_packet_sockets
from tw_conformance.targets.kinds import Order, TargetKind
from tw_conformance.targets.locator import Locator
from tw_conformance.targets.network.last_words import LastWords
from tw_conformance.targets.network.one_dut import network_target
from tw_conformance.targets.network.tap import PORT, way_on_tap
from tw_conformance.targets.network.way import attach_to
from tw_conformance.targets.wire_target import WireTarget

_TAP = "tap0"
_SECONDS_TO_SET_UP = 10.0
_SECONDS_TO_END = 5.0
_PACKAGES = str(Path(__file__).parents[3])
_SET_UP = (
    f"import sys; sys.path.insert(0, {_PACKAGES!r});"
    " from tw_conformance.targets.network.command_setup import main; main(*sys.argv[1:])"
)


async def attach_command(locator: Locator, access: Access) -> Bench:
    """Start the stack that ``locator`` names, in a namespace of its own that ends with it.

    :raises TargetError: where there is no namespace to be had, the command fails, or nobody
        answers behind its TAP device.
    """
    if sys.platform != "linux":
        raise TargetError(
            f"cmd: needs Linux, to make a TAP device that nobody else sees; this is {sys.platform}:"
            " start the stack yourself, and give its device with tap:NAME"
        )
    way = way_on_tap(_TAP, access)
    async with AsyncExitStack() as closing:
        heard, said = socket.socketpair()
        with said:
            words = await LastWords.of(heard)
            closing.push_async_callback(words.end, 0.0)
            process, capture = start(locator.detail, said)
        closing.push_async_callback(asyncio.to_thread, end, process)
        stack = Stack(process, words)
        closing.push_async_callback(stack.forget)
        bench = await stack.unless_it_ends(attach_to(capture, way, access.dut_port or PORT, access))
        stack.fail_with_it(bench.injector)
        closing.push_async_callback(bench.closing.aclose)
        bench.closing = closing.pop_all()
        return bench


class Stack:
    """Watches a stack's process: when it ends, whoever waits for the stack gets an error at once.
    Made and used on one event loop."""

    def __init__(self, process: subprocess.Popen[bytes], words: LastWords) -> None:
        self._process = process
        self._words = words
        self._ending = asyncio.create_task(self._end())

    async def unless_it_ends(self, attaching: Coroutine[Any, Any, Bench]) -> Bench:
        """Await ``attaching`` while the stack runs.

        :raises TargetError: where the stack ends first, or what ``attaching`` raises.
        """
        attempt = asyncio.create_task(attaching)
        try:
            await asyncio.wait({attempt, self._ending}, return_when=asyncio.FIRST_COMPLETED)
            if self._ending.done():
                raise self._ending.result()
            return await attempt
        finally:
            attempt.cancel()

    def fail_with_it(self, injector: Injector) -> None:
        """From now on the stack's end is the injector's failure."""
        self._ending.add_done_callback(
            lambda ending: None if ending.cancelled() else injector.fail(ending.result())
        )

    async def forget(self) -> None:
        """Stop watching."""
        self._ending.cancel()
        await asyncio.wait({self._ending})

    async def _end(self) -> TargetError:
        """What the stack's end means, once it has come."""
        # A descriptor of the process, readable when that ends (pidfd_open(2)).
        descriptor = os.pidfd_open(self._process.pid)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        status = self._process.wait()
        await self._words.end(_SECONDS_TO_END)
        words = str(self._words)
        last = f", and its last words are: {words}" if words else " without a word"
        hint = "" if status else "; it has to stay in the foreground"
        return TargetGone(f"the stack ended with status {status}{last}{hint}")


def start(command: str, said: socket.socket) -> tuple[subprocess.Popen[bytes], Capture]:
    """The stack's process and a capture on the kernel's side of its TAP device; what it says
    goes into ``said``.

    :raises TargetError: where this machine or this user can't have a namespace.
    :raises UsageError: where the command is none.
    """
    try:
        words = [word.replace("{ifname}", _TAP) for word in shlex.split(command)]
    except ValueError as error:
        raise UsageError(f"cmd:{command}: {error}") from None
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with here:
        with there:
            process = subprocess.Popen(
                [sys.executable, "-c", _SET_UP, str(there.fileno()), _TAP, *words],
                stdin=subprocess.DEVNULL,
                stdout=said.fileno(),
                stderr=said.fileno(),
                pass_fds=[there.fileno()],
                start_new_session=True,  # Ctrl-C is for the suite, which then ends the stack
            )
        try:
            packets = receive_packet_sockets(
                here, _SECONDS_TO_SET_UP, "no TAP device for the stack"
            )
        except TargetError:
            end(process)
            raise
    return process, PacketSocket(packets[0], packets[1:])


def end(process: subprocess.Popen[bytes]) -> None:
    """End the stack; may be called twice."""
    process.terminate()
    try:
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def open_command(order: Order) -> WireTarget:
    return network_target(order, partial(attach_command, order.place, order.access))


def place(text: str) -> Locator:
    """:raises UsageError: where the command does not say where its TAP device goes."""
    if "{ifname}" not in text:
        raise UsageError(
            f"'cmd:{text}': say where the command takes its TAP device,"
            " such as cmd:'./stack --tap {ifname}'"
        )
    return Locator("cmd", detail=text)


KIND = TargetKind(open_command, place=place)
