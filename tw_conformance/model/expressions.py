"""Symbolic sequence numbers and times: sums over the DUT's own variables.

Both notations are one grammar with different terms::

    sum   =  [sign] term  { sign [sign] term }
    sign  =  "+" | "-"

A sequence term is a name (``rcv_nxt``), a decimal number or a power of two (``2^31``); a time term
is a variable (``msl``, ``tick``) with or without a factor, or a number of ``s`` or ``ms``.  A term
may carry a sign of its own, so that ``rcv_nxt+$offset`` is right for offsets below zero as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from tw_conformance.model.words import no_such, quoted

SEQUENCE_NAMES = (
    "rcv_nxt",
    "snd_nxt",
    "rcv_wnd",
    "irs",
    "iss",
    "ts_recent",
    "seg_seq",
    "seg_ack",
    "seg_len",
    "seg_tsval",
    "ans_seq",
    "ans_ack",
    "ans_len",
    "ans_tsval",
)
"""The DUT's variables of RFC 9293 section 3.3.1 and RFC 7323, and the numbers of the last segment
that was sent to it (``seg_*``), and of the last answer that an expect took from it (``ans_*``)."""

TIME_NAMES = ("msl", "tick")
"""``msl`` of the DUT, and ``tick``: how late its stack may be in deleting an expired block."""

_SECONDS = {"s": 1.0, "ms": 0.001}
_SPELT_OUT = {
    **dict.fromkeys(("sec", "secs", "second", "seconds"), (1, "s")),
    **dict.fromkeys(("msec", "msecs", "millisecond", "milliseconds"), (1, "ms")),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), (60, "s")),
}
"""Units as people write them: how many of which."""
_BITS = 32
_MODULUS = 1 << _BITS
_CONSTANT = ""
_TOKEN = re.compile(
    r" *(?:(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.\w+)*)|(.))?",
    re.DOTALL,
)
"""A dot in a name, as in ``RCV.NXT``, is read so that the right name can be said."""
_LONGEST_NUMBER = 15  # digits that a float keeps, and enough for 32 bits

N = TypeVar("N", int, float)
Term = tuple[N, str]
"""A factor and the variable that it multiplies; a constant multiplies no variable."""


class ExpressionError(ValueError):
    """Text that is no expression.  ``offset`` counts characters from 0 to where it goes wrong."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class SequenceExpression:
    """A sequence number, a timestamp or a window in the DUT's own variables: ``rcv_nxt+1``.

    :raises ExpressionError: where ``text`` is no such sum; the offset is into ``text``.
    """

    text: str
    names: frozenset[str] = field(init=False, repr=False, compare=False)
    """The variables that it needs."""
    _terms: tuple[Term[int], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        terms = _parse_sum(self.text, _sequence_term)
        _set_terms(self, terms)
        if not self.names and self.text.lstrip()[0] in "+-":
            offset = len(self.text) - len(self.text.lstrip())
            raise ExpressionError(f"relative to what? write rcv_nxt{self.text.strip()}", offset)

    def evaluate(self, variables: Mapping[str, int | float]) -> int:
        """The number, modulo 2^32.

        :raises KeyError: with a variable that has no value.
        """
        return sum(f * int(variables[name]) if name else f for f, name in self._terms) % _MODULUS

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class TimeExpression:
    """A duration over the DUT's MSL and its clock's tick: ``2msl-1s``.

    :raises ExpressionError: where ``text`` is no such sum; the offset is into ``text``.
    """

    text: str
    names: frozenset[str] = field(init=False, repr=False, compare=False)
    """The variables that it needs."""
    _terms: tuple[Term[float], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        terms = _parse_sum(self.text, _time_term)
        _set_terms(self, terms)
        if not self.names and sum(factor for factor, _ in terms) < 0:
            raise ExpressionError(f"{quoted(self.text)} is a time before now")

    def evaluate(self, variables: Mapping[str, int | float]) -> float:
        """Seconds.

        :raises KeyError: with a variable that has no value.
        :raises ValueError: where the duration is below zero for these values.
        """
        seconds = sum(f * variables[name] if name else f for f, name in self._terms)
        if seconds < 0:
            values = " and ".join(f"{name} is {variables[name]:g} s" for name in sorted(self.names))
            raise ValueError(f"{self.text} is {seconds:g} s, a time before now, where {values}")
        return float(seconds)

    def __str__(self) -> str:
        return self.text


def _set_terms(expression: SequenceExpression | TimeExpression, terms: tuple[Term[N], ...]) -> None:
    """Complete a frozen value while it is being made."""
    names = frozenset(name for _, name in terms if name != _CONSTANT)
    object.__setattr__(expression, "_terms", terms)
    object.__setattr__(expression, "names", names)


class _Scanner:
    """One token of lookahead over an expression; ``offset`` is where that token begins."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = 0
        self.advance()

    def advance(self) -> None:
        match = _TOKEN.match(self._text, self._end)
        assert match is not None, "the token pattern matches the empty text"
        self._end = match.end()
        self.token = match[0].lstrip(" ")
        self.kind = match.lastgroup
        self.offset = self._end - len(self.token)

    def take(self, kind: str) -> str | None:
        """The next token if it is of that kind (``number`` or ``name``)."""
        token = self.token
        if self.kind != kind:
            return None
        self.advance()
        return token

    def take_sign(self) -> int | None:
        """+1 or -1 if the next token is a sign."""
        if self.token not in ("+", "-"):
            return None
        sign = 1 if self.token == "+" else -1
        self.advance()
        return sign

    def take_number(self) -> str | None:
        if len(self.token) > _LONGEST_NUMBER and self.kind == "number":
            raise ExpressionError(f"{quoted(self.token)} is too large a number", self.offset)
        return self.take("number")

    def unexpected(self, wanted: str) -> ExpressionError:
        found = f", found {quoted(self.token)}" if self.token else " at the end"
        return ExpressionError(f"expected {wanted}{found}", self.offset)


def _parse_sum(text: str, parse_term: Callable[[_Scanner], Term[N]]) -> tuple[Term[N], ...]:
    scanner = _Scanner(text)
    terms = []
    sign: int | None = 1
    while sign is not None:
        sign *= scanner.take_sign() or 1
        factor, name = parse_term(scanner)
        terms.append((sign * factor, name))
        sign = scanner.take_sign()
    if scanner.token:
        raise scanner.unexpected("'+' or '-'")
    return tuple(terms)


def _sequence_term(scanner: _Scanner) -> Term[int]:
    start = scanner.offset
    if (name := scanner.take("name")) is not None:
        if name not in SEQUENCE_NAMES:
            raise _unknown_name(name, SEQUENCE_NAMES, start)
        return 1, name
    if (digits := scanner.take_number()) is None:
        raise scanner.unexpected("a name or a number")
    if "." in digits:
        raise ExpressionError(f"{digits} is not a whole number", start)
    number = int(digits)
    if scanner.token == "^":
        scanner.advance()
        number = _power(number, scanner, start)
    if number >= _MODULUS:
        raise ExpressionError("a sequence number has 32 bits, and this is larger", start)
    return number, _CONSTANT


def _power(base: int, scanner: _Scanner, start: int) -> int:
    digits = scanner.take_number()
    if base != 2 or digits is None or not digits.isdigit() or int(digits) >= _BITS:
        raise ExpressionError(f"only powers of two are meant, 2^0 to 2^{_BITS - 1}", start)
    return 1 << int(digits)


def _time_term(scanner: _Scanner) -> Term[float]:
    start = scanner.offset
    digits = scanner.take_number()
    name_offset = scanner.offset
    name = scanner.take("name")
    if digits is None and name is None:
        raise scanner.unexpected("a time such as 2msl, tick, 1s or 500ms")
    if name is None:
        raise ExpressionError(
            f"{digits} of what? write {digits}s, {digits}ms or {digits}msl", start
        )
    if (unit := _SPELT_OUT.get(name.casefold())) is not None and digits is not None:
        meant = f"{float(digits) * unit[0]:.10g}{unit[1]}"
        raise ExpressionError(f"unknown name {name!r}: write {meant}", name_offset)
    if name not in TIME_NAMES and name not in _SECONDS:
        raise _unknown_name(name, (*TIME_NAMES, *_SECONDS), name_offset)
    if name in TIME_NAMES:
        return float(digits or 1), name
    if digits is None:
        raise ExpressionError(f"how many {name}? write 1{name}", start)
    return float(digits) * _SECONDS[name], _CONSTANT


def _unknown_name(name: str, known: tuple[str, ...], offset: int) -> ExpressionError:
    return ExpressionError(no_such("unknown name", name, known), offset)
