"""Scripts to be drawn: Hypothesis strategies over the words of the case model.

In every choice the simplest comes first, for that is where shrinking goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Literal, TypeAlias, TypeVar, get_args

from hypothesis import strategies as st

from tw_conformance.model.case import (
    Call,
    Case,
    Reach,
    Send,
    Step,
    Through,
    TimestampRelation,
    Wait,
)
from tw_conformance.model.errors import UsageError
from tw_conformance.model.expressions import SequenceExpression, TimeExpression
from tw_conformance.notation.write import case_to_yaml
from tw_conformance.play.lacking import can_not_play
from tw_conformance.targets.target import Target
from tw_reference.segment import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG

T = TypeVar("T")
Family: TypeAlias = Literal["ipv4", "ipv6"]


_USUAL_FLAGS = (RST, SYN, ACK, FIN | ACK, 0, FIN, SYN | ACK, RST | ACK, SYN | FIN, PSH | ACK)
_ALL_FLAGS = FIN | SYN | RST | PSH | ACK | URG | ECE | CWR
_POSITIONS = (
    "rcv_nxt",
    "rcv_nxt+1",
    "rcv_nxt-1",
    "rcv_nxt+rcv_wnd",
    "rcv_nxt+rcv_wnd-1",
    "rcv_nxt-1000",
    "rcv_nxt+2^31",
    "rcv_nxt+2^31-1",
    "rcv_nxt-2^31+1",
)
_ACKNOWLEDGMENTS = (
    *("snd_nxt-1", "snd_nxt+1", "snd_nxt-70000", "snd_nxt+2^31", "snd_nxt+2^31-1"),
    *("snd_nxt+536", "snd_nxt+1460", "snd_nxt+3000", "snd_nxt+14600"),
)
_TSVALS = ("ts_recent+1", "ts_recent+2^31", "ts_recent+2^31-1", "ts_recent-2^31+1")
_UNUSUAL: tuple[Mapping[str, Any], ...] = (
    *({},) * 20,
    {"window": 0},
    {"window": 100},
    {"window": 2000},
    {"urgent": 1},
    {"reserved": 1},
    {"reserved": 15},
    {"mss": 536},
    {"wscale": 14},
    {"sack_permitted": True},
    {"tos": 2},
    {"tos": 3},
    {"corrupt": "tcp-checksum"},
    {"corrupt": "short-data-offset"},
)
"""Fields that no stack looks at in TIME-WAIT, or so they say: most segments have none of them."""
_WAITS = ("110ms", "700ms", "1.2msl", "2msl+tick")
"""No sum of these comes close to what stacks measure: a limit of 500 ms on ACKs, 2MSL, a
TS.Recent of 60 s.  On a wire time is never quite what it is on the reference."""


_ON_SOCKET = (
    Call("close"),
    Call("shutdown", {"how": "write"}),
    Call("abort"),
    Call("receive", {"length": 1}),
    Call("receive", {"length": 100_000}),
    Call("send", {"length": 1}),
    Call("send", {"length": 3000}),
    Call("send", {"length": 20_000}),
    Call("send", {"length": 60_000}),
    Call("receive", {"length": 2000}),
    Call("shutdown", {"how": "read"}),
    Call("shutdown", {"how": "both"}),
    Call("set", {"linger": 0}),
    Call("set", {"linger2": -1}),
    Call("set", {"ttl": 33}),
    Call("set", {"tos": 8}),
)
"""Calls on the connection's own socket, which somebody must hold."""
_SENDS_TO_ONE_OTHER = 5
_IN_EVERY_WINDOW, _ABOUT_THE_EDGE = 60000, 65000
"""Octets right of RCV.NXT."""
_HELD = frozenset(("ESTABLISHED", "CLOSE-WAIT"))
"""States to start from in which the DUT's process has not closed its socket."""


