"""A capture as packets with their times; what could not be looked at is counted by its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tw_conformance.captures.frames import Frame, Frames
from tw_conformance.captures.link_types import NotHandled, as_ethernet, whole
from tw_reference.segment import Packet
from tw_reference.wire.decode import WireError, decode


class Sighting(NamedTuple):
    """A segment as a capture has it; ``time`` in nanoseconds, ``number`` that of its frame."""

    number: int
    time: int
    packet: Packet


class CaptureReader:
    """The TCP segments of a capture file, in the order of the file.

    ``left_out`` counts the frames that may have been TCP and were not looked at, by reason.

    :raises UsageError: where the file can't be opened, or is no capture.
    """

    def __init__(self, path: Path) -> None:
        self._frames = Frames(path)
        self.frames = self.segments = 0
        self.left_out: Counter[str] = Counter()

    @property
    def fault(self) -> str:
        """How the file ends too early, as a sentence, or nothing."""
        return self._frames.fault

    def __iter__(self) -> Iterator[Sighting]:
        for frame in self._frames:
            self.frames += 1
            packet = self._packet(frame)
            if packet is not None:
                self.segments += 1
                yield Sighting(frame.number, frame.time, packet)

    def _packet(self, frame: Frame) -> Packet | None:
        try:
            ethernet = as_ethernet(frame.link, frame.octets)
            if ethernet is None:
                return None
            on_wire = frame.wire_length - len(frame.octets) + len(ethernet)
            packet = decode(whole(ethernet, on_wire), kept=len(ethernet))
        except NotHandled as kind:
            self.left_out[str(kind)] += 1
        except WireError as error:
            # What is said of a checksum names one segment; they are counted together.
            self.left_out[str(error).partition(":")[0]] += 1
        else:
            return packet if isinstance(packet, Packet) else None
        return None
