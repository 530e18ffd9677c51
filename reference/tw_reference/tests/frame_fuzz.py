"""A tester that talks to a host in frames, half of which it spoils.

It keeps a few conversations going and learns their sequence numbers from the host's answers, so
that what it spoils is what the host is waiting for.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import TypeVar

from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND, SECOND, Clock
from tw_reference.icmp_numbers import numbers
from tw_reference.profiles.profile import Profile
from tw_reference.segment import (
    Datagram,
    Echo,
    Flow,
    IcmpError,
    Packet,
    Segment,
    Timestamps,
    flag_names,
)
from tw_reference.seqnum import add
from tw_reference.stack.host import Host, HostEvent
from tw_reference.stack.sockets import CallError
from tw_reference.tests.frame_mutations import fix_checksums, mutate, with_extension_headers
from tw_reference.wire.decode import WireError, decode
from tw_reference.wire.encode import Encoder

T = TypeVar("T")
Encode = Callable[[Datagram], bytes]

HOST = {False: "192.0.2.1", True: "2001:db8::1"}
TESTER = {False: "192.0.2.2", True: "2001:db8::2"}
ROUTER = {False: "192.0.2.254", True: "2001:db8::fe"}
CLOSES_FIRST, ACCEPTS, FULL, NOBODY = 7, 9, 10, 11
"""Ports: the listener that closes each connection, the one that waits, one whose queue is full, and
none."""
_HOST_MAC, _TESTER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
_WAITS = (MILLISECOND, 200 * MILLISECOND, SECOND, 20 * SECOND, 65 * SECOND)
_READ_BACK = 16
"""One answer in so many is decoded again, and has to be what was encoded."""


class FrameFailure(Exception):
    """A frame that something other than :class:`WireError` came of."""

    def __init__(self, profile: str, seed: str, number: int, frame: bytes) -> None:
        super().__init__(f"{profile}, seed {seed}, frame {number}: {frame.hex()}")


@dataclass
class Tally:
    """What became of the frames of many sessions: how often each outcome, and which rules fired."""

    outcomes: Counter[str] = field(default_factory=Counter)
    rules: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, other: Tally) -> None:
        self.outcomes.update(other.outcomes)
        for profile, rules in other.rules.items():
            self.rules[profile] |= rules


@dataclass
class Conversation:
    """A flow to the host, and what the host is believed to wait for on it."""

    flow: Flow
    timestamps: bool
    seq: int
    ack: int = 0
    tsval: int = 5000

    def hears(self, answer: Segment) -> None:
        if answer.flags & tcp.ACK and not answer.flags & tcp.RST:
            self.seq, self.ack = answer.ack, answer.end


class Session:
    """One host under one profile and seed; :meth:`run` sends it frames."""

    def __init__(self, profile: Profile, seed: str) -> None:
        self.profile = profile
        self.seed = seed
        self.tally = Tally()
        self._random = Random(seed)
        self._encode_host, self._encode_tester = _encoders()
        self.host = Host(
            profile,
            Clock(SECOND),
            addresses=frozenset(HOST.values()),
            seed=seed,
            settings=random_settings(self._random, profile),
        )
        self.host.listen(CLOSES_FIRST, linger2=self._random.choice((None, None, -1, 5, 90)))
        self.host.listen(ACCEPTS, closes_first=False)
        self.host.listen(FULL).queue_full = True
        self._listening = {CLOSES_FIRST}
        self._conversations = [self._conversation(number) for number in range(12)]
        self._sent: deque[bytes] = deque(maxlen=8)

    def run(self, frames: int) -> Tally:
        """:raises FrameFailure: where a frame breaks the host, its answer or the wire."""
        for number in range(frames):
            frame = self._frame()
            try:
                self._receive(frame)
                self._live_on()
            except Exception as error:
                raise FrameFailure(self.profile.name, self.seed, number, frame) from error
        return self.tally

    # -- frames ----------------------------------------------------------------------------------

    def _conversation(self, number: int) -> Conversation:
        ipv6 = bool(number & 1)
        port = (CLOSES_FIRST, CLOSES_FIRST, CLOSES_FIRST, ACCEPTS, FULL, NOBODY)[number // 2]
        flow = Flow(TESTER[ipv6], 40000 + number, HOST[ipv6], port)
        return Conversation(flow, bool(number & 2), self._random.getrandbits(32))

    def _frame(self) -> bytes:
        random = self._random
        choice = random.random()
        if choice < 0.05:
            return random.randbytes(random.randrange(120))
        if choice < 0.08:
            echo = Echo(TESTER[False], HOST[False], 1, random.getrandbits(16), data=b"ping")
            return mutate(random, self._encode_tester(echo))
        if choice < 0.15 and self._sent:
            return random.choice(self._sent)
        if choice < 0.20:
            error = self._encode_tester(self._error())
            return error if choice < 0.18 else mutate(random, error)
        real = self._encode_tester(self._packet())
        if choice > 0.60 or choice < 0.50:
            real = self._extended(real)
        if choice < 0.50:
            self._sent.append(real)
            return real
        if choice < 0.60:
            return self._nonsense_behind_right_headers(real)
        return mutate(random, real)

    def _extended(self, real: bytes) -> bytes:
        """One IPv6 frame in five has extension headers."""
        if real[12] != 0x86 or self._random.randrange(5):
            return real
        return with_extension_headers(self._random, real)

    def _error(self) -> IcmpError:
        """Somebody on the way, or the tester itself, reports a segment of a conversation."""
        random = self._random
        talk = random.choice(self._conversations)
        quoted = talk.flow.reverse
        return IcmpError(
            src=talk.flow.src if random.randrange(2) else ROUTER[quoted.is_ipv6],
            dst=talk.flow.dst,
            number=random.choice(list(numbers(ipv6=quoted.is_ipv6).values())),
            quoted=quoted,
            seq=add(talk.ack, random.choice((-1, 0, 1, random.getrandbits(32)))),
            mtu=random.choice((0, 68, 1280, 65535)),
        )

    def _nonsense_behind_right_headers(self, real: bytes) -> bytes:
        ports = 14 + (40 if real[12] == 0x86 else 20) + 4
        frame = bytearray(real[:ports]) + self._random.randbytes(len(real) - ports)
        frame[ports + 8] = frame[ports + 8] & 0x0F | 0x50
        fix_checksums(frame)
        return bytes(frame)

    def _packet(self) -> Packet:
        """What comes next on a conversation, or what should not come."""
        random = self._random
        talk = random.choice(self._conversations)
        flags = self._flags_due(self.host.state(talk.flow.reverse))
        data = b"x" * random.choice((0, 0, 0, 1, 1400)) if flags & tcp.ACK else b""
        seq_off = ack_off = 0
        if random.random() < 0.3:
            flags = random.randrange(256)
            seq_off = random.choice((-1, 0, 1, 1000, 65535, 1 << 31, random.getrandbits(32)))
            ack_off = random.choice((-1, 0, 1, 1 << 31))
        talk.tsval += random.choice((0, 1, 100, -50))
        segment = Segment(
            seq=add(talk.seq, seq_off),
            ack=add(talk.ack, ack_off) if flags & tcp.ACK else 0,
            flags=flags,
            window=random.choice((0, 1000, 65535)),
            payload=data,
            mss=random.choice((None, 0, 1, 1460)) if flags & tcp.SYN else None,
            wscale=random.choice((None, 0, 7, 255)) if flags & tcp.SYN else None,
            timestamps=Timestamps(talk.tsval & 0xFFFFFFFF, 0) if talk.timestamps else None,
            urgent=random.choice((0, 0, 1, 65535)),
        )
        return Packet(talk.flow, segment, tos=random.choice((0, 0x10, 3)))

    def _flags_due(self, state: str) -> int:
        fin = tcp.FIN | tcp.ACK
        match state:
            case "CLOSED":
                return tcp.SYN
            case "ESTABLISHED" | "FIN-WAIT-1":
                return self._random.choice((tcp.ACK, fin))
            case "FIN-WAIT-2":
                return fin
            case "TIME-WAIT":
                return self._random.choice((tcp.ACK, tcp.ACK, fin, fin, tcp.SYN, tcp.RST, 0))
            case _:
                return tcp.ACK

    # -- what becomes of them --------------------------------------------------------------------

    def _receive(self, frame: bytes) -> None:
        try:
            packet = decode(frame)
        except WireError as error:
            self.tally.outcomes[f"refused: {error}"] += 1
            return
        if packet is None:
            self.tally.outcomes["neither TCP, an echo nor an error about TCP"] += 1
            return
        self.host.receive(packet)
        answers = [p for p in self.host.outbox if isinstance(p, Packet)]
        self.tally.outcomes[f"decoded, {_in_words(packet, answers)}"] += 1
        if isinstance(packet, Packet) and packet.segment.flags & tcp.RST:
            assert not any(answer.segment.flags & tcp.RST for answer in answers)

    def _live_on(self) -> None:
        """Processes react, time passes, the tester reads what the host sent."""
        for event in _taken(self.host.events):
            if event.kind in ("peer-closed", "data"):
                self._react(event)
        if self._random.random() < (0.02 if CLOSES_FIRST in self._listening else 0.2):
            self._toggle(self._random.choice((CLOSES_FIRST, NOBODY)))
        if self._random.random() < 0.1:
            self.host.clock.advance(self.host.clock.now + self._random.choice(_WAITS))
        for answer in _taken(self.host.outbox):
            self._read(answer)
        rules = self.tally.rules[self.profile.name]
        rules.update(decision.rule.id for decision in _taken(self.host.trace))

    def _react(self, event: HostEvent) -> None:
        call: Callable[[Flow], None] = self.host.sockets.close
        if event.kind == "data":
            sockets = self.host.sockets
            call = self._random.choice((sockets.shutdown, sockets.abort, self._reply))
        try:
            call(event.flow)
        except CallError:
            self.tally.outcomes["calls refused"] += 1

    def _toggle(self, port: int) -> None:
        """A listener goes away, or comes back if the blocks on its port let it."""
        if port in self._listening:
            self.host.unlisten(port)
            self._listening.remove(port)
            return
        try:
            self.host.listen(port)
        except CallError:
            self.tally.outcomes["calls refused"] += 1
        else:
            self._listening.add(port)

    def _reply(self, flow: Flow) -> None:
        self.host.sockets.send(flow, bytes(self._random.choice((1, 3000))))

    def _read(self, answer: Packet | Echo) -> None:
        frame = self._encode_host(answer)
        if self._random.randrange(_READ_BACK) == 0:
            assert decode(frame) == answer
        if isinstance(answer, Packet):
            for talk in self._conversations:
                if talk.flow == answer.flow.reverse:
                    talk.hears(answer.segment)


@cache
def _encoders() -> tuple[Encode, Encode]:
    """The host's and the tester's; one pair serves all sessions, for the templates it holds."""
    return Encoder(_HOST_MAC, _TESTER_MAC).encode, Encoder(_TESTER_MAC, _HOST_MAC).encode


def _taken(queue: deque[T]) -> list[T]:
    taken = list(queue)
    queue.clear()
    return taken


def random_settings(random: Random, profile: Profile) -> dict[str, int]:
    """Switches thrown at random, and now and then a table that is soon full."""
    settings = {
        name: random.randrange(2) for name, s in profile.settings.items() if s.default in (0, 1)
    }
    for limit in ("maxtcptw", "max_tw_buckets"):
        if limit in profile.settings:
            settings[limit] = random.choice((1, 2, 100))
    return settings


def _in_words(packet: Datagram, answers: list[Packet]) -> str:
    if isinstance(packet, Echo):
        return "an echo"
    if isinstance(packet, IcmpError):
        return f"an error, {packet.kind}"
    if not answers:
        return "silence"
    return "answered " + ", ".join(flag_names(answer.segment.flags) for answer in answers[:2])