@dataclass(frozen=True, slots=True)
class Space:
    """What scripts are drawn from.

    ``states`` are those that they start in.  ``longest_wait`` is in seconds, for one wait;
    ``time_variables`` are those of every stack that they are to be played on, in seconds.
    """

    settings: Mapping[str, int] = field(default_factory=dict)
    states: tuple[str, ...] = ("TIME-WAIT",)
    families: tuple[Family, ...] = ("ipv4", "ipv6")
    timestamps: tuple[bool, ...] = (False, True)
    scales: tuple[int | None, ...] = (None, 0, 7)
    """Window scales that the tester offers, or none."""
    mss: tuple[int, ...] = (1460,)
    """MSS that the tester offers."""
    sack: tuple[bool, ...] = (False,)
    """Whether the tester offers SACK."""
    ecn: tuple[bool, ...] = (False,)
    """Whether the tester offers ECN, which not every stack takes up; in SYN-SENT only the DUT
    could."""
    calls: tuple[str, ...] = ("unlisten", "fill", "listen")
    """Those on the listener; none: there are none on the connection either."""
    longest_wait: float = 1.0
    time_variables: tuple[Mapping[str, float], ...] = ({"msl": 30.0, "tick": 2.5},)
    most_steps: int = 6

    def suiting(self, target: Target) -> tuple[Space, tuple[str, ...]]:
        """Without what the target can't play; and that, with the reason, in a sentence each.

        :raises UsageError: where it can play nothing; says what it lacks.
        """
        lacking: dict[str, str] = {}

        def playable(what: str, values: Iterable[T], script_with: Callable[[T], Case]) -> list[T]:
            whys = [(value, can_not_play(script_with(value), target)) for value in values]
            lacking.update((f"{what} {value}", why) for value, why in whys if why is not None)
            return [value for value, why in whys if why is None]

        def having(what: str, values: Iterable[T], field: str, **others: Any) -> tuple[T, ...]:
            def script_with(value: T) -> Case:
                return script(_reach(**{**others, field: value}), (), self.settings)

            found = playable(what, values, script_with)
            if not found:
                raise UsageError(f"{target.name} can't play scripts: it {lacking.popitem()[1]}")
            return tuple(found)

        state = next(iter(self.states))
        families = having("family", self.families, "family", state="TIME-WAIT")
        usual: dict[str, Any] = {"family": families[0]}
        states = having("state", self.states, "state", **usual)
        usual["state"] = state if state in states else states[0]
        space = replace(
            self,
            families=families,
            states=states,
            timestamps=having("timestamps", self.timestamps, "timestamps", **usual),
            scales=having("window scale", self.scales, "wscale", **usual),
            sack=having("SACK", self.sack, "sack", **usual),
            ecn=having("ECN", self.ecn, "ecn", **usual),
            calls=tuple(
                playable(
                    "call",
                    self.calls,
                    lambda verb: script(_reach(**usual), (Call(verb),), self.settings),
                )
            ),
        )
        return space, tuple(f"{what}: {why}" for what, why in lacking.items())

    def waits(self) -> list[str]:
        """The waits that are short enough on every stack."""
        return [text for text in _WAITS if self._longest(text) <= self.longest_wait]

    def _longest(self, text: str) -> float:
        wait = TimeExpression(text)
        return max(wait.evaluate(variables) for variables in self.time_variables)


def scripts(space: Space) -> st.SearchStrategy[Case]:
    """Scripts of that space, named by what is in them: the same script, the same name."""
    return st.builds(
        lambda reach, steps: script(
            reach, (*_before(reach, space), *_sensible(reach, steps)), space.settings
        ),
        _reaches(space),
        st.lists(_steps(space), min_size=1, max_size=space.most_steps),
    )


def _before(reach: Reach, space: Space) -> tuple[Wait, ...]:
    """In SYN-RECEIVED Linux takes no TSecr but the <SYN,ACK>'s; a later answer tells another TSval,
    once the DUT's clock has ticked between them."""
    tick = TimeExpression("10ms")
    tells = reach.state == "SYN-RECEIVED" and reach.timestamps
    return (Wait(tick),) if tells and space.longest_wait >= tick.evaluate({}) else ()


def script(reach: Reach, steps: Iterable[Step], settings: Mapping[str, int]) -> Case:
    """A script of those steps; its name is made of what is in it."""
    nameless = Case("script", "drawn", ("drawn",), reach, tuple(steps), settings=settings)
    digest = sha256(case_to_yaml(nameless).encode()).hexdigest()[:8]
    return replace(nameless, name=f"fuzz-{digest}")


