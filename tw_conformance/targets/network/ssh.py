"""A host with ssh: the agent runs there, from ssh's own standard input, and leaves nothing behind.

``ssh`` is the user's own, with its configuration and keys.  The DUT needs a ``python3`` (3.6 or
later) and, where cases change settings, root.  When the connection ends, however it does, the agent
puts the settings back and exits.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import socket
import subprocess
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Self

from tw_conformance.dut import agent
from tw_conformance.dut.client import LONGEST_LINE, AgentClient
from tw_conformance.link.access import Access
from tw_conformance.model.errors import TargetError, UsageError
from tw_conformance.targets.bench import Bench
from tw_conformance.targets.kinds import Order, TargetKind
from tw_conformance.targets.locator import Locator, host_and_port
from tw_conformance.targets.network.last_words import LastWords
from tw_conformance.targets.network.one_dut import network_target
from tw_conformance.targets.network.way import attach, find_way
from tw_conformance.targets.wire_target import WireTarget

_READY = b"tw-conformance agent ready\n"
# Nothing may follow the agent's text before it says that it is ready: read(n) may take more than n
# octets off the descriptor that the agent is going to read itself.  One line, without a newline or
# an exclamation mark, means the same to every login shell, csh included.
_BOOTSTRAP = (
    "import sys; text = sys.stdin.buffer.read({octets}); print({ready!r}, flush=True);"
    ' exec(compile(text, "tw-conformance agent", "exec"))'
)
_SECONDS_TO_LOG_IN = 30.0
_SECONDS_TO_END = 5.0
_LINES_OF_GREETING = 1000


async def attach_ssh(locator: Locator, access: Access) -> Bench:
    """Reach the host that ``locator`` names, and start the agent on it.

    :raises TargetError: where it can't be reached, or ssh or its python3 can't; says what to do.
    """
    way = find_way(locator.host, access)
    async with AsyncExitStack() as closing:
        remote = await RemoteAgent.start(command(locator))
        closing.push_async_callback(remote.aclose)
        bench = await attach(way, 0, access)
        closing.push_async_callback(bench.closing.aclose)
        bench.client, bench.closing = remote.client, closing.pop_all()
        return bench


def command(locator: Locator) -> list[str]:
    """What starts the agent there."""
    octets = len(agent_text())
    bootstrap = _BOOTSTRAP.format(octets=octets, ready=_READY.decode().rstrip())
    port = [] if locator.port is None else ["-p", str(locator.port)]
    user = ["-l", locator.detail] if locator.detail else []
    return [
        *("ssh", "-T", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=5", *port, *user),
        *("--", locator.host, f"python3 -u -c {shlex.quote(bootstrap)}"),
    ]


def agent_text() -> bytes:
    return Path(agent.__file__).read_bytes()


class NotPython(TargetError):
    """What answers is not Python."""


class RemoteAgent:
    """An agent behind a command's standard input and output."""

    def __init__(self, process: Process, client: AgentClient) -> None:
        self.client = client
        self._process = process

    @classmethod
    async def start(cls, command: list[str]) -> Self:
        """Run the command, feed it the agent, and wait until that is ready.

        :raises TargetError: where it does not get there; quotes what the command said.
        """
        process = await Process.start(command)
        try:
            async with asyncio.timeout(_SECONDS_TO_LOG_IN):
                process.requests.write(agent_text())
                await _await_ready(process.replies)
        except (TargetError, TimeoutError, OSError) as error:
            await process.aclose()
            said = "" if isinstance(error, NotPython) else str(process.complaints)
            why = said or str(error)
            why = why or f"nothing came for {_SECONDS_TO_LOG_IN:.0f} s"
            raise TargetError(
                f"no agent through {command[0]}: {why}; python3 has to start there without asking"
                " for anything"
            ) from None
        except BaseException:
            await process.aclose()
            raise
        return cls(process, AgentClient(process.replies, process.requests))

    async def aclose(self) -> None:
        """Have all put back, then end the agent; may be called twice."""
        with contextlib.suppress(TargetError):
            await self.client.ask("sysctl_restore")
        await self.client.aclose()
        await self._process.aclose()


class Process:
    """A command that talks in lines; what it complains of is kept as far as a person reads it.

    Its standard streams are sockets of ours, so that one that never stops to write can be ended.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        replies: asyncio.StreamReader,
        requests: asyncio.StreamWriter,
        complaints: LastWords,
    ) -> None:
        self.replies = replies
        self.requests = requests
        self.complaints = complaints
        self._process = process

    @classmethod
    async def start(cls, command: list[str]) -> Self:
        """:raises TargetError: where there is no such command."""
        ours, theirs = socket.socketpair()
        heard, said = socket.socketpair()
        with theirs, said:
            try:
                process = subprocess.Popen(
                    command,
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=said.fileno(),
                    start_new_session=True,  # Ctrl-C is for the suite, which then ends the agent
                )
            except OSError as error:
                ours.close()
                heard.close()
                raise TargetError(f"{command[0]} can't be run: {error.strerror}") from None
        streams = await asyncio.open_connection(sock=ours, limit=LONGEST_LINE)
        return cls(process, *streams, await LastWords.of(heard))

    async def aclose(self) -> None:
        """End it, by force where it does not end by itself; may be called twice."""
        self.requests.close()
        try:
            await asyncio.to_thread(self._process.wait, _SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # with whatever it has started
            await asyncio.to_thread(self._process.wait)
        await self.complaints.end(_SECONDS_TO_END)


async def _await_ready(replies: asyncio.StreamReader) -> None:
    """Pass over what a login shell greets with."""
    for _ in range(_LINES_OF_GREETING):
        try:
            line = await replies.readline()
        except ValueError:  # beyond the stream's limit
            break
        except ConnectionError:  # a command that ended without reading
            line = b""
        if line == _READY:
            return
        if not line:
            raise TargetError("the connection ended before python3 was there")
    raise NotPython("it says much, but not that python3 is there")


def open_ssh(order: Order) -> WireTarget:
    return network_target(order, partial(attach_ssh, order.place, order.access))


def place(text: str) -> Locator:
    """:raises UsageError: where it is no place behind ``ssh:``."""
    whole = f"ssh:{text}"
    user, at, where = text.removeprefix("//").rstrip("/").rpartition("@")
    # ssh would take a leading dash for an option of its own.
    takes_options = user.startswith("-") or where.startswith("-")
    if not text.startswith("//") or takes_options or not where or (at and not user):
        raise UsageError(f"{whole!r}: write ssh://HOST, ssh://USER@HOST or ssh://USER@HOST:PORT")
    return Locator("ssh", *host_and_port(where, whole), detail=user)


KIND = TargetKind(open_ssh, place=place, one_worker=True)
