"""Scalars of a case file to values of the model: ``$name`` put in, checked, parsed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from functools import lru_cache
from typing import Any, TypeAlias

from tw_conformance.model.case import Through
from tw_conformance.model.expressions import ExpressionError, SequenceExpression, TimeExpression
from tw_conformance.model.words import no_such, quoted
from tw_conformance.notation.schema import value_problem
from tw_reference.segment import FLAG_BITS, flag_bits, flag_names

Scalar: TypeAlias = str | int | bool
Point: TypeAlias = Mapping[str, Scalar]
"""One value for each name of a matrix."""

_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
REFERENCE = re.compile(r"\$([a-z_]+)")


def references(raw: Scalar) -> Set[str]:
    """The matrix names that a scalar uses, in order."""
    found = REFERENCE.findall(raw) if isinstance(raw, str) else ()
    return dict.fromkeys(found).keys()


def value_of(raw: Scalar, kind: str, point: Point) -> Any:
    """The model's value for a scalar, by its definition in the schema.

    :raises ExpressionError: where a matrix value is unusable here, or the text has no meaning.
        The offset is 0 where that text is not the one in the file.
    """
    value = _substituted(raw, point) if isinstance(raw, str) else raw
    try:
        return _judged(value, kind)
    except ExpressionError as error:
        if not references(raw):
            raise
        raise ExpressionError(f"{error}{where(raw, point)}") from error


def written(value: Any, kind: str) -> Scalar:
    """The scalar of a file that :func:`value_of` makes that value of, by the same definition."""
    match value:
        case SequenceExpression() if _NUMBER.fullmatch(value.text):
            return int(value.text)
        case SequenceExpression() | TimeExpression():
            return value.text
        case Through():
            return value.value
        case bytes():
            return value.hex(" ")
        case None:
            return "off"
        case int() if kind == "flags":
            return flag_names(value)
        case bool() if kind == "switch":
            return "on" if value else "off"
        case _:
            scalar: Scalar = value
            return scalar


def where(raw: Scalar, point: Point) -> str:
    """Which matrix values a scalar is made of, to be said behind what is wrong with it."""
    used = ", ".join(f"${name} is {_as_written(point[name])}" for name in references(raw))
    return f" (where {used})" if used else ""


def _substituted(text: str, point: Point) -> Scalar:
    """A reference alone is the value itself, number or not; within a text it becomes text."""
    if "$" not in text:
        return text
    whole = REFERENCE.fullmatch(text)
    if whole is not None:
        return point[whole[1]]
    return REFERENCE.sub(lambda match: _as_written(point[match[1]]), text)


def _as_written(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


@lru_cache(maxsize=4096, typed=True)
def _judged(value: Scalar, kind: str) -> Any:
    """The model's value, which nothing can change: a few words make most of a corpus."""
    if (problem := value_problem(kind, value)) is not None:
        raise ExpressionError(problem)
    parser = _PARSERS.get(kind)
    return value if parser is None else parser(_as_written(value))


def _flags(text: str) -> int:
    """Control bits by name: ``FIN|ACK``, in any order."""
    if text == "none":
        return 0
    seen: list[str] = []
    offset = 0
    for part in text.split("|"):
        name = part.strip()
        if name not in FLAG_BITS and (several := _joined_otherwise(name)):
            raise ExpressionError(f"flags are joined by |: write {several}", offset)
        if name not in FLAG_BITS:
            raise ExpressionError(no_such("unknown flag", name, (*FLAG_BITS, "none")), offset)
        if name in seen:
            raise ExpressionError(f"flag {name} stands twice", offset)
        seen.append(name)
        offset += len(part) + 1
    return flag_bits(seen)


def _joined_otherwise(text: str) -> str:
    """Flags that are joined by something else, as they are meant; nothing where these are none."""
    names = re.findall("[A-Za-z]+", text.upper())
    return "|".join(names) if len(names) > 1 and all(n in FLAG_BITS for n in names) else ""


def _position(text: str) -> SequenceExpression:
    expression = SequenceExpression(text)
    if not expression.names:
        message = f"{quoted(text)} is an absolute number: say it from rcv_nxt, snd_nxt, irs or iss"
        raise ExpressionError(message)
    return expression


def _acknowledgment(text: str) -> SequenceExpression:
    return SequenceExpression(text) if text.strip() == "0" else _position(text)


def _or_off(text: str) -> int | None:
    return None if text == "off" else int(text)


def _or_absent(text: str) -> int | str:
    return text if text == "absent" else int(text)


_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "flags": _flags,
    "position": _position,
    "acknowledgment": _acknowledgment,
    "sequence": SequenceExpression,
    "time": TimeExpression,
    "through": Through,
    "switch": lambda text: text == "on",
    "shift_or_off": _or_off,
    "mss_or_off": _or_off,
    "mss_or_absent": _or_absent,
    "shift_or_absent": _or_absent,
    "flow_label_or_kept": lambda text: text if text == "kept" else int(text),
    "option_octets": bytes.fromhex,
}
"""Definitions of the schema whose values are more in the model than in the file."""
