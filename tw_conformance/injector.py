"""The tester as a host of its own, on one packet socket.

It has addresses that no kernel has, answers address resolution for them, and hands every
connection a mailbox.  The local kernel never sees the connections, so it never resets them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Sequence

from reference.segment import Echo, Flow, Packet
from reference.wire import Wire, WireError
from reference.wire_neighbours import Neighbours, is_resolution
from reference.wire_plain import decode_plain
from tw_conformance.errors import TargetError
from tw_conformance.mailbox import Mailbox
from tw_conformance.targets.base import Arrival

SOURCE_PORTS = range(20000, 61000)

_SOL_PACKET = 263
_PACKET_STATISTICS = 6
_PACKET_IGNORE_OUTGOING = 23
_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")
_PACKET_TYPE = 2
"""Where the packet type stands in the address of a received frame (packet(7))."""

_MAX_FRAME = 9216
_RECEIVE_BUFFER = 16 << 20
_BURST = 256
"""Frames read before timers and other tasks have their turn."""
_CLAIMS = 3
_CLAIM_INTERVAL = 0.2
_RESOLVE_SECONDS = 5.0
_RESOLVE_INTERVAL = 0.05


class Injector:
    """Sends and receives for the addresses ``addresses`` from the link-layer address ``mac``.

    To be made and used on one event loop; takes the packet socket over.  ``ports`` are the source
    ports that connections may have, in the order in which they are taken.
    """

    def __init__(
        self,
        packets: socket.socket,
        mac: str,
        addresses: Sequence[str],
        ports: Iterable[int] = SOURCE_PORTS,
    ) -> None:
        self._packets = packets
        self._mac = bytes.fromhex(mac.replace(":", ""))
        self._mac_text = mac
        self._neighbours = Neighbours(mac, addresses)
        self._wires: dict[str, Wire] = {}
        self._reader = Wire(mac, mac)
        self._by_flow: dict[Flow, Mailbox] = {}
        self._by_ident: dict[tuple[str, int], Mailbox] = {}
        self._ipv4 = [address for address in addresses if ":" not in address]
        self._ipv6 = [address for address in addresses if ":" in address]
        self._sources = {False: _sources(self._ipv4, ports), True: _sources(self._ipv6, ports)}
        self._resolved = asyncio.Event()
        self._lost = 0
        self._failure: TargetError | None = None
        self.strays = 0
        """Segments and echoes so far that belonged to no open connection."""
        _prepare(packets)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(packets, self._read)

    async def claim(self) -> None:
        """Make sure that nobody else has our addresses (RFC 5227, RFC 4862 section 5.4), as fast
        as a person's patience asks for.

        :raises TargetError: where somebody has.
        """
        for address in (*self._ipv4, *self._ipv6) * _CLAIMS:
            deadline = self._loop.time() + _CLAIM_INTERVAL
            self._transmit(self._neighbours.probe(address))
            while self._neighbours.contested is None and self._loop.time() < deadline:
                await self._something_resolved(deadline - self._loop.time())
        if self._neighbours.contested is not None:
            address, owner = self._neighbours.contested
            raise TargetError(
                f"{address} is in use on this link ({owner} has it): choose one that no host has"
            )

    async def resolve(self, address: str, via: str | None = None) -> None:
        """Learn the link-layer address of the DUT, and let it learn ours; or those of the router
        ``via`` that leads to it.

        :raises TargetError: where nobody answers.
        """
        hop = via or address
        source = (self._ipv6 if ":" in address else self._ipv4)[0]
        question = self._neighbours.ask(source, hop)
        deadline = self._loop.time() + _RESOLVE_SECONDS
        while hop not in self._neighbours.known:
            if self._loop.time() > deadline:
                whose = "the DUT's address" if hop == address else f"the router to {address}"
                raise TargetError(
                    f"{hop} does not answer on this link: is it {whose}, and is it up?"
                )
            self._transmit(question)
            await self._something_resolved(_RESOLVE_INTERVAL)
        self._wires[address] = Wire(self._mac_text, self._neighbours.known[hop])

    def open(self, dut: str, port: int) -> Mailbox:
        """A connection to ``port`` of the DUT's address ``dut``, with a source port never used
        before.

        :raises TargetError: where every source port has been used.
        """
        flow = self._unused(dut, port)
        # No other tester has this address with this port: echoes are told apart by the same pair.
        mailbox = Mailbox(flow, flow.sport, self._read)
        self._deliver(flow, mailbox)
        return mailbox

    def join(self, mailbox: Mailbox, dut: str, port: int) -> Flow:
        """One more connection, of which arrivals go to ``mailbox`` too: its 4-tuple as the tester
        sends it.  Its source port is the ident of its probes, as that of :meth:`open`'s is.

        :raises TargetError: where every source port has been used.
        """
        flow = self._unused(dut, port)
        mailbox.joined.append(flow)
        self._deliver(flow, mailbox)
        return flow

    def release(self, mailbox: Mailbox) -> None:
        """Give a connection up, and those that joined it; no 4-tuple of them is used again.  May
        be done twice."""
        for flow in (mailbox.flow, *mailbox.joined):
            self._by_flow.pop(flow, None)
            self._by_ident.pop((flow.src, flow.sport), None)

    def _unused(self, dut: str, port: int) -> Flow:
        try:
            source, source_port = next(self._sources[":" in dut])
        except StopIteration:
            raise TargetError(
                "every source port of the tester's addresses has been used:"
                " run the rest in a second run, or spread the cases over workers (-n)"
            ) from None
        return Flow(source, source_port, dut, port)

    def _deliver(self, flow: Flow, mailbox: Mailbox) -> None:
        self._by_flow[flow] = self._by_ident[flow.src, flow.sport] = mailbox

    def send(self, packet: Packet | Echo, *, checksum_ok: bool = True) -> tuple[float, bytes]:
        """Put one packet on the link; the time just before it left, and its frame.

        :raises TargetError: where the link is gone.
        """
        dut = packet.dst if isinstance(packet, Echo) else packet.flow.dst
        frame = self._wires[dut].encode(packet, checksum_ok=checksum_ok)
        moment = time.monotonic()
        self._transmit(frame)
        return moment, frame

    def frames_lost(self) -> int:
        """Frames so far that reached the link but not a mailbox: dropped by the kernel because
        its buffer was full, or unreadable (:class:`~reference.wire.WireError`)."""
        with contextlib.suppress(OSError):  # the socket is closed: what was counted stands
            statistics = self._packets.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
            _, dropped = struct.unpack("@II", statistics)  # since it was last asked
            self._lost += dropped
        return self._lost

    def close(self) -> None:
        """Stop to read, and close the socket; may be called twice."""
        if self._packets.fileno() >= 0:
            self._loop.remove_reader(self._packets)
            self._packets.close()

    def fail(self, failure: TargetError) -> None:
        """The DUT is gone: from now on whoever waits for it, or sends to it, gets that error."""
        self._failure = failure
        self.close()
        for mailbox in self._by_flow.values():
            mailbox.fail(failure)

    async def _something_resolved(self, seconds: float) -> None:
        """Wait for address resolution to be heard, that long at most."""
        self._resolved.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._resolved.wait(), seconds)

    def _transmit(self, frame: bytes) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            self._packets.send(frame)
        except OSError as error:
            raise TargetError(f"the link takes no more frames: {error.strerror}") from error

    def _read(self) -> None:
        if self._failure is not None:
            return
        for _ in range(_BURST):
            try:
                frame, ancillary, _, address = self._packets.recvmsg(_MAX_FRAME, 64)
            except BlockingIOError:
                return
            except OSError as error:
                self.fail(TargetError(f"the link is gone: {error.strerror}"))
                return
            if address[_PACKET_TYPE] != socket.PACKET_OUTGOING:
                self._take(frame, _arrival_time(ancillary))

    def _take(self, frame: bytes, moment: float) -> None:
        if is_resolution(frame):
            self._resolve_for(frame)
            return
        if frame[:6] != self._mac:
            return
        try:
            packet = decode_plain(frame) or self._reader.decode(frame)
        except WireError:
            self._lost += 1
            return
        match packet:
            case Packet():
                mailbox = self._by_flow.get(packet.flow.reverse)
            case Echo(reply=True):
                mailbox = self._by_ident.get((packet.dst, packet.ident))
            case _:
                return
        if mailbox is None:
            self.strays += 1
            return
        mailbox.put(Arrival(moment, packet, frame))

    def _resolve_for(self, frame: bytes) -> None:
        answer = self._neighbours.hear(frame)
        if answer is not None:
            with contextlib.suppress(TargetError):  # who is not answered asks again
                self._transmit(answer)
        self._resolved.set()


def _sources(addresses: Sequence[str], ports: Iterable[int]) -> Iterator[tuple[str, int]]:
    return ((address, port) for address in addresses for port in ports)


def _prepare(packets: socket.socket) -> None:
    packets.setblocking(False)
    packets.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    # Spares a wake-up for each frame sent; before Linux 4.20 they are read and passed over.
    with contextlib.suppress(OSError):
        packets.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    try:
        packets.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    except PermissionError:
        packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)


def _arrival_time(ancillary: list[tuple[int, int, bytes]]) -> float:
    """When the kernel received the frame, on the clock of ``time.monotonic``.

    The kernel stamps with the wall clock, which may be set in the middle of a run; the age of the
    frame is short, so only that is taken from it.
    """
    now = time.monotonic()
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(data[: _TIMESPEC.size])
            age: float = (time.time_ns() - seconds * 1_000_000_000 - nanoseconds) / 1e9
            return now - max(age, 0.0)
    return now
