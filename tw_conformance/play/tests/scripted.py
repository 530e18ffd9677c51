"""A link that plays a list of arrivals at times, and a target that hands such links out.

Time is virtual: it passes where the player waits, and nowhere else.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Collection, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path as FilePath
from typing import Any, TypeVar

from tw_conformance.link.link import Arrival, Observation
from tw_conformance.link.path import Path, perfect_path
from tw_conformance.model.case import OK, Case
from tw_conformance.model.errors import NoSuchCall
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.notation.load import load_text
from tw_conformance.play.player import perform_once
from tw_conformance.targets.acquaintance import Acquaintance, LookBudget
from tw_conformance.targets.in_process import Played
from tw_reference.rules.decision import Decision
from tw_reference.segment import (
    ACK,
    FIN,
    RST,
    SYN,
    Damage,
    Datagram,
    Echo,
    Flow,
    Packet,
    Segment,
)

T = TypeVar("T")

FLOW = Flow("192.0.2.2", 40000, "192.0.2.1", 7)
PROBE_FLOW = FLOW._replace(sport=19999)
ROUND_TRIP = 0.001
"""Seconds, of the answer to a probe."""
IRS = 9_000
"""The tester's ISN."""


def script(steps: str, reach: str = "{state: LISTEN}", profiles: str = "['*']") -> Case:
    """The case with these steps; by default nothing has to be reached."""
    text = (
        f"case: scripted\ntitle: A title\ncites: [RFC 9293]\nprofiles: {profiles}\n"
        f"reach: {reach}\nsteps:\n{steps}"
    )
    (case,) = load_text(text, FilePath("scripted.tw.yaml"))
    return case


def segment(flags: int = ACK, seq: int = 1, ack: int = IRS, text: bytes = b"") -> Packet:
    """A segment of the DUT's."""
    return Packet(FLOW.reverse, Segment(seq, ack, flags, 100, text))


@dataclass
class ScriptedLink:
    """``arrivals`` come at their times, in seconds from the beginning.  ``echoes`` are the round
    trips of the probes, in their order, None for one that is lost; all others take
    :data:`ROUND_TRIP`.  ``readings`` are what the agent reads of the DUT, in their order and the
    last for ever; without any there is no agent.  ``gives`` are what calls give."""

    arrivals: list[tuple[float, Datagram]] = field(default_factory=list)
    echoes: list[float | None] = field(default_factory=list)
    readings: list[Observation] = field(default_factory=list)
    gives: Mapping[str, str] = field(default_factory=dict)
    counts: list[Mapping[str, int]] = field(default_factory=list)
    oversleeps: float = 0.0
    busy: float = 0.0
    """Seconds until the tester has taken in what came."""
    calling: float = 0.0
    """Seconds that a call takes."""
    losses: int = 0
    flow: Flow = FLOW
    tester_isn: int = IRS
    probe_ident: int = 77
    clock: float = 0.0
    sent: list[Datagram] = field(default_factory=list)
    sent_at: list[float] = field(default_factory=list)
    others: list[ScriptedLink] = field(default_factory=list)
    """The links of further connections, in the order in which they are opened."""
    peers: list[str] = field(default_factory=list)
    """From which of the tester's addresses each was opened."""
    closed: bool = False

    async def beside(self, *, other_peer: bool = False) -> ScriptedLink:
        self.peers.append("other" if other_peer else "same")
        return self.others.pop(0)

    @property
    def probe_flow(self) -> Flow:
        return PROBE_FLOW

    def now(self) -> float:
        return self.clock

    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        self.sent.append(packet)
        self.sent_at.append(self.clock)
        if isinstance(packet, Echo):
            round_trip = self.echoes.pop(0) if self.echoes else ROUND_TRIP
            if round_trip is not None:
                answer = replace(packet, src=packet.dst, dst=packet.src, reply=True)
                self.arrivals.append((self.clock + round_trip, answer))
        return self.clock, b""

    async def receive(self, until: float) -> Arrival | None:
        due = min(self.arrivals, key=lambda each: each[0], default=None)
        if due is None or due[0] > until:
            self.clock = max(self.clock, until)
            return None
        self.arrivals.remove(due)
        self.clock = max(self.clock, due[0]) + self.busy
        return Arrival(due[0], due[1], b"")

    async def sleep(self, until: float) -> None:
        self.clock = max(self.clock, until) + self.oversleeps

    async def call(self, verb: str, arguments: Mapping[str, int | str]) -> str:
        given = self.gives.get(verb, OK)
        self.clock += self.calling
        if given == "ENOSYS":
            raise NoSuchCall(f"there is no call {verb}")
        return given

    async def observe(self) -> Observation | None:
        if not self.readings:
            return None
        return self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]

    async def counters(self) -> Mapping[str, int]:
        return self.counts.pop(0) if self.counts else {}

    def decisions(self) -> list[Decision]:
        return []

    def capture_losses(self) -> int:
        return self.losses

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class ScriptedTarget:
    """Hands out these links, one a performance."""

    links: list[ScriptedLink]
    path: Path = field(default_factory=perfect_path)
    realtime: bool = True
    longest_wait: float = inf
    look: LookBudget = field(default_factory=LookBudget)
    reads_states: bool = True
    acquaintance: Acquaintance = field(default_factory=Acquaintance)
    profile: str = "linux-6.18"
    name: str = "scripted"
    time_variables: Mapping[str, float] = field(default_factory=lambda: {"msl": 1.0, "tick": 0.1})
    settings: Mapping[str, int] = field(default_factory=dict)
    on_link: Collection[str] = ()
    opened: int = 0

    def describe(self) -> str:
        return self.name

    def lacks(self, case: Case) -> str | None:
        return None

    def assume(self, settings: Mapping[str, int]) -> None:
        self.settings = {**self.settings, **settings}

    async def open(self, case: Case) -> ScriptedLink:
        self.opened += 1
        return self.links.pop(0)

    def start(self, play: Coroutine[object, object, T]) -> Played[T]:
        return Played(play)

    def close(self) -> None:
        """Nothing is open."""


