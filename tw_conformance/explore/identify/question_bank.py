"""Questions that tell stacks apart, and what a documented stack answers to each.

A question is a short script on a fresh connection.  Its answers are not written down: the
reference plays it under every profile.  A profile's settings are varied too, but only those that
it looks at on the way, so that a prediction says for which settings it holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import product
from typing import Any, NamedTuple, TypeAlias

from tw_conformance.explore.coverage.survey import Witness
from tw_conformance.explore.observe import StepEffect, observe
from tw_conformance.model.case import Call, Case, Family, Reach, Send, Step, TimestampRelation, Wait
from tw_conformance.model.expressions import SequenceExpression, TimeExpression
from tw_conformance.play.approach import TimestampsRefused
from tw_conformance.targets.direct import DirectTarget
from tw_reference.profiles.profile import Profile
from tw_reference.segment import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG

_SETTLED = Wait(TimeExpression("110ms"))
"""Before a segment, so that its effect on the 2MSL timer can be read."""

_AT_ONCE = TimeExpression("400ms")
"""Sooner than any limit on answers that is told apart lets the next one out."""

_FLAGS = (RST, SYN, ACK, FIN | ACK, SYN | ACK, SYN | FIN, 0, FIN)
_POSITIONS = ("rcv_nxt", "rcv_nxt+1", "rcv_nxt-1", "rcv_nxt+rcv_wnd")
_RELATIONS: tuple[TimestampRelation, ...] = ("newer", "older", "absent")
_REPEATED = ((ACK, "rcv_nxt+1"), (RST, "rcv_nxt+1"), (SYN, "rcv_nxt-1"), (FIN | ACK, "rcv_nxt-1"))

_MILLISECONDS: Mapping[str, tuple[int, int]] = {
    "invalid_ratelimit": (500, 0),
    "challenge_interval": (0, 500),
}
"""Settings that are no switches: the values that are told apart, the default first."""

Reply: TypeAlias = tuple[StepEffect, ...]
"""What a stack did with a question, step by step; empty where it did not take up the timestamps
that the question needs."""


# -- the questions --------------------------------------------------------------------------------


def questions(state: str = "TIME-WAIT") -> list[Case]:
    """All that may be asked of a connection in that state, the simplest first."""
    scripts = [*_single_segments(state), *_fields(state), *_repeated(state), *_after_calls(state)]
    return [
        Case(f"{state.lower()}-{number}", "asked", ("asked",), reach, (_SETTLED, *steps))
        for number, (reach, steps) in enumerate(scripts, start=1)
    ]


_Script: TypeAlias = tuple[Reach, tuple[Step, ...]]


def _single_segments(state: str) -> Iterator[_Script]:
    without, having = Reach(state), Reach(state, timestamps=True)
    for flags, position in product(_FLAGS, _POSITIONS):
        yield without, (_send(flags, position),)
    for flags, position, relation in product(_FLAGS, _POSITIONS[:3], _RELATIONS):
        yield having, (_send(flags, position, timestamps=relation),)


def _fields(state: str) -> Iterator[_Script]:
    """Fields that some stack looks at."""
    reach = Reach(state)
    for offset in ("snd_nxt+1", "snd_nxt-70000"):
        yield reach, (_send(ACK, "rcv_nxt", ack=SequenceExpression(offset)),)
    for position in _POSITIONS:
        yield reach, (_send(PSH | ACK, position, length=1),)
    yield reach, (_send(SYN | ECE | CWR, "rcv_nxt+1"),)
    for unusual in ({"reserved": 1}, {"reserved": 8}, {"urgent": 1}):
        yield reach, (_send(ACK, "rcv_nxt", **unusual),)
    for bits in (ECE, CWR, PSH, URG):
        yield reach, (_send(ACK | bits, "rcv_nxt"),)
    for flags in (ACK, RST, SYN):
        yield Reach(state, timestamps=True), (_send(flags, "rcv_nxt", timestamps="same"),)


def _repeated(state: str) -> Iterator[_Script]:
    """The same segment twice at once: what a limit on answers shows in."""
    for timestamps in (False, True):
        for flags, position in _REPEATED:
            first, second = _send(flags, position), _send(flags, position, within=_AT_ONCE)
            yield Reach(state, timestamps=timestamps), (first, second)


def _after_calls(state: str) -> Iterator[_Script]:
    """With no listener on the port, or one whose queue is full; and where no block is left."""
    reach = Reach(state)
    for verb in ("unlisten", "fill"):
        yield reach, (Call(verb), _send(SYN, "rcv_nxt+1"))
    for flags in (RST, SYN, SYN | FIN, FIN, FIN | ACK):
        yield reach, (_send(RST, "rcv_nxt"), _send(flags, "rcv_nxt+1"))
        yield reach, (Call("unlisten"), _send(RST, "rcv_nxt"), _send(flags, "rcv_nxt+1"))


def _send(flags: int, position: str, **others: Any) -> Send:
    return Send(flags, seq=SequenceExpression(position), **others)


# -- what a profile answers -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fork:
    """The reply depends on a setting: a prediction for each of its values."""

    setting: str
    branches: Mapping[int, Foreseen]

    def reply(self, settings: Mapping[str, int]) -> Reply:
        """What the profile does under these settings."""
        branch = self.branches[settings[self.setting]]
        return branch.reply(settings) if isinstance(branch, Fork) else branch

    def settings(self) -> dict[str, list[int]]:
        """The settings that decide, and the values that were tried."""
        named = {self.setting: list(self.branches)}
        for branch in self.branches.values():
            if isinstance(branch, Fork):
                named |= branch.settings()
        return named


Foreseen: TypeAlias = Reply | Fork


def values(profile: Profile) -> dict[str, tuple[int, ...]]:
    """The settings whose values can be told apart, each with its values, the default first."""
    told: dict[str, tuple[int, ...]] = {}
    for name, setting in profile.settings.items():
        if name in _MILLISECONDS:
            told[name] = _MILLISECONDS[name]
        elif setting.default in (0, 1) and setting.least is None:
            told[name] = (setting.default, 1 - setting.default)
    return told


class Tries(NamedTuple):
    """What a question tries of a stack's own: the rules that fire, by ID, and the parts of
    conditions that decide alone."""

    rules: tuple[str, ...]
    parts: frozenset[object]


_Asked: TypeAlias = tuple[str, Family, frozenset[tuple[str, int]]]
"""A question by its name, the family of addresses, and the settings under which it is asked."""


def _asked(question: Case, settings: Mapping[str, int]) -> _Asked:
    return question.name, question.reach.family, frozenset(settings.items())


class Respondent:
    """One profile, asked what it would reply.

    ``known`` makes equal predictions one object, whichever profile's they are: there are a hundred
    thousand to compare.
    """

    def __init__(self, profile: Profile, known: dict[Reply, Reply] | None = None) -> None:
        self.profile = profile
        self._known = {} if known is None else known
        self._read: set[str] = set()
        self._values = values(profile)
        given = {f.name: getattr(profile, f.name) for f in fields(profile) if f.init}
        self._target = DirectTarget(_NotingProfile(**given, read=self._read))
        self._replies: dict[_Asked, Reply] = {}
        self._tries: dict[_Asked, Tries] = {}
        self._witness = Witness(profile)
        self._watched = DirectTarget(profile.watched(self._witness.tell))

    def reply(self, question: Case, settings: Mapping[str, int]) -> Reply:
        """What it does under these settings, all others as by default.  Each is played once."""
        asked = _asked(question, settings)
        if asked not in self._replies:
            self._replies[asked] = _reply(replace(question, settings=settings), self._target)
        return self._replies[asked]

    def tries(self, question: Case, settings: Mapping[str, int]) -> Tries:
        """What the question tries of it under these settings."""
        asked = _asked(question, settings)
        if asked not in self._tries:
            self._tries[asked] = self._try(replace(question, settings=settings))
        return self._tries[asked]

    def _try(self, question: Case) -> Tries:
        self._witness.clear()
        reply = _reply(question, self._watched)
        rules = (rule.id for effect in reply for rule in effect.rules)
        return Tries(tuple(rules), frozenset(self._witness.decided))

    def predict(self, question: Case) -> Foreseen:
        """What it does, under whatever settings."""
        return self._fork(question, {}, *self._noted(question, {}))

    def _noted(self, question: Case, settings: Mapping[str, int]) -> tuple[Reply, frozenset[str]]:
        """What it does under these settings, and which it looked at."""
        self._read.clear()
        reply = _reply(replace(question, settings=settings), self._target)
        return self._known.setdefault(reply, reply), frozenset(self._read)

    def _fork(
        self, question: Case, settings: Mapping[str, int], reply: Reply, read: frozenset[str]
    ) -> Foreseen:
        """``reply`` where nothing else was ``read`` that has several values.  With the first of
        them, the default, the reply is the same."""
        undecided = (name for name in self._values if name in read and name not in settings)
        name = next(undecided, None)
        if name is None:
            return reply
        default, *values = self._values[name]
        branches = {default: self._fork(question, {**settings, name: default}, reply, read)}
        for value in values:
            given = {**settings, name: value}
            branches[value] = self._fork(question, given, *self._noted(question, given))
        first, *others = branches.values()
        return first if all(other == first for other in others) else Fork(name, branches)


def _reply(question: Case, target: DirectTarget) -> Reply:
    try:
        return target.start(observe(question, target)).result()
    except TimestampsRefused:
        return ()


@dataclass(frozen=True, slots=True)
class _NotingProfile(Profile):
    """A profile that notes which of its settings are looked at."""

    read: set[str] = field(kw_only=True)

    def defaults(self) -> dict[str, int]:
        return _NotingSettings(Profile.defaults(self), self.read)


class _NotingSettings(dict[str, int]):
    def __init__(self, settings: Mapping[str, int], read: set[str]) -> None:
        super().__init__(settings)
        self._read = read

    def __getitem__(self, name: str) -> int:
        self._read.add(name)
        return super().__getitem__(name)
