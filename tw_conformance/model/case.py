"""The case model: what a case says, with no trace of the notation that it was written in.

One YAML document becomes one :class:`Case` per point of its matrix.  Every number that depends on
the connection is an :class:`~tw_conformance.model.expressions.Expression` over the DUT's own
variables, so a case means the same on every stack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from tw_conformance.model.expressions import SequenceExpression, TimeExpression
from tw_reference.icmp_numbers import says_mtu
from tw_reference.segment import ACK, Damage
from tw_reference.seqnum import add
from tw_reference.state import State

T = TypeVar("T")

Family: TypeAlias = Literal["ipv4", "ipv6"]

ON_SOCKET = frozenset(("close", "shutdown", "abort", "set", "send", "receive", "error"))
"""Calls on the socket of a connection."""

STATES = tuple(state.value for state in State)
"""State names of RFC 9293 that a case may use, as printed in the RFC."""


_TCP_HEADER = 20
"""Octets, without options."""


class Through(Enum):
    """The way a connection takes into TIME-WAIT (RFC 9293 figures 12 and 13)."""

    FIN_WAIT_2 = "FIN-WAIT-2"
    """Our ACK of the DUT's FIN, then our FIN."""
    FIN_WAIT_1 = "FIN-WAIT-1"
    """One segment that carries our FIN and acknowledges the DUT's."""
    CLOSING = "CLOSING"
    """Both FINs cross, then our ACK of the DUT's."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The connection that the steps find: its options, and the state that it was brought to."""

    state: str = "TIME-WAIT"
    through: Through = Through.FIN_WAIT_2
    family: Family = "ipv4"
    timestamps: bool = False
    wscale: int | None = None
    """Shift that the tester offers; None: no window scaling."""
    mss: int | None = 1460
    """MSS that the tester offers; None: no option."""
    open: Literal["passive", "active"] = "passive"
    """Who opens: the tester, to a listener of the DUT; or the DUT, by connect() from an automatic
    port (RFC 9293 section 3.10.1)."""
    reuse_address: bool = True
    """SO_REUSEADDR on the DUT's listener, or on the socket that opens."""
    reuse_port: bool = False
    """SO_REUSEPORT, likewise."""
    sack: bool = False
    """Whether the tester offers SACK (RFC 2018)."""
    ecn: bool = False
    """Whether the tester offers ECN (RFC 3168 section 6.1.1)."""
    tsval: int | None = None
    """The TSval of all that the tester sends before the first step, whose clock stands still;
    None: one that runs."""
    accepts: bool = True
    """Whether a process accepts what the listener has."""
    options: Mapping[str, int] = field(default_factory=dict)
    """Socket options of the DUT's listener, or of the socket that opens, set beforehand."""


@dataclass(frozen=True, slots=True)
class ByProfile(Generic[T]):
    """A value that may differ by profile: (glob, value) pairs in the order written.

    The first glob that matches decides; ``default`` is stored as ``*`` and comes last.
    """

    choices: tuple[tuple[str, T], ...]

    def choose(self, profile: str) -> T | None:
        """The value for that profile, or None where no glob matches."""
        for glob, value in self.choices:
            if fnmatchcase(profile, glob):
                return value
        return None


OK, REFUSED, EOF = "ok", "refused", "eof"
"""What a call gives that succeeds, what is expected where any errno will do, and what a receive
gives where the peer has closed and less is there than was asked for."""


TimestampRelation: TypeAlias = Literal["newer", "older", "same", "absent"]
"""TSval against the last one that the DUT recorded; ``absent``: no option."""

_TSVAL_OFFSET: Mapping[str, int] = {"newer": 1000, "older": -1, "same": 0}


class Numbers(NamedTuple):
    """The numbers of a segment to be sent, modulo 2^32; no TSval: no Timestamps option."""

    seq: int
    ack: int
    tsval: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnConnection:
    """A step about one connection: that of ``reach``, or one that an :class:`Open` gave a name."""

    on: str = ""


