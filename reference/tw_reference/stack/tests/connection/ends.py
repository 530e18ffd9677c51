"""Two ends of a connection on a link that loses what a test says; one end, and a peer by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND, SECOND, Clock
from tw_reference.profiles.profile import Profile
from tw_reference.rules.decision import Decision
from tw_reference.segment import Flow, Packet, Segment, Timestamps, flag_names
from tw_reference.seqnum import add, distance
from tw_reference.stack.connection import Connection
from tw_reference.stack.resets import reset_for
from tw_reference.state import State

FLOW = Flow("192.0.2.2", 40000, "192.0.2.1", 7)
JUST_BELOW_THE_WRAP = 2**32 - 3
DELAYED_ACK = 0.2
"""Seconds within which every stack has sent an ACK that it put off."""
TEXT = bytes(range(256)) * 800

Loses = Callable[[Packet], bool]


def nothing(packet: Packet) -> bool:
    return False


class Losing:
    """Loses the first packets that have one of ``flags``, as many as ``times``."""

    def __init__(self, flags: int, times: int = 1) -> None:
        self.flags = flags
        self.times = times

    def __call__(self, packet: Packet) -> bool:
        hit = self.times > 0 and packet.segment.flags & self.flags == self.flags
        self.times -= hit
        return hit


@dataclass
class End:
    """A host with one connection; it remembers what it was told."""

    clock: Clock
    profile: Profile
    timestamps: bool = True
    sent: list[Packet] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    received: bytearray = field(default_factory=bytearray)
    settings: dict[str, int] = field(init=False)
    queue_full: bool = False
    trace: list[Decision] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings = self.profile.defaults() | {"timestamps": int(self.timestamps)}

    def queue_is_full(self, connection: Connection) -> bool:
        return self.queue_full

    def record(self, decision: Decision) -> None:
        self.trace.append(decision)

    def emit(self, packet: Packet) -> None:
        self.sent.append(packet)

    def timestamp(self) -> int:
        return self.clock.now // MILLISECOND

    def reset(self, packet: Packet) -> None:
        self.emit(reset_for(packet, self.profile.traits))

    def established(self, connection: Connection) -> None:
        self.told.append("established")

    def delivered(self, connection: Connection, data: bytes) -> None:
        self.received += data

    def peer_closed(self, connection: Connection) -> None:
        self.told.append("peer closed")

    def entering_time_wait(self, connection: Connection) -> None:
        self.told.append("TIME-WAIT")
        if connection.ack_owed:
            stamps = Timestamps(self.timestamp(), connection.ts_recent)
            ack = Segment(
                connection.snd_nxt,
                connection.rcv_nxt,
                tcp.ACK,
                timestamps=stamps if connection.timestamps else None,
            )
            self.emit(Packet(connection.flow, ack))

    def orphaned(self, connection: Connection, packet: Packet | None) -> None:
        self.told.append("orphaned")

    def gone(self, connection: Connection) -> None:
        self.told.append("gone")


class Hasty(End):
    """Its process aborts as soon as it hears of a connection."""

    def established(self, connection: Connection) -> None:
        connection.abort()


class Pair:
    """A client and a server that opens passively at the client's first SYN."""

    def __init__(self, profile: Profile, *, timestamps: bool = True) -> None:
        self.clock = Clock(SECOND)
        self.loses: Loses = nothing
        self.client_end = End(self.clock, profile, timestamps)
        self.server_end = End(self.clock, profile, timestamps)
        self.client = Connection.active(self.client_end, FLOW, JUST_BELOW_THE_WRAP)
        self.server: Connection | None = None

    def deliver(self) -> None:
        """What is on the way arrives, and its answers, until nobody says more."""
        while self.client_end.sent or self.server_end.sent:
            for end, arrive in (
                (self.client_end, self._arrive_at_server),
                (self.server_end, self._arrive_at_client),
            ):
                on_the_way, end.sent = end.sent, []
                for packet in on_the_way:
                    if not self.loses(packet):
                        arrive(packet)

    def _arrive_at_client(self, packet: Packet) -> None:
        if self.client.state is not State.CLOSED:
            self.client.segment_arrives(packet)

    def _arrive_at_server(self, packet: Packet) -> None:
        if self.server is None:
            self.server = Connection.passive(self.server_end, packet, JUST_BELOW_THE_WRAP - 1)
        elif self.server.state is not State.CLOSED:
            self.server.segment_arrives(packet)

    def let_pass(self, seconds: float) -> None:
        until = self.clock.now + round(seconds * SECOND)
        self.deliver()
        while (timer := self.clock.next_timer()) is not None and timer <= until:
            self.clock.advance(timer)
            self.deliver()
        self.clock.advance(until)

    @property
    def states(self) -> tuple[str, str]:
        assert self.server is not None
        return self.client.state, self.server.state


def open_pair(profile: Profile) -> tuple[Pair, Connection, Connection]:
    pair = Pair(profile)
    pair.deliver()
    assert pair.server is not None
    assert pair.states == ("ESTABLISHED", "ESTABLISHED")
    return pair, pair.client, pair.server


class Peer:
    """A client that was opened, and its peer by hand: all numbers relative.

    ``seq`` counts from what the peer sends first, ``ack`` from what the client sends first.
    """

    def __init__(
        self, profile: Profile, *, wscale: int | None = None, timestamps: bool = False
    ) -> None:
        self.end = End(Clock(SECOND), profile, timestamps)
        self.client = Connection.active(self.end, FLOW, JUST_BELOW_THE_WRAP)
        self._wscale = wscale
        self._timestamps = timestamps
        self._syn = self.end.sent.pop().segment
        self._first = JUST_BELOW_THE_WRAP
        self.opened = self.says(tcp.SYN | tcp.ACK, seq=-1)

    def says(
        self,
        flags: int,
        seq: int = 0,
        ack: int = 0,
        text: bytes = b"",
        *,
        window: int = 60000,
        tsval: int = 1000,
    ) -> list[str]:
        """A segment of the peer arrives; the client's answers in words."""
        segment = Segment(
            seq=add(self._first, seq),
            ack=add(self._syn.end, ack) if flags & tcp.ACK else 0,
            flags=flags,
            window=window,
            payload=text,
            mss=1460 if flags & tcp.SYN else None,
            wscale=self._wscale if flags & tcp.SYN else None,
            timestamps=Timestamps(tsval, 0) if self._timestamps else None,
        )
        self.client.segment_arrives(Packet(FLOW.reverse, segment))
        return self.hears()

    def hears(self) -> list[str]:
        """What the client sent since: flags, seq, ack, octets."""
        sent, self.end.sent = self.end.sent, []
        return [self._words(packet.segment) for packet in sent]

    def _words(self, segment: Segment) -> str:
        seq = distance(segment.seq, self._syn.end)
        ack = f" {distance(segment.ack, self._first)}" if segment.flags & tcp.ACK else ""
        size = f" {len(segment.payload)} octets" if segment.payload else ""
        return f"{flag_names(segment.flags)} {seq}{ack}{size}"

    def let_timer_fire(self) -> list[str]:
        timer = self.end.clock.next_timer()
        assert timer is not None
        self.end.clock.advance(timer)
        return self.hears()

    def let_pass(self, seconds: float) -> list[str]:
        self.end.clock.advance(self.end.clock.now + round(seconds * SECOND))
        return self.hears()
