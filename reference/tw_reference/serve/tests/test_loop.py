"""The loop sleeps until something is due, and ends when it is told to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tw_reference.clock import MILLISECOND, Clock
from tw_reference.profiles import PROFILES
from tw_reference.segment import Echo
from tw_reference.serve.loop import Loop
from tw_reference.serve.station import Station
from tw_reference.stack.host import Host
from tw_reference.wire.decode import decode
from tw_reference.wire.encode import Encoder
from tw_reference.wire.neighbours import Neighbours

OURS, THEIRS = "02:00:00:00:00:01", "02:00:00:00:00:02"
HERE, THERE = "192.0.2.1", "192.0.2.2"


class Cable:
    """A link whose other end is ``far``; it counts how often it is looked at."""

    name = "cable"

    def __init__(self) -> None:
        self._near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._near.setblocking(False)
        self.far.settimeout(10)
        self.looks = 0

    def fileno(self) -> int:
        return self._near.fileno()

    def receive(self) -> bytes | None:
        self.looks += 1
        try:
            return self._near.recv(2048)
        except BlockingIOError:
            return None

    def send(self, frame: bytes) -> bool:
        return self._near.send(frame) > 0

    def close(self) -> None:
        self._near.close()
        self.far.close()


@pytest.fixture
def cable() -> Iterator[Cable]:
    laid = Cable()
    yield laid
    laid.close()


def serve(cable: Cable) -> tuple[Clock, Loop]:
    clock = Clock(time.monotonic_ns())
    host = Host(PROFILES["freebsd-10"], clock, addresses=frozenset({HERE}), seed=1)
    station = Station(
        host,
        OURS,
        frozenset({HERE}),
        {},
        transmit=cable.send,
        decided=lambda decision: None,
    )
    return clock, Loop(cable, station)


def test_a_timer_fires_on_a_silent_link_and_nothing_is_polled(cable: Cable) -> None:
    clock, loop = serve(cable)
    due = time.monotonic_ns() + 100 * MILLISECOND
    clock.call_at(due, loop.stop)
    loop.run()
    assert time.monotonic_ns() >= due
    assert cable.looks <= 3


def test_frames_are_answered_until_another_thread_stops_it(cable: Cable) -> None:
    _, loop = serve(cable)
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        neighbour, encoder = Neighbours(THEIRS, [THERE]), Encoder(THEIRS, OURS)
        cable.far.recv(2048)  # it asks whether its address is free
        cable.far.send(neighbour.ask(THERE, HERE))
        neighbour.hear(cable.far.recv(2048))
        assert neighbour.known == {HERE: OURS}
        cable.far.send(encoder.encode(Echo(THERE, HERE, 1, 2)))
        assert decode(cable.far.recv(2048)) == Echo(HERE, THERE, 1, 2, reply=True)
    finally:
        loop.stop()
        thread.join()
    loop.stop()
