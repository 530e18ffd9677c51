"""The reference as a target: in this process, on virtual time, over frames that Scapy built.

Each case gets a host and a clock of its own, so cases can't touch each other and a 2MSL costs
microseconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, replace
from math import inf
from random import Random
from typing import Any, Generic, NoReturn, Protocol, Self, TypeAlias, TypeVar

from tw_conformance.dut.calls import bind_arguments, preparation_of
from tw_conformance.link.link import Arrival, Observation
from tw_conformance.link.path import perfect_path
from tw_conformance.model.case import EOF, OK, Case, Counters
from tw_conformance.model.errors import NoSuchCall, TargetError
from tw_conformance.targets.acquaintance import Acquaintance, LookBudget
from tw_conformance.targets.kinds import Order, TargetKind
from tw_conformance.targets.target import tester_isn
from tw_reference.clock import SECOND, Clock
from tw_reference.profiles import PROFILES
from tw_reference.profiles.offers import EVERYTHING
from tw_reference.profiles.profile import Profile
from tw_reference.rules.decision import Decision
from tw_reference.segment import Damage, Datagram, Flow, Packet
from tw_reference.stack.endpoint import Endpoint
from tw_reference.stack.host import Host
from tw_reference.stack.ports import Listener
from tw_reference.stack.sockets import CallError
from tw_reference.wire.decode import WireError, decode
from tw_reference.wire.encode import Encoder

T = TypeVar("T")

_TESTER = {"ipv4": "192.0.2.2", "ipv6": "2001:db8::2"}
_DUT = {"ipv4": "192.0.2.1", "ipv6": "2001:db8::1"}
_TESTER_MAC, _DUT_MAC = "02:00:00:00:00:02", "02:00:00:00:00:01"
_STRANGER = {False: "192.0.2.3", True: "2001:db8::3"}
"""Another address of the tester, by whether it is one of IPv6."""
_PORT = 7
_SOURCE_PORTS = range(20000, 61000)


class Encode(Protocol):
    """Makes a frame of a packet, with the given fault in it."""

    def __call__(self, packet: Datagram, *, damage: Damage | None = None) -> bytes: ...


@dataclass(frozen=True)
class Hop:
    """How packets become frames at either end, and frames become packets; a damaged frame raises
    WireError."""

    from_tester: Encode
    from_dut: Encode
    decode: Callable[[bytes], Datagram | None]


def encoder_of(profile: Profile) -> Encode:
    """What makes the frames of a stack, whose options lie in its own order."""
    return Encoder(_DUT_MAC, _TESTER_MAC, scale_first=profile.traits.scale_first).encode


class InProcessTarget:
    """The reference under one profile; the tester is ``on_link`` in these address families."""

    reads_states = True
    realtime = False
    longest_wait = inf
    name = "reference"

    def __init__(self, profile: Profile, *, seed: int = 0, on_link: Collection[str] = ()) -> None:
        self.profile = profile.name
        self.on_link: Collection[str] = on_link
        self.seed = seed
        self.stack = profile
        self.settings: Mapping[str, int] = profile.defaults()
        self.time_variables: Mapping[str, float] = {
            "msl": profile.lifetime(profile.defaults()) / 2 / SECOND,
            "tick": profile.lateness(profile.defaults()) / SECOND,
        }
        self.path = replace(perfect_path(), in_order=True)
        self.acquaintance = Acquaintance()
        self.look = LookBudget()
        self.met: set[tuple[str, str]] = set()
        """The rules that decided or acted in some case, each behind the name of its list."""
        self.hop = Hop(
            Encoder(_TESTER_MAC, _DUT_MAC).encode,
            encoder_of(profile),
            decode,
        )

    def describe(self) -> str:
        return f"the bundled reference as {self.profile}: {self.stack.title}"

    def lacks(self, case: Case) -> str | None:
        offers = self.stack.traits.offers(self.stack.defaults() | dict(case.settings), EVERYTHING)
        active = case.reach.open == "active"
        if case.reach.sack and not offers.sack:
            return f"needs SACK, which {self.profile} does not offer"
        if case.reach.ecn and not (offers.asks_ecn if active else offers.takes_ecn):
            return f"needs ECN, which {self.profile} does not {'ask for' if active else 'take up'}"
        asked = {name for step in case.steps if isinstance(step, Counters) for name in step.moved}
        if unknown := asked - self.stack.counters():
            return f"needs the counter {min(unknown)}, which {self.profile} does not have here"
        return None

    def assume(self, settings: Mapping[str, int]) -> None:
        self.settings = {**self.settings, **settings}

    async def open(self, case: Case) -> InProcessLink:
        return InProcessLink.open(self, case)

    def dut_for(self, case: Case, seed: str) -> HostOfCase:
        """A host of that case's own."""
        return HostOfCase(self, case, seed)

    def start(self, play: Coroutine[object, object, T]) -> Played[T]:
        return Played(play)

    def close(self) -> None:
        """Nothing to do: no host outlives its case."""


