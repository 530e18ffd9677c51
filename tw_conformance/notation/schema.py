"""The shipped JSON Schema as the validator, and its errors as sentences.

An editor checks a case against the same ``case.schema.json``.  Values with a grammar of their own
(flags, sequence numbers, times) carry a pattern there for the editor's sake; here the parser of
the grammar judges them, since it can say what is wrong and where.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Set
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator, ValidationError

from tw_conformance.model.words import did_you_mean, listed, quoted
from tw_conformance.notation.globs import DEFAULT
from tw_conformance.notation.nodes import KeyPath
from tw_reference.profiles import PROFILES

GRAMMARS = ("flags", "position", "acknowledgment", "sequence", "time")
"""Definitions that a parser judges."""


class Problem(NamedTuple):
    """One thing wrong with the shape of a case: at the key or the value of a path."""

    path: KeyPath
    message: str
    at_key: bool = False


@cache
def schema() -> dict[str, Any]:
    """The shipped schema."""
    text = files("tw_conformance").joinpath("case.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def kind_of(definition: str, key: str) -> str:
    """The definition that one key of a mapping refers to: ``("send", "window")`` is ``u16``."""
    reference: str = schema()["$defs"][definition]["properties"][key]["$ref"]
    return reference.removeprefix("#/$defs/")


def keys_of(definition: str) -> Set[str]:
    """The keys that a mapping may have, by its definition."""
    properties: dict[str, Any] = schema()["$defs"][definition]["properties"]
    return properties.keys()


def problems(data: object) -> list[Problem]:
    """All that is wrong with the shape of a case, ``$name`` references not yet put in."""
    if _is_sound(data):
        return []
    violations = [_violation(error) for error in _validator().iter_errors(data)]
    mistyped = {violation.path for violation in violations if violation.keyword == "type"}
    refused = {(*v.path, v.instance) for v in violations if v.is_key and v.keyword == "not"}
    found: dict[KeyPath | Problem, Problem] = {}
    for violation in violations:
        if violation.instance is None or _has_own_parser(violation) or violation.path in refused:
            continue
        if violation.keyword == "type":
            # The first is the widest: `expect` wants a word or a mapping, and then a mapping.
            found.setdefault(violation.path, next(_unexpected(violation)))
        elif violation.path not in mistyped:
            found.update((problem, problem) for problem in _translated(violation))
    return list(found.values())


def _is_sound(data: object) -> bool:
    """Whether nothing is wrong, found in half the time: many cases have steps that are alike, and
    no step's shape depends on what stands elsewhere."""
    steps = data.get("steps") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(steps, list) or not steps:
        return False
    elsewhere = {**data, "steps": [{"wait": "1s"}]}
    return all(_is_sound_step(json.dumps(step)) for step in steps) and _validator().is_valid(
        elsewhere
    )


@lru_cache(maxsize=4096)
def _is_sound_step(text: str) -> bool:
    return _validator("step").is_valid(json.loads(text))


def value_problem(kind: str, value: str | int | bool) -> str | None:
    """What is wrong with a value, by a definition of the schema; None where nothing is."""
    if kind in GRAMMARS:
        return None
    for error in _validator(kind).iter_errors(value):
        return next(_translated(_violation(error))).message
    return None


@cache
def _validator(kind: str | None = None) -> Draft202012Validator:
    """The validator of a case, or of one definition."""
    return Draft202012Validator(_definition(kind) if kind else _with_references_put_in(schema()))


@cache
def _definition(kind: str) -> Any:
    return _with_references_put_in(schema()["$defs"][kind])


