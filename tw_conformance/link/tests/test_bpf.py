"""Frames through a BPF device, which is pretended: Scapy's own classes, on a socket pair.

Buffers are laid out as bpf(4) says: FreeBSD's records begin at multiples of 8 octets and have
their time in nanoseconds, those of macOS begin at multiples of 4 and have microseconds.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module

import pytest
import scapy.consts
from scapy.config import conf

from tw_conformance.link.capture.bpf import BpfDevice
from tw_conformance.model.errors import TargetError

BUFFER = 65535
SYN = b"\x02\x74" + bytes(10) + b"\x08\x00" + b"E" + bytes(39)
ARP = b"\xff" * 6 + bytes(6) + b"\x08\x06" + bytes(46)

BIOCGBLEN, BIOCGDLT, BIOCGSTATS, BIOCSETIF, BIOCSSEESENT = (
    *(0x40044266, 0x4004426A, 0x4008426F, 0x8020426C, 0x80044277),
)
"""As net/bpf.h and sys/ioccom.h have them."""
DLT_NULL, DLT_EN10MB = 0, 1


@dataclass
class Pretended:
    """A system with one BPF device, ``far`` being what the link puts into it and takes from it."""

    nanoseconds: bool
    far: socket.socket
    near: socket.socket
    link_type: int = DLT_EN10MB
    permitted: bool = True
    counts: tuple[int, int] = (0, 0)
    asked: dict[int, bytes] = field(default_factory=dict)

    def interface(self, name: str) -> str:
        if name not in ("em0", "utun3"):
            raise ValueError(f"Interface {name!r} not found !")
        return name

    def open(self, real: Callable[..., int], path: str, *more: int) -> int:
        if not str(path).startswith("/dev/bpf"):
            return real(path, *more)
        if not self.permitted:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return os.dup(self.near.fileno())

    def ioctl(self, descriptor: int, request: int, argument: bytes) -> bytes:
        self.asked[request & 0xFFFFFFFF] = argument
        answers = {
            BIOCGBLEN: struct.pack("I", BUFFER),
            BIOCGDLT: struct.pack("I", self.link_type),
            BIOCGSTATS: struct.pack("2I", *self.counts),
        }
        return answers.get(request, argument)

    def record(self, frame: bytes, *, at: float | None = None, whole: int | None = None) -> bytes:
        """One frame in a buffer, up to where the next begins; ``whole``: its length on the link."""
        seconds, rest = divmod(time.time() if at is None else at, 1)
        lengths = len(frame), len(frame) if whole is None else whole
        if self.nanoseconds:
            header = struct.pack("=qQIIH", int(seconds), int(rest * 1e9), *lengths, 26)
            word = 8
        else:
            header = struct.pack("=IIIIH", int(seconds), int(rest * 1e6), *lengths, 18)
            word = 4
        return header + frame + bytes(-(len(header) + len(frame)) % word)


@pytest.fixture(params=["freebsd", "darwin"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pretended]:
    """One of the two, with a copy of Scapy's BPF modules that believe it."""

    def modules() -> list[str]:
        return [name for name in sys.modules if name.startswith("scapy.arch.bpf")]

    for name in modules():
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(scapy.consts, "LINUX", False)
    monkeypatch.setattr(scapy.consts, request.param.upper(), True)
    monkeypatch.setattr(conf.ifaces, "register_provider", lambda provider: None)
    far, near = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with far, near:
        made = Pretended(request.param == "freebsd", far, near)
        supersocket = import_module("scapy.arch.bpf.supersocket")
        monkeypatch.setattr(supersocket, "network_name", made.interface)
        with monkeypatch.context() as devices:
            devices.setattr(os, "open", partial(made.open, os.open))
            devices.setattr(fcntl, "ioctl", made.ioctl)
            yield made
    for name in modules():
        del sys.modules[name]


@pytest.fixture
def device(system: Pretended) -> Iterator[BpfDevice]:
    opened = BpfDevice.open("em0")
    yield opened
    opened.close()


def frames(device: BpfDevice) -> list[bytes]:
    return [frame for frame, _ in device.read()]


def test_it_is_bound_to_the_interface_and_hears_only_what_comes_in(
    system: Pretended, device: BpfDevice
) -> None:
    assert system.asked[BIOCSETIF].rstrip(b"\0") == b"em0"
    assert system.asked[BIOCSSEESENT] == struct.pack("I", 0)


def test_what_is_sent_is_written_as_it_is(system: Pretended, device: BpfDevice) -> None:
    device.send(SYN)
    assert system.far.recv(BUFFER) == SYN


