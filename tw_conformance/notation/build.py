"""Plain data to the parts of a case at one point of its matrix.

The schema has judged the shape of all that is read here.  What it found fault with is passed
over, and its neighbours are read all the same: their faults are to be told too.  A field has one
name in the file, in the schema and in the model.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, TypeVar

from tw_conformance.model.case import (
    NOTHING,
    AllOf,
    Answer,
    AnyOf,
    ByProfile,
    Call,
    Counters,
    Expect,
    Expected,
    ExpectState,
    Injection,
    Not,
    OnConnection,
    OneAnswer,
    Open,
    Reach,
    Send,
    SendIcmp,
    StateIs,
    Step,
    Wait,
)
from tw_conformance.model.expressions import ExpressionError, SequenceExpression
from tw_conformance.model.words import did_you_mean, listed, no_such, quoted
from tw_conformance.notation import answers
from tw_conformance.notation.faults import Faults
from tw_conformance.notation.globs import DEFAULT, glob_problem, is_glob, unreachable
from tw_conformance.notation.nodes import Document, KeyPath
from tw_conformance.notation.schema import keys_of, kind_of
from tw_conformance.notation.values import Point, Scalar, references, value_of, where
from tw_reference.icmp_numbers import name_of, number_of, numbers, says_mtu
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import COUNT

T = TypeVar("T")

_LEAST_BEYOND = 15
"""Octets of payload up to which a data offset of 60 octets points beyond a segment, whatever
options it has."""
NO_KEYS: frozenset[str] = frozenset()
"""Of a value by profile that is never a mapping."""
_OPENERS = {"SYN-SENT": "active", "SYN-RECEIVED": "passive", "LISTEN": "passive"}
"""Who opens, in states that only one side gets to."""
ONLY_ARGUMENT: Mapping[str, str] = {"send": "length", "receive": "length", "shutdown": "how"}
"""The argument of a call that has one, whose value stands for the mapping: ``{send: 100}``."""


class Context(NamedTuple):
    """What a step means depends on: the connection's options, and what was sent before."""

    timestamps: bool
    ipv6: bool
    injected: bool = False
    """Whether anything was sent yet."""
    last_had_ack: bool | None = None
    """Whether that segment had ACK; None: no segment was sent yet."""
    answered: bool = False
    """Whether an answer was expected yet."""
    on: str = ""
    """The connection's name."""

    def anything_goes(self) -> Context:
        """Where everything was sent and expected that a step may ask for."""
        return self._replace(injected=True, last_had_ack=True, answered=True)


@dataclass(frozen=True, slots=True)
class Source:
    """The document that cases are built from, and what is known of it as a whole."""

    document: Document
    profiles: Sequence[str]
    """The known profiles that the case is about."""
    faults: Faults


class Unusable(Exception):
    """Something can't be built; the faults that say why have been recorded."""


def build_reach(source: Source, point: Point, on_connection: Mapping[str, KeyPath]) -> Reach:
    """The connection; ``on_connection`` has the place of each matrix value that is set on it.

    :raises Unusable: where a value is wrong at this point of the matrix.
    """
    written = _mapping(source.document.data.get("reach", {}))
    raw = written | {key: point[key] for key in on_connection}
    places: dict[str, KeyPath] = {key: ("reach", key) for key in written}
    reader = _ScalarReader(source, point)
    options = raw.pop("options", {})
    fields, socket_options = _all(
        (
            partial(reader.fields, ("reach",), raw, "reach", places | dict(on_connection)),
            partial(reader.fields, ("reach", "options"), options, "set"),
        )
    )
    reach = Reach(**fields, options=socket_options)
    opener = _OPENERS.get(reach.state, reach.open)
    if reach.open != opener:
        raise reader.fault(
            ("reach",) if "open" not in written else ("reach", "open"),
            f"{reach.state} is reached by open: {opener}" + where(written["state"], point),
        )
    return reach


def build_settings(source: Source, point: Point) -> dict[str, int]:
    """Settings of the DUT's stack.

    :raises Unusable: where a value is wrong at this point of the matrix.
    """
    reader = _ScalarReader(source, point)
    settings = _mapping(source.document.data.get("settings", {}))
    values = _all(
        partial(_setting, source.profiles, reader, key, raw) for key, raw in settings.items()
    )
    return dict(zip(settings, values, strict=True))


