"""Source ports that no other run has, and that were not used a short while ago.

A 4-tuple that is still in TIME-WAIT on the DUT can't be used again, so two runs, two workers of
one run and one run after another must not take the same ports.  Every target holds a *lease* of a
sixteenth of them, by a lock on a file that remembers where the last run with that share stopped.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Self

from tw_conformance.model.errors import TargetError

SHARES = 16
NOT_TO_GROW_INTO = 4
"""Shares, the last ones, that no lease grows into: however long a run is, another can begin."""
_STRIDE = 64
"""Ports that are noted as used in one go.  After a crash, so many at most are skipped."""
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_UID_MAP = Path("/proc/self/uid_map")


class SourcePortLease:
    """A share of ``ports``, held until :meth:`close`; where it may grow, further ones as soon as
    that is used up, but for the last few."""

    def __init__(self, first: _Share, ports: range, folder: Path, *, grows: bool) -> None:
        self._shares = [first]
        self._all = ports
        self._folder = folder
        self._grows = grows

    @classmethod
    def take(cls, ports: range, folder: Path | None = None, *, grows: bool = False) -> Self:
        """The first share that nobody holds.  ``folder`` is where the locks are, the same for all
        runs of a user.

        :raises TargetError: where all are held, or the folder is not this user's own to lock in.
        """
        folder = folder or Path(tempfile.gettempdir(), f"tw-conformance-{real_user()}")
        try:
            _make_own(folder)
            first = _free_share(ports, folder, SHARES)
        except OSError as error:
            raise TargetError(
                f"source ports can't be leased in {folder}: {error.strerror}; {_ADVICE}"
            ) from error
        if first is None:
            raise TargetError(
                f"the runs under way on this machine hold all {SHARES} shares of source ports:"
                " wait until one is done, or give fewer workers (-n)"
            )
        return cls(first, ports, folder, grows=grows)

    @property
    def ports(self) -> range:
        """The first share."""
        return self._shares[0].ports

    def __iter__(self) -> Iterator[int]:
        """Each port once, the least recently used first; the same ones for each who asks."""
        for number in count():
            if number == len(self._shares) and not self._has_grown():
                return
            yield from self._shares[number]

    def close(self) -> None:
        """Let others have it; may be called twice."""
        for share in self._shares:
            share.close()

    def _has_grown(self) -> bool:
        if not self._grows:
            return False
        with contextlib.suppress(OSError):
            further = _free_share(self._all, self._folder, SHARES - NOT_TO_GROW_INTO)
            if further is not None:
                self._shares.append(further)
                return True
        return False


class _Share:
    """Some ports, and the descriptor of the file that is locked for them."""

    def __init__(self, descriptor: int, ports: range) -> None:
        self.ports = ports
        self._descriptor = descriptor
        self._start = self._last_stop()
        self._used = 0

    def __iter__(self) -> Iterator[int]:
        for number in range(len(self.ports)):
            if number == self._used:
                self._used += _STRIDE
                self._note((self._start + self._used) % len(self.ports))
            yield self.ports[(self._start + number) % len(self.ports)]

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _last_stop(self) -> int:
        noted = os.pread(self._descriptor, 16, 0)
        return int(noted) % len(self.ports) if noted.strip().isdigit() else 0

    def _note(self, stop: int) -> None:
        """Note where this run has got to.  On a full disk the note is lost, and with it the next
        run's order, but no run fails."""
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, f"{stop:<15}\n".encode(), 0)


def _free_share(ports: range, folder: Path, among: int) -> _Share | None:
    """The first that nobody holds, among so many; None where all those are held.

    :raises OSError: where nothing can be locked there.
    """
    size = len(ports) // SHARES
    for number in range(among):
        descriptor = _locked(folder / f"lane-{ports.start}-{number}")
        if descriptor is not None:
            return _Share(descriptor, ports[number * size : (number + 1) * size])
    return None


_ADVICE = "remove it, or have TMPDIR name a folder of your own"


def real_user(uid_map: Path = _UID_MAP) -> int:
    """This user's ID outside the user namespace that this process may be in.

    Inside one everybody is root, and root's folder is not theirs: see user_namespaces(7).
    """
    inside = os.getuid()
    try:
        lines = uid_map.read_text().splitlines()
    except OSError:  # no Linux, or no /proc
        return inside
    for first, outside, length in (map(int, line.split()) for line in lines):
        if first <= inside < first + length:
            return outside + inside - first
    return inside


def _make_own(folder: Path) -> None:
    """:raises TargetError: where somebody else could take part in what is locked there."""
    folder.mkdir(mode=0o700, exist_ok=True)
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid():
        raise TargetError(f"{folder} is not a folder of this user's own: {_ADVICE}")
    if seen.st_mode & _OTHERS_MAY_WRITE:
        raise TargetError(f"{folder} may be written by others (chmod 700): {_ADVICE}")


def _locked(file: Path) -> int | None:
    """A descriptor of that file with a lock on it; None where another has it."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
