"""The arguments of a socket call, and what it returns."""

from __future__ import annotations

from tw_conformance.notation.packetdrill.scan import Scanner
from tw_conformance.notation.packetdrill.script import ELLIPSIS, Struct, Value

_DEEPEST = 20
"""Brackets within brackets."""
_ARGUMENT = "an argument: a number, a word, ..., [list] or {structure}"
_WORD = r"[A-Za-z_][A-Za-z0-9_]*"


def read_arguments(scanner: Scanner) -> tuple[Value, ...]:
    """``(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8)``.

    :raises CaseError: where that is not what stands there.
    """
    scanner.expect(r"\(", "( and the arguments")
    return _values(scanner, r"\)", "the arguments", 0)


def read_value(scanner: Scanner, depth: int = 0) -> Value:
    """One argument, or what a call returns.

    :raises CaseError: where that is not what stands there.
    """
    if depth > _DEEPEST:
        scanner.fail("no more brackets within brackets")
    if scanner.take(r"\.\.\.") is not None:
        return ELLIPSIS
    if scanner.take(r"\[") is not None:
        return _values(scanner, r"\]", "a list", depth + 1)
    if scanner.take(r"\{") is not None:
        return _struct(scanner, depth + 1)
    if (text := scanner.take(r'"((?:\\.|[^"\\])*)"')) is not None:
        return text
    return _sum(scanner, depth)


def _sum(scanner: Scanner, depth: int) -> Value:
    """A number or a word; words joined by ``|`` are one word."""
    if (text := scanner.take(r"-?(?:0[xX][0-9a-fA-F]{1,16}|[0-9]{1,19})(?![0-9.])")) is not None:
        return int(text, 16) if "x" in text.lower() else int(text)
    if (text := scanner.take(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9]*\.[0-9]+")) is not None:
        return text  # an address, or seconds
    word = scanner.expect(_WORD, _ARGUMENT)
    if scanner.sees(r"\("):  # htons(8080), inet_addr("192.0.2.1")
        scanner.take(r"\(")
        _values(scanner, r"\)", "the arguments", depth + 1)
        return ELLIPSIS
    while scanner.take(r"\|") is not None:
        word += "|" + scanner.expect(rf"{_WORD}|[0-9]+", "a word after |")
    return word


def _values(scanner: Scanner, closing: str, what: str, depth: int) -> tuple[Value, ...]:
    values: list[Value] = []
    if scanner.take(closing) is not None:
        return ()
    while True:
        values.append(read_value(scanner, depth))
        if scanner.take(",") is None:
            break
    scanner.expect(closing, f", or the end of {what}")
    return tuple(values)


def _struct(scanner: Scanner, depth: int) -> Struct:
    fields: list[tuple[str, Value]] = []
    while scanner.take(r"\}") is None:
        if scanner.take(r"\.\.\.") is not None:
            fields.append((ELLIPSIS, ELLIPSIS))
        elif (name := scanner.take(rf"({_WORD})(?:\([0-9.]+\))?\s*=")) is not None:
            fields.append((name, read_value(scanner, depth)))
        else:
            fields.append(("", read_value(scanner, depth)))
        if scanner.take(",") is None and not scanner.sees(r"\}"):
            scanner.fail(", or the end of a structure")
    return Struct(tuple(fields))