def test_nothing_there_is_no_frame_and_no_wait(system: Pretended, device: BpfDevice) -> None:
    assert frames(device) == []


def test_a_buffer_has_several_frames_each_behind_padding(
    system: Pretended, device: BpfDevice
) -> None:
    sizes = [54, 55, 57, 60, 61, 1514]
    sent = [SYN[:14] + bytes([size % 256]) * (size - 14) for size in sizes]
    system.far.send(b"".join(map(system.record, sent)))
    assert frames(device) == sent


def test_the_last_frame_of_a_buffer_may_lack_its_padding(
    system: Pretended, device: BpfDevice
) -> None:
    odd = SYN + b"x"
    system.far.send(system.record(odd) + system.record(odd).rstrip(b"\0"))
    assert frames(device) == [odd, odd]


PYTHONS_LIMIT = 1000


def test_a_buffer_full_of_small_frames(system: Pretended, device: BpfDevice) -> None:
    """More of them than Python lets a function call itself."""
    one = system.record(SYN[:14])
    system.far.send(one * (BUFFER // len(one)))
    assert len(frames(device)) > PYTHONS_LIMIT


def test_both_buffers_are_read_in_one_go(system: Pretended, device: BpfDevice) -> None:
    system.far.send(system.record(SYN))
    system.far.send(system.record(ARP))
    assert frames(device) == [SYN, ARP]


def test_a_frame_has_the_time_at_which_the_kernel_received_it(
    system: Pretended, device: BpfDevice
) -> None:
    before = time.monotonic()
    system.far.send(system.record(SYN, at=time.time() - 2.5))
    ((_, moment),) = device.read()
    assert before - 0.001 <= moment + 2.5 <= time.monotonic() + 0.001


def test_a_clock_that_was_set_back_makes_no_frame_of_the_future(
    system: Pretended, device: BpfDevice
) -> None:
    system.far.send(system.record(SYN, at=time.time() + 3600))
    ((_, moment),) = device.read()
    assert moment <= time.monotonic()


def test_a_frame_that_was_cut_off_is_lost_and_the_next_is_not(
    system: Pretended, device: BpfDevice
) -> None:
    system.far.send(system.record(SYN, whole=9000) + system.record(ARP))
    assert frames(device) == [ARP]
    assert device.dropped() == 1


def test_what_the_kernel_dropped_is_counted_and_stays_so(
    system: Pretended, device: BpfDevice
) -> None:
    system.counts = (100, 7)
    assert device.dropped() == device.dropped() == 7
    device.close()
    assert device.dropped() == 7
    assert device.fileno() == -1


@pytest.mark.parametrize("kind", [b"\x81\x00", b"\x88\xa8"])
def test_a_frame_tagged_for_a_vlan_is_passed_over_and_counted(
    system: Pretended, device: BpfDevice, kind: bytes
) -> None:
    for_vlan_10 = SYN[:12] + kind + b"\x60\x0a" + SYN[12:]
    system.far.send(system.record(for_vlan_10) + system.record(SYN))
    assert frames(device) == [SYN]
    assert device.tagged == {10: 1}


def test_a_tag_that_gives_a_priority_alone_is_taken_off(
    system: Pretended, device: BpfDevice
) -> None:
    system.far.send(system.record(SYN[:12] + b"\x81\x00\x60\x00" + SYN[12:]))
    assert frames(device) == [SYN]


def test_an_interface_that_goes_away_is_no_empty_link(
    system: Pretended, device: BpfDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(descriptor: int, length: int) -> bytes:
        raise OSError(errno.ENXIO, "Device not configured")

    with monkeypatch.context() as patched:
        patched.setattr(os, "read", gone)
        with pytest.raises(OSError, match="Device not configured"):
            frames(device)


def test_without_the_right_it_says_what_to_do(system: Pretended) -> None:
    system.permitted = False
    with pytest.raises(TargetError, match=r"em0 can't be had \(Permission denied.*: run as root"):
        BpfDevice.open("em0")


def test_a_link_that_is_not_ethernet_is_refused(system: Pretended) -> None:
    system.link_type = DLT_NULL
    with pytest.raises(TargetError, match="utun3 is no Ethernet link"):
        BpfDevice.open("utun3")


def test_an_interface_that_is_not_there_is_said(system: Pretended) -> None:
    with pytest.raises(TargetError, match="the interface em7 can't be had"):
        BpfDevice.open("em7")


def test_a_system_with_neither_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "scapy.arch.bpf.supersocket", raising=False)
    with pytest.raises(TargetError, match="no way to capture"):
        BpfDevice.open("eth0")
