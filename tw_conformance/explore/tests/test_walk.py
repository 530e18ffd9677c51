"""The walk: what is believed, what is not, and what a journal keeps."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tw_conformance.explore.sweep.alphabet import SegmentClass, Selection
from tw_conformance.explore.sweep.groups import not_certain_text
from tw_conformance.explore.sweep.journal import Journal
from tw_conformance.explore.sweep.reaction import Prediction, Trial
from tw_conformance.explore.sweep.reference_stack import ReferenceStack
from tw_conformance.explore.sweep.representatives import Representatives, SegmentMaker
from tw_conformance.explore.sweep.walk import Playable, Subject, Walk
from tw_conformance.model.errors import TargetError, UsageError
from tw_reference.profiles import PROFILES

PROFILE = PROFILES["linux-6.18"]
CLASSES = list(
    Selection.of(
        "flags=RST,SYN,ACK timestamps=off family=ipv4 bits=none socket=closed scaling=off ecn=off"
    ).product()
)
SEGMENTS = SegmentMaker(Representatives.drawn(0))
ODD = CLASSES[5]
ABOUT = {"target": "pretend", "profile": "linux-6.18", "seed": 0}


class Flaky:
    """The oracle's own stack, whose trials of one class go wrong as ``fate`` says, by number."""

    certain = False
    batch = 16

    def __init__(self, fate: Callable[[int, Trial], Trial]) -> None:
        self._stack = ReferenceStack(PROFILE, {}, SEGMENTS, seed=0)
        self._fate = fate
        self.trials: Counter[SegmentClass] = Counter()
        self.under_way: Sequence[SegmentClass] = ()

    def narrowed(self, selection: Selection) -> Playable:
        return Playable(selection)

    async def play(self, classes: Sequence[SegmentClass]) -> list[Trial]:
        trials = await self._stack.play(classes)
        self.trials.update(classes)
        return [self._fate(self.trials[t.of], t) if t.of == ODD else t for t in trials]


def silent(trial: Trial) -> Trial:
    """As if the answer, or the block's state, were another."""
    assert trial.reaction is not None
    return trial._replace(reaction=replace(trial.reaction, answers=(), state="FIN-WAIT-1"))


def lost(trial: Trial) -> Trial:
    return trial._replace(reaction=None, reason="no echo came back")


def sweep(subject: Subject, journal: Journal | None = None) -> Walk:
    return Walk(
        subject,
        ReferenceStack(PROFILE, {}, SEGMENTS, seed=1),
        seed=0,
        record=journal.record if journal else lambda found: None,
        tell=lambda progress: None,
        results=dict(journal.results) if journal else {},
    )


def walked(subject: Subject, classes: Iterable[SegmentClass] = CLASSES) -> Walk:
    walk = sweep(subject)
    asyncio.run(walk.run(classes))
    return walk


def test_every_class_is_walked_once_where_all_is_as_predicted() -> None:
    subject = Flaky(lambda number, trial: trial)
    walk = walked(subject)
    assert set(walk.results) == set(CLASSES)
    assert not any(result.doubtful for result in walk.results.values())
    assert set(subject.trials.values()) == {1}


def test_a_divergence_is_believed_when_it_is_seen_again() -> None:
    subject = Flaky(lambda number, trial: silent(trial))
    result = walked(subject).results[ODD]
    assert result.divergence is not None
    assert result.divergence.differences[-1].field == "state"
    assert subject.trials[ODD] == 2


def test_a_divergence_that_does_not_come_again_is_none() -> None:
    subject = Flaky(lambda number, trial: silent(trial) if number == 1 else trial)
    result = walked(subject).results[ODD]
    assert not result.doubtful
    assert subject.trials[ODD] == 3


def test_what_was_lost_once_is_tried_again() -> None:
    subject = Flaky(lambda number, trial: lost(trial) if number == 1 else trial)
    assert not walked(subject).results[ODD].doubtful


