"""What it costs to trace a capture: segments a second of one core, to read and decode, and to
decide.

    python ci/bench/trace.py [CAPTURE]

Without a capture one is made: 10,000 connections of eight segments, each with its own port and its
own numbers, which the end of the reference closes first; every tenth gets an RST in TIME-WAIT, and
an ACK that asks what became of it.
"""

from __future__ import annotations

import struct
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from tw_conformance.captures.judging import judge_capture
from tw_conformance.captures.reading import CaptureReader
from tw_conformance.notation.load import load_file
from tw_conformance.play.player import perform_once
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES
from tw_reference.segment import ACK, Packet
from tw_reference.wire.decode import decode

CONNECTIONS = 10_000
CASE = """\
case: played
title: Played
cites: [RFC 9293]
reach: {timestamps: on}
steps:
  - wait: 200ms
  - send: {flags: RST}
  - wait: 200ms
  - send: {flags: ACK, seq: rcv_nxt+70000}
  - expect: rst
"""


def connection(folder: Path) -> list[tuple[float, bytes]]:
    """The frames of one connection with their times (s)."""
    file = folder / "played.tw.yaml"
    file.write_text(CASE)
    (case,) = load_file(file)
    target = InProcessTarget(PROFILES["linux-6.18"])
    events = target.start(perform_once(case, target)).result().transcript.events
    return [(e.time, e.frame) for e in events if e.frame and isinstance(decode(e.frame), Packet)]


def moved(frame: bytes, number: int) -> bytes:
    """Another port of the peer's, and other numbers; the checksum is a card's to make."""
    made = bytearray(frame)
    at = 34 if frame[34:36] != b"\0\7" else 36
    made[at : at + 2] = (1024 + number % 60_000).to_bytes(2)
    for place in (38, 42) if frame[47] & ACK else (38,):
        said = int.from_bytes(frame[place : place + 4])
        made[place : place + 4] = ((said + 7919 * number) % 2**32).to_bytes(4)
    made[50:52] = bytes(2)
    return bytes(made)


def records(frames: list[tuple[float, bytes]]) -> Iterator[bytes]:
    for number in range(CONNECTIONS):
        for when, frame in frames if number % 10 == 0 else frames[:8]:
            made, micro = moved(frame, number), round((when + number * 0.01) * 1e6)
            head = struct.pack("<IIII", micro // 1_000_000, micro % 1_000_000, len(made), len(made))
            yield head + made


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        file = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(name, "made.pcap")
        if len(sys.argv) == 1:
            with file.open("wb") as stream:
                stream.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 16, 1))
                stream.writelines(records(connection(Path(name))))
        begun = time.process_time()
        reading = CaptureReader(file)
        seen = list(reading)
        read = time.process_time() - begun
        begun = time.process_time()
        judged = judge_capture(seen, list(PROFILES.values()))
        decided = time.process_time() - begun
        del seen
        print(
            f"{reading.segments:,} segments: {reading.segments / read:,.0f}/s read and decoded,"
            f" {reading.segments / decided:,.0f}/s decided under {len(PROFILES)} profiles"
        )
        print(
            f"{judged.connections:,} connections closed, in {judged.different:,} ways,"
            f" {judged.segments:,} segments behind the first FIN"
        )
        tracemalloc.start()
        judge_capture(CaptureReader(file), list(PROFILES.values()))
        print(f"{tracemalloc.get_traced_memory()[1] / 2**20:,.1f} MB at most")


if __name__ == "__main__":
    main()