def _reaches(space: Space) -> st.SearchStrategy[Reach]:
    return st.builds(
        _reach,
        state=st.sampled_from(space.states),
        through=st.sampled_from(tuple(Through)),
        family=st.sampled_from(space.families),
        timestamps=st.booleans().filter(space.timestamps.__contains__),
        wscale=st.sampled_from(space.scales),
        mss=st.sampled_from(space.mss),
        sack=st.sampled_from(space.sack),
        ecn=st.sampled_from(space.ecn),
    )


def _reach(*, state: str, ecn: bool = False, **others: Any) -> Reach:
    """In SYN-SENT is only who opens."""
    opens = state == "SYN-SENT"
    return Reach(
        state=state, open="active" if opens else "passive", ecn=ecn and not opens, **others
    )


def _steps(space: Space) -> st.SearchStrategy[Step]:
    # Listed so often, a strategy is drawn so often: a script is about segments.
    kinds = [_sends()] * _SENDS_TO_ONE_OTHER
    if waits := space.waits():
        kinds.append(st.sampled_from(waits).map(lambda text: Wait(TimeExpression(text))))
    if space.calls:
        kinds.append(st.sampled_from(space.calls).map(Call))
    if space.calls and not _HELD.isdisjoint(space.states):
        kinds.append(st.sampled_from(_ON_SOCKET))
    return st.one_of(kinds)


def _sends() -> st.SearchStrategy[Step]:
    return st.builds(
        _send,
        flags=st.sampled_from(_USUAL_FLAGS) | st.integers(0, _ALL_FLAGS),
        seq=st.none() | _expressions(_POSITIONS) | _offsets(),
        ack=st.none() | _expressions(_ACKNOWLEDGMENTS),
        length=st.sampled_from((0, 1, 100, 1400)),
        stamps=st.sampled_from((None, *get_args(TimestampRelation))) | _expressions(_TSVALS),
        unusual=st.sampled_from(_UNUSUAL),
    )


def _send(
    *,
    flags: int,
    seq: SequenceExpression | None,
    ack: SequenceExpression | None,
    length: int,
    stamps: TimestampRelation | SequenceExpression | None,
    unusual: Mapping[str, Any],
) -> Send:
    """A segment without ACK has 0 in the field; a TSval is said in one way or the other."""
    tsval, relation = (stamps, None) if isinstance(stamps, SequenceExpression) else (None, stamps)
    return Send(
        flags,
        seq=seq,
        ack=ack if flags & ACK else None,
        length=length,
        timestamps=relation,
        tsval=tsval,
        **unusual,
    )


def _expressions(texts: tuple[str, ...]) -> st.SearchStrategy[SequenceExpression]:
    return st.sampled_from(texts).map(SequenceExpression)


def _offsets() -> st.SearchStrategy[SequenceExpression]:
    return st.integers(-2000, 70000).map(_position)


def _position(offset: int) -> SequenceExpression:
    """In the window, or about its edges: of the right one only the DUT knows where it is until it
    has said so."""
    if offset <= _IN_EVERY_WINDOW:
        return SequenceExpression(f"rcv_nxt{offset:+d}")
    return SequenceExpression(f"rcv_nxt+rcv_wnd{offset - _ABOUT_THE_EDGE:+d}")


def _sensible(reach: Reach, steps: Iterable[Step]) -> tuple[Step, ...]:
    """Without the calls that a DUT would refuse for the order in which they come, and without those
    on a socket that nobody holds."""
    kept, full = [], False
    listening, held = reach.open == "passive", reach.state in _HELD
    for step in steps:
        if isinstance(step, Call) and step in _ON_SOCKET:
            if not held:
                continue
            held = step.verb not in ("close", "abort")
        elif isinstance(step, Call):
            if listening == (step.verb == "listen") or (full and step.verb == "fill"):
                continue
            listening = step.verb != "unlisten"
            full = step.verb == "fill"
        kept.append(step)
    return tuple(kept)
