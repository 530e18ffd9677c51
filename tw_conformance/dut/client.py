"""The suite's side of the agent's JSON lines.

The agent runs on the DUT, so nothing that it says is believed unseen: a line that is no answer, or
one without end, ends the conversation with a sentence.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import count
from typing import Any, TypeAlias

from tw_conformance.model.errors import TargetError

LONGEST_LINE = 1 << 20
"""Octets of an answer that are read; what makes the streams has to know."""

LONGEST_REQUEST = 2048
"""Octets of requests that may wait for their answers at once.  A guest's serial line holds 4,096;
user-mode Linux never reads one again that was full."""

Argument: TypeAlias = str | int | Sequence[tuple[str, int]] | Mapping[str, int]
"""What a request may say."""

_SECONDS_TO_ANSWER = 10.0
_QUOTED = 80


class AgentError(TargetError):
    """The agent could not do it; ``code`` is the errno's name, such as ``EADDRINUSE``."""

    def __init__(self, verb: str, code: str, message: str) -> None:
        super().__init__(f"the agent could not {verb}: {message} ({code})")
        self.code = code


class AgentClient:
    """Asks the agent at the other end of a pair of streams; any number of requests at once."""

    def __init__(self, replies: asyncio.StreamReader, requests: asyncio.StreamWriter) -> None:
        self._requests = requests
        self._ids = count(1)
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._gone: TargetError | None = None
        self._in_flight = 0
        self._has_room = asyncio.Condition()
        self._listening = asyncio.create_task(self._listen(replies))

    async def ask(self, verb: str, **arguments: Argument) -> dict[str, Any]:
        """What the agent answers to that verb.

        The request may have :data:`LONGEST_REQUEST` octets.

        :raises AgentError: where the agent refused, or the call failed on the DUT.
        :raises TargetError: where there is no answer, or no agent any more.
        """
        _, answer = await self.ask_at(verb, **arguments)
        return answer

    async def ask_at(self, verb: str, **arguments: Argument) -> tuple[float, dict[str, Any]]:
        """The same, with the moment at which the request left (seconds, ``time.monotonic``)."""
        request = next(self._ids)
        line = json.dumps({"id": request, "verb": verb, **arguments}).encode() + b"\n"
        assert len(line) <= LONGEST_REQUEST, "whoever asks for many things asks in pieces"
        async with self._room_for(len(line)):
            asked = time.monotonic()
            reply = await self._answer(request, verb, line)
        if "error" in reply:
            raise AgentError(verb, str(reply["error"]), str(reply.get("message", "")))
        return asked, reply["ok"]

    @contextlib.asynccontextmanager
    async def _room_for(self, octets: int) -> AsyncIterator[None]:
        async with self._has_room:
            await self._has_room.wait_for(lambda: self._in_flight + octets <= LONGEST_REQUEST)
            self._in_flight += octets
        try:
            yield
        finally:
            self._in_flight -= octets
            async with self._has_room:
                self._has_room.notify_all()

    async def _answer(self, request: int, verb: str, line: bytes) -> dict[str, Any]:
        if self._gone is not None:
            raise self._gone
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending[request] = answer
        try:
            self._requests.write(line)
            async with asyncio.timeout(_SECONDS_TO_ANSWER):
                return await answer
        except TimeoutError:
            raise TargetError(
                f"the agent did not answer «{verb}» within {_SECONDS_TO_ANSWER:.0f} s"
            ) from None
        finally:
            del self._pending[request]

    async def aclose(self) -> None:
        """End the agent's input, which ends the agent; may be called twice."""
        self._listening.cancel()
        self._requests.close()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._listening
        with contextlib.suppress(OSError):
            await self._requests.wait_closed()

    async def _listen(self, replies: asyncio.StreamReader) -> None:
        gone = TargetError("the agent has ended, and the DUT with it")
        try:
            async for line in replies:
                reply = _understood(line)
                answer = self._pending.get(reply["id"])
                if answer is not None and not answer.done():
                    answer.set_result(reply)
        except TargetError as nonsense:
            gone = nonsense
        except ValueError:  # asyncio's own, for a line beyond the stream's limit
            gone = TargetError("the agent sent a line without end: this is not our agent")
        finally:
            self._gone = gone
            for answer in self._pending.values():
                if not answer.done():
                    answer.set_exception(gone)


def _understood(line: bytes) -> dict[str, Any]:
    """An answer of the agent.

    :raises TargetError: where the line is none.
    """
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError):
        reply = None
    answers = isinstance(reply, dict) and isinstance(reply.get("id"), int | None)
    if answers and (isinstance(reply.get("ok"), dict) or "error" in reply):
        answer: dict[str, Any] = reply
        return {"id": None, **answer}
    said = line[:_QUOTED].decode(errors="replace").strip()
    raise TargetError(f"the agent says {said!r}, which is no answer: this is not our agent")
