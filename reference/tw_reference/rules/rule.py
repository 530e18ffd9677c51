"""The shape that everything here has: an ordered list of rules, of which the first that matches
decides.

A rule is data.  Its condition is built of named parts, so that a program can print it, say which
part kept it from firing, or break it on purpose; a list is a value that another list can be made
from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Any, Literal, NamedTuple, TypeAlias

from tw_reference.segment import Flow, IcmpError, Segment

Question: TypeAlias = Any
"""What a list decides: a segment on a TIME-WAIT block, a connection that closes …  Each atom's own
function states the type that it asks of it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A predicate that can be read.

    ``parts`` are the conditions that an ``all``, ``any`` or ``not`` is made of; an ``atom`` has
    none and tests for itself.
    """

    text: str
    test: Callable[[Question], bool]
    kind: Literal["atom", "all", "any", "not"] = "atom"
    parts: tuple[Condition, ...] = ()

    def __and__(self, other: Condition) -> Condition:
        return all_of(*_flat("all", self), *_flat("all", other))

    def __or__(self, other: Condition) -> Condition:
        return any_of(*_flat("any", self), *_flat("any", other))

    def __invert__(self) -> Condition:
        if self.kind == "not":
            return self.parts[0]
        test = self.test
        text = f"not ({self.text})" if self.parts else f"not {self.text}"
        return Condition(text, lambda question: not test(question), "not", (self,))

    def failing(self, question: Question) -> str:
        """The part that is false, in words; empty where the condition holds."""
        if self.test(question):
            return ""
        if self.kind == "all":
            return next(part.failing(question) for part in self.parts if not part.test(question))
        return self.text


def atom(text: str) -> Callable[[Callable[[Question], bool]], Condition]:
    """Name a predicate: ``@atom("RST is set")``."""
    return lambda test: Condition(text, test)


def all_of(*parts: Condition) -> Condition:
    """The condition that holds where every part does; evaluated in order."""
    tests = tuple(part.test for part in parts)
    text = " and ".join(f"({p.text})" if p.kind == "any" else p.text for p in parts)
    if len(tests) == 2:
        first, second = tests
        return Condition(text, lambda question: first(question) and second(question), "all", parts)

    def every(question: Question) -> bool:
        for test in tests:  # noqa: SIM110 - a generator costs twice as much, a million times
            if not test(question):
                return False
        return True

    return Condition(text, every, "all", parts)


def any_of(*parts: Condition) -> Condition:
    """The condition that holds where one part does; evaluated in order."""
    tests = tuple(part.test for part in parts)
    text = " or ".join(f"({p.text})" if p.kind == "all" else p.text for p in parts)

    def some(question: Question) -> bool:
        for test in tests:  # noqa: SIM110 - as in all_of
            if test(question):
                return True
        return False

    return Condition(text, some, "any", parts)


def always() -> Condition:
    """The condition of a last rule."""
    return Condition("anything else", lambda question: True)


def _flat(kind: str, condition: Condition) -> tuple[Condition, ...]:
    return condition.parts if condition.kind == kind else (condition,)


class Stage(StrEnum):
    """What a list is about, in the order in which a connection meets it."""

    ORPHAN = "FIN-WAIT-2 entry"
    """A connection in FIN-WAIT-2 that no process holds any more."""
    FIN_WAIT_2 = "FIN-WAIT-2"
    """A segment arrives at a compressed FIN-WAIT-2 block."""
    ENTRY = "TIME-WAIT entry"
    """A connection is about to enter TIME-WAIT."""
    TIME_WAIT = "TIME-WAIT"
    """A segment arrives in TIME-WAIT."""
    ICMP = "ICMP error"
    """An ICMP error arrives about a block."""
    ACK_LIMIT = "ACK limit"
    """A rate-limited ACK is about to be sent."""
    LISTEN = "LISTEN"
    """A segment arrives at a listener."""
    CLOSED = "CLOSED"
    """A segment arrives where there is neither connection nor listener."""
    BIND = "bind()"
    """A socket is bound to a port that is in TIME-WAIT."""
    CONNECT = "connect()"
    """A connection is opened on a 4-tuple that is in TIME-WAIT."""
    CALL = "user call"
    """A user call on a connection in TIME-WAIT (RFC 9293 section 3.10)."""


class Action(Enum):
    """What a rule does.  The value is how a table prints it."""

    DROP = "drop"
    """Silence."""
    ACK = "ACK"
    """<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>"""
    ACK_LIMITED = "ACK, rate-limited"
    """The same, where the stack's limit on such ACKs lets it pass."""
    ACK_OWED = "the ACK that is owed"
    """The ACK of the FIN that led here, where the connection has not sent it itself."""
    RST = "RST"
    """The reset of RFC 9293 section 3.10.7.1 for this segment."""
    RESTART = "restart 2MSL"
    UPDATE_TS = "TS.Recent := TSval"
    """Where the segment carries the option."""
    DELETE = "delete the block"
    ENTER_TIME_WAIT = "enter TIME-WAIT"
    """From the FIN-WAIT-2 substate: RCV.NXT moves past the FIN."""
    REOPEN = "hand to LISTEN"
    """Delete the block, then look for a listener as if it had never been there."""
    REOPEN_ABOVE = "hand to LISTEN, ISS := SND.NXT + 65537"
    """The same, with an ISS above all that the old incarnation used (0 becomes 1)."""
    SYN_RECEIVED = "SYN-ACK, enter SYN-RECEIVED"
    SEND = "send it"
    SEND_AND_STAMP = "send it, note the time"
    SUPPRESS = "suppress it"
    RECYCLE_OLDEST = "close the oldest block, use its slot"
    ENTER_FOR_RTO = "enter TIME-WAIT for 3.5 RTO"
    ENTER_FOR_LOCAL = "enter TIME-WAIT for 2 msl_local"
    REMEMBER_PEER = "remember the peer's timestamp"
    """By its address alone, ports ignored."""
    CLOSE = "close, no TIME-WAIT"
    RESET_AND_CLOSE = "<CTL=RST,ACK>, CLOSED"
    COMPRESS = "keep a FIN-WAIT-2 block for the FIN-WAIT-2 time-out"
    COMPRESS_LATER = "keep the connection for what exceeds 60 s, then a block for as long again"
    WAIT_TIMEOUT = "close after the FIN-WAIT-2 time-out"
    WAIT_IDLE = "close after the keepalive's idle limit"
    WAIT = "wait"
    ALLOW = "allow"
    EADDRINUSE = "EADDRINUSE"
    EADDRNOTAVAIL = "EADDRNOTAVAIL"
    CONNECT_ABOVE = "SYN with SEQ = SND.NXT + 65537, TSecr = TS.Recent"
    """The block is replaced; the new connection goes on where the old one stopped."""
    EXISTS = "error: connection already exists"
    CLOSING = "error: connection closing"
    STATUS = "report TIME-WAIT"
    ABORT = "delete the block, CLOSED"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a decision list.

    ``id`` names it in reports (``freebsd.rst-drop``); ``says`` is one sentence in the field's
    words; ``source`` cites kernel file and lines or RFC and section.
    """

    id: str
    when: Condition
    then: tuple[Action, ...]
    says: str
    source: tuple[str, ...]


class Snapshot(NamedTuple):
    """A block at one moment: its state, RCV.NXT, TS.Recent and when its timer falls due (ns)."""

    state: str
    rcv_nxt: int | None = None
    ts_recent: int | None = None
    expires: int | None = None


CLOSED = Snapshot("CLOSED")


@dataclass(frozen=True, slots=True)
class Decision:
    """The trace of one decision: which rule of which list, at what time (ns), on what, and what
    became of the block."""

    time: int
    stage: Stage
    rule: Rule
    flow: Flow
    segment: Segment | None = None
    before: Snapshot = CLOSED
    after: Snapshot = CLOSED
    error: IcmpError | None = None

    @property
    def reason(self) -> str:
        return self.rule.says


@dataclass(frozen=True, slots=True)
class DecisionList:
    """An ordered list of rules about one kind of question.  The last rule matches everything."""

    stage: Stage
    rules: tuple[Rule, ...] = ()

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def decide(self, question: Question) -> Rule:
        """The first rule whose condition holds.

        :raises LookupError: where none does, which a complete list excludes.
        """
        for rule in self.rules:
            if rule.when.test(question):
                return rule
        raise LookupError(f"no rule of the {self.stage} list matches")

    def rule(self, rule_id: str) -> Rule:
        """:raises KeyError: where no rule has that ID."""
        return self.rules[self.index(rule_id)]

    def index(self, rule_id: str) -> int:
        """:raises KeyError: where no rule has that ID."""
        for position, rule in enumerate(self.rules):
            if rule.id == rule_id:
                return position
        raise KeyError(rule_id)

    def replacing(self, rule_id: str, *rules: Rule) -> DecisionList:
        """This list with ``rules`` in the place of one; none removes it."""
        at = self.index(rule_id)
        return replace(self, rules=self.rules[:at] + rules + self.rules[at + 1 :])

    def before(self, rule_id: str, *rules: Rule) -> DecisionList:
        """This list with ``rules`` put in front of one."""
        at = self.index(rule_id)
        return replace(self, rules=self.rules[:at] + rules + self.rules[at:])