class Played(Generic[T]):
    """A coroutine that ran to its end at once: on virtual time nothing is ever waited for."""

    def __init__(self, play: Coroutine[object, object, T]) -> None:
        self._outcome: Callable[[], T]
        try:
            play.send(None)
        except StopIteration as stop:
            value: T = stop.value
            self._outcome = lambda: value
        except Exception as error:
            self._outcome = _raiser(error)
        else:
            play.close()
            raise RuntimeError("a play on the reference awaited something that is not virtual")

    def done(self) -> bool:
        return True

    def result(self) -> T:
        return self._outcome()


def _raiser(error: Exception) -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise error

    return fail


FrameQueue: TypeAlias = deque[tuple[int, bytes]]
"""When each frame came, nanoseconds, and the frame."""


class HostOfCase:
    """The host of one case, the wire to it, and what has come from it for each of the tester's
    ports."""

    def __init__(self, target: InProcessTarget, case: Case, seed: str) -> None:
        self.hop = target.hop
        self.met = target.met
        self.clock = Clock(SECOND)
        self.preparation = preparation_of(case)
        self._at = Endpoint.of(_DUT[case.reach.family])
        self.connections = 0
        """How many the tester has, or had."""
        self._mailboxes: dict[tuple[str, int], FrameQueue] = {}
        try:
            self.host = Host(
                target.stack,
                self.clock,
                addresses=frozenset(_DUT.values()),
                seed=seed,
                settings=case.settings,
                on_link=[_TESTER[family] for family in target.on_link],
            )
        except KeyError as unknown:
            raise TargetError(f"{target.profile} has no setting {unknown}") from None
        if self.preparation.listens:
            self.listen()

    def connect(self, *flows: Flow) -> FrameQueue:
        """A mailbox for what comes to these ports.  The ident of echoes is a port."""
        mailbox = FrameQueue()
        self._mailboxes.update(((flow.src, flow.sport), mailbox) for flow in flows)
        return mailbox

    def listen(self) -> Listener:
        """A process that holds its connections does nothing else: it does not read either."""
        closes_first = self.preparation.policy == "close"
        return self.host.listen(
            _PORT,
            closes_first=closes_first,
            reads=closes_first,
            accepts=self.preparation.policy != "never",
            reuse_address=self.preparation.reuse_address,
            reuse_port=self.preparation.reuse_port,
            options=self.preparation.options,
            at=self._at,
        )

    def collect(self) -> None:
        """Carry all that the host has sent to the tester."""
        outbox = self.host.outbox
        while outbox:
            packet = outbox.popleft()
            to = packet.flow[2:] if isinstance(packet, Packet) else (packet.dst, packet.ident)
            self.deliver(self.hop.from_dut(packet), self._mailboxes[to])

    def deliver(self, frame: bytes, mailbox: FrameQueue) -> None:
        """Carry a frame to the tester."""
        mailbox.append((self.clock.now, frame))

    def take(self, frame: bytes) -> None:
        """Carry a frame to the host."""
        try:
            received = self.hop.decode(frame)
        except WireError:
            return
        if received is not None:
            self.host.receive(received)
            self.collect()


