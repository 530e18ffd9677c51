"""A DUT that answers echoes at once and segments later: the reference on a TAP device, whose
segments wait for another thread.

    python -m tw_conformance.tests.wire.late WAY PROFILE IFNAME

* ``thread``: each leaves up to 3 ms later than it is made, in order;
* ``batches``: all that were made leave together, every 4 ms, in order;
* ``shuffled``: as in batches, each connection's own in order, the connections in any.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from random import Random

from tw_conformance.tests.wire.hostile import ADDRESSES, MAC
from tw_reference.clock import SECOND, Clock
from tw_reference.profiles import PROFILES
from tw_reference.segment import Packet
from tw_reference.serve.links import TapLink
from tw_reference.serve.loop import Loop
from tw_reference.serve.services import Close
from tw_reference.serve.station import Station
from tw_reference.stack.host import Host
from tw_reference.wire.decode import decode
from tw_reference.wire.neighbours import is_resolution

WAYS = ("thread", "batches", "shuffled")
PATIENCE = 5 * SECOND
PERIOD = 0.004
"""Seconds between two batches."""


class Transmitter:
    """Sends all but segments at once; a thread of its own sends those."""

    def __init__(self, link: TapLink, way: str) -> None:
        self._link = link
        self._way = way
        self._random = Random(1)
        self._made: list[tuple[object, bytes]] = []
        """Frames by the connection that they are of."""
        self._some = threading.Event()
        threading.Thread(target=self._send_later, daemon=True).start()

    def __call__(self, frame: bytes) -> bool:
        packet = None if is_resolution(frame) else decode(frame)
        if not isinstance(packet, Packet):
            return self._link.send(frame)
        self._made.append((packet.flow, frame))
        self._some.set()
        return True

    def _send_later(self) -> None:
        while self._some.wait():
            self._some.clear()
            time.sleep(PERIOD if self._way != "thread" else 0.75 * PERIOD * self._random.random())
            made, self._made = self._made, []
            flows = list(dict.fromkeys(flow for flow, _ in made))
            if self._way == "shuffled":
                self._random.shuffle(flows)
                made.sort(key=lambda each: flows.index(each[0]))
            for _, frame in made:
                self._link.send(frame)


def main(way: str, profile: str, name: str) -> None:
    link = TapLink(name)
    stack = PROFILES[profile]
    # Late as it is, and in Python: it is not to send again what is on its way.
    patient = replace(stack, traits=replace(stack.traits, least_rto=PATIENCE, first_rto=PATIENCE))
    station = Station(
        Host(patient, Clock(time.monotonic_ns()), addresses=ADDRESSES),
        MAC,
        ADDRESSES,
        {7: Close()},
        transmit=Transmitter(link, way),
        decided=lambda decision: None,
    )
    Loop(link, station).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
