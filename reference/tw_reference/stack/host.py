"""A host that plays a documented stack: packets and calls in, packets and events out.

It owns the tables and nothing else: listeners, connections, the TIME-WAIT table, a clock that the
caller advances.  A run with the same seed repeats bit for bit.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from random import Random

from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND, Clock
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import (
    CallAction,
    ConnectAction,
    UnconnectedAction,
)
from tw_reference.rules.decision import Decision
from tw_reference.rules.questions import TimeWaitBlock, Unconnected
from tw_reference.segment import Datagram, Echo, Flow, IcmpError, Packet
from tw_reference.stack.connection import Connection
from tw_reference.stack.endpoint import EVERYWHERE, Endpoint
from tw_reference.stack.orphans import Orphans
from tw_reference.stack.ports import Listener, Ports
from tw_reference.stack.resets import reset_for
from tw_reference.stack.sockets import CallError, Sockets
from tw_reference.stack.table import TimeWaitTable
from tw_reference.state import CLOSED, Snapshot, State

_TRACE_LENGTH = 4096
_EVENTS = 65536
_HALF_OPEN = 4096
"""Connections in SYN-RECEIVED beyond which a listener's queue is full."""


@dataclass(frozen=True, slots=True)
class HostEvent:
    """What a process would be told: ``established``, ``data``, ``peer-closed``, ``gone``."""

    kind: str
    flow: Flow
    data: bytes = b""


