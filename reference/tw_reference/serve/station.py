"""A host behind a link-layer address: frames in, frames out, its processes served in between."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tw_reference.clock import SECOND
from tw_reference.rules import stages
from tw_reference.rules.decision import Decision
from tw_reference.segment import Echo, Packet
from tw_reference.serve.errors import ServeError
from tw_reference.serve.services import Service
from tw_reference.stack.host import Host
from tw_reference.stack.sockets import CallError
from tw_reference.state import State
from tw_reference.wire.decode import WireError, decode
from tw_reference.wire.encode import Encoder
from tw_reference.wire.neighbours import Neighbours, is_resolution

_SOLICITATIONS = 3
_RETRANS_TIMER = 1 * SECOND
"""RFC 4861 section 10, and as well for ARP."""
_MOST_WAITING = 16
"""Packets kept for a neighbour that has not answered yet (RFC 1122 section 2.3.2.2)."""


@dataclass(slots=True)
class Counts:
    """What a station has seen and done so far."""

    received: int = 0
    sent: int = 0
    unreadable: int = 0
    lost: int = 0
    """Frames that the link did not take, and packets to neighbours that did not answer."""
    connections: int = 0
    time_waits: int = 0

    def __str__(self) -> str:
        return (
            f"connections: {self.connections}, of which {self.time_waits} left in TIME-WAIT;"
            f" frames: {self.received} in, {self.sent} out, {self.unreadable} unreadable,"
            f" {self.lost} lost"
        )


class Station:
    """``host`` at the link-layer address ``mac``; ``services`` are its processes, by port.

    ``transmit`` puts a frame on the link and tells whether the link took it; ``decided`` hears of
    every decision.  The host's clock is the caller's to advance, by :meth:`time_passes`.
    """

    def __init__(
        self,
        host: Host,
        mac: str,
        addresses: frozenset[str],
        services: Mapping[int, Service],
        *,
        transmit: Callable[[bytes], bool],
        decided: Callable[[Decision], None],
    ) -> None:
        self.counts = Counts()
        self._host = host
        self._mac = mac
        self._link_address = bytes.fromhex(mac.replace(":", ""))
        self._addresses = addresses
        self._services = services
        self._transmit = transmit
        self._decided = decided
        self._neighbours = Neighbours(mac, addresses)
        self._encoders: dict[str, Encoder] = {}
        self._waiting: dict[str, deque[Packet | Echo]] = {}
        for port, service in services.items():
            host.listen(port, closes_first=service.closes_first)

    def announce(self) -> None:
        """Ask whether anybody has one of the addresses; an answer ends in a ServeError later."""
        for address in sorted(self._addresses):
            self._send_frame(self._neighbours.probe(address))

    def next_timer(self) -> int | None:
        """When something is due that no frame brings about, in nanoseconds of the host's clock."""
        return self._host.clock.next_timer()

    def time_passes(self, now: int) -> None:
        """Bring the host's clock to ``now``, and do what falls due."""
        self._host.clock.advance(now)
        self._settle()

    def frame_arrives(self, frame: bytes) -> None:
        """:raises ServeError: where another host on the link has one of the addresses."""
        for_us, for_many = frame[:6] == self._link_address, frame[0] & 1
        if frame[6:12] == self._link_address or not (for_us or for_many):
            return
        self.counts.received += 1
        if is_resolution(frame):
            self._resolution_arrives(frame)
        elif for_us:
            self._packet_arrives(frame)
        self._settle()

    def _packet_arrives(self, frame: bytes) -> None:
        try:
            packet = decode(frame)
        except WireError:
            self.counts.unreadable += 1
            return
        if packet is not None:
            self._host.receive(packet)

    def _resolution_arrives(self, frame: bytes) -> None:
        answer = self._neighbours.hear(frame)
        if self._neighbours.contested is not None:
            address, other = self._neighbours.contested
            raise ServeError(f"{address} belongs to {other} on this link: choose another --address")
        if answer is not None:
            self._send_frame(answer)
        for neighbour in self._waiting.keys() & self._neighbours.known.keys():
            for packet in self._waiting.pop(neighbour):
                self._send(packet)

    def _settle(self) -> None:
        """Let the processes react until none has anything more to do, then send."""
        host = self._host
        while host.events:
            event = host.events.popleft()
            if event.kind == "established":
                self.counts.connections += 1
            service = self._services.get(event.flow.sport)
            if service is not None:
                # As ECONNRESET: the peer may have ended it before its process could react.
                with contextlib.suppress(CallError):
                    service.react(host, event)
            if event.kind == "gone":
                # A process that was told so has no use for its socket.
                with contextlib.suppress(CallError):
                    host.sockets.close(event.flow)
        while host.trace:
            decision = host.trace.popleft()
            if decision.stage is stages.ENTRY and decision.after.state is State.TIME_WAIT:
                self.counts.time_waits += 1
            self._decided(decision)
        while host.outbox:
            self._send(host.outbox.popleft())

    def _send(self, packet: Packet | Echo) -> None:
        source, to = (
            (packet.src, packet.dst)
            if isinstance(packet, Echo)
            else (packet.flow.src, packet.flow.dst)
        )
        mac = self._neighbours.known.get(to)
        if mac is not None:
            self._send_frame(self._encoder(mac).encode(packet))
        elif to in self._waiting:
            self.counts.lost += len(self._waiting[to]) == _MOST_WAITING
            self._waiting[to].append(packet)
        else:
            self._waiting[to] = deque([packet], maxlen=_MOST_WAITING)
            self._ask(source, to, _SOLICITATIONS)

    def _ask(self, source: str, neighbour: str, tries: int) -> None:
        """Ask who has ``neighbour``, up to ``tries`` times, as long as a packet waits for it."""
        if neighbour not in self._waiting:
            return
        if tries == 0:
            self.counts.lost += len(self._waiting.pop(neighbour))
            return
        self._send_frame(self._neighbours.ask(source, neighbour))
        clock = self._host.clock
        clock.call_at(clock.now + _RETRANS_TIMER, lambda: self._ask(source, neighbour, tries - 1))

    def _encoder(self, mac: str) -> Encoder:
        if mac not in self._encoders:
            traits = self._host.profile.traits
            self._encoders[mac] = Encoder(self._mac, mac, scale_first=traits.scale_first)
        return self._encoders[mac]

    def _send_frame(self, frame: bytes) -> None:
        if self._transmit(frame):
            self.counts.sent += 1
        else:
            self.counts.lost += 1
