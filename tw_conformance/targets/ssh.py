"""A host with ssh: the agent runs there, from ssh's own standard input, and leaves nothing behind.

``ssh`` is the user's own, with its configuration and keys.  The DUT needs a ``python3`` (3.6 or
later) and, where cases change settings, root.  When the connection ends, however it does, the agent
puts the settings back and exits.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tw_conformance import agent
from tw_conformance.errors import TargetError
from tw_conformance.targets.access import Access
from tw_conformance.targets.agent_client import LONGEST_LINE, AgentClient
from tw_conformance.targets.attachment import Attachment, attach, find_way
from tw_conformance.targets.locator import Locator

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
_LONGEST_COMPLAINT = 4096


async def attach_ssh(locator: Locator, access: Access) -> Attachment:
    """Reach the host that ``locator`` names, and start the agent on it.

    :raises TargetError: where it can't be reached, or ssh or its python3 can't; says what to do.
    """
    way = find_way(locator.host, access)
    async with AsyncExitStack() as closing:
        remote = await RemoteAgent.start(command(locator))
        closing.push_async_callback(remote.aclose)
        attached = await attach(way, 0, access)
        closing.push_async_callback(attached.closing.aclose)
        return Attachment(
            attached.injector, attached.duts, attached.ports, closing.pop_all(), remote.client
        )


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


@dataclass(slots=True)
class RemoteAgent:
    """An agent behind a command's standard input and output."""

    client: AgentClient
    _process: asyncio.subprocess.Process
    _complaints: asyncio.Task[None]

    @classmethod
    async def start(cls, command: list[str]) -> RemoteAgent:
        """Run the command, feed it the agent, and wait until that is ready.

        :raises TargetError: where it does not get there; quotes what the command said.
        """
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                limit=LONGEST_LINE,
                start_new_session=True,  # Ctrl-C is for the suite, which then ends the agent
            )
        except OSError as error:
            raise TargetError(f"{command[0]} can't be run: {error.strerror}") from None
        assert process.stdin and process.stdout and process.stderr
        said = Complaints()
        listening = asyncio.create_task(said.listen(process.stderr))
        try:
            async with asyncio.timeout(_SECONDS_TO_LOG_IN):
                process.stdin.write(agent_text())
                await _await_ready(process.stdout)
        except (TargetError, TimeoutError, OSError) as error:
            await _end(process, listening)
            why = said.last or str(error) or f"nothing came for {_SECONDS_TO_LOG_IN:.0f} s"
            raise TargetError(
                f"no agent through ssh: {why}; try «{shlex.join(command[:-1])} python3 -V»,"
                " which must ask for nothing"
            ) from None
        except BaseException:
            await _end(process, listening)
            raise
        return cls(AgentClient(process.stdout, process.stdin), process, listening)

    async def aclose(self) -> None:
        """End the agent's input and wait for it to have put all back; may be called twice."""
        await self.client.aclose()
        await _end(self._process, self._complaints)


@dataclass(slots=True)
class Complaints:
    """What a command says on its standard error: the end of it."""

    _tail: bytes = field(default=b"")

    @property
    def last(self) -> str:
        lines = [line for line in self._tail.decode(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""

    async def listen(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(_LONGEST_COMPLAINT):
            self._tail = (self._tail + chunk)[-_LONGEST_COMPLAINT:]


async def _await_ready(replies: asyncio.StreamReader) -> None:
    """Pass over what a login shell greets with."""
    for _ in range(_LINES_OF_GREETING):
        try:
            line = await replies.readline()
        except ValueError:  # beyond the stream's limit
            break
        if line == _READY:
            return
        if not line:
            raise TargetError("the connection ended before python3 was there")
    raise TargetError("it says much, but not that python3 is there")


async def _end(process: asyncio.subprocess.Process, listening: asyncio.Task[None]) -> None:
    assert process.stdin
    process.stdin.close()
    try:
        async with asyncio.timeout(_SECONDS_TO_END):
            await process.wait()
            await listening
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
