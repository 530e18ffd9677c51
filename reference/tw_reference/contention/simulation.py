"""The receive path in virtual time: rings, one lock, a reaper."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random

from tw_reference.contention.reaping_strategies import Strategy

ROUNDS = (1, 2, 2)
"""Packets that a peer sends at once, each round in answer to the one before: SYN; ACK and request;
ACK and FIN.  Five in all, as in the report."""
_PACKETS = sum(ROUNDS)
_ROUND_AFTER = {sum(ROUNDS[:number]): number for number in range(1, len(ROUNDS))}
"""Which round follows when so many packets of a connection have been served."""


@dataclass(frozen=True, slots=True)
class ReceivePath:
    """The host: ``queues`` rings of ``descriptors`` packets, ``service`` seconds of lock a packet,
    blocks that live ``lifetime`` seconds.

    ``service`` is fitted to the report's plot: a spike of 27 ms is gone after some 57 ms, so packet
    input uses 53 % of the lock at 200,000 packets a second.
    """

    queues: int = 4
    descriptors: int = 2048
    service: float = 2.65e-6
    lifetime: float = 6.0

    @property
    def seconds_to_fill(self) -> float:
        """How long all rings take a stall at 200,000 packets a second."""
        return self.queues * self.descriptors / 200_000


@dataclass(frozen=True, slots=True)
class Load:
    """``rate`` connections a second for ``seconds``.

    Each round of a connection comes ``round_trip`` seconds after the one before.  Where the peers
    are ``waiting``, it comes that long after the host has served the one before.
    """

    rate: float
    seconds: float = 10.0
    round_trip: float = 200e-6
    waiting: bool = False
    retransmit: float = 1.0
    """Seconds after which a peer sends a dropped packet again."""


@dataclass(slots=True)
class Trace:
    """What was measured; times in seconds from the start."""

    connections: list[tuple[float, float]] = field(default_factory=list)
    """When its SYN arrived, and how long it was from there to the ACK of its last packet."""
    holds: list[tuple[float, float, int]] = field(default_factory=list)
    """When the reaper took the lock, for how long, and how many blocks it closed."""
    dropped: int = 0
    fullest: int = 0
    """Packets that waited at most in one ring."""
    blocks: int = 0
    """TIME-WAIT blocks at the end."""


def simulate(path: ReceivePath, load: Load, strategy: Strategy, seed: int = 0) -> Trace:
    """Let the load meet the host.  The same seed gives the same trace."""
    return _Simulation(path, load, strategy, seed).run()


def loss_free_maximum(
    path: ReceivePath,
    strategy: Strategy,
    *,
    precision: float = 500.0,
    seconds: float = 2.6,
    seed: int = 0,
) -> float:
    """The highest rate, in connections a second, at which no packet is dropped.

    Blocks live for a second here: how long they do changes when stalls begin, not what they are.
    """
    quick = ReceivePath(path.queues, path.descriptors, path.service, lifetime=1.0)
    low, high = 0.0, 1.0 / (_PACKETS * path.service)
    while high - low > precision:
        rate = (low + high) / 2
        if simulate(quick, Load(rate, seconds), strategy, seed).dropped:
            high = rate
        else:
            low = rate
    return low


class _Simulation:
    """One run.  A packet is the number of its connection; a connection's progress is how many of
    its packets have been served."""

    def __init__(self, path: ReceivePath, load: Load, strategy: Strategy, seed: int) -> None:
        self._path, self._load, self._strategy = path, load, strategy
        self._trace = Trace()
        self._now = 0.0
        self._starts = _starts(load, Random(seed))
        self._coming: list[tuple[float, int]] = [(next(self._starts), 0)]
        """A heap of packets under way: when each arrives, and its connection."""
        self._rings: list[deque[int]] = [deque() for _ in range(path.queues)]
        self._random = Random(seed + 1)
        self._turn = 0
        self._ring: list[int] = []
        self._begun: list[float] = []
        self._served: list[int] = []
        self._expiries: deque[float] = deque()
        self._scan_at = strategy.period
        self._scanning = False

    def run(self) -> Trace:
        while self._now < self._load.seconds:
            self._admit()
            if self._reap() or self._serve():
                continue
            self._now = self._next_event()
        self._trace.blocks = len(self._expiries)
        return self._trace

    # -- packets ---------------------------------------------------------------------------------

    def _admit(self) -> None:
        """Put into the rings what has arrived by now, in order."""
        coming, now = self._coming, self._now
        while coming[0][0] <= now:
            time, connection = heappop(coming)
            if connection == len(self._ring):
                self._begin(time, connection)
            self._arrive(time, connection)

    def _begin(self, time: float, connection: int) -> None:
        self._ring.append(self._random.randrange(self._path.queues))
        self._begun.append(time)
        self._served.append(0)
        heappush(self._coming, (next(self._starts), connection + 1))
        if not self._load.waiting:
            for number in range(1, len(ROUNDS)):
                self._send(number, time + number * self._load.round_trip, connection)

    def _send(self, number: int, time: float, connection: int) -> None:
        """A round of the peer's packets, to arrive at ``time``."""
        for _ in range(ROUNDS[number]):
            heappush(self._coming, (time, connection))

    def _arrive(self, time: float, connection: int) -> None:
        ring = self._rings[self._ring[connection]]
        if len(ring) < self._path.descriptors:
            ring.append(connection)
            if len(ring) > self._trace.fullest:
                self._trace.fullest = len(ring)
        else:
            self._trace.dropped += 1
            heappush(self._coming, (time + self._load.retransmit, connection))

    def _serve(self) -> bool:
        """Hold the lock for one packet of the next queue that has any; False where none has."""
        for _ in self._rings:
            self._turn = (self._turn + 1) % len(self._rings)
            if self._rings[self._turn]:
                self._now += self._path.service
                self._progress(self._rings[self._turn].popleft())
                return True
        return False

    def _progress(self, connection: int) -> None:
        self._served[connection] += 1
        served = self._served[connection]
        if served == _PACKETS:
            begun = self._begun[connection]
            self._trace.connections.append((begun, self._now - begun))
            self._expiries.append(self._now + self._path.lifetime)
        elif self._load.waiting and served in _ROUND_AFTER:
            self._send(_ROUND_AFTER[served], self._now + self._load.round_trip, connection)

    # -- blocks ----------------------------------------------------------------------------------

    def _reap(self) -> bool:
        """Take the lock for expired blocks where it is the reaper's turn; False where it isn't."""
        strategy = self._strategy
        if not self._due() or (strategy.polite and any(self._rings)):
            return False
        closed = 0
        while self._expired() and (strategy.batch is None or closed < strategy.batch):
            self._expiries.popleft()
            closed += 1
        if not self._expired():
            self._end_scan()
        if strategy.own_lock or not closed:
            return False
        held = closed * strategy.close + strategy.handover
        self._trace.holds.append((self._now, held, closed))
        self._now += held
        if not self._scanning:
            self._end_scan()
        if strategy.batch is not None:
            self._everybody_else_first()
        return True

    def _due(self) -> bool:
        if self._strategy.period == 0.0:
            return self._expired()
        self._scanning = self._scanning or self._now >= self._scan_at
        return self._scanning

    def _end_scan(self) -> None:
        """The next one begins a period after the end of this one (``uipc_domain.c``,
        pfslowtimo(); ``inet_timewait_sock.c``, inet_twdr_hangman())."""
        self._scanning = False
        self._scan_at = self._now + self._strategy.period

    def _expired(self) -> bool:
        return bool(self._expiries) and self._expiries[0] <= self._now

    def _everybody_else_first(self) -> None:
        """The lock is fair: each queue that wants it has it once before the reaper does again."""
        self._admit()
        for _ in self._rings:
            if not self._serve():
                return

    # -- time ------------------------------------------------------------------------------------

    def _next_event(self) -> float:
        times = [self._coming[0][0]]
        if self._strategy.period:
            times.append(self._scan_at)
        elif self._expiries:
            times.append(self._expiries[0])
        return max(min(times), self._now)


def _starts(load: Load, random: Random) -> Iterator[float]:
    """When SYNs arrive: a Poisson process."""
    time = 0.0
    while True:
        time += random.expovariate(load.rate)
        yield time