def _setting(profiles: Iterable[str], reader: _ScalarReader, name: str, raw: Scalar) -> int:
    value: int = reader.value(("settings", name), raw, "setting")
    for profile in profiles:
        setting = PROFILES[profile].settings.get(name)
        if setting is not None and value not in setting.ruled:
            message = f"{profile} has no rule for {name} {value} ({_said(setting.ruled)} ruled)"
            raise reader.fault(("settings", name), message)
    return value


def _said(values: range) -> str:
    """``0 and 1 are``, ``0 to 2 are``, ``1 and more are``."""
    if values.stop == COUNT.stop:
        return f"{values.start} and more are"
    joined = "and" if len(values) == 2 else "to"
    return f"{values.start} {joined} {values.stop - 1} are"


def build_step(source: Source, index: int, point: Point, context: Context) -> Step:
    """One step of a case.

    :raises Unusable: where it is wrong at this point of the matrix.
    """
    path: KeyPath = ("steps", index)
    data = _mapping(source.document.data["steps"][index])
    reader = _StepReader(source, point, context)
    steps = _all(partial(_READERS[key], reader, path, data) for key in data if key in _READERS)
    reader.require_sound(path)
    step = steps[0]
    return replace(step, on=context.on) if isinstance(step, OnConnection) else step


def build_name(source: Source, index: int, point: Point, opened: Collection[str]) -> str:
    """The connection that a step is about, of those that are open; its own name is none.

    :raises Unusable: where there is none of that name.
    """
    data, path = source.document.data["steps"][index], ("steps", index, "on")
    if not isinstance(data, dict) or "on" not in data:
        return ""
    reader = _ScalarReader(source, point)
    for part in (("steps", index), *(("steps", index, key) for key in data)):
        reader.require_sound(part)
    name: str = reader.value(path, data["on"], "connection_name")
    if name not in opened:
        message = f"no connection is named {quoted(name)}: none was opened before"
        if opened:
            message = no_such("no connection is named", name, opened)
        raise reader.fault(path, message + where(data["on"], point))
    return name


