"""Source ports that no other run has, and that were not used a short while ago.

A 4-tuple that is still in TIME-WAIT on the DUT can't be used again, so two runs, two workers of
one run and one run after another must not take the same ports.  Every target holds a *lane*, a
sixteenth of them, by a lock on a file that remembers where the last run on that lane stopped.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from tw_conformance.model.errors import TargetError

LANES = 16
_STRIDE = 64
"""Ports that are noted down as used at once: so much is left out after a crash."""


class Lane:
    """A share of ``ports``, held until :meth:`close`."""

    def __init__(self, descriptor: int, ports: range) -> None:
        self.ports = ports
        self._descriptor = descriptor
        self._start = self._last_stop()
        self._used = 0

    @classmethod
    def take(cls, ports: range, folder: Path | None = None) -> Self:
        """The first lane that nobody holds.  ``folder`` is where the locks are, the same for all
        runs of a user.

        :raises TargetError: where all are held.
        """
        folder = folder or Path(tempfile.gettempdir(), f"tw-conformance-{os.getuid()}")
        folder.mkdir(mode=0o700, exist_ok=True)
        share = len(ports) // LANES
        for number in range(LANES):
            file = folder / f"lane-{ports.start}-{number}"
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            return cls(descriptor, ports[number * share : (number + 1) * share])
        raise TargetError(
            f"{LANES} targets are being tested from this machine already: wait until one is done,"
            " or give fewer workers (-n)"
        )

    def __iter__(self) -> Iterator[int]:
        """Each port once, the least recently used first; the same ones for each who asks."""
        for number in range(len(self.ports)):
            if number == self._used:
                self._used += _STRIDE
                self._note((self._start + self._used) % len(self.ports))
            yield self.ports[(self._start + number) % len(self.ports)]

    def close(self) -> None:
        """Let others have it; may be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _last_stop(self) -> int:
        noted = os.pread(self._descriptor, 16, 0)
        return int(noted) % len(self.ports) if noted.strip().isdigit() else 0

    def _note(self, stop: int) -> None:
        os.pwrite(self._descriptor, f"{stop:<15}\n".encode(), 0)
