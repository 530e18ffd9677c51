"""What a command complained of last: all that is kept of what it says, however much that is."""

from __future__ import annotations

import asyncio
import socket
from typing import Self

_KEPT = 4096


class LastWords:
    """The end of a stream.  Made and used on one event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tail = b""
        self._writer = writer
        self._listening = asyncio.create_task(self._listen(reader))

    @classmethod
    async def of(cls, stream: socket.socket) -> Self:
        """Listen to what comes out of ``stream``, which is taken over."""
        return cls(*await asyncio.open_connection(sock=stream))

    def __str__(self) -> str:
        """The last line that is not empty."""
        lines = [line.strip() for line in self._tail.decode(errors="replace").splitlines()]
        return next(filter(None, reversed(lines)), "")

    async def end(self, seconds: float) -> None:
        """Hear the stream out, for that long at most, and close it; may be called twice."""
        await asyncio.wait({self._listening}, timeout=seconds)
        self._listening.cancel()
        self._writer.close()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while chunk := await reader.read(_KEPT):
            self._tail = (self._tail + chunk)[-_KEPT:]
