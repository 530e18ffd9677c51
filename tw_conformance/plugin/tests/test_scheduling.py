"""Which worker gets what: each item once, a DUT's cases together, and long tests hold nobody up."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace

import pytest

from tw_conformance.plugin.scheduling import OneWorkerADut

pytest_plugins = ["pytester"]

DUT = [f"cases/{name}.tw.yaml::{name}[{number}@netns]" for name in "ab" for number in range(4)]
CASES = [f"cases/{name}.tw.yaml::{name}[{number}@linux]" for name in "abcd" for number in range(3)]
TESTS = [f"tests/test_{number}.py::test" for number in range(20)]
IDS = [*DUT, *CASES, *TESTS]


class Worker:
    """It plays an item where it knows the next, or that there is none, as xdist's do."""

    gateway = SimpleNamespace(id="gw")

    def __init__(self) -> None:
        self.given: deque[int] = deque()
        self.shutting_down = False

    def send_runtest_some(self, indices: list[int]) -> None:
        assert not self.shutting_down
        self.given.extend(indices)

    def shutdown(self) -> None:
        self.shutting_down = True

    @property
    def may_play(self) -> bool:
        return len(self.given) > 1 or (self.shutting_down and bool(self.given))


@pytest.fixture
def two(pytester: pytest.Pytester) -> tuple[OneWorkerADut, list[Worker]]:
    """A scheduler that has begun, and its workers."""
    config = pytester.parseconfig("--tx=2*popen")
    scheduler = OneWorkerADut(config, None, {"netns": "here"})
    workers = [Worker(), Worker()]
    for worker in workers:
        scheduler.add_node(worker)
        scheduler.add_node_collection(worker, IDS)
    scheduler.schedule()
    return scheduler, workers


def test_a_duts_cases_go_to_one_worker_and_all_cases_at_once(
    two: tuple[OneWorkerADut, list[Worker]],
) -> None:
    first, second = ({IDS[index] for index in worker.given} for worker in two[1])
    assert first.issuperset(DUT) != second.issuperset(DUT)
    assert first | second >= {*DUT, *CASES}
    assert not first & second


@pytest.mark.parametrize("slow", [0, 1])
def test_what_one_worker_has_no_time_for_the_other_plays(
    two: tuple[OneWorkerADut, list[Worker]], slow: int
) -> None:
    scheduler, workers = two
    played: list[str] = []

    def play(worker: Worker) -> None:
        index = worker.given.popleft()
        played.append(IDS[index])
        scheduler.mark_test_complete(worker, index)

    while workers[1 - slow].may_play:
        play(workers[1 - slow])
    assert len(set(played).intersection(TESTS)) >= len(TESTS) - 3
    assert not scheduler.tests_finished
    while workers[slow].may_play:
        play(workers[slow])
    assert sorted(played) == sorted(IDS)
    assert scheduler.tests_finished
    assert all(worker.shutting_down for worker in workers)


def test_what_a_worker_left_when_it_died_the_other_plays(
    two: tuple[OneWorkerADut, list[Worker]],
) -> None:
    scheduler, (dies, lives) = two
    index = dies.given.popleft()
    scheduler.mark_test_complete(dies, index)
    assert scheduler.remove_node(dies) == IDS[dies.given[0]]
    while lives.may_play:
        scheduler.mark_test_complete(lives, lives.given.popleft())
    assert scheduler.tests_finished
