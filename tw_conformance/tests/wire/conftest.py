"""A world for tests: skipped with a sentence where none can be had, but never in CI."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tw_conformance.case import Case, Reach, Step
from tw_conformance.errors import Place
from tw_conformance.targets.bench import Bench
from tw_conformance.targets.loop_thread import LoopThread
from tw_conformance.targets.netns import NetnsTarget
from tw_conformance.targets.uml import UmlTarget

PLACE = Place(Path("test.tw.yaml"), 1, 1)
CPU = min(os.sched_getaffinity(0))


@pytest.fixture(scope="session")
def world_or_skip() -> None:
    """Whoever asks for this needs a namespace."""
    reason = NetnsTarget.available()
    if reason is None:
        return
    if os.environ.get("CI"):
        pytest.fail(f"in CI a world must be had: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def guest_or_skip() -> None:
    """Whoever asks for this needs a guest: skipped with a sentence, but never in CI."""
    reason = UmlTarget.available()
    if reason is None:
        return
    if os.environ.get("CI"):
        pytest.fail(f"in CI a guest must be had: {reason}")
    pytest.skip(reason)


@pytest.fixture
def target(world_or_skip: None) -> Iterator[NetnsTarget]:
    opened = NetnsTarget()
    yield opened
    opened.close()


@pytest.fixture
def loop(world_or_skip: None) -> Iterator[LoopThread]:
    """A loop with no target on it; tests close what they open there."""
    running = LoopThread("test", CPU)
    yield running
    running.close(_nothing)


@pytest.fixture
def bench(loop: LoopThread) -> Iterator[Bench]:
    opened = loop.start(Bench.open(CPU, {})).result()
    yield opened
    loop.start(opened.aclose()).result()


async def _nothing() -> None:
    return


def case_of(*steps: Step, reach: Reach | None = None, **settings: int) -> Case:
    """A case of those steps on a connection in TIME-WAIT, or as ``reach`` says."""
    return Case("test", "", (), PLACE, reach or Reach(), steps, settings=settings)
