"""A DUT that wishes the tester ill: the reference on a TAP device, and what is done to its frames.

    python -m tw_conformance.tests.wire.hostile WAY IFNAME

It resolves addresses as any host does, and it is honest until it has sent 200 frames: long
enough for the tester to survey the path and to begin.  The ways:

* ``garbage``: every frame comes with a hundred others, random ones and broken copies of itself;
* ``repeats``: every frame comes three thousand times;
* ``endless``: the latest frame is sent again and again, as fast as the link takes it;
* ``lies``: the numbers of its segments are made up;
* ``deaf``: nothing is ever answered but address resolution;
* ``mute``: the same, and honest at no time;
* ``numb``: segments are answered, echo requests are not.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

from tw_reference.clock import Clock
from tw_reference.profiles import PROFILES
from tw_reference.segment import Packet
from tw_reference.serve.links import TapLink
from tw_reference.serve.loop import Loop
from tw_reference.serve.services import Close
from tw_reference.serve.station import Station
from tw_reference.stack.host import Host
from tw_reference.wire.decode import decode
from tw_reference.wire.encode import Encoder
from tw_reference.wire.neighbours import is_resolution

MAC = "02:00:00:00:00:01"
ADDRESSES = frozenset(("192.0.2.1", "2001:db8::1"))

Way = Callable[[bytes, Random], Iterator[bytes]]


def garbage(frame: bytes, random: Random) -> Iterator[bytes]:
    yield frame
    for _ in range(50):
        broken = bytearray(frame)
        for _ in range(random.randrange(1, 5)):
            broken[random.randrange(12, len(broken))] = random.getrandbits(8)
        yield bytes(broken[: random.randrange(14, len(broken) + 1)])
        yield frame[:14] + random.randbytes(random.randrange(1400))


def repeats(frame: bytes, random: Random) -> Iterator[bytes]:
    for _ in range(3000):
        yield frame


def lies(frame: bytes, random: Random) -> Iterator[bytes]:
    packet = decode(frame)
    if isinstance(packet, Packet):
        seq, ack = random.getrandbits(32), random.getrandbits(32)
        packet = replace(packet, segment=replace(packet.segment, seq=seq, ack=ack))
    sender, receiver = frame[6:12].hex(":"), frame[:6].hex(":")
    yield frame if packet is None else Encoder(sender, receiver).encode(packet)


def deaf(frame: bytes, random: Random) -> Iterator[bytes]:
    yield from ()


def numb(frame: bytes, random: Random) -> Iterator[bytes]:
    if isinstance(decode(frame), Packet):
        yield frame


def honest(frame: bytes, random: Random) -> Iterator[bytes]:
    yield frame


WAYS: dict[str, Way] = {
    "garbage": garbage,
    "repeats": repeats,
    "endless": honest,
    "lies": lies,
    "deaf": deaf,
    "mute": deaf,
    "numb": numb,
}


class Transmitter:
    """Sends what a way makes of the host's frames; address resolution is left as it is."""

    def __init__(self, link: TapLink, way: str) -> None:
        self._link = link
        self._way = WAYS[way]
        self._random = Random(1)
        self._honest = 0 if way == "mute" else 200
        self._latest: bytes | None = None
        if way == "endless":
            threading.Thread(target=self._send_without_end, daemon=True).start()

    def __call__(self, frame: bytes) -> bool:
        if is_resolution(frame):
            return self._link.send(frame)
        self._honest -= 1
        if self._honest >= 0:
            return self._link.send(frame)
        self._latest = frame
        taken = [self._link.send(made) for made in self._way(frame, self._random)]
        return all(taken)

    def _send_without_end(self) -> None:
        while True:
            if self._latest is None:
                time.sleep(0.01)
            else:
                self._link.send(self._latest)


def main(way: str, name: str) -> None:
    link = TapLink(name)
    clock = Clock(time.monotonic_ns())
    station = Station(
        Host(PROFILES["linux-6.18"], clock, addresses=ADDRESSES),
        MAC,
        ADDRESSES,
        {7: Close()},
        transmit=Transmitter(link, way),
        decided=lambda decision: None,
    )
    Loop(link, station).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
