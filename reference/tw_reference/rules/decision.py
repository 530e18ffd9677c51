"""A decision list, and the trace of one decision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Generic, NamedTuple, TypeAlias

from tw_reference.rules.actions import Action
from tw_reference.rules.condition import Q
from tw_reference.rules.rule import NOT_RULED, A, AnyRule, Rule
from tw_reference.segment import Flow, IcmpError, Segment
from tw_reference.state import CLOSED, Snapshot


@dataclass(frozen=True, slots=True, eq=False)
class Stage(Generic[Q, A]):
    """What a list is about: the question that it is asked and the actions that it may take.

    There is one object for each; :mod:`tw_reference.rules.stages` has them all.
    """

    name: str
    says: str
    question: type[Q]
    actions: type[A]

    def __str__(self) -> str:
        return self.name

    def list(self, *rules: Rule[Q, A]) -> DecisionList[Q, A]:
        """A decision list for this stage.  The last rule should match everything."""
        return DecisionList(self, rules)


AnyStage: TypeAlias = Stage[Any, Any]


class Ruling(NamedTuple, Generic[A]):
    """What a list answers: the rule that decides, and the notes that were met before it."""

    rule: Rule[Any, A]
    notes: tuple[Rule[Any, A], ...] = ()

    @property
    def then(self) -> tuple[A, ...]:
        """All actions in the order in which they are taken: the notes' first."""
        if not self.notes:
            return self.rule.then
        return (*(action for note in self.notes for action in note.then), *self.rule.then)


@dataclass(frozen=True, slots=True)
class DecisionList(Generic[Q, A]):
    """An ordered list of rules about one kind of question; the first that decides ends it."""

    stage: Stage[Q, A]
    rules: tuple[Rule[Q, A], ...] = ()
    _tests: tuple[tuple[Callable[[Q], bool], Rule[Q, A], Ruling[A] | None], ...] = field(
        init=False, repr=False, compare=False
    )
    """Each rule's test, and the ruling where that rule decides and no note holds.  Made once, since
    a sweep asks a million times."""

    def __post_init__(self) -> None:
        tests = tuple((r.when.test, r, Ruling(r) if r.decides else None) for r in self.rules)
        object.__setattr__(self, "_tests", tests)

    def __iter__(self) -> Iterator[Rule[Q, A]]:
        return iter(self.rules)

    def decide(self, question: Q) -> Ruling[A]:
        """The first deciding rule whose condition holds, and the notes before it that hold.

        Every condition looks at the situation as it was when the question was put: actions are
        taken afterwards.

        :raises LookupError: where no rule decides, which a complete list excludes.
        """
        notes: tuple[Rule[Q, A], ...] = ()
        for test, rule, alone in self._tests:
            if test(question):
                if alone is None:
                    notes = (*notes, rule)
                else:
                    return Ruling(rule, notes) if notes else alone
        raise LookupError(f"no rule of the {self.stage} list matches")

    def rule(self, rule_id: str) -> Rule[Q, A]:
        """:raises KeyError: where no rule has that ID."""
        return self.rules[self.index(rule_id)]

    def index(self, rule_id: str) -> int:
        """:raises KeyError: where no rule has that ID."""
        for position, rule in enumerate(self.rules):
            if rule.id == rule_id:
                return position
        raise KeyError(rule_id)

    def replacing(self, rule_id: str, *rules: Rule[Q, A]) -> DecisionList[Q, A]:
        """This list with ``rules`` in the place of one; none removes it."""
        at = self.index(rule_id)
        return replace(self, rules=self.rules[:at] + rules + self.rules[at + 1 :])

    def before(self, rule_id: str, *rules: Rule[Q, A]) -> DecisionList[Q, A]:
        """This list with ``rules`` put in front of one."""
        at = self.index(rule_id)
        return replace(self, rules=self.rules[:at] + rules + self.rules[at:])


AnyList: TypeAlias = DecisionList[Any, Any]


class Decision(NamedTuple):
    """The trace of one decision: which rule of which list, at what time (ns), on what, and what
    became of the connection; ``notes`` are the rules that acted before it and went on."""

    time: int
    stage: AnyStage
    rule: AnyRule
    flow: Flow
    segment: Segment | None = None
    before: Snapshot = CLOSED
    after: Snapshot = CLOSED
    error: IcmpError | None = None
    notes: tuple[AnyRule, ...] = ()

    @property
    def ruled(self) -> bool:
        """Whether a rule of the profile decided."""
        return self.rule is not NOT_RULED

    @property
    def then(self) -> tuple[Action, ...]:
        """All actions that were taken, in order."""
        return (*(action for note in self.notes for action in note.then), *self.rule.then)
