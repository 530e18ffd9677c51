"""One document to its cases: one for each point of its matrix.

Every part of a case (the connection, the settings, each step) is built once for each combination
of the values that it uses, and shared by all the points that agree in them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence, Set
from functools import partial
from itertools import product
from math import prod
from typing import Any, Generic, NamedTuple, TypeVar

from tw_conformance.model.case import Case, Expect, Open, Reach, Send, SendIcmp, Step, id_part
from tw_conformance.model.errors import Place
from tw_conformance.model.words import joined, listed, no_such, quoted
from tw_conformance.notation.build import (
    Context,
    Source,
    Unusable,
    build_name,
    build_reach,
    build_settings,
    build_step,
)
from tw_conformance.notation.faults import Faults
from tw_conformance.notation.globs import glob_problem, matched
from tw_conformance.notation.nodes import Document, KeyPath
from tw_conformance.notation.values import REFERENCE, Point, Scalar
from tw_reference.profiles import PROFILES
from tw_reference.segment import ACK

MOST_POINTS = 100_000

_ON_CONNECTION = ("family", "timestamps", "through", "wscale", "mss")
"""Matrix names that set the connection's option of that name."""

T = TypeVar("T")


class Written(NamedTuple):
    """A case as a file says it, and where the file says it."""

    case: Case
    place: Place
    steps: tuple[Place, ...]
    """Where each step of the case stands."""
    profiles: tuple[Place, ...]
    """Where each glob of the profiles that it is about stands; none where all are meant."""
    doubts: tuple[tuple[Place, str], ...]
    """What is doubtful about how it is written."""


def expand(document: Document, faults: Faults) -> list[Written]:
    """The cases of a document whose shape has been judged; none where it has a fault."""
    expansion = _Expansion(document, faults)
    cases = expansion.cases()
    if not cases:
        return []
    place = document.key_place(("case",))
    steps = tuple(document.value_place(("steps", index)) for index in range(len(cases[0].steps)))
    globs = document.data.get("profiles", ())
    profiles = tuple(document.value_place(("profiles", index)) for index in range(len(globs)))
    doubts = tuple(expansion.doubts)
    return [Written(case, place, steps, profiles, doubts) for case in cases]


class _Part(Generic[T]):
    """A part of a case, built once for each combination of the matrix values that it uses."""

    def __init__(self, names: Sequence[str], build: Callable[..., T]) -> None:
        self._names = names
        self._build = build
        self._built: dict[Hashable, T | None] = {}

    def at(self, point: Point, *context: Hashable) -> T | None:
        """The part at that point; None where it can't be built."""
        values = tuple((point[name].__class__, point[name]) for name in self._names)
        key = (values, context)
        if key not in self._built:
            try:
                self._built[key] = self._build(point, *context)
            except Unusable:
                self._built[key] = None
        return self._built[key]


class _Use(NamedTuple):
    """A ``$name`` in the file: at which value, and how many characters into its text."""

    name: str
    path: KeyPath
    offset: int


