"""The walk: every class on a fresh connection of the target and of the oracle, compared.

What differs once is not believed: it is played again on fresh connections until the same result has
been seen twice.  What can't be shown either way stays undecided and is never called a divergence.
Nor is what the oracle has no rule for: it is counted as not ruled.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple, Protocol

from tw_conformance.explore.sweep.alphabet import Precondition, SegmentClass, Selection
from tw_conformance.explore.sweep.reaction import Prediction, Trial, differences, without_repeats
from tw_conformance.model.verdict import Mismatch
from tw_conformance.play.approach import NotReached

_AGREEMENT = 2
"""Times that the same doubtful result must be seen."""
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Playable:
    """What of a selection can be played somewhere.

    ``left_out`` are sentences that say what can't, and why.  ``played`` are the preconditions that
    can be made there; None: all of the selection's.
    """

    selection: Selection
    left_out: tuple[str, ...] = ()
    played: frozenset[Precondition] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be played."""
        return self.played is not None and not self.played

    def of(self, classes: Iterable[SegmentClass]) -> list[SegmentClass]:
        """Those of the classes that can be played, in order, each once."""
        played = self.played
        return sorted(
            {one for one in classes if played is None or one.precondition in played},
        )


class Subject(Protocol):
    """Where connections are made and segments sent.

    ``certain``: nothing can get lost there and nothing happens by chance, so once is enough.
    """

    certain: bool
    batch: int
    """Classes that are best played at once."""

    @property
    def under_way(self) -> Collection[SegmentClass]:
        """Those whose segment was sent last: should the target be gone, one of them may be why."""

    def narrowed(self, selection: Selection) -> Playable:
        """What of it can be played there."""

    async def play(self, classes: Sequence[SegmentClass]) -> list[Trial]:
        """Each class on a fresh connection; fewer where the target went meanwhile, and the next
        call says so.

        :raises TargetError: where the target is gone.
        """


class Oracle(Protocol):
    """Who says what is right."""

    def predict(self, one: SegmentClass) -> Prediction:
        """What becomes of a segment of that class, and of its connection.

        :raises NotReached: where the stack does not get to the state in question.
        """


@dataclass(frozen=True, slots=True)
class Divergence:
    """How a class is answered, if not as the oracle's rule has it; numbers are relative."""

    rule: str
    """The ID of the oracle's rule."""
    differences: tuple[Mismatch, ...]


class ClassResult(NamedTuple):
    """What is known of one class: it conforms where nothing else is said."""

    expected: str
    """What the oracle does in a few words: :attr:`Reaction.kind`."""
    seen: str
    divergence: Divergence | None = None
    undecided: str = ""
    """Why nothing can be said."""
    ruled: bool = True
    """Whether the oracle has a rule for it; where not, there is no expectation."""

    def same_as(self, other: ClassResult) -> bool:
        """Whether it comes to the same: a number that differs may be another each time."""
        return self._in_short() == other._in_short()

    def _in_short(self) -> tuple[object, ...]:
        found = self.divergence.differences if self.divergence else ()
        return self.expected, self.seen, self.undecided, tuple(each.field for each in found)

    @property
    def doubtful(self) -> bool:
        """Whether it takes more than one trial to believe it."""
        return self.divergence is not None or bool(self.undecided)


@dataclass(slots=True)
class Progress:
    """``done`` of ``total`` classes so far."""

    total: int
    done: int = 0
    diverging: int = 0
    undecided: int = 0
    not_ruled: int = 0

    def count(self, found: Iterable[ClassResult]) -> None:
        for result in found:
            self.done += 1
            self.diverging += result.divergence is not None
            self.undecided += bool(result.undecided)
            self.not_ruled += not result.ruled


@dataclass(slots=True)
class Walk:
    """One walk.  ``record`` hears of every result, batch by batch; ``tell`` of the progress."""

    subject: Subject
    oracle: Oracle
    seed: int
    record: Callable[[Mapping[SegmentClass, ClassResult]], None]
    tell: Callable[[Progress], None] = lambda progress: None
    results: dict[SegmentClass, ClassResult] = dataclasses.field(default_factory=dict)
    """By class; what is there from the start is not walked again."""
    _conforming: dict[tuple[str, str, bool], ClassResult] = dataclasses.field(default_factory=dict)
    _doubts: dict[SegmentClass, Counter[ClassResult]] = dataclasses.field(
        default_factory=lambda: defaultdict(Counter)
    )
    """By class, what was seen so far; of results that are the same, the first."""

    async def run(self, classes: Iterable[SegmentClass]) -> None:
        """Find the result of every class.

        :raises TargetError: where the target is gone; what was recorded stands.
        """
        left = sorted(one for one in classes if one not in self.results)
        Random(self.seed).shuffle(left)
        waiting = deque(left)
        progress = Progress(len(self.results) + len(left))
        progress.count(self.results.values())
        while waiting:
            batch = [waiting.popleft() for _ in range(min(self.subject.batch, len(waiting)))]
            found = {}
            trials = await self.subject.play(batch)
            if len(trials) < len(batch):
                played = {trial.of for trial in trials}
                waiting.extend(one for one in batch if one not in played)
            for trial in trials:
                result = self._believed(trial)
                if result is None:
                    waiting.appendleft(trial.of)  # as soon as may be: who knows how long it lasts
                else:
                    found[trial.of] = result
            self.results.update(found)
            self.record(found)
            progress.count(found.values())
            self.tell(progress)

    def _believed(self, trial: Trial) -> ClassResult | None:
        """What is to be believed after that trial; None: not decided yet, play it again."""
        result = self._judge(trial)
        if self.subject.certain or not (result.doubtful or trial.of in self._doubts):
            return result
        doubts = self._doubts[trial.of]
        result = next((doubt for doubt in doubts if doubt.same_as(result)), result)
        doubts[result] += 1
        if not result.undecided and doubts[result] == _AGREEMENT:
            return result
        if doubts.total() < _TRIES:
            return None
        reasons = {doubt.undecided or f"once it was «{doubt.seen}»" for doubt in doubts}
        return ClassResult(result.expected, "", undecided="; ".join(sorted(reasons)))

    def _judge(self, trial: Trial) -> ClassResult:
        try:
            predicted = self.oracle.predict(trial.of)
        except NotReached as reason:
            return ClassResult("", "", undecided=f"the oracle can't tell: {reason}")
        expected = predicted.reaction.kind
        if trial.reaction is None:
            return ClassResult(expected, "", undecided=trial.reason)
        reaction = without_repeats(trial, predicted)
        predicted = predicted.as_late_as(reaction)
        expected = predicted.reaction.kind
        found = differences(predicted, reaction, trial.variables, trial.opening)
        seen = reaction.kind if found else expected
        if not found or predicted.rule is None:
            # Nearly every class goes this way: they share one result for each kind of answer.
            ruled = predicted.rule is not None
            result = ClassResult(expected, seen, ruled=ruled)
            return self._conforming.setdefault((expected, seen, ruled), result)
        return ClassResult(expected, seen, Divergence(predicted.rule.id, found))
