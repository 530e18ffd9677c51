"""What a command waits for, said on standard error while it prints nothing else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

PERIOD = 10.0
"""Seconds without a line after which one is due."""


class Watch:
    """Knows what is under way, and when somebody has to be told.  ``clock`` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = self._told = clock()
        self._what = ""

    def __call__(self, what: str) -> None:
        """That is under way from now on; nothing where it is empty."""
        self._what = what

    def printed(self) -> None:
        """The command has printed something itself."""
        self._told = self._clock()

    def due(self) -> str | None:
        """What is to be said now; None where nothing is, or something was a short time ago."""
        now, what = self._clock(), self._what
        if not what or now - self._told < PERIOD:
            return None
        self._told = now
        return f"tw-conformance: {what} ({now - self._began:.0f} s since the start)"


@contextmanager
def watching() -> Iterator[Watch]:
    """A watch that a thread of its own looks at."""
    watch, ended = Watch(), Event()

    def look_on() -> None:
        while not ended.wait(1.0):
            if (line := watch.due()) is not None:
                print(line, file=sys.stderr, flush=True)

    thread = Thread(target=look_on, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()
