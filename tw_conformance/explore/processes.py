"""Work that is spread over the machine's CPUs, a process each."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


def spread(do: Callable[[T], R], work: Sequence[T], processes: int) -> Iterator[R]:
    """What ``do`` makes of each piece of work, in the order of the work.

    With more than one process all of it has to be picklable.  What a process has learned stays in
    it: ``do`` keeps nothing between two pieces.
    """
    processes = min(processes, len(work))
    if processes <= 1:
        yield from map(do, work)
        return
    forks = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, mp_context=forks) as pool:
        yield from pool.map(do, work)
