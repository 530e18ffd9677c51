"""Why a stack does what it does with one segment: the rule that fires, and what kept each earlier
one from firing.

Nothing is worked out a second time.  A host is brought to the state in question over the ordinary
path, with decision lists that tell of their own decisions; then the segment arrives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tw_reference import segment as tcp
from tw_reference.clock import SECOND, Clock
from tw_reference.profiles.profile import Profile
from tw_reference.rules.decision import AnyList, AnyStage, Ruling
from tw_reference.rules.rule import AnyRule
from tw_reference.segment import Flow, Packet, Segment, Timestamps
from tw_reference.stack.host import Host
from tw_reference.state import Snapshot, State
from tw_reference.ways import CLOSES_FIRST, WINDOW, Said, Turn, segment, way_to

_HOST, _PEER, _PORT, _PEER_PORT = "192.0.2.1", "192.0.2.2", 7, 40000
_PEER_ISN = 1_000_000
_TS_RECENT = 500_000


class Unreachable(Exception):
    """The host can't be brought into the situation; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the segment finds: a connection in some state.

    ``age`` is how long the connection has been in ``state``, in nanoseconds, and not 0, since a
    timer that was set this instant can't be seen to start anew.  ``last_ack`` is how long ago the
    block sent its last rate-limited ACK; None: never.  ``settings`` override the profile's
    defaults.
    """

    state: State = State.TIME_WAIT
    timestamps: bool = False
    listener: bool = True
    """Whether somebody listens on the local port by now."""
    queue_full: bool = False
    age: int = SECOND
    last_ack: int | None = None
    settings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passage:
    """One list's decision: the rules before the one that fired, each with the false part of its
    condition, and the one that fired.  The false part of a note that acted is empty."""

    stage: AnyStage
    passed: tuple[tuple[AnyRule, str], ...]
    fired: AnyRule

    @property
    def notes(self) -> tuple[AnyRule, ...]:
        """The rules that acted and let the list go on."""
        return tuple(rule for rule, false_part in self.passed if not false_part)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of one segment.

    ``passages`` are the decisions in the order in which they were taken; ``ruled`` tells whether
    the profile has rules for all of them, or what came of it is no expectation.  ``before`` and
    ``after`` are the connection's state, and what its block holds where it has one; ``now`` is the
    moment, nanoseconds on the clock of their timers.
    ``variables`` are the host's before the segment, as a :class:`Scene` has them.
    """

    profile: Profile
    segment: Segment
    passages: tuple[Passage, ...]
    ruled: bool
    sent: tuple[Packet, ...]
    before: Snapshot
    after: Snapshot
    now: int
    variables: Mapping[str, int]

    @property
    def restarted(self) -> bool:
        """Whether the segment set the block's timer anew."""
        before, after = self.before.expires, self.after.expires
        return before is not None and after is not None and after > before


class Scene:
    """A host under ``profile`` in a :class:`Situation`, for one segment.

    ``variables`` are the host's own, as a peer that saw the connection knows them: ``irs``,
    ``iss``, ``rcv_nxt``, ``snd_nxt``, ``rcv_wnd``, ``ts_recent`` (0 without timestamps).

    :raises KeyError: for a setting that the profile does not have.
    :raises Unreachable: where these settings do not let the host get there.
    """

    def __init__(self, profile: Profile, situation: Situation = Situation()) -> None:
        self.profile = profile
        self.variables: dict[str, int] = {}
        self._timestamps = situation.timestamps
        self._passages: list[Passage] = []
        self._flow = Flow(_PEER, _PEER_PORT, _HOST, _PORT)
        self._heard = 0
        """TSval of what the host sent last."""
        self._clock = Clock(SECOND)
        try:
            self._host = Host(
                profile.watched(self._passed),
                self._clock,
                addresses=frozenset((_HOST,)),
                settings=situation.settings,
            )
            self._reach(situation)
        except (ZeroDivisionError, ValueError) as error:
            # A reaper can't be laid out on a clock with which no kernel can be built (hz=0).
            raise Unreachable(f"no clock of {profile.name} runs with these settings") from error

    def explain(self, segment: Segment) -> Explanation:
        """Have ``segment``, in absolute numbers, arrive."""
        before = self._snapshot()
        self._passages.clear()
        self._host.trace.clear()
        self._host.receive(Packet(self._flow, segment))
        sent = tuple(packet for packet in self._host.outbox if isinstance(packet, Packet))
        return Explanation(
            profile=self.profile,
            segment=segment,
            passages=tuple(self._passages),
            ruled=all(decision.ruled for decision in self._host.trace),
            sent=sent,
            before=before,
            after=self._snapshot(),
            now=self._clock.now,
            variables=self.variables,
        )

    def _passed(self, rules: AnyList, question: Any, ruling: Ruling[Any]) -> None:
        earlier = rules.rules[: rules.rules.index(ruling.rule)]
        passed = tuple((rule, rule.when.failing(question)) for rule in earlier)
        self._passages.append(Passage(rules.stage, passed, ruling.rule))

    def _snapshot(self) -> Snapshot:
        return self._host.snapshot(self._flow.reverse)

    def _reach(self, situation: Situation) -> None:
        """The way to the state in question."""
        state, variables = situation.state, self.variables
        listener = self._host.listen(_PORT, closes_first=state in CLOSES_FIRST)
        variables.update(irs=_PEER_ISN, rcv_nxt=_PEER_ISN, iss=0, snd_nxt=0, rcv_wnd=WINDOW)
        variables.update(ts_recent=_TS_RECENT if situation.timestamps else 0)
        for turn in way_to(state):
            self._take(turn, state)
        if self._snapshot().state is not state:
            raise Unreachable(self._why_not(state))
        self._clock.advance(self._clock.now + situation.age)
        self._host.outbox.clear()
        listener.queue_full = situation.queue_full
        if not situation.listener:
            self._host.unlisten(_PORT)
        block = self._host.block(self._flow.reverse)
        if block is not None and situation.last_ack is not None:
            block.last_ack = self._clock.now - situation.last_ack

    def _take(self, turn: Turn, goal: State) -> None:
        match turn.call:
            case "connect":
                self._host.connect(self._flow.reverse)
            case "close":
                self._host.sockets.close(self._flow.reverse)
        for said in turn.says:
            self._arrives(said)
            if self._snapshot().state is State.CLOSED:
                raise Unreachable(self._why_not(goal))
        self._hear()

    def _hear(self) -> None:
        """What the peer learns from all that the host has sent: ISS, SND.NXT and the window."""
        for packet in self._host.outbox:
            if isinstance(packet, Packet):
                segment, variables = packet.segment, self.variables
                if segment.flags & tcp.SYN:
                    variables.update(iss=segment.seq)
                if segment.timestamps is not None:
                    self._heard = segment.timestamps.tsval
                variables.update(snd_nxt=segment.end, rcv_wnd=segment.window)
        self._host.outbox.clear()

    def _why_not(self, state: State) -> str:
        sentence = f"with these settings {self.profile.name} does not get to {state}"
        if not self._passages:
            return sentence
        rule = self._passages[-1].fired
        return f"{sentence}, by rule {rule.id}: {rule.says}"

    def _arrives(self, said: Said) -> None:
        """The peer's next segment."""
        variables = self.variables
        stamps = Timestamps(variables["ts_recent"], self._heard)
        made = segment(
            said,
            rcv_nxt=variables["rcv_nxt"],
            snd_nxt=variables["snd_nxt"],
            timestamps=stamps if self._timestamps else None,
        )
        variables["rcv_nxt"] = made.end
        self._host.receive(Packet(self._flow, made))