@dataclass(frozen=True, slots=True)
class Send(OnConnection):
    """Inject one segment.  A field that is None takes the player's default for it.

    Defaults: ``seq`` rcv_nxt; ``ack`` snd_nxt where ACK is set, else 0; ``window`` the tester's
    own; timestamps ``newer`` where negotiated, else absent.
    """

    flags: int
    seq: SequenceExpression | None = None
    ack: SequenceExpression | None = None
    window: int | None = None
    length: int = 0
    """Payload octets."""
    urgent: int = 0
    reserved: int = 0
    timestamps: TimestampRelation | None = None
    tsval: SequenceExpression | None = None
    """An explicit TSval; excludes ``timestamps``."""
    tsecr: SequenceExpression | None = None
    mss: int | None = None
    wscale: int | None = None
    sack_permitted: bool = False
    corrupt: Damage | None = None
    """The one thing that is wrong with the segment on the wire."""
    options: bytes | None = None
    """TCP options as they are to lie on the wire, instead of all that the other fields make."""
    tos: int = 0
    """Type of service or traffic class, ECN bits included."""
    ttl: int | None = None
    """TTL or hop limit; None: the tester's own."""
    flow_label: int = 0
    """Of IPv6 (RFC 6437)."""
    within: TimeExpression | None = None
    """How soon after the last send this one must leave for the case to mean anything."""

    def numbers(self, variables: Mapping[str, int], *, timestamps: bool) -> Numbers:
        """What these fields come to where the DUT's variables have those values; ``timestamps``:
        whether the connection has them."""
        default_ack = variables["snd_nxt"] if self.flags & ACK else 0
        return Numbers(
            seq=variables["rcv_nxt"] if self.seq is None else self.seq.evaluate(variables),
            ack=default_ack if self.ack is None else self.ack.evaluate(variables),
            tsval=self._tsval(variables, self._relation(timestamps=timestamps)),
        )

    def packet_octets(self, reach: Reach) -> int:
        """Of the IP packet that carries this on such a connection, its headers included."""
        ip_header = 40 if reach.family == "ipv6" else 20
        return ip_header + _TCP_HEADER + self._options_octets(reach) + self.length

    def _options_octets(self, reach: Reach) -> int:
        """In whole words, as they lie on the wire."""
        if self.options is not None:
            return len(self.options) + -len(self.options) % 4
        stamped = self._relation(timestamps=reach.timestamps) != "absent" or self.tsval is not None
        # SACK Permitted takes the place of the NOPs in front of Timestamps.
        others = 12 if stamped else 4 * self.sack_permitted
        return 4 * (self.mss is not None) + 4 * (self.wscale is not None) + others

    def _relation(self, *, timestamps: bool) -> TimestampRelation:
        return self.timestamps or ("newer" if timestamps else "absent")

    def _tsval(self, variables: Mapping[str, int], relation: TimestampRelation) -> int | None:
        if self.tsval is not None:
            return self.tsval.evaluate(variables)
        if relation == "absent":
            return None
        return add(variables["ts_recent"], _TSVAL_OFFSET[relation])


@dataclass(frozen=True, slots=True)
class SendIcmp(OnConnection):
    """Inject one ICMP error, or ICMPv6 error, about a segment of the DUT's."""

    icmp: str
    """Its name, or ``3/77`` where type and code have none (:mod:`tw_reference.icmp_numbers`)."""
    quotes: SequenceExpression | None = None
    """SEG.SEQ of the segment that it quotes; None: that of the DUT's FIN, snd_nxt-1."""
    mtu: int | None = None
    """The next hop's MTU where the kind has one, octets; None: 1280."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One segment expected from the DUT; a field that is None may have any value."""

    flags: int | None = None
    seq: SequenceExpression | None = None
    ack: SequenceExpression | None = None
    window: SequenceExpression | None = None
    length: int | None = None
    timestamps: Literal["present", "absent"] | None = None
    tsval: SequenceExpression | None = None
    tsecr: SequenceExpression | None = None
    mss: int | Literal["absent"] | None = None
    wscale: int | Literal["absent"] | None = None
    ttl: int | None = None
    tos: int | None = None
    df: bool | None = None
    ip_id: int | None = None
    flow_label: int | Literal["kept"] | None = None
    """``kept``: that of the DUT's segment before it."""
    urgent: int | None = None
    reserved: int | None = None
    options: str | None = None
    """The kinds of TCP options in their order: ``NOP NOP TS``, or ``none``."""
    word: str | None = None
    """The shorthand that it was written as (``ack``, ``rst``, ``syn-ack``), for reports."""


class Silence(Enum):
    """``expect: nothing``, as a value."""

    NOTHING = "nothing"


NOTHING = Silence.NOTHING

