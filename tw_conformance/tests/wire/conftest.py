"""A world for tests: skipped with a sentence where none can be had, but never in CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import NoReturn

import pytest

from tw_conformance.model.case import Case, Reach, Step
from tw_conformance.targets.bench import Bench
from tw_conformance.targets.kernel import netns, uml
from tw_conformance.targets.kernel.world import World
from tw_conformance.targets.kernel.worlds import make_bench
from tw_conformance.targets.kinds import Order
from tw_conformance.targets.loop_thread import LoopThread
from tw_conformance.targets.wire_target import WireTarget

CPU = min(os.sched_getaffinity(0))


def do_without(reason: str) -> NoReturn:
    """Skip a test for want of something; in CI, where nobody would see that, fail."""
    if os.environ.get("CI"):
        pytest.fail(f"not to be had, and in CI it must be: {reason}")
    pytest.skip(reason)


def open_netns(profile: str | None = None) -> WireTarget:
    """The running kernel, held to that profile or to that of its version."""
    return netns.open_netns(Order(netns.NAME, profile))


def open_uml() -> WireTarget:
    """The guest's kernel."""
    return uml.open_uml(Order(uml.NAME))


@pytest.fixture(scope="session")
def world_or_skip() -> None:
    """Whoever asks for this needs a namespace."""
    if (reason := netns.unavailable()) is not None:
        do_without(reason)


@pytest.fixture(scope="session")
def guest_or_skip() -> None:
    """Whoever asks for this needs a guest."""
    if (reason := uml.unavailable()) is not None:
        do_without(reason)


@pytest.fixture(scope="session")
def tun_or_skip() -> None:
    """Whoever asks for this needs TAP devices."""
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        do_without("this user may not open /dev/net/tun: be root, or load the module tun")


@pytest.fixture(scope="session")
def nft_or_skip() -> None:
    """Whoever asks for this needs nftables."""
    if shutil.which("nft", path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
        do_without("there is no nft command: install nftables")


@pytest.fixture
def target(world_or_skip: None) -> Iterator[WireTarget]:
    opened = open_netns()
    yield opened
    opened.close()


@pytest.fixture
def loop(world_or_skip: None) -> Iterator[LoopThread]:
    """A loop with no target on it; tests close what they open there."""
    running = LoopThread("test", CPU)
    yield running
    running.close(_nothing)


@pytest.fixture
def worlds() -> list[World]:
    """Those that ``bench`` is made of."""
    return []


@pytest.fixture
def bench(loop: LoopThread, worlds: list[World]) -> Iterator[Bench]:
    def start(cpu: int) -> World:
        worlds.append(World.start(cpu))
        return worlds[-1]

    opened = loop.start(make_bench(CPU, {}, start)).result()
    yield opened
    loop.start(opened.aclose()).result()


async def _nothing() -> None:
    return


def case_of(*steps: Step, reach: Reach | None = None, **settings: int) -> Case:
    """A case of those steps on a connection in TIME-WAIT, or as ``reach`` says."""
    return Case("test", "", (), reach or Reach(), steps, settings=settings)
