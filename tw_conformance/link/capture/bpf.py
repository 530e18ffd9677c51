"""Frames through a BPF device (FreeBSD and macOS: bpf(4)), as Scapy opens and reads them.

This was written from the manual pages and tested through Scapy's classes on a pretended device; no
line of it ever ran on FreeBSD or macOS.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Self

from scapy.error import Scapy_Exception
from scapy.layers.l2 import Ether

from tw_conformance.link.capture.stamps import monotonic_minus_wall
from tw_conformance.model.errors import TargetError

_BIOCSSEESENT = 0x80044277
"""_IOW('B', 119, u_int) of net/bpf.h; FreeBSD says BIOCSDIRECTION, with 0 for what comes in."""

_TAGS = (b"\x81\x00", b"\x88\xa8")
_VLAN_ID = 0x0FFF
_READS = 4
"""Buffers of the device read in a row: what is full, what is being filled, and a little more."""


class BpfDevice:
    """A capture on Scapy's socket for a BPF device; takes it over.

    Of Scapy's class it does not use :meth:`recv_raw`, which calls itself for every frame of a
    buffer, takes a link that is gone for an empty one, and does not tell a frame that was cut off.
    """

    def __init__(self, device: Any) -> None:
        from scapy.arch.bpf import supersocket  # it refuses to be imported on Linux

        self.tagged: Counter[int] = Counter()
        self.mtu: int | None = None
        self._device = device
        self._header = supersocket.bpf_hdr
        self._end = device.bpf_align
        self._cut_off = 0
        self._lost = 0
        # A read has to ask for exactly as much as the device's buffer holds (bpf(4)).
        self._size: int = device.get_blen() or supersocket.BPF_BUFFER_LENGTH
        device.set_nonblock(True)

    @classmethod
    def open(cls, interface: str) -> Self:
        """:raises TargetError: where this user, or this system, can't have one there."""
        try:
            from scapy.arch.bpf.supersocket import L2bpfSocket
        except (ImportError, OSError) as error:
            raise TargetError(f"this system has no way to capture that is known: {error}") from None
        try:
            device = L2bpfSocket(iface=interface, promisc=True, nofilter=1)
            fcntl.ioctl(device.fileno(), _BIOCSSEESENT, struct.pack("I", 0))
        except (Scapy_Exception, ValueError, OSError) as error:
            raise TargetError(
                f"the interface {interface} can't be had ({error}): run as root, or with the right"
                " to read and write /dev/bpf*"
            ) from None
        if device.guessed_cls is not Ether:
            device.close()
            raise TargetError(f"{interface} is no Ethernet link: the suite needs one")
        return cls(device)

    def fileno(self) -> int:
        descriptor: int = self._device.fileno()
        return descriptor

    def send(self, frame: bytes) -> None:
        self._device.send(frame)

    def read(self) -> Iterator[tuple[bytes, float]]:
        for _ in range(_READS):
            ahead = monotonic_minus_wall()
            try:
                buffer = os.read(self.fileno(), self._size)
            except BlockingIOError:
                return
            yield from self._frames(buffer, ahead)

    def dropped(self) -> int:
        if self.fileno() >= 0:  # else what was counted stands
            _, dropped = self._device.get_stats()
            self._lost = dropped or self._lost
        return self._lost + self._cut_off

    def close(self) -> None:
        self._device.close()

    def _frames(self, buffer: bytes, ahead: int) -> Iterator[tuple[bytes, float]]:
        """Each frame of a buffer: behind a header of its own, and filled up to a word's bound."""
        now = time.monotonic()
        at = 0
        while at + ctypes.sizeof(self._header) <= len(buffer):
            header = self._header.from_buffer_copy(buffer, at)
            start = at + header.bh_hdrlen
            frame = buffer[start : start + header.bh_caplen]
            at += self._end(header.bh_hdrlen, header.bh_caplen)
            if len(frame) < header.bh_datalen:
                self._cut_off += 1
                continue
            vlan, frame = _untagged(frame)
            if vlan:
                self.tagged[vlan] += 1
            else:
                yield frame, min(now, (_nanoseconds(header.bh_tstamp) + ahead) / 1e9)


def _nanoseconds(stamp: Any) -> int:
    """FreeBSD is asked for nanoseconds by Scapy; macOS has microseconds."""
    fraction = stamp.tv_nsec if hasattr(stamp, "tv_nsec") else stamp.tv_usec * 1000
    nanoseconds: int = stamp.tv_sec * 1_000_000_000 + fraction
    return nanoseconds


def _untagged(frame: bytes) -> tuple[int, bytes]:
    """The VLAN that a frame is tagged for, 0 where it has no tag or one for its priority alone;
    and the frame, without such a tag (IEEE 802.1Q section 9)."""
    if frame[12:14] not in _TAGS:
        return 0, frame
    return int.from_bytes(frame[14:16], "big") & _VLAN_ID, frame[:12] + frame[16:]
