"""Captures for tests: the reference plays a case, and what crossed the link becomes a file."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from tw_conformance.model.case import Case
from tw_conformance.notation.load import load_file
from tw_conformance.play.player import perform_once
from tw_conformance.report.capture import pcapng
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES

DUT = "192.0.2.1"
DUTS: Mapping[str, str] = MappingProxyType({"ipv4": DUT, "ipv6": "2001:db8::1"})
HEAD = "case: played\ntitle: Played\ncites: [RFC 9293]\n"


def case_of(folder: Path, steps: str, reach: str = "{}") -> Case:
    """The case with these steps, in YAML's flow style."""
    file = folder / "played.tw.yaml"
    file.write_text(f"{HEAD}reach: {reach}\nsteps: {steps}\n")
    (case,) = load_file(file)
    return case


def captured(folder: Path, case: Case, profile: str) -> Path:
    """The capture of a play of the reference, as the suite writes it for a FAIL."""
    target = InProcessTarget(PROFILES[profile])
    outcome = target.start(perform_once(case, target)).result()
    file = folder / "played.pcapng"
    file.write_bytes(pcapng(outcome))
    return file


def frames_of(case: Case, profile: str) -> list[tuple[float, bytes]]:
    """The same as Ethernet frames with their times (s)."""
    target = InProcessTarget(PROFILES[profile])
    outcome = target.start(perform_once(case, target)).result()
    return [(event.time, event.frame) for event in outcome.transcript.events if event.frame]


def written(
    file: Path,
    frames: Iterable[tuple[float, bytes]],
    *,
    link: int = 1,
    dressed: Callable[[bytes], bytes] = bytes,
    kept: int = 1 << 16,
) -> Path:
    """A pcap file of frames ``dressed`` for a link type, of each the first ``kept`` octets."""
    octets = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, kept, link)
    for time, frame in frames:
        whole = dressed(frame)
        seconds, micro = divmod(round(time * 1e6), 1_000_000)
        cut = whole[:kept]
        octets += struct.pack("<IIII", 1_700_000_000 + seconds, micro, len(cut), len(whole)) + cut
    file.write_bytes(octets)
    return file


_FAMILIES: Mapping[bytes, bytes] = MappingProxyType(
    {b"\x08\x00": b"\2\0\0\0", b"\x86\xdd": b"\x1e\0\0\0"}
)


def _behind(frame: bytes) -> bytes:
    return frame[14:]


LINKS: Mapping[str, tuple[int, Callable[[bytes], bytes]]] = MappingProxyType(
    {
        "Ethernet": (1, bytes),
        "VLAN": (1, lambda f: f[:12] + b"\x81\0\0\x05" + f[12:]),
        "two tags": (1, lambda f: f[:12] + b"\x88\xa8\0\x05\x81\0\0\x06" + f[12:]),
        "raw": (101, _behind),
        "raw IPv4": (228, _behind),
        "loopback": (0, lambda f: _FAMILIES[f[12:14]] + _behind(f)),
        "OpenBSD's loopback": (108, lambda f: _FAMILIES[f[12:14]][::-1] + _behind(f)),
        "SLL": (113, lambda f: bytes(14) + f[12:]),
        "SLL2": (276, lambda f: f[12:14] + bytes(18) + _behind(f)),
    }
)
"""Link types by name: their number, and how an Ethernet frame looks there."""