def _mapping(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise Unusable
    return data


def _all(readers: Iterable[Callable[[], T]]) -> list[T]:
    """What each of them reads; fails only after the last, so that all faults are recorded."""
    values = []
    unusable = None
    for read in readers:
        try:
            values.append(read())
        except Unusable as error:
            unusable = error
    if unusable is not None:
        raise unusable
    return values


class _ScalarReader:
    """Reads scalars of one document at one point of its matrix."""

    def __init__(self, source: Source, point: Point) -> None:
        self._source = source
        self._point = point

    def value(self, path: KeyPath, raw: Scalar, kind: str) -> Any:
        """The model's value for a scalar, by its definition in the schema."""
        self.require_sound(path)
        if not references(raw) <= self._point.keys():
            raise Unusable
        try:
            return value_of(raw, kind, self._point)
        except ExpressionError as error:
            raise self.fault(path, str(error), error.offset) from error

    def fields(
        self, path: KeyPath, data: Any, definition: str, places: Mapping[str, KeyPath] | None = None
    ) -> dict[str, Any]:
        """All values of a mapping, or all the faults in it; ``places`` where not each has its own
        key below ``path``."""
        raw = _mapping(data)
        known = [key for key in raw if key in keys_of(definition)]
        where = places or {key: (*path, key) for key in known}
        values = _all(
            partial(self.value, where[key], raw[key], kind_of(definition, key)) for key in known
        )
        self.require_sound(path)
        return dict(zip(known, values, strict=True))

    def require_sound(self, path: KeyPath) -> None:
        """Fails where the schema has found fault with what is at that path."""
        if not self._source.document.is_sound(path):
            raise Unusable

    def fault(self, path: KeyPath, message: str, offset: int | None = None) -> Unusable:
        place = self._source.document.value_place(path, offset)
        self._source.faults.add(place, message)
        return Unusable()


class _StepReader(_ScalarReader):
    """Reads one step."""

    def __init__(self, source: Source, point: Point, context: Context) -> None:
        super().__init__(source, point)
        self._context = context

    def send(self, path: KeyPath, step: Mapping[str, Any]) -> Injection:
        path, said = (*path, "send"), _mapping(step["send"])
        if "icmp" in said:
            return self._send_icmp(path, said)
        segment = Send(**self.fields(path, said, "send"))
        if segment.corrupt == "ip-checksum" and self._context.ipv6:
            raise self._misfit((*path, "corrupt"), said["corrupt"], "IPv6 has no header checksum")
        if segment.corrupt == "long-data-offset" and segment.length > _LEAST_BEYOND:
            why = f"a data offset can't point beyond a length above {_LEAST_BEYOND}"
            raise self._misfit((*path, "length"), said["length"], why)
        return segment

    def _send_icmp(self, path: KeyPath, said: Mapping[str, Any]) -> SendIcmp:
        error = SendIcmp(**self.fields(path, said, "send_icmp"))
        ipv6 = self._context.ipv6
        number = number_of(error.icmp, ipv6=ipv6)
        if number is None:
            family, known = "ICMPv6" if ipv6 else "ICMP", numbers(ipv6=ipv6)
            hint = did_you_mean(error.icmp, known)
            why = f"{family} has no error {error.icmp}{hint} {listed(known)}"
            raise self._misfit((*path, "icmp"), said["icmp"], why)
        error = replace(error, icmp=name_of(number, ipv6=ipv6))
        if error.mtu is not None and not says_mtu(error.icmp):
            raise self._misfit((*path, "mtu"), said["mtu"], f"{error.icmp} has no MTU")
        return error

    def _misfit(self, path: KeyPath, raw: Scalar, why: str) -> Unusable:
        """A value that is right in itself, and wrong with what it stands beside."""
        return self.fault(path, why + where(raw, self._point))

    def expect(self, path: KeyPath, step: Mapping[str, Any]) -> Expect:
        where, said = (*path, "expect"), step["expect"]
        keys = keys_of("several")
        readers: list[Callable[[], Any]] = [
            partial(self._by_profile, where, said, keys, self._expected)
        ]
        if "within" in step:
            readers.append(partial(self.value, (*path, "within"), step["within"], "time"))
        return Expect(*_all(readers))

    def wait(self, path: KeyPath, step: Mapping[str, Any]) -> Wait:
        return Wait(self.value((*path, "wait"), step["wait"], "time"))

    def call(self, path: KeyPath, step: Mapping[str, Any]) -> Call:
        readers: list[Callable[[], Any]] = [partial(self._verb, (*path, "call"), step["call"])]
        if "gives" in step:
            read = partial(self.value, kind="result")
            where = (*path, "gives")
            readers.append(partial(self._by_profile, where, step["gives"], NO_KEYS, read))
        (verb, arguments), *gives = _all(readers)
        return Call(verb, arguments, *gives)

    def _verb(self, path: KeyPath, data: Any) -> tuple[str, dict[str, Any]]:
        """A call and its options: ``close``, ``{connect: {automatic: on}}``."""
        if isinstance(data, str):
            return self.value(path, data, "verb"), {}
        self.require_sound(path)
        ((verb, options),) = _mapping(data).items()
        if verb in ONLY_ARGUMENT:
            kind = kind_of("call_with_options", verb)
            return verb, {ONLY_ARGUMENT[verb]: self.value((*path, verb), options, kind)}
        return verb, self.fields((*path, verb), options, verb)

    def state(self, path: KeyPath, step: Mapping[str, Any]) -> ExpectState:
        keys = keys_of("state_is")
        state = self._by_profile((*path, "state"), step["state"], keys, self._state_is)
        return ExpectState(state)

    def open(self, path: KeyPath, step: Mapping[str, Any]) -> Open:
        path, said = (*path, "open"), step["open"]
        if isinstance(said, str):
            return Open(self.value(path, said, "connection_name"))
        fields = self.fields(path, said, "open_like")
        own = {key: fields.pop(key) for key in ("name", "peer", "times") if key in fields}
        return Open(**own, differs=fields)

    def counters(self, path: KeyPath, step: Mapping[str, Any]) -> Counters:
        path, said = (*path, "counters"), _mapping(step["counters"])
        readers = [partial(self.value, (*path, name), said[name], "octets") for name in said]
        return Counters(dict(zip(said, _all(readers), strict=True)))

    def value(self, path: KeyPath, raw: Scalar, kind: str) -> Any:
        value = super().value(path, raw, kind)
        if isinstance(value, SequenceExpression):
            for name in sorted(value.names):
                if name.startswith("seg_"):
                    self._require_segment(path, repr(name), str(raw).find(name))
                elif name.startswith("ans_") and not self._context.answered:
                    message = f"{name!r} is about the last answer, and none was expected before"
                    raise self.fault(path, message, max(str(raw).find(name), 0))
        return value

    def _require_segment(self, path: KeyPath, what: str, offset: int = 0) -> None:
        if self._context.last_had_ack is None:
            message = f"{what} is about the last segment sent, and none was sent before this step"
            raise self.fault(path, message, max(offset, 0))

    def _by_profile(
        self, path: KeyPath, data: Any, fields: Set[str], read: Callable[[KeyPath, Any], T]
    ) -> ByProfile[T]:
        """A value for all profiles, or a mapping of globs to values; ``fields`` are the keys of a
        mapping that is a value itself."""
        if not isinstance(data, dict) or (fields and not any(is_glob(key) for key in data)):
            return ByProfile((("*", read(path, data)),))
        globs = [key for key in data if key != DEFAULT and key not in fields]
        self._judge_globs(path, globs)
        keys = [*globs, DEFAULT] if DEFAULT in data else globs
        values = _all(partial(read, (*path, key), data[key]) for key in keys)
        self.require_sound(path)
        patterns = ("*" if key == DEFAULT else key for key in keys)
        return ByProfile(tuple(zip(patterns, values, strict=True)))

    def _judge_globs(self, path: KeyPath, globs: Sequence[str]) -> None:
        document, faults = self._source.document, self._source.faults
        bad = [(glob, problem) for glob in globs if (problem := glob_problem(glob)) is not None]
        for glob, problem in bad or unreachable(globs):
            faults.add(document.key_place((*path, glob)), problem)

    def _expected(self, path: KeyPath, data: Any) -> Expected:
        self.require_sound(path)
        if not isinstance(data, dict):
            return self._answer(path, data)
        rest = {key: data[key] for key in data if key not in _COMPOSERS}
        readers: list[Callable[[], OneAnswer | AnyOf | Not]] = [
            partial(read, self, (*path, key), data[key])
            for key, read in _COMPOSERS.items()
            if key in data
        ]
        if rest:
            readers.insert(0, partial(self._answer, path, rest))
        parts = _all(readers)
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def any_of(self, path: KeyPath, data: Any) -> AnyOf:
        self.require_sound(path)
        choices = enumerate(data)
        return AnyOf(tuple(_all(partial(self._answer, (*path, n), said) for n, said in choices)))

    def other_than(self, path: KeyPath, data: Any) -> Not:
        return Not(self._answer(path, data))

    def _answer(self, path: KeyPath, data: Any) -> OneAnswer:
        if not isinstance(data, str):
            return Answer(**self.fields(path, data, "answer"))
        word: str = self.value(path, data, "word")
        if word == "nothing":
            return NOTHING
        if word == "ack":
            return answers.ack(timestamps=self._context.timestamps)
        self._require_segment(path, repr(word))
        if word == "syn-ack":
            return answers.syn_ack()
        return answers.rst(to_ack=bool(self._context.last_had_ack))

    def _state_is(self, path: KeyPath, data: Any) -> StateIs:
        if isinstance(data, str):
            return StateIs(self.value(path, data, "state_name"))
        values = self.fields(path, data, "state_is")
        if "timer" in values and not self._context.injected:
            message = "'timer' is about what was sent last, and nothing was sent before this step"
            raise self.fault((*path, "timer"), message)
        return StateIs(values["is"], values.get("timer"))


_COMPOSERS: Mapping[str, Callable[[_StepReader, KeyPath, Any], AnyOf | Not]] = {
    "any": _StepReader.any_of,
    "not": _StepReader.other_than,
}
_READERS: Mapping[str, Callable[[_StepReader, KeyPath, Mapping[str, Any]], Step]] = {
    "send": _StepReader.send,
    "expect": _StepReader.expect,
    "wait": _StepReader.wait,
    "call": _StepReader.call,
    "state": _StepReader.state,
    "counters": _StepReader.counters,
    "open": _StepReader.open,
}
