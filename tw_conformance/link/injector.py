"""The tester as a host of its own, on one capture.

It has addresses that no kernel has, answers address resolution for them, and hands every
connection a mailbox.  The local kernel never sees the connections, so it never resets them.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle
from math import inf

from tw_conformance.link.access import RESOLVE_SECONDS
from tw_conformance.link.capture import Capture
from tw_conformance.link.capture.packet_socket import PacketSocket
from tw_conformance.link.link import Arrival
from tw_conformance.link.mailbox import Mailbox
from tw_conformance.model.errors import TargetError, TargetGone
from tw_conformance.model.words import number_of
from tw_reference.segment import Damage, Datagram, Echo, Flow, Packet
from tw_reference.wire.decode import WireError, decode
from tw_reference.wire.encode import Encoder
from tw_reference.wire.neighbours import Neighbours, is_resolution

SOURCE_PORTS = range(20000, 61000)

_CLAIMS = 3
_CLAIM_INTERVAL = 0.2
_RESOLVE_INTERVAL = 0.05
_HEADER = 14
"""Octets of an Ethernet header."""
_TAGGED_ADVICE = "test from an interface of the DUT's VLAN, with an address there"
_ALL_USED = (
    "every source port of the tester's addresses has been used:"
    " run the rest in a second run, or spread the cases over workers (-n)"
)
_FLOOD = 50_000
_FLOOD_RATIO = 10
"""A DUT that sends more packets than the first number, and the second for each that it was sent, is
out of control: an answer has a few at most."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A way to ``dut`` from the addresses ``testers`` for a sender of its own.

    ``sender`` and ``listener`` are packet sockets for ``interface``, not bound yet; ``encoder``
    makes frames for the DUT.
    """

    sender: socket.socket
    listener: socket.socket
    interface: str
    dut: str
    testers: tuple[str, ...]
    encoder: Encoder

    def close(self) -> None:
        self.sender.close()
        self.listener.close()


class Injector:
    """Sends and receives for the addresses ``addresses`` from the link-layer address ``mac``.

    To be made and used on one event loop; takes the capture over.  ``ports`` are the source
    ports that connections may have, in the order in which they are taken; no connection has the
    first, which is for probes by TCP.  ``apart`` are addresses for :meth:`open_apart` alone.
    """

    def __init__(
        self,
        capture: Capture,
        mac: str,
        addresses: Sequence[str],
        ports: Iterable[int] = SOURCE_PORTS,
        apart: Sequence[str] = (),
    ) -> None:
        self._capture = capture
        self._mac = bytes.fromhex(mac.replace(":", ""))
        self._mac_text = mac
        self._neighbours = Neighbours(mac, (*addresses, *apart))
        self._encoders: dict[str, Encoder] = {}
        self._by_flow: dict[Flow, Mailbox] = {}
        self._by_ident: dict[tuple[str, int], Mailbox] = {}
        self._ipv4 = [address for address in addresses if ":" not in address]
        self._ipv6 = [address for address in addresses if ":" in address]
        self._probe_port = next(iter(ports))
        self._sources = {
            "ipv4": _Sources(self._ipv4, ports, self._probe_port),
            "ipv6": _Sources(self._ipv6, ports, self._probe_port),
        }
        self.keeps_apart = bool(apart)
        """Whether there are addresses for :meth:`open_apart`."""
        self._apart = {
            "ipv4": _Turns([each for each in apart if ":" not in each], ports, self._probe_port),
            "ipv6": _Turns([each for each in apart if ":" in each], ports, self._probe_port),
        }
        self._resolved = asyncio.Event()
        self._sent = self._heard = self._unreadable = 0
        """Frames so far: by us, to us, and those of the latter that can't be read."""
        self.last_unreadable = ""
        """What was wrong with the latest frame to us that can't be read."""
        self._failure: TargetError | None = None
        self.strays = 0
        """Segments and echoes so far that belonged to no open connection."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(capture, self._read)

    @property
    def mtu(self) -> int | None:
        """Octets of the longest packet that can be sent; None: not known."""
        return self._capture.mtu

    async def claim(self) -> None:
        """Make sure that nobody else has our addresses (RFC 5227, RFC 4862 section 5.4), in less
        time than those allow for an answer: a person waits.

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

    async def resolve(
        self, address: str, via: str | None = None, *, seconds: float = RESOLVE_SECONDS
    ) -> None:
        """Learn the link-layer address of the DUT, and let it learn ours; or those of the router
        ``via`` that leads to it.  It has that many ``seconds`` to answer.

        :raises TargetError: where nobody answers.
        """
        hop = via or address
        source = (self._ipv6 if ":" in address else self._ipv4)[0]
        question = self._neighbours.ask(source, hop)
        deadline = self._loop.time() + seconds
        while hop not in self._neighbours.known:
            if self._loop.time() > deadline:
                whose = "the DUT's address" if hop == address else f"the router to {address}"
                raise TargetError(
                    f"{hop} does not answer on this link: is it {whose}, and is it up?"
                    f"{self._other_links()}"
                )
            self._transmit(question)
            await self._something_resolved(_RESOLVE_INTERVAL)
        self._encoders[address] = Encoder(self._mac_text, self._neighbours.known[hop])

    def may_reuse_after(self, seconds: float) -> None:
        """Say how long the DUT remembers a connection that was given up.  After that its source
        port may be taken again, when no other is left."""
        for sources in self._sources.values():
            sources.rest = seconds

    def open(self, dut: str, port: int, *, unlike: str | None = None) -> Mailbox:
        """Make a mailbox for a new connection to ``port`` at the DUT's address ``dut``.  Its source
        port was never used before, or long ago; its source address is not ``unlike``.

        :raises TargetError: where every source port has been used, or there is no other address.
        """
        flow = self._unused(dut, port)
        if flow.src == unlike:
            flow = self._from_elsewhere(flow)
        return self._mailbox_of(flow)

    def open_apart(self, dut: str, port: int, address: str | None = None) -> Mailbox:
        """The same from one of the addresses that are kept for that: ``address``, where it is said,
        else the one whose last turn is the longest ago.

        :raises TargetError: where every source port of it has been used.
        """
        source = self._apart["ipv6" if ":" in dut else "ipv4"].take(address)
        if source is None:
            raise TargetError(_ALL_USED)
        return self._mailbox_of(Flow(*source, dut, port))

    def _mailbox_of(self, flow: Flow) -> Mailbox:
        # No other tester has this address with this port: echoes are told apart by the same pair.
        mailbox = Mailbox(flow, flow.sport, self._read)
        self._deliver(flow, mailbox)
        return mailbox

    async def open_in_time(self, dut: str, port: int) -> Mailbox:
        """The same, after a source port has rested for long enough where all have been used.

        :raises TargetError: where none rests, or none may be used again.
        """
        sources = self._sources_to(dut)
        while (left := sources.seconds_left()) > 0:
            await asyncio.sleep(left)
        return self.open(dut, port)

    def join(self, mailbox: Mailbox, dut: str, port: int) -> Flow:
        """Add a connection whose arrivals go to ``mailbox`` too; returns its 4-tuple as the tester
        sends it.  Its source port is the ident of its probes, as with :meth:`open`.

        :raises TargetError: where every source port has been used.
        """
        flow = self._unused(dut, port)
        mailbox.joined.append(flow)
        self._deliver(flow, mailbox)
        return flow

    def probe_flow(self, flow: Flow) -> Flow:
        """The 4-tuple of probes by TCP between the same hosts, to the same port.  A reset whose
        SEG.SEQ has a mailbox's ``probe_ident`` in its upper 16 bits is that mailbox's."""
        return flow._replace(sport=self._probe_port)

    def release(self, mailbox: Mailbox) -> None:
        """Give a connection up, and those that joined it; no 4-tuple of them is used again before
        its rest.  May be done twice."""
        for flow in (mailbox.flow, *mailbox.joined):
            if self._by_flow.pop(flow, None) is None:
                continue
            del self._by_ident[flow.src, flow.sport]
            self._sources_to(flow.dst).give_up(flow.src, flow.sport)

    def _unused(self, dut: str, port: int) -> Flow:
        source = self._sources_to(dut).take()
        if source is None:
            raise TargetError(_ALL_USED)
        return Flow(*source, dut, port)

    def _from_elsewhere(self, flow: Flow) -> Flow:
        source = self._sources_to(flow.dst).take_elsewhere(flow.src, flow.sport)
        if source is None:
            raise TargetError(f"the tester has no other address than {flow.src} to open from")
        return flow._replace(src=source[0])

    def _sources_to(self, dut: str) -> _Sources:
        return self._sources["ipv6" if ":" in dut else "ipv4"]

    def _deliver(self, flow: Flow, mailbox: Mailbox) -> None:
        self._by_flow[flow] = self._by_ident[flow.src, flow.sport] = mailbox

    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        """Send one packet, with the fault ``damage`` in its frame.  Returns the time just before it
        left, and its frame.

        :raises TargetError: where the link is gone.
        """
        dut = packet.flow.dst if isinstance(packet, Packet) else packet.dst
        frame = self._encoders[dut].encode(packet, damage=damage)
        moment = time.monotonic()
        self._transmit(frame)
        return moment, frame

    def hand_over(self, dut: str) -> Lane:
        """Let another sender do all TCP with that address of the DUT, which has been resolved
        before.  From now on this injector hears address resolution and echoes alone.

        :raises TargetError: where this system has no packet sockets, or this user none.
        """
        if not isinstance(self._capture, PacketSocket):
            raise TargetError(f"loading a DUT needs Linux's packet sockets: this is {sys.platform}")
        capture = self._capture
        testers = tuple(self._ipv6 if ":" in dut else self._ipv4)
        lane = Lane(
            capture.another(),
            capture.another(),
            capture.interface,
            dut,
            testers,
            self._encoders[dut],
        )
        capture.pass_tcp_over()
        return lane

    def frames_lost(self) -> int:
        """Frames so far that reached the link but not a mailbox: dropped by the kernel because
        its buffer was full, or unreadable (:class:`~tw_reference.wire.decode.WireError`)."""
        return self._unreadable + self._capture.dropped()

    def close(self) -> None:
        """Stop to read, and close the capture; may be called twice."""
        if self._capture.fileno() >= 0:
            self._loop.remove_reader(self._capture)
            self._capture.close()

    def fail(self, failure: TargetError) -> None:
        """Note that the DUT is gone.  Whoever waits for it, or sends to it, gets ``failure`` from
        now on; a later failure does not replace the first."""
        if self._failure is not None:
            return
        self._failure = failure
        self.close()
        for mailbox in self._by_flow.values():
            mailbox.fail(failure)

    async def _something_resolved(self, seconds: float) -> None:
        """Wait for address resolution to be heard, that long at most."""
        self._resolved.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._resolved.wait(), seconds)

    def _other_links(self) -> str:
        """What frames with a tag (IEEE 802.1Q) say of a link on which somebody is missed."""
        vlans = ", ".join(str(vlan) for vlan in sorted(self._capture.tagged))
        return f" Frames came that are tagged for VLAN {vlans}: {_TAGGED_ADVICE}" if vlans else ""

    def _transmit(self, frame: bytes) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            self._capture.send(frame)
        except OSError as error:
            raise _not_sent(frame, error) from error
        self._sent += 1

    def _read(self) -> None:
        if self._failure is not None:
            return
        try:
            for frame, moment in self._capture.read():
                self._take(frame, moment)
        except OSError as error:
            self.fail(_gone(error))

    def _take(self, frame: bytes, moment: float) -> None:
        if is_resolution(frame):
            self._resolve_for(frame)
            return
        if frame[:6] != self._mac:
            return
        self._heard += 1
        if self._heard > _FLOOD + _FLOOD_RATIO * self._sent:
            self.fail(_flooded(self._heard, self._sent))
            return
        try:
            packet = decode(frame)
        except WireError as error:
            self._unreadable += 1
            self.last_unreadable = str(error)
            return
        match packet:
            case Packet():
                mailbox = self._by_flow.get(packet.flow.reverse) or self._of_a_probe(packet)
            case Echo(reply=True):
                mailbox = self._by_ident.get((packet.dst, packet.ident))
            case _:
                return
        if mailbox is None:
            self.strays += 1
            return
        mailbox.put(Arrival(moment, packet, frame))

    def _of_a_probe(self, packet: Packet) -> Mailbox | None:
        if packet.flow.dport != self._probe_port:
            return None
        return self._by_ident.get((packet.flow.dst, packet.segment.seq >> 16))

    def _resolve_for(self, frame: bytes) -> None:
        answer = self._neighbours.hear(frame)
        if answer is not None:
            with contextlib.suppress(TargetError):  # who is not answered asks again
                self._transmit(answer)
        self._resolved.set()


