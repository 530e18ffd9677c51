"""A condition: a predicate about one kind of question that a program can read.

``Condition[Q]`` is contravariant: what can be asked of any segment can be asked of a segment that
finds a TIME-WAIT block, but not the other way round.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Q = TypeVar("Q")
Q_contra = TypeVar("Q_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Condition(Generic[Q_contra]):
    """A predicate that can be read.

    ``parts`` are the conditions that an ``all``, ``any`` or ``not`` is made of; an ``atom`` has
    none and tests for itself.
    """

    text: str
    test: Callable[[Q_contra], bool]
    kind: Literal["atom", "all", "any", "not"] = "atom"
    parts: tuple[Condition[Q_contra], ...] = ()

    def __invert__(self) -> Condition[Q_contra]:
        if self.kind == "not":
            return self.parts[0]
        test = self.test
        text = f"not ({self.text})" if self.parts else f"not {self.text}"
        return Condition(text, lambda question: not test(question), "not", (self,))

    def failing(self, question: Q_contra) -> str:
        """The part that is false, in words; empty where the condition holds."""
        if self.test(question):
            return ""
        if self.kind == "all":
            return next(part.failing(question) for part in self.parts if not part.test(question))
        return self.text


def atom(text: str) -> Callable[[Callable[[Q], bool]], Condition[Q]]:
    """Name a predicate: ``@atom("RST is set")``.  Its argument's type is what it can be asked
    of."""
    return lambda test: Condition(text, test)


def all_of(*parts: Condition[Q]) -> Condition[Q]:
    """The condition that holds where every part does; evaluated in order."""
    tests = tuple(part.test for part in parts)
    text = " and ".join(f"({p.text})" if p.kind == "any" else p.text for p in parts)
    if len(tests) == 2:
        first, second = tests
        return Condition(text, lambda question: first(question) and second(question), "all", parts)

    def every(question: Q) -> bool:
        for test in tests:  # noqa: SIM110 - a generator costs twice as much, a million times
            if not test(question):
                return False
        return True

    return Condition(text, every, "all", parts)


def any_of(*parts: Condition[Q]) -> Condition[Q]:
    """The condition that holds where one part does; evaluated in order."""
    tests = tuple(part.test for part in parts)
    text = " or ".join(f"({p.text})" if p.kind == "all" else p.text for p in parts)

    def some(question: Q) -> bool:
        for test in tests:  # noqa: SIM110 - as in all_of
            if test(question):
                return True
        return False

    return Condition(text, some, "any", parts)


ALWAYS: Condition[object] = Condition("anything else", lambda question: True)
"""The condition of a last rule."""