def _with_references_put_in(part: Any) -> Any:
    """The schema with each ``$ref`` replaced by what it refers to: following the references takes
    the validator half its time."""
    if isinstance(part, list):
        return [_with_references_put_in(item) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _definition(part["$ref"].removeprefix("#/$defs/"))
    return {key: _with_references_put_in(part[key]) for key in part if key != "$defs"}


class _Violation(NamedTuple):
    """What a translation needs of a validator's error."""

    keyword: str
    rule: Any
    """The keyword's value in the schema."""
    schema: Any
    instance: Any
    path: KeyPath
    is_key: bool
    """Whether ``instance`` is a key of the mapping at ``path``, and not the value there."""

    @property
    def expected(self) -> str:
        return f"expected {self.schema['title']}"


def _violation(error: ValidationError) -> _Violation:
    return _Violation(
        keyword=str(error.validator),
        rule=error.validator_value,
        schema=error.schema,
        instance=error.instance,
        path=tuple(error.absolute_path),
        is_key="propertyNames" in error.absolute_schema_path,
    )


def _has_own_parser(violation: _Violation) -> bool:
    if isinstance(violation.instance, bool) or not isinstance(violation.instance, str | int):
        return False
    return any(violation.schema is _definition(kind) for kind in GRAMMARS)


def _translated(violation: _Violation) -> Iterator[Problem]:
    if violation.is_key:
        return _bad_key(violation)
    return TRANSLATIONS[violation.keyword](violation)


def _unexpected(violation: _Violation) -> Iterator[Problem]:
    found = _described(violation.instance)
    yield Problem(violation.path, f"{violation.expected}, found {found}")


def _unknown_word(violation: _Violation) -> Iterator[Problem]:
    word, known = violation.instance, violation.rule
    if isinstance(word, str):
        title, hint = violation.schema["title"], did_you_mean(word, known)
        rest = "" if all(each in title for each in known) else f" {listed(known)}"
        yield Problem(violation.path, f"{quoted(word)} is not {title}{hint}{rest}")
    else:
        yield from _unexpected(violation)


def _empty(violation: _Violation) -> Iterator[Problem]:
    where = _named(violation.path)
    yield Problem(violation.path, f"{where} is empty: {violation.expected}")


def _missing_keys(violation: _Violation) -> Iterator[Problem]:
    where = _named(violation.path)
    for key in violation.rule:
        if key not in violation.instance:
            yield Problem(violation.path, f"missing key {key!r} in {where}", at_key=True)


_LEAVES_NO_TRACE = {
    "mark": ": SO_MARK chooses routes and rules within a host, and no packet says it, that of"
    " TIME-WAIT (tw_mark) neither; what a packet does say is tos",
    "priority": ": SO_PRIORITY chooses a queue within a host, and no packet says it, that of"
    " TIME-WAIT (tw_priority) neither; what a packet does say is tos",
}
"""Words that are asked for, and that no case can have: nothing of them crosses a wire."""


def _unknown_keys(violation: _Violation) -> Iterator[Problem]:
    known = list(violation.schema["properties"])
    may_be_profile = violation.schema is _definition("answer")
    candidates = [*known, DEFAULT, *PROFILES] if may_be_profile else known
    where = _named(violation.path)
    for key in violation.instance:
        if key not in known:
            hint = _indented_too_little(key, violation)
            hint = hint or _out_of_place(key, violation) or _LEAVES_NO_TRACE.get(key, "")
            hint = hint or f"{did_you_mean(key, candidates)} {listed(known)}"
            message = f"unknown key {quoted(key)} in {where}{hint}"
            yield Problem((*violation.path, key), message, at_key=True)


def _out_of_place(key: str, violation: _Violation) -> str:
    """What to do, where what is sent is a step of its own, or a step's key is in an answer."""
    if violation.schema is _definition("answer") and key in _BESIDE:
        return ": it stands beside 'expect', not in it"
    if violation.schema is _definition("step"):
        for word in ("send", "send_icmp"):
            if key in keys_of(word) and not violation.instance.keys() & {"send", "expect"}:
                return f": it is said of what is sent, as in - send: {{{key}: ...}}"
    return ""


def _indented_too_little(key: str, violation: _Violation) -> str:
    """What to do, where a step has a key of what it sends or expects beside that."""
    if violation.schema is not _definition("step"):
        return ""
    inner = {"send": keys_of("send"), "expect": keys_of("answer")}
    word = next((w for w, keys in inner.items() if w in violation.instance and key in keys), None)
    return f": this is wrongly indented; what belongs to {word} stands further in" if word else ""


def _too_many_keys(violation: _Violation) -> Iterator[Problem]:
    is_call = violation.schema is _definition("call_with_options")
    known = keys_of("call_with_options" if is_call else "step") - _BESIDE.keys()
    keys = [key for key in violation.instance if key in known]
    if len(keys) > 1:
        what, both = "call" if is_call else "step", " and ".join(keys)
        message = f"a {what} does one thing, and this has {both}: begin each with its own -"
        yield Problem((*violation.path, keys[1]), message, at_key=True)


_BESIDE: Mapping[str, str] = {
    "within": "says how long an answer may take: it stands beside 'expect' only",
    "gives": "says what a call comes to: it stands beside 'call' only",
    "on": "says which connection a step is about",
}
"""Keys of a step that go with another one."""


def _lonely_key(violation: _Violation) -> Iterator[Problem]:
    for key, needed in violation.rule.items():
        if key in violation.instance and not violation.instance.keys() >= set(needed):
            message = f"{key!r} {_BESIDE[key]}"
            yield Problem((*violation.path, key), message, at_key=True)


def _bad_key(violation: _Violation) -> Iterator[Problem]:
    key = violation.instance
    message = f"{violation.expected}, found {quoted(key)}"
    if violation.keyword == "not":
        message = (
            f"{key!r} is a field and other keys are profiles: a mapping is by one or the other"
        )
    yield Problem((*violation.path, key), message, at_key=True)


def _excluded_key(violation: _Violation) -> Iterator[Problem]:
    """A key that its neighbour excludes: a schema that nothing satisfies, and says why."""
    yield Problem(violation.path, violation.schema["description"].rstrip("."), at_key=True)


TRANSLATIONS: Mapping[str, Callable[[_Violation], Iterator[Problem]]] = {
    "type": _unexpected,
    "pattern": _unexpected,
    "minimum": _unexpected,
    "maximum": _unexpected,
    "enum": _unknown_word,
    "minItems": _empty,
    "minLength": _empty,
    "minProperties": _empty,
    "maxProperties": _too_many_keys,
    "required": _missing_keys,
    "additionalProperties": _unknown_keys,
    "dependentRequired": _lonely_key,
    "not": _excluded_key,
}
"""Every keyword of the schema that can fail, and the sentence that it fails with."""


def _named(path: KeyPath) -> str:
    """The mapping or list at a path as a person calls it: ``send``, ``a step``, ``the case``."""
    if not path:
        return "the case"
    if isinstance(path[-1], int):
        return "a step" if path[-2] == "steps" else f"an item of {path[-2]}"
    if len(path) > 1 and path[-2] in ("expect", "state"):
        return f"{path[-2]} of {path[-1]}"
    return path[-1]


def _described(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"the number {value}"
    if isinstance(value, str):
        return f"text {quoted(value)}"
    return "a list" if isinstance(value, list) else "a mapping"
