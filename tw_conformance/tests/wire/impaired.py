"""A bad network: a relay before the tester's link that loses, holds up and repeats frames."""

from __future__ import annotations

import heapq
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from tw_conformance.targets.kernel.world import World

_FRAME = 65535
_BUFFER = 8 << 20
_ADDRESS = ("tester", 0, socket.PACKET_HOST, 0, b"")


@dataclass(frozen=True, slots=True)
class Impairment:
    """What happens to a frame in either direction: shares of 1, and seconds of random delay."""

    loss: float = 0.0
    jitter: float = 0.0
    repeats: float = 0.0


class _TestersEnd(socket.socket):
    """Looks like a packet socket to the injector: says where a frame came from."""

    def recvmsg(self, *arguments: Any) -> tuple[bytes, list[Any], int, Any]:
        data, ancillary, flags, _ = super().recvmsg(*arguments)
        return data, ancillary, flags, _ADDRESS

    def getsockname(self) -> tuple[str, int, int, int, bytes]:
        return _ADDRESS


class Relay:
    """Frames between ``link`` and a socket pair, impaired; in a thread until the link closes."""

    def __init__(self, link: socket.socket, impairment: Impairment, seed: int) -> None:
        self._link = link
        self._impairment = impairment
        self._random = Random(seed)
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._inside = here
        self.outside = _TestersEnd(there.family, there.type, fileno=there.detach())
        for end in (self._inside, self.outside):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._held: list[tuple[float, int, socket.socket, bytes]] = []
        self._count = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        other = {self._link: self._inside, self._inside: self._link}
        with self._link, self._inside:
            while True:
                ready, _, _ = select.select(list(other), [], [], self._patience())
                try:
                    for end in ready:
                        frame = end.recv(_FRAME)
                        if not frame:
                            return
                        self._impair(other[end], frame)
                    self._pass_on()
                except OSError:
                    return  # an end was closed, or the world is gone
                if self.outside.fileno() < 0:
                    return

    def _patience(self) -> float | None:
        return max(self._held[0][0] - time.monotonic(), 0.0) if self._held else 0.2

    def _impair(self, to: socket.socket, frame: bytes) -> None:
        draw = self._random
        if draw.random() < self._impairment.loss:
            return
        for _ in range(2 if draw.random() < self._impairment.repeats else 1):
            self._count += 1
            due = time.monotonic() + draw.random() * self._impairment.jitter
            heapq.heappush(self._held, (due, self._count, to, frame))

    def _pass_on(self) -> None:
        while self._held and self._held[0][0] <= time.monotonic():
            _, _, to, frame = heapq.heappop(self._held)
            to.send(frame)


def impaired(impairment: Impairment, seed: int) -> Callable[[int], World]:
    """A way to start worlds whose links are like that, each with a fortune of its own."""
    seeds = Random(seed)

    def start(cpu: int) -> World:
        world = World.start(cpu)
        world.packets.setblocking(True)
        world.packets = Relay(world.packets, impairment, seeds.getrandbits(64)).outside
        return world

    return start