class _Expansion:
    def __init__(self, document: Document, faults: Faults) -> None:
        self._document = document
        self._data: dict[str, Any] = document.data
        self._faults = faults
        self.doubts: list[tuple[Place, str]] = []
        self._declared: dict[str, Any] = _or_empty(self._data.get("matrix"), {})
        self._axes: dict[str, list[Scalar]] = {
            name: values
            for name, values in self._declared.items()
            if document.is_sound(("matrix", name))
        }

    def cases(self) -> list[Case]:
        self._judge_values()
        self._judge_names()
        if prod(len(values) for values in self._axes.values()) > MOST_POINTS:
            message = f"this matrix has more than {MOST_POINTS:,} points: split the case"
            self._faults.add(self._document.key_place(("matrix",)), message)
            return []
        source = Source(self._document, self._profiles(), self._faults)
        self._judge_settings(source.profiles)
        reach = self._part(("reach",), partial(self._reach, source), self._on_connection())
        settings = self._part(("settings",), partial(build_settings, source))
        steps = [
            self._part(("steps", index), partial(build_step, source, index))
            for index in range(len(self._steps()))
        ]
        cases = []
        for point in self._points():
            connection = reach.at(point)
            chosen = settings.at(point)
            script = self._script(source, steps, point, connection or Reach())
            if connection is not None and chosen is not None and not self._faults:
                case = self._case(connection, chosen, script, point)
                self._judge_service(case)
                cases.append(case)
        self._judge_ids(cases)
        return cases

    def _points(self) -> Iterator[Point]:
        for values in product(*self._axes.values()):
            yield dict(zip(self._axes, values, strict=True))

    def _script(
        self, source: Source, parts: Sequence[_Part[Step]], point: Point, usual: Reach
    ) -> tuple[Step, ...]:
        """The steps at one point, as far as they can be built; ``usual`` is the case's own
        connection."""
        script: list[Step] = []
        contexts = {"": _context(usual)}
        for index, part in enumerate(parts):
            try:
                on = build_name(source, index, point, [name for name in contexts if name])
            except Unusable:
                # Which connection it is about is not known: what depends on that is not judged.
                part.at(point, contexts[""].anything_goes())
                continue
            step = part.at(point, contexts[on])
            if isinstance(step, Open):
                self._judge_new(index, step, contexts.keys())
                contexts |= {name: _context(step.reach(usual), name) for name in step.names}
            contexts[on] = _behind(step, self._steps()[index], contexts[on])
            if step is not None:
                script.append(step)
        return tuple(script)

    def _judge_new(self, index: int, step: Open, opened: Set[str]) -> None:
        if not opened.isdisjoint(step.names):
            place = self._document.key_place(("steps", index, "open"))
            self._faults.add(place, f"a connection is named {quoted(step.name)} already")

    def _judge_service(self, case: Case) -> None:
        if (index := case.contradiction) is None:
            return
        key = next(key for key in self._steps()[index] if key in ("call", "open"))
        self._faults.add(
            self._document.key_place(("steps", index, key)),
            "a process either holds its connections or closes them at once: begin in ESTABLISHED,"
            " and let the steps lead to the other state",
        )

    def _case(
        self, reach: Reach, settings: dict[str, int], steps: tuple[Step, ...], point: Point
    ) -> Case:
        return Case(
            name=self._data["case"],
            title=REFERENCE.sub(
                lambda use: id_part(point.get(use[1], use[0])), self._data["title"]
            ),
            cites=tuple(self._data["cites"]),
            reach=reach,
            steps=steps,
            profiles=tuple(self._data.get("profiles", ("*",))),
            settings=settings,
            point=point,
        )

    def _part(self, path: KeyPath, build: Callable[..., T], also: Sequence[str] = ()) -> _Part[T]:
        uses = {use.name for use in self._uses(path)}.union(also)
        return _Part([name for name in self._axes if name in uses], build)

    def _reach(self, source: Source, point: Point) -> Reach:
        places: dict[str, KeyPath] = {
            name: ("matrix", name, self._axes[name].index(point[name]))
            for name in self._on_connection()
        }
        return build_reach(source, point, places)

    def _on_connection(self) -> list[str]:
        """The matrix names that are set on the connection by being there."""
        return [name for name in _ON_CONNECTION if name in self._axes]

    def _steps(self) -> list[Any]:
        return _or_empty(self._data.get("steps"), [])

    def _uses(self, path: KeyPath = ()) -> Iterator[_Use]:
        """The references in the part of the document at a path, or in all that may have them."""
        if path:
            yield from _uses_in(self._value_at(path), path)
        else:
            for key in ("title", "reach", "settings", "steps"):
                yield from _uses_in(self._data.get(key), (key,))

    def _value_at(self, path: KeyPath) -> Any:
        if path[0] == "steps":
            return self._steps()[int(path[1])]
        return self._data.get(str(path[0]))

    def _profiles(self) -> list[str]:
        """The known profiles that the case is about, its globs judged on the way."""
        if "profiles" not in self._data or not self._document.is_sound(("profiles",)):
            return list(PROFILES)
        globs = self._data["profiles"]
        for index, glob in enumerate(globs):
            if (problem := glob_problem(glob)) is not None:
                self._faults.add(self._document.value_place(("profiles", index)), problem)
        meant = frozenset[str]().union(*(matched(glob) for glob in globs))
        return [name for name in PROFILES if name in meant]

    def _judge_settings(self, profiles: Sequence[str]) -> None:
        """Every profile that the case is about has each of its settings."""
        settings: dict[str, Any] = _or_empty(self._data.get("settings"), {})
        for name in settings:
            lacking = [each for each in profiles if name not in PROFILES[each].settings]
            if lacking:
                message = _no_setting(name, lacking[0], profiles)
                self._faults.add(self._document.key_place(("settings", name)), message)

    def _judge_values(self) -> None:
        for name, values in self._axes.items():
            seen = set()
            for index, value in enumerate(values):
                if value not in seen:
                    seen.add(value)
                else:
                    place = self._document.value_place(("matrix", name, index))
                    self._faults.add(place, f"{value} stands twice in matrix name {name!r}")

    def _judge_names(self) -> None:
        used = set()
        for name, path, offset in self._uses():
            in_title = path == ("title",)  # which tells of values, and does nothing with them
            if not in_title:
                used.add(name)
            if name in self._declared:
                continue
            message = f"no matrix name is {quoted(name)}: there is no matrix"
            if self._declared:
                message = no_such("no matrix name is", name, self._declared)
            place = self._document.value_place(path, offset)
            if in_title:
                self.doubts.append((place, f"{message}; it stays as it is written"))
            else:
                self._faults.add(place, message)
        reach: dict[str, Any] = _or_empty(self._data.get("reach"), {})
        for name in self._declared:
            if name in _ON_CONNECTION:
                if name in reach:
                    message = f"{name!r} is set by the matrix too: remove one of the two"
                    self._faults.add(self._document.key_place(("reach", name)), message)
            elif name not in used and REFERENCE.fullmatch(f"${name}"):
                message = f"matrix name {name!r} is never used: write ${name} where it belongs"
                self._faults.add(self._document.key_place(("matrix", name)), message)

    def _judge_ids(self, cases: Sequence[Case]) -> None:
        seen = set()
        for case in cases:
            if case.id in seen:
                message = f"two points of this matrix are both named {quoted(case.id)}"
                self._faults.add(self._document.key_place(("matrix",)), message)
                return
            seen.add(case.id)