class _Sources:
    """Source addresses and ports of one family.  Each is given out once.  When all are used, one
    that has rested for ``rest`` seconds is given out again.  ``taken`` is not among them."""

    def __init__(self, addresses: Sequence[str], ports: Iterable[int], taken: int) -> None:
        self.rest = inf
        self._addresses = addresses
        self._early: set[tuple[str, int]] = set()
        """Those that were taken out of turn."""
        in_turn = ((address, port) for address in addresses for port in ports if port != taken)
        self._fresh = (source for source in in_turn if source not in self._early)
        self._next: tuple[str, int] | None = None
        self._resting: deque[tuple[float, tuple[str, int]]] = deque()
        """When each was given up, and which."""

    def give_up(self, address: str, port: int) -> None:
        if self.rest < inf and address in self._addresses:
            self._resting.append((time.monotonic(), (address, port)))

    def take(self) -> tuple[str, int] | None:
        """One that may be used; None where none may."""
        source, self._next = self._look_ahead(), None
        if source is None and self._resting and self.seconds_left() <= 0:
            _, source = self._resting.popleft()
        return source

    def take_elsewhere(self, address: str, port: int) -> tuple[str, int] | None:
        """The port of a source that was taken, at an address whose turn comes later; None where
        there is none."""
        later = self._addresses[self._addresses.index(address) + 1 :]
        others = ((other, port) for other in later)
        source = next((other for other in others if other not in self._early), None)
        if source is not None:
            self._early.add(source)
        return source

    def seconds_left(self) -> float:
        """Seconds until a source that rests may be used again; zero or less where one is free now,
        or where none rests."""
        if self._look_ahead() is not None or not self._resting:
            return 0.0
        given_up, _ = self._resting[0]
        return given_up + self.rest - time.monotonic()

    def _look_ahead(self) -> tuple[str, int] | None:
        if self._next is None:
            self._next = next(self._fresh, None)
        return self._next


