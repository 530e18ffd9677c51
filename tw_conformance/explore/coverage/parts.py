"""Which atoms of a condition decide on a question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tw_reference.rules.condition import ALWAYS, Condition


class Part(NamedTuple):
    """An atom of a condition, as it was when it decided."""

    text: str
    value: bool

    def __str__(self) -> str:
        return f"{self.text}: {'true' if self.value else 'false'}"


class Parts:
    """The atoms of one condition.  The same atom in several places is one: it is flipped in all."""

    def __init__(self, condition: Condition[Any]) -> None:
        self._condition = condition
        self._atoms = dict.fromkeys(atom for atom in _leaves(condition) if atom is not ALWAYS)
        self._known: dict[tuple[bool, ...], frozenset[Part]] = {}

    def all(self) -> Iterator[Part]:
        """Each atom, true and false."""
        return (Part(atom.text, value) for atom in self._atoms for value in (True, False))

    def deciding(self, question: Any) -> frozenset[Part]:
        """The atoms that, each flipped alone, would make the condition come out otherwise."""
        values = tuple(atom.test(question) for atom in self._atoms)
        found = self._known.get(values)
        if found is None:
            found = self._known[values] = frozenset(self._deciding(values))
        return found

    def _deciding(self, values: tuple[bool, ...]) -> Iterator[Part]:
        by_atom = dict(zip(self._atoms, values, strict=True))
        whole = _holds(self._condition, by_atom)
        for atom, value in by_atom.items():
            if _holds(self._condition, {**by_atom, atom: not value}) is not whole:
                yield Part(atom.text, value)


def _leaves(condition: Condition[Any]) -> Iterator[Condition[Any]]:
    if not condition.parts:
        yield condition
    for part in condition.parts:
        yield from _leaves(part)


def _holds(condition: Condition[Any], values: Mapping[Condition[Any], bool]) -> bool:
    match condition.kind:
        case "all":
            return all(_holds(part, values) for part in condition.parts)
        case "any":
            return any(_holds(part, values) for part in condition.parts)
        case "not":
            return not _holds(condition.parts[0], values)
        case "atom":
            return values.get(condition, True)  # ALWAYS is no question
