"""A rule: when it matches, what it does, what that is in words, and where it is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeAlias, TypeVar

from tw_reference.rules.actions import Action
from tw_reference.rules.condition import ALWAYS, Condition, Q, Q_contra

A = TypeVar("A", bound=Action)
A_co = TypeVar("A_co", bound=Action, covariant=True)


@dataclass(frozen=True, slots=True)
class Rule(Generic[Q_contra, A_co]):
    """One line of a decision list.

    ``id`` names it in reports (``freebsd.rst-drop``) and means one rule in all profiles; ``says``
    is one sentence in the field's words; ``source`` cites kernel file and lines or RFC and section.
    A rule that ``decides`` ends the list; one that does not is a note, which acts and lets the next
    rule be looked at.
    """

    id: str
    when: Condition[Q_contra]
    then: tuple[A_co, ...]
    says: str
    source: tuple[str, ...]
    decides: bool = True
    counts: str = ""
    """The counter that the stack moves, by its own name."""


AnyRule: TypeAlias = Rule[Any, Action]
"""A rule of whatever list, for those who only print it."""


NOT_RULED: AnyRule = Rule(
    "not-ruled",
    ALWAYS,
    (),
    "This profile has no rule for that; nothing is expected.",
    (),
)
"""Stands in a trace where nothing is known of the stack, and the connection went on as RFC 9293
says.  What came of it must not be taken for the stack's behaviour."""


@dataclass(frozen=True, slots=True)
class RuleMaker:
    """Writes the rules of one family of stacks, whose name stands before the dot of their IDs."""

    family: str

    def rule(
        self,
        name: str,
        when: Condition[Q],
        then: A | tuple[A, ...],
        says: str,
        *source: str,
        counts: str = "",
    ) -> Rule[Q, A]:
        """A rule that decides: ``rule("rst-drop", RST, DROP, "An RST is dropped.", "RFC …")``."""
        actions = then if isinstance(then, tuple) else (then,)
        return Rule(f"{self.family}.{name}", when, actions, says, source, counts=counts)

    def note(
        self,
        name: str,
        when: Condition[Q],
        then: A | tuple[A, ...],
        says: str,
        *source: str,
        counts: str = "",
    ) -> Rule[Q, A]:
        """A rule that acts and lets the list go on."""
        return replace(self.rule(name, when, then, says, *source, counts=counts), decides=False)
