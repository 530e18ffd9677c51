"""One segment in one line, for a command line: ``RST seq=rcv_nxt+1 rfc1337=1``.

Flags first, then words of the form ``key=value``: numbers of the segment, in the host's own
variables as in a case; what the segment finds; settings of the stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar, get_args

from tw_conformance.model.case import Send, TimestampRelation
from tw_conformance.model.errors import SuiteError
from tw_conformance.model.expressions import ExpressionError, SequenceExpression, TimeExpression
from tw_conformance.model.words import did_you_mean, listed, no_such, quoted
from tw_reference.clock import SECOND
from tw_reference.explain import Explanation, Scene, Situation
from tw_reference.profiles.profile import Profile
from tw_reference.segment import FLAG_BITS, Segment, Timestamps, flag_bits
from tw_reference.state import OF_A_CONNECTION, State

_WINDOW = 65535
_LARGEST_PAYLOAD = 65495
_KNOWN_NUMBERS = ("rcv_nxt", "snd_nxt", "rcv_wnd", "irs", "iss", "ts_recent")

ListenerState: TypeAlias = Literal["yes", "no", "full"]
T = TypeVar("T")


class StimulusError(SuiteError):
    """Text that is no stimulus; one sentence, with the nearest word where one is unknown."""


@dataclass(frozen=True, slots=True)
class Stimulus:
    """A segment in relative numbers and the situation that it comes into.

    A field that is None takes its default: ``seq`` rcv_nxt; ``ack`` snd_nxt where ACK is set, else
    0; ``tsval`` newer where the connection has timestamps, else no option.  Ages may be multiples
    of the stack's MSL.
    """

    text: str
    """As it was written, blanks apart."""
    flags: int
    seq: SequenceExpression | None = None
    ack: SequenceExpression | None = None
    length: int = 0
    tsval: TimestampRelation | SequenceExpression | None = None
    timestamps: bool = False
    state: str = State.TIME_WAIT.value
    listener: ListenerState = "yes"
    age: TimeExpression = field(default_factory=lambda: TimeExpression("1s"))
    last_ack: TimeExpression | None = None
    settings: Mapping[str, int] = field(default_factory=dict)

    def suits(self, profile: Profile) -> bool:
        """Whether the profile has every setting that is named."""
        return self.settings.keys() <= profile.settings.keys()

    def explain(self, profile: Profile) -> Explanation:
        """What that stack does with it, and by which rules.

        :raises StimulusError: where the stack has no such setting, or does not get there.
        :raises tw_reference.explain.NotReached: where the settings keep it from getting there.
        """
        for name in self.settings.keys() - profile.settings.keys():
            raise StimulusError(no_such(f"{profile.name} has no setting", name, profile.settings))
        scene = Scene(profile, self._situation(profile))
        return scene.explain(self._segment(scene.variables))

    def _situation(self, profile: Profile) -> Situation:
        age = _nanoseconds("age", self.age, profile)
        if age == 0:
            raise StimulusError(
                "age=0: say at least 1ms, for at 0 a timer that starts anew looks like one that "
                "runs on"
            )
        last_ack = self.last_ack
        return Situation(
            state=State(self.state),
            timestamps=self.timestamps,
            listener=self.listener != "no",
            queue_full=self.listener == "full",
            age=age,
            last_ack=None if last_ack is None else _nanoseconds("last_ack", last_ack, profile),
            settings=self.settings,
        )

    def _segment(self, variables: Mapping[str, int]) -> Segment:
        explicit = self.tsval if isinstance(self.tsval, SequenceExpression) else None
        relation = None if isinstance(self.tsval, SequenceExpression) else self.tsval
        send = Send(self.flags, self.seq, self.ack, timestamps=relation, tsval=explicit)
        seq, ack, tsval = send.numbers(variables, timestamps=self.timestamps)
        return Segment(
            seq=seq,
            ack=ack,
            flags=self.flags,
            window=_WINDOW,
            payload=b"t" * self.length,
            timestamps=None if tsval is None else Timestamps(tsval, 0),
        )


def parse(text: str, settings: Collection[str]) -> Stimulus:
    """Read a stimulus; ``settings`` are the names of settings that any stack in question has.

    :raises StimulusError: where it can't be read.
    """
    words = text.split()
    if not words or "=" in words[0]:
        found = f", not {quoted(words[0])}" if words else ""
        raise StimulusError(f"a segment begins with its flags, such as RST or FIN|ACK{found}")
    values: dict[str, str] = {}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if not equals:
            raise StimulusError(
                f"{quoted(word)} is not of the form key=value (blanks stand only between words)"
            )
        if key in values:
            raise StimulusError(f"{key} stands twice")
        if key not in _READERS and key not in settings:
            known = tuple(dict.fromkeys((*_READERS, *settings)))
            raise StimulusError(no_such("unknown word", key, known))
        values[key] = value
    read = {key: _READERS[key](key, value) for key, value in values.items() if key in _READERS}
    # A TSval is a word about a connection that has timestamps, its absence too.
    read.setdefault("timestamps", "tsval" in read)
    numbers = {k: _number(k, v, 2**32 - 1) for k, v in values.items() if k not in _READERS}
    return Stimulus(text=" ".join(words), flags=_flags(words[0]), settings=numbers, **read)


def _flags(text: str) -> int:
    names = [] if text == "none" else text.split("|")
    for name in names:
        if name not in FLAG_BITS:
            raise StimulusError(no_such("unknown flag", name, (*FLAG_BITS, "none")))
    return flag_bits(names)


def _number(key: str, text: str, largest: int) -> int:
    if not re.fullmatch("[0-9]{1,10}", text) or int(text) > largest:
        raise StimulusError(f"{key}={quoted(text)[1:-1]}: a whole number is meant, 0 to {largest}")
    return int(text)


def _sequence(key: str, text: str) -> SequenceExpression:
    expression = _expression(key, text, SequenceExpression)
    for name in expression.names - set(_KNOWN_NUMBERS):
        why = f"{name} has no value, for no segment came before"
        raise StimulusError(f"{key}={text}: {why} {listed(_KNOWN_NUMBERS)}")
    return expression


def _position(key: str, text: str) -> SequenceExpression:
    expression = _sequence(key, text)
    if not expression.names and not (key == "ack" and text == "0"):
        raise StimulusError(
            f"{key}={text} is an absolute number: say it from {' or '.join(_KNOWN_NUMBERS[:2])}"
        )
    return expression


def _duration(key: str, text: str) -> TimeExpression:
    """Seconds, or a time as in a case."""
    seconds = re.fullmatch(r"[0-9]+(\.[0-9]+)?", text)
    return _expression(key, f"{text}s" if seconds else text, TimeExpression)


def _expression(key: str, text: str, kind: Callable[[str], T]) -> T:
    if not text:
        raise StimulusError(f"{key}= says nothing: write a value behind it")
    try:
        return kind(text)
    except ExpressionError as error:
        raise StimulusError(f"{key}={text}: {error}") from None


def _one_of(*choices: str) -> Callable[[str, str], str]:
    def read(key: str, text: str) -> str:
        if text not in choices:
            hint = did_you_mean(text, choices)
            raise StimulusError(f"{key}={quoted(text)[1:-1]} means nothing{hint} {listed(choices)}")
        return text

    return read


def _tsval(key: str, text: str) -> str | SequenceExpression:
    relations = get_args(TimestampRelation)
    if text in relations:
        return text
    try:
        return _sequence(key, text)
    except StimulusError:
        if re.fullmatch("[a-z]+", text):
            return _one_of(*relations, "ts_recent")(key, text)
        raise


def _nanoseconds(key: str, duration: TimeExpression, profile: Profile) -> int:
    settings = profile.defaults()
    msl, tick = profile.lifetime(settings) / 2, profile.lateness(settings)
    try:
        seconds = duration.evaluate({"msl": msl / SECOND, "tick": tick / SECOND})
    except ValueError as error:
        raise StimulusError(f"{key}={duration.text}: {error}") from None
    return round(seconds * SECOND)


_READERS: Mapping[str, Callable[[str, str], Any]] = {
    "seq": _position,
    "ack": _position,
    "length": lambda key, text: _number(key, text, _LARGEST_PAYLOAD),
    "tsval": _tsval,
    "timestamps": lambda key, text: _one_of("on", "off")(key, text) == "on",
    "state": _one_of(*(state.value for state in OF_A_CONNECTION)),
    "listener": _one_of(*get_args(ListenerState)),
    "age": _duration,
    "last_ack": _duration,
}
"""The words that are no setting, and how their values are read."""