class _Turns:
    """Source addresses of one family that take turns, each with its next port.  Each source is
    given out once.  ``taken`` is not among the ports."""

    def __init__(self, addresses: Sequence[str], ports: Iterable[int], taken: int) -> None:
        self._in_turn = cycle(addresses)
        self._ports = {each: (port for port in ports if port != taken) for each in addresses}

    def take(self, address: str | None) -> tuple[str, int] | None:
        """One of ``address``, or of the next one; None where that has no port left."""
        chosen = address or next(self._in_turn)
        port = next(self._ports[chosen], None)
        return None if port is None else (chosen, port)


def _flooded(heard: int, sent: int) -> TargetGone:
    return TargetGone(
        f"the DUT floods the tester: {number_of(heard, 'packet')} came for the {sent} that it was"
        " sent; find out what sends them before you go on"
    )


def _not_sent(frame: bytes, error: OSError) -> TargetError:
    if error.errno == errno.EMSGSIZE:
        return TargetError(
            f"the tester's interface takes no packet of {len(frame) - _HEADER} octets: raise its"
            " MTU and the DUT's, or leave out the cases with so much data"
        )
    return _gone(error)


def _gone(error: OSError) -> TargetGone:
    return TargetGone(
        f"the link is gone: {error.strerror}; see that the tester's interface stays up until a run"
        " is over"
    )
