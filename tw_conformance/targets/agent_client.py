"""The suite's side of the agent's JSON lines."""

from __future__ import annotations

import asyncio
import contextlib
import json
from itertools import count
from typing import Any

from tw_conformance.errors import TargetError

_SECONDS_TO_ANSWER = 10.0


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
        self._gone = False
        self._listening = asyncio.create_task(self._listen(replies))

    async def ask(self, verb: str, **arguments: str | int) -> dict[str, Any]:
        """What the agent answers to that verb.

        :raises AgentError: where the agent refused, or the call failed on the DUT.
        :raises TargetError: where there is no answer, or no agent any more.
        """
        if self._gone:
            raise TargetError("the agent has ended, and the DUT with it")
        request = next(self._ids)
        answer = self._pending[request] = asyncio.get_running_loop().create_future()
        line = json.dumps({"id": request, "verb": verb, **arguments})
        try:
            self._requests.write(line.encode() + b"\n")
            async with asyncio.timeout(_SECONDS_TO_ANSWER):
                reply = await answer
        except TimeoutError:
            raise TargetError(
                f"the agent did not answer «{verb}» within {_SECONDS_TO_ANSWER:.0f} s"
            ) from None
        finally:
            del self._pending[request]
        if "error" in reply:
            raise AgentError(verb, reply["error"], reply["message"])
        ok: dict[str, Any] = reply["ok"]
        return ok

    async def aclose(self) -> None:
        """End the agent's input, which ends the agent; may be called twice."""
        self._listening.cancel()
        self._requests.close()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._listening
        with contextlib.suppress(OSError):
            await self._requests.wait_closed()

    async def _listen(self, replies: asyncio.StreamReader) -> None:
        try:
            async for line in replies:
                reply = json.loads(line)
                if (answer := self._pending.get(reply["id"])) is not None and not answer.done():
                    answer.set_result(reply)
        finally:
            self._gone = True
            for answer in self._pending.values():
                if not answer.done():
                    answer.set_exception(TargetError("the agent has ended, and the DUT with it"))
