"""A decision list that tells of each decision that it takes, for whoever explains or counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tw_reference.rules.condition import Q
from tw_reference.rules.decision import AnyList, DecisionList, Ruling
from tw_reference.rules.rule import A

Tell: TypeAlias = Callable[[AnyList, Any, Ruling[Any]], None]
"""Called with the list, the question and the ruling before any action is taken, so that what the
question looks at has not changed yet."""


@dataclass(frozen=True, slots=True)
class WatchedList(DecisionList[Q, A]):
    """The same list, whose decisions ``tell`` learns of."""

    tell: Tell = field(kw_only=True)

    def decide(self, question: Q) -> Ruling[A]:
        ruling = DecisionList.decide(self, question)
        self.tell(self, question, ruling)
        return ruling
