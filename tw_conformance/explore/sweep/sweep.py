"""The sweep: every class on a fresh TIME-WAIT block of the target and of the oracle, compared.

What differs once is not believed: it is played again on fresh blocks until the same outcome has
been seen twice.  What can't be shown either way stays undecided and is never called a divergence.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple, Protocol

from tw_conformance.explore.sweep.alphabet import (
    DIMENSIONS,
    Scene,
    SegmentClass,
    Selection,
    is_feasible,
)
from tw_conformance.explore.sweep.block_oracle import BlockOracle
from tw_conformance.explore.sweep.covering import covering_array
from tw_conformance.explore.sweep.reaction import (
    Prediction,
    Reaction,
    differences,
)
from tw_conformance.explore.sweep.relative import RelativeAnswer, relative
from tw_conformance.explore.sweep.trial import Trial
from tw_conformance.model.verdict import Mismatch
from tw_conformance.play.record import TimerEffect

_AGREEMENT = 2
"""Times that the same doubtful outcome must be seen."""
_TRIES = 5


class Field(Protocol):
    """Where blocks are made and segments sent.

    ``certain``: nothing can get lost there and nothing happens by chance, so once is enough.
    """

    certain: bool
    batch: int
    """Classes that are best played at once."""

    async def play(self, scene: Scene, classes: Sequence[SegmentClass]) -> list[Trial]:
        """Each class on a fresh block of that scene.

        :raises TargetError: where the target is gone.
        """


@dataclass(frozen=True, slots=True)
class Divergence:
    """How a class is answered, if not as the oracle says; numbers are relative."""

    expected: str
    """What the oracle does in a few words: :attr:`Reaction.kind`."""
    seen: str
    rule: str
    """The ID of the oracle's rule."""
    differences: tuple[Mismatch, ...]
    answers: tuple[RelativeAnswer, ...]
    """What the oracle answers."""
    state: str
    timer: TimerEffect | None


class Outcome(NamedTuple):
    """What is known of one class.  ``divergence`` and ``undecided`` are empty where it conforms."""

    expected: str
    seen: str
    divergence: Divergence | None = None
    undecided: str = ""
    """Why nothing can be said."""

    @property
    def doubtful(self) -> bool:
        """Whether it takes more than one trial to believe it."""
        return self.divergence is not None or bool(self.undecided)


@dataclass(slots=True)
class Progress:
    """``done`` of ``total`` classes so far; ``rate`` of this run, classes a second."""

    done: int
    total: int
    diverging: int = 0
    undecided: int = 0
    rate: float = 0.0

    def count(self, found: Iterable[Outcome]) -> None:
        for outcome in found:
            self.done += 1
            self.diverging += outcome.divergence is not None
            self.undecided += bool(outcome.undecided)


def classes_of(selection: Selection, strength: int | None, seed: int) -> list[SegmentClass]:
    """The classes to be walked: the full product, or a covering array of that strength."""
    if strength is None:
        return list(selection.product())
    rows = covering_array(
        selection.values,
        min(strength, len(DIMENSIONS)),
        lambda row: "flags" not in row or "ack" not in row or is_feasible(row["flags"], row["ack"]),
        seed,
    )
    return sorted({SegmentClass(**row) for row in rows})


@dataclass(slots=True)
class Sweep:
    """One walk.  ``record`` hears of every outcome, batch by batch; ``tell`` of the progress."""

    field: Field
    oracle: BlockOracle
    seed: int
    record: Callable[[Mapping[SegmentClass, Outcome]], None]
    tell: Callable[[Progress], None]
    outcomes: dict[SegmentClass, Outcome] = dataclasses.field(default_factory=dict)
    """By class; what is there from the start is not walked again."""
    _conforming: dict[str, Outcome] = dataclasses.field(default_factory=dict)

    async def walk(self, classes: Iterable[SegmentClass]) -> None:
        """Find the outcome of every class.

        :raises TargetError: where the target is gone; what was recorded stands.
        """
        by_scene: dict[Scene, list[SegmentClass]] = defaultdict(list)
        for one in classes:
            if one not in self.outcomes:
                by_scene[one.scene].append(one)
        progress = Progress(0, len(self.outcomes) + sum(map(len, by_scene.values())))
        progress.count(self.outcomes.values())
        begun, before = time.monotonic(), progress.done
        for scene, some in by_scene.items():
            Random(f"{self.seed}:{scene}").shuffle(some)
            waiting = deque(some)
            doubts: dict[SegmentClass, Counter[Outcome]] = defaultdict(Counter)
            outcome: Outcome | None
            while waiting:
                batch = [waiting.popleft() for _ in range(min(self.field.batch, len(waiting)))]
                found = {}
                for trial in await self.field.play(scene, batch):
                    outcome = self._judge(trial, scene)
                    if not self.field.certain and (outcome.doubtful or trial.of in doubts):
                        outcome = _weigh(outcome, doubts[trial.of])
                    if outcome is None:
                        waiting.append(trial.of)
                    else:
                        found[trial.of] = outcome
                self.outcomes.update(found)
                self.record(found)
                progress.count(found.values())
                progress.rate = (progress.done - before) / (time.monotonic() - begun)
                self.tell(progress)

    def _judge(self, trial: Trial, scene: Scene) -> Outcome:
        predicted = self.oracle.predict(
            trial.flow, trial.stimulus, trial.block, listener=scene.listener
        )
        expected = predicted.reaction.kind
        if trial.reaction is None:
            return Outcome(expected, "", undecided=trial.reason)
        found = differences(predicted, trial.reaction, trial.block, trial.stimulus)
        if not found:
            # Nearly every class goes this way: they share one outcome for each kind of answer.
            return self._conforming.setdefault(expected, Outcome(expected, expected))
        return Outcome(
            expected,
            trial.reaction.kind,
            _divergence(predicted, trial.reaction, found, trial),
        )


def _weigh(outcome: Outcome, doubts: Counter[Outcome]) -> Outcome | None:
    """What is to be believed after one more trial; None: not decided yet, play it again."""
    doubts[outcome] += 1
    if not outcome.undecided and doubts[outcome] == _AGREEMENT:
        return outcome
    if doubts.total() < _TRIES:
        return None
    reasons = {doubt.undecided or f"once it was «{doubt.seen}»" for doubt in doubts}
    return Outcome(outcome.expected, "", undecided="; ".join(sorted(reasons)))


def _divergence(
    predicted: Prediction, seen: Reaction, found: tuple[Mismatch, ...], trial: Trial
) -> Divergence:
    wanted = predicted.reaction
    assert wanted.state is not None  # the oracle can always tell
    variables = trial.block.variables(trial.stimulus)
    return Divergence(
        expected=wanted.kind,
        seen=seen.kind,
        rule=predicted.rule.id,
        differences=found,
        answers=tuple(
            relative(packet.segment, variables, iss_known=predicted.iss_from_block)
            for packet in wanted.answers
        ),
        state=wanted.state,
        timer=wanted.timer,
    )