def _context(reach: Reach, name: str = "") -> Context:
    """Where the steps on a connection begin."""
    return Context(reach.timestamps, ipv6=reach.family == "ipv6", on=name)


def _no_setting(name: str, profile: str, meant: Sequence[str]) -> str:
    """That ``profile``, one of those meant, lacks a setting: who has it, or what is like it."""
    having = [each for each in PROFILES if name in PROFILES[each].settings]
    if having:
        known = listed(PROFILES[profile].settings)
        lacks = f"{profile} has no setting {quoted(name)} {known}"
        return f"{lacks}: those that have it are {joined(having)}"
    settings = dict.fromkeys(each for one in meant for each in PROFILES[one].settings)
    return no_such("no profile has a setting", name, settings)


def _behind(step: Step | None, data: Any, context: Context) -> Context:
    """What a step leaves to those behind it; None: a faulty one, written as ``data``."""
    match step:
        case Send():
            return context._replace(injected=True, last_had_ack=bool(step.flags & ACK))
        case SendIcmp():
            return context._replace(injected=True)
        case Expect():
            return context._replace(answered=True)
        case None if isinstance(data, dict) and "send" in data:
            return context._replace(injected=True, last_had_ack=True)  # any value will do
        case _:
            return context


def _uses_in(data: Any, path: KeyPath) -> Iterator[_Use]:
    if isinstance(data, str):
        for match in REFERENCE.finditer(data):
            yield _Use(match[1], path, match.start())
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _uses_in(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _uses_in(value, (*path, index))


def _or_empty(data: Any, empty: T) -> T:
    """The data where it is of the same type as ``empty``, which stands in for it elsewhere."""
    return data if isinstance(data, type(empty)) else empty
