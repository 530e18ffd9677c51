"""An event loop in a thread of its own, so that waiting cases go on while pytest does its work."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import TypeVar

from tw_conformance.model.errors import TargetError

T = TypeVar("T")


class LoopThread:
    """Runs coroutines beside each other in one thread, on one CPU where that is said (Linux)."""

    def __init__(self, name: str, cpu: int | None = None) -> None:
        self._cpu = cpu
        self._loop = asyncio.new_event_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def start(self, play: Coroutine[object, object, T]) -> Future[T]:
        """Begin to run ``play``; safe from any thread.

        :raises TargetError: where the loop has been closed.
        """
        if self._closed:
            play.close()
            raise TargetError("the target has been closed")
        return asyncio.run_coroutine_threadsafe(play, self._loop)

    def close(self, last: Callable[[], Awaitable[None]]) -> None:
        """Cancel all that runs, then await ``last``, and end the thread; may be called twice."""
        if self._closed:
            return
        self._closed = True
        asyncio.run_coroutine_threadsafe(_finish(last), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        if self._cpu is not None:
            os.sched_setaffinity(0, {self._cpu})  # 0 is the calling thread
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()


async def _finish(last: Callable[[], Awaitable[None]]) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await last()