def bad_path(*, lost: int = 5, repeated: int = 0, reordered: int = 0, probes: int = 100) -> Path:
    """A path that was surveyed: round trips of 1 to 20 ms."""
    path = Path(probes=probes, lost=lost, repeated=repeated, reordered=reordered)
    path.recent.extend(0.001 * number for number in range(1, 21))
    return path


class _Impatient(selectors.SelectSelector):
    """Where nothing is ready, time goes on at once."""

    elapsed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.elapsed += timeout or 0.0
        return super().select(0)


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._impatient = _Impatient()
        super().__init__(self._impatient)

    def time(self) -> float:
        return self._impatient.elapsed


def in_virtual_time(play: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """What comes of a coroutine, and how many seconds it slept."""
    loop = _VirtualLoop()
    try:
        return loop.run_until_complete(play), loop.time()
    finally:
        loop.close()


def at(*arrivals: tuple[float, Datagram]) -> ScriptedLink:
    return ScriptedLink(arrivals=list(arrivals))


ISS = 5_000
"""The DUT's ISN where it takes the way to TIME-WAIT."""
REACHED = 0.5
"""Seconds until it has."""
SYN_ACK = segment(SYN | ACK, ISS, IRS + 1)
BLOCK_ACK, BLOCK_RST = segment(ACK, ISS + 2, IRS + 2), segment(RST, ISS + 2, 0)
"""What a block of that connection answers to an old octet, and what is answered without one."""


def in_time_wait(*arrivals: tuple[float, Datagram]) -> ScriptedLink:
    """A DUT that takes the way through FIN-WAIT-2, before those arrivals."""
    way = [
        (0.125, SYN_ACK),
        (0.25, segment(FIN | ACK, ISS + 1, IRS + 1)),
        (REACHED, BLOCK_ACK),
    ]
    return at(*way, *arrivals)


SEND = "  - send: {flags: ACK, seq: rcv_nxt}\n"
EACH_FIELD = {
    "flags": "RST",
    "seq": "rcv_nxt+1",
    "ack": "snd_nxt+1",
    "window": "9",
    "length": "1",
    "urgent": "1",
    "reserved": "1",
    "timestamps": "absent",
    "tsval": "ts_recent+9",
    "tsecr": "9",
    "mss": "99",
    "wscale": "1",
    "sack_permitted": "true",
    "corrupt": "tcp-checksum",
    "options": "'01010101'",
    "tos": "1",
    "ttl": "9",
    "flow_label": "9",
}
"""Every field of ``send`` that is put on the packet, with a value that is no default's."""
SILENT = f"{SEND}  - expect: nothing\n"
ANSWERED = f"{SEND}  - expect: {{flags: ACK, seq: snd_nxt+1, ack: rcv_nxt}}\n"
RIGHT = segment(ACK, 1, IRS)


def performed(
    case: Case | str,
    link: ScriptedLink,
    *,
    path: Path | None = None,
    realtime: bool = True,
    profile: str = "linux-6.18",
    msl: float = 1.0,
) -> Outcome:
    """What comes of one performance on that link."""
    case = script(case) if isinstance(case, str) else case
    target = ScriptedTarget(
        [link],
        path or perfect_path(),
        realtime,
        profile=profile,
        time_variables={"msl": msl, "tick": 0.1},
    )
    outcome = target.start(perform_once(case, target)).result()
    assert link.closed
    return outcome


def verdict(outcome: Outcome) -> tuple[Verdict, str]:
    """It, and why."""
    return outcome.verdict, outcome.reason


def reading(
    state: str, remaining: float | None = None, *, asked: float = 0.0, resolution: float = 0.0
) -> Observation:
    """What the agent reads at the moment ``asked``, ``remaining`` seconds before the timer."""
    return Observation(state, asked, asked, remaining, resolution)