class InProcessLink:
    """One connection to the host of its case."""

    def __init__(self, dut: HostOfCase, flow: Flow, isn: int) -> None:
        self.flow = flow
        self.tester_isn = isn
        self.probe_ident = flow.sport
        self._dut = dut
        self._hop, self._host, self._clock = dut.hop, dut.host, dut.clock
        dut.connections += 1
        self.probe_flow = flow._replace(sport=_SOURCE_PORTS.start - dut.connections)
        self._mailbox = dut.connect(flow, self.probe_flow)

    @classmethod
    def open(cls, target: InProcessTarget, case: Case) -> Self:
        """The case's own connection, to a host of its own.

        :raises TargetError: where the profile lacks one of the case's settings.
        """
        seed, family = f"{target.seed}:{case.id}", case.reach.family
        flow = Flow(_TESTER[family], Random(seed).choice(_SOURCE_PORTS), _DUT[family], _PORT)
        return cls(target.dut_for(case, seed), flow, tester_isn(target.seed, case, wraps=True))

    async def beside(self, *, other_peer: bool = False) -> Self:
        flow, number = self.flow, self._dut.connections
        port = _SOURCE_PORTS[(_SOURCE_PORTS.index(flow.sport) + number) % len(_SOURCE_PORTS)]
        address = _STRANGER[flow.is_ipv6] if other_peer else flow.src
        isn = Random(f"{self.tester_isn}:{number}").getrandbits(32)
        return type(self)(self._dut, flow._replace(src=address, sport=port), isn)

    def now(self) -> float:
        return self._clock.now / SECOND

    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        frame = self._hop.from_tester(packet, damage=damage)
        self._dut.take(frame)
        return self.now(), frame

    async def receive(self, until: float) -> Arrival | None:
        deadline = round(until * SECOND)
        while not self._mailbox:
            timer = self._clock.next_timer()
            if timer is None or timer > deadline:
                self._clock.advance(deadline)
                return None
            self._clock.advance(timer)
            self._dut.collect()
        time, frame = self._mailbox.popleft()
        packet = self._hop.decode(frame)
        if packet is None:
            raise TargetError("the reference sent a frame that is neither TCP nor an echo")
        return Arrival(time / SECOND, packet, frame)

    async def sleep(self, until: float) -> None:
        self.advance(until)

    def advance(self, until: float) -> None:
        """Let time pass, and what the host sends in it come."""
        deadline = round(until * SECOND)
        while (timer := self._clock.next_timer()) is not None and timer <= deadline:
            self._clock.advance(timer)
            self._dut.collect()
        self._clock.advance(deadline)

    async def call(self, verb: str, arguments: Mapping[str, int | str]) -> str:
        try:
            if verb == "receive":
                whole = self._host.sockets.receive(self.flow.reverse, int(arguments["length"]))
                return OK if whole else EOF
            self._call(verb, arguments)
        except CallError as refused:
            return refused.error
        finally:
            self._dut.collect()
        return OK

    def _call(self, verb: str, arguments: Mapping[str, Any]) -> None:
        host, flow = self._host, self.flow.reverse
        match verb:
            case "listen":
                self._dut.listen()
            case "unlisten":
                host.unlisten(_PORT)
            case "fill":
                self._dut.listen().queue_full = True
            case "close":
                host.sockets.close(flow)
            case "shutdown":
                host.sockets.shutdown(flow, arguments.get("how", "write"))
            case "send":
                host.sockets.send(flow, b"t" * arguments["length"])
            case "error":
                host.sockets.error(flow)
            case "destroy":
                host.destroy(flow)
            case "abort":
                host.sockets.abort(flow)
            case "set":
                host.sockets.set_options(flow, **arguments)
            case "bind":
                self._bind(arguments)
            case "connect":
                self._connect({**self._dut.preparation.opener, **arguments})
            case _:
                raise NoSuchCall(f"the reference does not have the call {verb}")

    def _connect(self, arguments: Mapping[str, Any]) -> None:
        """Of a new socket, on the same 4-tuple."""
        host, flow = self._host, self.flow.reverse
        switches = {name: bool(arguments.get(name)) for name in ("reuse_address", "reuse_port")}
        automatic = bool(arguments.get("automatic"))
        if not automatic:
            host.bind(_PORT, Endpoint.of(flow.src), **switches)
        host.connect(
            flow, automatic=automatic, reuse_address=switches["reuse_address"], reads=False
        )
        host.sockets.set_options(flow, **arguments.get("options", {}))

    def _bind(self, arguments: Mapping[str, Any]) -> None:
        """A port of the host's own choice, 0, is always to be had."""
        family = "ipv6" if self.flow.is_ipv6 else "ipv4"
        said = bind_arguments(arguments, family, _PORT, _DUT)
        try:
            at = Endpoint.of(str(said["address"]), v6only=bool(said["v6only"]))
        except ValueError as unfit:
            raise CallError("EINVAL", str(unfit)) from unfit
        if port := arguments.get("port", _PORT):
            switches = {name: bool(said.get(name)) for name in ("reuse_address", "reuse_port")}
            self._host.bind(port, at, **switches)

    async def observe(self) -> Observation | None:
        now = self.now()
        flow = self.flow.reverse
        block = self._host.block(flow)
        remaining = None if block is None else (block.expires - self._clock.now) / SECOND
        return Observation(self._host.state(flow).value, now, now, remaining, 1e-6)

    async def counters(self) -> Mapping[str, int]:
        host = self._host
        return {name: host.counters[name] for name in host.profile.counters()}

    def decisions(self) -> list[Decision]:
        return list(self._host.trace)

    def capture_losses(self) -> int:
        return 0

    async def aclose(self) -> None:
        """The host goes with the link; what its rules did is kept."""
        for decision in self._host.trace:
            if decision.ruled:
                acted = (*decision.notes, decision.rule)
                self._dut.met.update((decision.stage.name, rule.id) for rule in acted)


def open_reference(order: Order) -> InProcessTarget:
    return InProcessTarget(PROFILES[order.profile or next(iter(PROFILES))], seed=order.seed)


KIND = TargetKind(open_reference, profiles=lambda: tuple(PROFILES), realtime=False)