def test_what_is_always_lost_is_undecided_and_no_divergence() -> None:
    subject = Flaky(lambda number, trial: lost(trial))
    result = walked(subject).results[ODD]
    assert result.divergence is None
    assert result.undecided == "no echo came back"
    assert subject.trials[ODD] == 5


def test_the_walk_is_the_same_for_the_same_seed() -> None:
    order: list[list[SegmentClass]] = []
    for _ in range(2):
        subject = Flaky(lambda number, trial: trial)
        walked(subject)
        order.append(list(subject.trials))
    assert order[0] == order[1]
    assert order[0] != CLASSES


class Unruled(ReferenceStack):
    """An oracle whose profile has no rule for anything."""

    def predict(self, one: SegmentClass) -> Prediction:
        return replace(super().predict(one), rule=None)


def test_what_no_rule_decides_is_counted_and_diverges_from_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", ABOUT)
    walk = sweep(Flaky(lambda number, trial: silent(trial)), journal)
    walk.oracle = Unruled(PROFILE, {}, SEGMENTS, seed=1)
    asyncio.run(walk.run(CLASSES[:20]))
    journal.close()
    assert not any(result.doubtful or result.ruled for result in walk.results.values())
    assert walk.results[ODD].seen == "nothing, FIN-WAIT-1"
    (counted, otherwise) = not_certain_text(walk.results)
    assert counted == "not ruled: 20, of which 1 do otherwise than the reference"
    assert "nothing, FIN-WAIT-1" in otherwise
    journal = Journal(tmp_path / "journal", ABOUT)
    assert journal.results == walk.results
    journal.close()


# -- the journal ---------------------------------------------------------------------------------


class Gone(Flaky):
    """A target that is gone after the second batch."""

    async def play(self, classes: Sequence[SegmentClass]) -> list[Trial]:
        if len(self.trials) >= 2 * self.batch:
            raise TargetError("the link is gone")
        return await super().play(classes)


def test_a_walk_goes_on_where_its_journal_ends(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", ABOUT)
    broken = Gone(lambda number, trial: silent(trial))
    with pytest.raises(TargetError):
        asyncio.run(sweep(broken, journal).run(CLASSES))
    journal.close()

    journal = Journal(tmp_path / "journal", ABOUT)
    assert 0 < len(journal.results) <= len(broken.trials)
    rest = Flaky(lambda number, trial: silent(trial))
    walk = sweep(rest, journal)
    asyncio.run(walk.run(CLASSES))
    journal.close()
    assert not set(journal.results) & set(rest.trials)
    assert walk.results == walked(Flaky(lambda number, trial: silent(trial))).results
    journal = Journal(tmp_path / "journal", ABOUT)
    assert journal.results == walk.results
    journal.close()


def test_what_was_undecided_is_walked_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", ABOUT)
    walk = sweep(Flaky(lambda number, trial: lost(trial)), journal)
    asyncio.run(walk.run(CLASSES))
    journal.close()
    journal = Journal(tmp_path / "journal", ABOUT)
    journal.close()
    assert set(walk.results) - set(journal.results) == {ODD}


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    journal = Journal(file, ABOUT)
    asyncio.run(sweep(Flaky(lambda number, trial: trial), journal).run(CLASSES))
    journal.close()
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-1]) + lines[-1][:40])
    journal = Journal(file, ABOUT)
    journal.close()
    assert 0 < len(journal.results) < len(CLASSES)
    assert all(json.loads(line) for line in file.read_text().splitlines())


def test_the_journal_of_another_sweep_is_refused(tmp_path: Path) -> None:
    Journal(tmp_path / "journal", ABOUT).close()
    with pytest.raises(UsageError, match="journal of another sweep: target pretend"):
        Journal(tmp_path / "journal", {**ABOUT, "seed": 1})


def test_a_file_that_is_no_journal_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    file.write_text("dear diary\n")
    with pytest.raises(UsageError, match="is no journal of a sweep"):
        Journal(file, ABOUT)
    assert file.read_text() == "dear diary\n"
