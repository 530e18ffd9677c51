"""A kernel as a field: batch after batch on a bench of its own."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from random import Random

from tw_conformance.explore.sweep.alphabet import Precondition, SegmentClass, Selection
from tw_conformance.explore.sweep.batch import Batch
from tw_conformance.explore.sweep.reaction import Trial
from tw_conformance.explore.sweep.representatives import SegmentMaker
from tw_conformance.explore.sweep.walk import Playable
from tw_conformance.targets.bench import Bench
from tw_conformance.targets.wire_target import WireTarget

_MOST_CONNECTIONS = 300_000
"""On one bench: no 4-tuple is used twice, and eight addresses have 328,000 ports to one service."""
_MOST_BLOCKS = 1 << 20
"""Room for all blocks of a 2MSL: a fast sweep leaves more than a table usually holds."""


def lockstep_on(
    target: WireTarget, settings: Mapping[str, int], segments: SegmentMaker, *, seed: int
) -> Lockstep:
    """The connections of a kernel with these settings."""
    roomy = {"max_tw_buckets": _MOST_BLOCKS, **settings}
    return Lockstep(
        lambda: target.new_bench(roomy),
        segments,
        lifetime=2 * target.time_variables["msl"],
        seed=seed,
    )


class Lockstep:
    """The connections of a bench that ``open_bench`` makes, and of another when its 4-tuples are
    used up.  ``lifetime``: 2MSL of the DUT in seconds."""

    certain = False
    batch = 2000

    def __init__(
        self,
        open_bench: Callable[[], Awaitable[Bench]],
        segments: SegmentMaker,
        *,
        lifetime: float,
        seed: int,
    ) -> None:
        self._open_bench = open_bench
        self._bench: Bench | None = None
        self._connections = 0
        self._segments = segments
        self._lifetime = lifetime
        self._random = Random(f"lockstep:{seed}")
        self.under_way: Collection[SegmentClass] = ()

    def narrowed(self, selection: Selection) -> Playable:
        """All of it."""
        return Playable(selection)

    async def play(self, classes: Sequence[SegmentClass]) -> list[Trial]:
        """Each class on a fresh connection; batches of different preconditions side by side, for
        they spend their time waiting.

        :raises TargetError: where the target is gone, or no bench can be had.
        """
        if self._connections + len(classes) > _MOST_CONNECTIONS:
            await self.aclose()
        if self._bench is None:
            self._bench, self._connections = await self._open_bench(), 0
        self._connections += len(classes)
        self.under_way = classes
        alike: dict[Precondition, list[SegmentClass]] = defaultdict(list)
        for one in classes:
            alike[one.precondition].append(one)
        batches = [self._batch(self._bench, found, some).play() for found, some in alike.items()]
        return [trial for trials in await asyncio.gather(*batches) for trial in trials]

    def _batch(self, bench: Bench, found: Precondition, classes: Sequence[SegmentClass]) -> Batch:
        return Batch(
            bench, found, classes, self._segments, lifetime=self._lifetime, random=self._random
        )

    async def aclose(self) -> None:
        """Give the bench up; may be called twice."""
        bench, self._bench = self._bench, None
        if bench is not None:
            await bench.aclose()