OneAnswer: TypeAlias = Answer | Literal[Silence.NOTHING]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Right where one of these is."""

    choices: tuple[OneAnswer, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Right where something else came, or, unless ``of`` is silence, nothing."""

    of: OneAnswer


@dataclass(frozen=True, slots=True)
class AllOf:
    """Right where each of these is."""

    parts: tuple[OneAnswer | AnyOf | Not, ...]


Expected: TypeAlias = OneAnswer | AnyOf | Not | AllOf


@dataclass(frozen=True, slots=True)
class Expect(OnConnection):
    """What the DUT must answer to all that was sent since the last expect.

    ``within`` is how long an answer may take where the DUT owes it to a timer; None: it must be
    there before the answer to a sentinel sent now.
    """

    answer: ByProfile[Expected]
    within: TimeExpression | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass: virtual on the reference, real on a wire."""

    duration: TimeExpression


@dataclass(frozen=True, slots=True)
class Call(OnConnection):
    """A socket call on the DUT.

    ``close``, ``shutdown``, ``abort``, ``send``, ``receive``, ``error`` (SO_ERROR), ``destroy``
    (SOCK_DESTROY) and ``set`` (of options) are about the connection.
    ``unlisten`` closes the listener that accepted it; ``listen`` opens it again; ``fill`` stops
    accepting on it until its accept queue is full.  ``connect`` opens the same 4-tuple from the
    DUT's side, and ``bind`` binds its port for a moment, each with a new socket.
    """

    verb: str
    arguments: Mapping[str, int | str] = field(default_factory=dict)
    """Options by name; a switch is True or False."""
    gives: ByProfile[str] = ByProfile((("*", OK),))
    """``ok``, ``eof``, an errno by name, or ``refused``: any errno."""

    @property
    def text(self) -> str:
        """The call in one line: ``connect automatic=on``."""
        options = (f" {name}={id_part(value)}" for name, value in self.arguments.items())
        return self.verb + "".join(options)


@dataclass(frozen=True, slots=True)
class StateIs:
    """An expected state; ``timer`` says whether the last send restarted the 2MSL timer."""

    name: str
    timer: Literal["restarted", "kept"] | None = None


@dataclass(frozen=True, slots=True)
class ExpectState(OnConnection):
    """The DUT's state for this 4-tuple: read on the DUT, or asked for on the wire at the end."""

    state: ByProfile[StateIs]


@dataclass(frozen=True, slots=True)
class Counters:
    """Counters of the DUT's, by its own names, each of which must have moved by at least so much
    since the steps began."""

    moved: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Open:
    """Open another connection to the same port of the DUT, and bring it to a state; steps that are
    ``on`` its name are about it."""

    name: str
    differs: Mapping[str, Any] = field(default_factory=dict)
    """What of it is not as in the case's ``reach``, by the fields of :class:`Reach`."""
    peer: Literal["same", "other"] = "same"
    """From which address of the tester: that of the case's connection, from another port, or
    another."""
    times: int | None = None
    """So many of them, NAME-1, NAME-2 …; None: one, by the name itself."""

    @property
    def names(self) -> tuple[str, ...]:
        """Those of the connections that it opens."""
        if self.times is None:
            return (self.name,)
        return tuple(f"{self.name}-{number}" for number in range(1, self.times + 1))

    def reach(self, usual: Reach) -> Reach:
        """What is opened, in a case whose own connection is ``usual``."""
        return replace(usual, **self.differs)


Injection: TypeAlias = Send | SendIcmp
"""What ``send:`` may say."""

Step: TypeAlias = Injection | Expect | Wait | Call | ExpectState | Counters | Open


def by_profile(step: Step) -> ByProfile[Any] | None:
    """What a step expects, which may differ by profile; None where it expects nothing."""
    match step:
        case Expect(answer=said) | ExpectState(state=said) | Call(gives=said):
            return said
    return None


