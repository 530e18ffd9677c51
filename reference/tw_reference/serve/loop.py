"""The thread of a served host: it sleeps until a frame comes in, or a timer of the host is due."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time

from tw_reference.clock import SECOND
from tw_reference.serve.links import FrameLink
from tw_reference.serve.station import Station

_BURST = 256
"""Frames taken before a wish to stop is looked at."""


class Loop:
    """Moves frames between ``link`` and ``station``, in real time, until it is stopped."""

    def __init__(self, link: FrameLink, station: Station) -> None:
        self._link = link
        self._station = station
        self._stopped = False
        self._wake, self._alarm = socket.socketpair()

    def run(self) -> None:
        """Serve.

        :raises ServeError: where the link is gone, or another host has one of the addresses.
        """
        self._station.time_passes(time.monotonic_ns())
        self._station.announce()
        with selectors.DefaultSelector() as selector, self._wake, self._alarm:
            selector.register(self._link, selectors.EVENT_READ)
            selector.register(self._alarm, selectors.EVENT_READ)
            while not self._stopped:
                selector.select(self._patience())
                self._catch_up()

    def stop(self) -> None:
        """Have :meth:`run` return; to be called from a signal handler or another thread."""
        self._stopped = True
        with contextlib.suppress(OSError):  # it has returned by itself
            self._wake.send(b"\0")

    def _patience(self) -> float | None:
        """Seconds until the next timer is due; None: for ever."""
        timer = self._station.next_timer()
        return None if timer is None else max(timer - time.monotonic_ns(), 0) / SECOND

    def _catch_up(self) -> None:
        """Do what is due and take the frames that wait, each at its own time."""
        for _ in range(_BURST):
            self._station.time_passes(time.monotonic_ns())
            frame = self._link.receive()
            if frame is None:
                return
            self._station.frame_arrives(frame)
