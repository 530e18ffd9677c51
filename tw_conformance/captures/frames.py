"""The frames of a capture file, one after the other: Scapy reads the file, nothing is kept of it.

A file may be torn anywhere.  What was read before the tear is used, and :attr:`Frames.fault` says
that more was meant to come.
"""

from __future__ import annotations

import gzip
import logging
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from scapy.error import Scapy_Exception
from scapy.utils import RawPcapReader

from tw_conformance.model.errors import UsageError

_LONGEST = 1 << 24
"""Octets of one block at most: more is asked for where a length is spoilt."""
_GZIP = b"\x1f\x8b"
_NANO = 1_000_000_000
_SPOILT = (Scapy_Exception, struct.error, OSError, EOFError, zlib.error, ValueError, IndexError)
"""What Scapy raises where the octets of a file make no sense."""


class Frame(NamedTuple):
    """``time`` in nanoseconds since the epoch; ``link`` is the number of its link type
    (LINKTYPE_...); ``octets`` may be fewer than ``wire_length`` that there were."""

    number: int
    time: int
    link: int
    octets: bytes
    wire_length: int


class Frames:
    """The frames of a pcap or pcapng file, gzip or not.

    :raises UsageError: where the file can't be opened, or is no capture.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.fault = ""
        """How the file ends too early, as a sentence; empty where it does not, or is not read to
        its end."""
        try:
            self._file = _Bounded(path.open("rb"))
        except OSError as error:
            raise UsageError(f"{path} can't be read: {error.strerror}") from error
        with _scapy_is_quiet():
            try:
                self._reader: Any = RawPcapReader(self._file)
            except _SPOILT as error:
                self._file.close()
                raise UsageError(f"{path} is no capture: neither pcap nor pcapng") from error

    def __iter__(self) -> Iterator[Frame]:
        number = 0
        try:
            with _scapy_is_quiet():
                for octets, about in self._reader:
                    number += 1
                    yield Frame(number, *self._about(about), octets, about.wirelen)
        except _SPOILT:
            self._file.is_torn = True
        else:
            self._file.is_torn = self._file.is_torn or self._file.has_more()
        finally:
            self._file.close()
        if self._file.is_torn:
            place = f"frame {number}" if number else "its header"
            self.fault = f"{self._path} is torn or spoilt behind {place}"

    def _about(self, about: Any) -> tuple[int, int]:
        """Time and link type."""
        if hasattr(about, "tsresol"):
            high, low = about.tshigh, about.tslow
            ticks = 0 if high is None else (high << 32) | low
            return ticks * _NANO // about.tsresol, about.linktype
        fraction = about.usec if self._reader.nano else about.usec * 1000
        # The upper bits say how long a frame check sequence is.
        return about.sec * _NANO + fraction, self._reader.linktype & 0xFFFF


class _Bounded:
    """A file that gives no more at once than a sound one needs, and notes where it ends short."""

    def __init__(self, file: BinaryIO) -> None:
        self.name = file.name
        self._below: BinaryIO = file
        is_gzip = file.read(2) == _GZIP
        file.seek(0)
        self._file: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=file) if is_gzip else file
        self.is_torn = False

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _LONGEST:
            self.is_torn = True
            raise OSError("a block is too long")
        got = self._file.read(size)
        if len(got) < size and (got or size not in (4, 16)):
            self.is_torn = True
        return got

    def has_more(self) -> bool:
        try:
            return bool(self._file.read(1))
        except (OSError, EOFError, zlib.error):
            return True

    def close(self) -> None:
        self._file.close()
        self._below.close()


@contextmanager
def _scapy_is_quiet() -> Iterator[None]:
    """What is wrong with a file is said once, by us."""
    log = logging.getLogger("scapy.runtime")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