@dataclass(frozen=True, slots=True)
class Case:
    """One case at one point of its matrix: all that a player needs."""

    name: str
    title: str
    cites: tuple[str, ...]
    reach: Reach
    steps: tuple[Step, ...]
    profiles: tuple[str, ...] = ("*",)
    """Globs of the profiles that the case is about."""
    settings: Mapping[str, int] = field(default_factory=dict)
    """Settings of the DUT's stack, by the profile's names (``rfc1337: 1``)."""
    point: Mapping[str, str | int | bool] = field(default_factory=dict)
    """The matrix values of this case."""

    def calls(self) -> frozenset[str]:
        """The verbs of all calls that this case makes."""
        return frozenset(step.verb for step in self.steps if isinstance(step, Call))

    @property
    def is_held(self) -> bool:
        """Whether the process that accepts holds its connections; else it closes them at once."""
        held = any(reach.state in _HELD for reach in self.connections().values())
        return held or not self.calls().isdisjoint(ON_SOCKET)

    @property
    def contradiction(self) -> int | None:
        """The first step of those that ask for a process which holds connections, or for one that
        closes them at once, where the case asks for both; None where it does not."""
        states = {reach.state for reach in self.connections().values()}
        if self.reach.open == "active" or not self.is_held or states.isdisjoint(_CLOSED_FIRST):
            return None
        return next(i for i, step in enumerate(self.steps) if _asks_for_a_service(step))

    @property
    def id(self) -> str:
        """``name[value-value]``: unique within a file, the same on every run."""
        values = "-".join(id_part(value) for value in self.point.values())
        return f"{self.name}[{values}]" if values else self.name

    def is_about(self, profile: str) -> bool:
        return any(fnmatchcase(profile, glob) for glob in self.profiles)

    def unsaid(self, profile: str) -> int | None:
        """The first step that says by profile what it expects, and nothing of this one."""
        asked = enumerate(map(by_profile, self.steps))
        return next((i for i, said in asked if said and said.choose(profile) is None), None)

    def applies_to(self, profile: str) -> bool:
        """Whether it is about that profile, and says in each step what it expects there."""
        return self.is_about(profile) and self.unsaid(profile) is None

    def connections(self) -> dict[str, Reach]:
        """Every connection by its name, the case's own under none."""
        opened = {
            name: step.reach(self.reach)
            for step in self.steps
            if isinstance(step, Open)
            for name in step.names
        }
        return {"": self.reach, **opened}

    def told_path_mtus(self) -> Iterator[str]:
        """The connections whose path's MTU the steps tell the DUT; one may come again."""
        for step in self.steps:
            if isinstance(step, SendIcmp) and says_mtu(step.icmp):
                yield step.on

    def longest_packet(self) -> int:
        """Octets of the longest IP packet that the steps send; 0 where they send no segment."""
        reaches = self.connections()
        sent = (step for step in self.steps if isinstance(step, Send))
        return max((step.packet_octets(reaches[step.on]) for step in sent), default=0)

    def injections(self) -> int:
        """How many packets the steps inject."""
        return sum(isinstance(step, Injection) for step in self.steps)

    def exchanges(self, end: int | None = None) -> int:
        """How many of the steps bring packets about, of which each may be lost: of all, or of those
        before the place ``end``."""
        return sum(isinstance(step, Injection | Call) for step in self.steps[:end])

    def is_about_octets(self, profile: str) -> bool:
        """Whether under a profile it says how TCP options lie, and not only what they say."""
        return any(
            (isinstance(step, Send) and step.options is not None)
            or (isinstance(step, Expect) and "options" in _fields(step.answer.choose(profile)))
            for step in self.steps
        )

    def waits(self) -> Iterator[TimeExpression]:
        """The durations that this case will let pass, for whoever orders cases by length."""
        for step in self.steps:
            if isinstance(step, Wait):
                yield step.duration


def _fields(expected: Expected | None) -> Iterator[str]:
    match expected:
        case Answer():
            yield from (f.name for f in fields(expected) if getattr(expected, f.name) is not None)
        case AnyOf(choices=parts) | AllOf(parts=parts):
            for part in parts:
                yield from _fields(part)
        case Not():
            yield from _fields(expected.of)


def id_part(value: str | int | bool) -> str:
    """A value of a matrix or a call as IDs, titles and reports show it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


_HELD = frozenset(("ESTABLISHED", "CLOSE-WAIT", "LAST-ACK"))
"""States in which nobody has closed yet, or not without being told to."""
_CLOSED_FIRST = frozenset(("FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "TIME-WAIT"))
"""States that the DUT comes to because its process closes at once."""


def _asks_for_a_service(step: Step) -> bool:
    if isinstance(step, Call):
        return step.verb in ON_SOCKET
    return isinstance(step, Open) and step.differs.get("state") in _HELD | _CLOSED_FIRST
