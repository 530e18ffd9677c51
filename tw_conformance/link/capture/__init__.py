"""What the tester hears and says on an Ethernet link, one frame at a time.

Systems differ in how a process gets at frames: Linux has packet sockets (:mod:`.packet_socket`),
FreeBSD and macOS have BPF devices (:mod:`.bpf`).  Nobody but those two modules knows which it is.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Protocol


class Capture(Protocol):
    """All that arrives at an interface, whoever it is for, and a way to send from it.

    What this machine sends itself is not heard.  A frame tagged for a VLAN is of another link than
    the one that the tester is on; it is passed over and counted in ``tagged``, by the VLAN's ID.
    """

    tagged: Counter[int]

    @property
    def mtu(self) -> int | None:
        """Octets of the longest packet that the interface sends; None: not known."""

    def fileno(self) -> int:
        """The descriptor to poll for frames; -1 once closed."""

    def send(self, frame: bytes) -> None:
        """:raises OSError: where the link does not take it; EMSGSIZE: it is longer than the MTU."""

    def read(self) -> Iterator[tuple[bytes, float]]:
        """The frames that have arrived, each with the time at which the kernel received it
        (seconds, ``time.monotonic``).  One call returns a limited number, so that other readers get
        their turn.

        :raises OSError: where the link is gone.
        """

    def dropped(self) -> int:
        """Frames so far that reached the link but could not be read, or not whole."""

    def close(self) -> None:
        """May be called twice."""


def open_capture(interface: str) -> Capture:
    """A capture on ``interface``, an Ethernet link.

    :raises TargetError: where this user, or this system, can't have one.
    """
    if sys.platform != "linux":
        from tw_conformance.link.capture.bpf import BpfDevice

        return BpfDevice.open(interface)
    from tw_conformance.link.capture.packet_socket import PacketSocket

    return PacketSocket.open(interface)