class Host:
    """One host with one profile.

    ``addresses`` are those that it answers for; ``on_link`` the prefixes of its links, all others
    lie behind a router.  ``settings`` overrides the profile's defaults.
    ``sockets`` are those that its processes hold; ``outbox`` collects what it sends, ``events``
    what its processes learn, ``trace`` the last decisions that it took.

    :raises KeyError: for a setting that the profile does not have.
    """

    def __init__(
        self,
        profile: Profile,
        clock: Clock,
        *,
        addresses: frozenset[str],
        seed: int | str = 0,
        settings: Mapping[str, int] | None = None,
        on_link: Iterable[str] = (),
    ) -> None:
        self.profile = profile
        self.clock = clock
        self.settings = profile.defaults()
        for name, value in (settings or {}).items():
            if name not in self.settings:
                raise KeyError(name)
            self.settings[name] = value
        self.sockets = Sockets()
        self.outbox: deque[Packet | Echo] = deque()
        self.events: deque[HostEvent] = deque(maxlen=_EVENTS)
        self.trace: deque[Decision] = deque(maxlen=_TRACE_LENGTH)
        self.counters: Counter[str] = Counter()
        """What the stack counts, by its own names; those that some rule moves."""
        self._addresses = addresses
        self._on_link = tuple(ip_network(prefix, strict=False) for prefix in on_link)
        self._random = Random(seed)
        self._clock_offset = self._random.getrandbits(32)
        self._ports = Ports(profile, clock, self.record)
        self._connections: dict[Flow, Connection] = {}
        self._half_open: dict[Flow, Connection] = {}
        """Those of them that are in SYN-RECEIVED."""
        self._cookies: dict[Flow, Connection] = {}
        """What a cookie tells once it is brought back, which a stack keeps nowhere."""
        self._orphans = Orphans(self)
        self._closed = profile[stages.CLOSED]
        self._listen = profile[stages.LISTEN]
        self._table = TimeWaitTable(
            profile,
            self.settings,
            clock,
            emit=self.emit,
            record=self.record,
            timestamp=self.timestamp,
        )

    # -- what a process does ---------------------------------------------------------------------

    def listen(
        self,
        port: int,
        *,
        closes_first: bool = True,
        reuse_address: bool = True,
        reuse_port: bool = False,
        linger2: int | None = None,
        reads: bool = True,
        options: Mapping[str, int] | None = None,
        at: Endpoint = EVERYWHERE,
        accepts: bool = True,
    ) -> Listener:
        """bind() and listen() on a port: passive OPEN for every peer.  What is accepted inherits
        ``options``, by the names of :meth:`Sockets.set_options`.

        :raises CallError: EADDRINUSE, where the port is in TIME-WAIT and may not be bound.
        """
        listener = Listener(
            closes_first,
            reuse_address=reuse_address,
            linger2=linger2,
            reads=reads,
            options=options or {},
            at=at,
            reuse_port=reuse_port,
            accepts=accepts,
        )
        if not self._ports.has_listener(port):
            self.bind(port, at, reuse_address=reuse_address, reuse_port=reuse_port)
        self._ports.listen(port, listener)
        return listener

    def bind(
        self,
        port: int,
        at: Endpoint = EVERYWHERE,
        *,
        reuse_address: bool = False,
        reuse_port: bool = False,
    ) -> None:
        """bind() a new socket to a port.

        :raises CallError: EADDRNOTAVAIL, where this host has no such address; EADDRINUSE, where
            somebody listens there, or a connection or a block has the port and it may not be bound.
        """
        for address in at.addresses():
            if address not in self._addresses and not ip_address(address).is_loopback:
                raise CallError("EADDRNOTAVAIL", f"{address} is no address of this host")
        owners: list[TimeWaitBlock | Connection] = [*self._table.on_port(port)]
        owners += [c for c in self._connections.values() if c.flow.sport == port]
        self._ports.bind(port, at, owners, reuse_address=reuse_address, reuse_port=reuse_port)

    def connect(
        self,
        flow: Flow,
        *,
        automatic: bool = False,
        reuse_address: bool = True,
        reads: bool = True,
    ) -> None:
        """Active OPEN of a 4-tuple, as this side sends it.

        ``automatic``: no bind() chose the port, and no other is free.  ``reads``: the process takes
        text as it comes.

        :raises CallError: by errno, where the source address is not this host's, or the 4-tuple is
            in use or in TIME-WAIT.
        """
        if flow.src not in self._addresses:
            raise CallError(
                ConnectAction.EADDRNOTAVAIL.value, f"{flow.src} is no address of this host"
            )
        if flow in self._connections:
            raise CallError(self.profile.traits.connected.value, f"{flow} is in use")
        iss, ts_recent = self._new_iss(), 0
        block = self._table.get(flow)
        if block is not None:
            loopback = flow.dst in self._addresses
            answer = self._table.connect(block, automatic=automatic, loopback=loopback)
            if answer is not ConnectAction.CONNECT_ABOVE:
                raise CallError(answer.value, f"{flow} is in {block.substate}")
            iss, ts_recent = self.profile.traits.iss_above(block.snd_nxt), block.ts_recent
        connection = Connection.active(self, flow, iss, ts_recent=ts_recent)
        connection.reuse_address = reuse_address
        connection.reads = reads
        connection.port_was_bound = not automatic
        self._connections[flow] = connection
        self.sockets.hold(connection)

    def call(self, verb: str, flow: Flow) -> str:
        """A user call of RFC 9293 section 3.10 on a connection in TIME-WAIT.

        Returns what STATUS reports, or "" for ABORT.

        :raises CallError: with the RFC's error, or where the 4-tuple is not in TIME-WAIT.
        """
        block = self._table.get(flow)
        if block is None:
            raise CallError("error: connection does not exist")
        answer = self._table.call(verb, block)
        if answer is CallAction.STATUS:
            return block.substate
        if answer is CallAction.ABORT:
            return ""
        raise CallError(answer.value)

    def set(self, name: str, value: int) -> None:
        """Write a setting at run time, as sysctl does: one below its least changes nothing.

        :raises KeyError: for a setting that the profile does not have.
        """
        least = self.profile.settings[name].least
        if least is None or value >= least:
            self.settings[name] = value

    def adopt(self, block: TimeWaitBlock) -> None:
        """Take over a connection that enters TIME-WAIT now, from whoever knows its variables and
        asks what becomes of it."""
        self._table.adopt(block)

    def offer(self, flow: Flow, window: int) -> None:
        """Have a connection offer that window (octets) from now on, as somebody saw another do.

        :raises KeyError: where there is no such connection.
        """
        self._connections[flow].offer(window)

    def unlisten(self, port: int) -> None:
        """Close the listener.  Whom nobody accepted is reset (``inet_connection_sock.c``,
        inet_csk_listen_stop(); ``uipc_socket.c``, soclose(), soabort())."""
        self._ports.unlisten(port)
        for connection in [each for each in self._connections.values() if each.awaits_accept]:
            if connection.flow.sport == port:
                connection.abort()
        if self.profile.traits.half_open_ends_with_listener:
            for connection in self._half_open.values():
                if connection.is_request and connection.flow.sport == port:
                    connection.forsake()

    def destroy(self, flow: Flow) -> None:
        """An administrator ends a connection, in whatever state (SOCK_DESTROY, tcpdrop(8)).

        :raises CallError: ENOENT, where there is none.
        """
        connection = self._connections.get(flow)
        block = self._table.get(flow)
        if connection is not None:
            connection.destroy()
        elif block is not None:
            self._table.remove(block)
        else:
            raise CallError("ENOENT", f"there is no connection {flow}")
        self.sockets.aborted(flow)

    def state(self, flow: Flow) -> State:
        """The state of a 4-tuple, as this side sends it."""
        connection = self._connections.get(flow)
        if connection is not None:
            return connection.state
        block = self._table.get(flow)
        return block.substate if block is not None else State.CLOSED

    def block(self, flow: Flow) -> TimeWaitBlock | None:
        return self._table.get(flow)

    def snapshot(self, flow: Flow) -> Snapshot:
        """What can be told of a 4-tuple, as this side sends it."""
        found = self._connections.get(flow) or self._table.get(flow)
        return CLOSED if found is None else found.snapshot()

    # -- what the wire does ----------------------------------------------------------------------

    def receive(self, packet: Datagram) -> None:
        """A packet arrives; answers are in the outbox when this returns."""
        match packet:
            case Packet():
                if packet.flow.dst in self._addresses:
                    self._segment_arrives(packet)
            case Echo():
                if not packet.reply and packet.dst in self._addresses:
                    self.emit(replace(packet, src=packet.dst, dst=packet.src, reply=True))
            case IcmpError():
                self._error_arrives(packet)

    def _segment_arrives(self, packet: Packet) -> None:
        flow = packet.flow.reverse
        block = self._table.get(flow)
        if block is not None:
            listening = self._ports.listener(flow) is not None
            handed_on = self._table.segment_arrives(packet, block, listener=listening)
            if handed_on is not None:
                self._unconnected(packet, handed_on.iss)
            return
        connection = self._connections.get(flow)
        if connection is not None and connection.is_forsaken:
            connection.leave(self.gone)
            connection = None
        if connection is not None and not self._is_unheard(connection):
            before = connection.state
            connection.segment_arrives(packet)
            if packet.segment.flags & (tcp.RST | tcp.SYN):
                self.sockets.broke(connection, before)
        else:
            self._unconnected(packet, None)

    def _is_unheard(self, connection: Connection) -> bool:
        """Whether it waits for the ACK of its SYN, and nobody looks, since nobody would accept."""
        needs_listener = self.profile.traits.half_open_needs_listener and connection.is_request
        return needs_listener and self._ports.listener(connection.flow) is None

    def queue_is_full(self, connection: Connection) -> bool:
        listener = self._ports.listener(connection.flow)
        return listener is not None and listener.queue_full

    def _error_arrives(self, error: IcmpError) -> None:
        """An ICMP error about a block or a connection (RFC 9293 section 3.9.2.2); about what is
        neither nothing is done."""
        if error.dst not in self._addresses:
            return
        block, connection = self._table.get(error.quoted), self._connections.get(error.quoted)
        if block is not None:
            self._table.error_arrives(error, block)
        elif connection is not None:
            told = connection.error_arrives(error)
            self.sockets.ended_by_error(connection, told)

    def _unconnected(self, packet: Packet, iss: int | None) -> None:
        """«SEGMENT ARRIVES» in LISTEN or CLOSED (RFC 9293 sections 3.10.7.1 and 3.10.7.2)."""
        flow = packet.flow.reverse
        listener = self._ports.listener(flow)
        rules = self._closed if listener is None else self._listen
        full = listener is not None and (listener.queue_full or len(self._half_open) >= _HALF_OPEN)
        peer = self._table.peer(packet.flow.src)
        cookie = self._cookies.get(flow)
        question = Unconnected(
            packet.segment,
            self.settings,
            self.clock.now,
            full,
            peer,
            reopens=iss is not None,
            cookie=None if cookie is None else (cookie.iss, cookie.irs),
        )
        ruling = rules.decide(question)
        self.trace.append(
            Decision(
                self.clock.now, rules.stage, ruling.rule, flow, packet.segment, notes=ruling.notes
            )
        )
        if UnconnectedAction.RST in ruling.then:
            self.reset(packet)
        elif UnconnectedAction.SYN_RECEIVED in ruling.then:
            iss = self._new_iss() if iss is None else iss
            connection = Connection.passive(self, packet, iss)
            self._queue(connection, listener)
        elif UnconnectedAction.COOKIE in ruling.then:
            again = cookie is not None and cookie.irs == packet.segment.seq
            iss = cookie.iss if cookie is not None and again else self._new_iss()
            self._cookies[flow] = Connection.by_cookie(self, packet, iss)
        elif UnconnectedAction.OPEN_BY_COOKIE in ruling.then:
            connection = self._cookies.pop(flow)
            self._queue(connection, listener)
            connection.segment_arrives(packet)

    def _queue(self, connection: Connection, listener: Listener | None) -> None:
        """A connection in SYN-RECEIVED, which takes after its listener."""
        if listener is not None:
            connection.reuse_address = listener.reuse_address
            connection.reuse_port = listener.reuse_port
            connection.linger2 = listener.linger2
            connection.reads = listener.reads and not listener.closes_first
        self._connections[connection.flow] = self._half_open[connection.flow] = connection

    def _new_iss(self) -> int:
        """A random ISS (RFC 9293 section 3.4.1); one in four lies just below the wrap."""
        if self._random.random() < 0.25:
            return (1 << 32) - 1 - self._random.getrandbits(16)
        return self._random.getrandbits(32)

    # -- what a connection asks of its host (connection.Owner) -------------------------------------

    def emit(self, packet: Packet | Echo) -> None:
        self.outbox.append(packet)

    def record(self, decision: Decision) -> None:
        self.trace.append(decision)
        for rule in (*decision.notes, decision.rule):
            if rule.counts:
                self.counters[rule.counts] += 1

    def timestamp(self) -> int:
        """The timestamp clock: milliseconds from a random origin (RFC 7323 section 5.4)."""
        return (self.clock.now // MILLISECOND + self._clock_offset) & 0xFFFFFFFF

    def reset(self, packet: Packet) -> None:
        self.emit(reset_for(packet, self.profile.traits))

    def established(self, connection: Connection) -> None:
        self._half_open.pop(connection.flow, None)
        listener = self._ports.listener(connection.flow) if connection.is_passive else None
        self.events.append(HostEvent("established", connection.flow))
        self.sockets.hold(connection)
        if listener is not None:
            self.sockets.set_options(connection.flow, **listener.options)
        connection.awaits_accept = listener is not None and not listener.accepts
        if listener is not None and listener.closes_first:
            self.sockets.close(connection.flow)

    def delivered(self, connection: Connection, data: bytes) -> None:
        self.events.append(HostEvent("data", connection.flow, data))

    def peer_closed(self, connection: Connection) -> None:
        self.events.append(HostEvent("peer-closed", connection.flow))

    def gone(self, connection: Connection) -> None:
        del self._connections[connection.flow]
        self._half_open.pop(connection.flow, None)
        if connection.orphan_timer is not None:
            connection.orphan_timer.cancel()
        self.events.append(HostEvent("gone", connection.flow))

    def entering_time_wait(self, connection: Connection) -> None:
        self.compress(connection, State.TIME_WAIT, None)

    def orphaned(self, connection: Connection, packet: Packet | None) -> None:
        self._orphans.let_go(connection, packet)

    def compress(self, connection: Connection, substate: State, timeout: int | None) -> None:
        """Have a block take the place of the connection, for ``timeout`` nanoseconds or as long as
        the stack's TIME-WAIT lasts."""
        traits = self.profile.traits
        block = TimeWaitBlock(
            flow=connection.flow,
            snd_nxt=connection.snd_nxt,
            rcv_nxt=connection.rcv_nxt,
            rcv_wnd=connection.window_on_entry,
            rcv_scale=connection.rcv_scale,
            window_is_ruled=connection.inbound.edge_is_ruled,
            timestamps=connection.timestamps,
            ts_recent=connection.ts_recent,
            ts_recent_stamp=connection.ts_recent_stamp,
            ts_offset=connection.ts_offset,
            tos=connection.tos,
            rto=connection.rto,
            substate=substate,
            entered=self.clock.now,
            expires=self.clock.now,
            ttl=connection.ttl if traits.keeps_ttl else traits.ttl,
            flow_label=connection.flow_label if traits.keeps_label else 0,
            ect=connection.ect if traits.keeps_ect else 0,
            ece=connection.marks.echo_in_time_wait,
            reuse_address=connection.reuse_address,
            reuse_port=connection.reuse_port,
            port_was_bound=connection.port_was_bound,
        )
        self.gone(connection)
        self._table.enter(
            block,
            peer_is_local=connection.flow.dst in self._addresses,
            peer_is_on_link=self._is_on_link(connection.flow.dst),
            ack_owed=connection.ack_owed,
            timeout=timeout,
        )

    def _is_on_link(self, address: str) -> bool:
        peer = ip_address(address)
        return any(peer in prefix for prefix in self._on_link)
