"""A kernel as a field: batch after batch on a bench of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random

from tw_conformance.explore.sweep.alphabet import Scene, SegmentClass
from tw_conformance.explore.sweep.batch import Batch
from tw_conformance.explore.sweep.stimuli import Stimuli
from tw_conformance.explore.sweep.trial import Trial
from tw_conformance.targets.bench import Bench
from tw_conformance.targets.wire_target import WireTarget

_MOST_CONNECTIONS = 300_000
"""On one bench: no 4-tuple is used twice, and eight addresses have 328,000 ports to one service."""


_MOST_BLOCKS = 1 << 20
"""Room for all blocks of a 2MSL: a fast sweep leaves more than a table usually holds."""


def lockstep_on(
    target: WireTarget, settings: Mapping[str, int], stimuli: Stimuli, *, seed: int
) -> Lockstep:
    """The connections of a kernel with these settings."""
    roomy = {"max_tw_buckets": _MOST_BLOCKS, **settings}
    return Lockstep(
        lambda: target.new_bench(roomy),
        stimuli,
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
        stimuli: Stimuli,
        *,
        lifetime: float,
        seed: int,
    ) -> None:
        self._open_bench = open_bench
        self._bench: Bench | None = None
        self._connections = 0
        self._stimuli = stimuli
        self._lifetime = lifetime
        self._random = Random(f"lockstep:{seed}")

    async def play(self, scene: Scene, classes: Sequence[SegmentClass]) -> list[Trial]:
        """Each class on a fresh block of that scene.

        :raises TargetError: where the target is gone, or no bench can be had.
        """
        if self._connections + len(classes) > _MOST_CONNECTIONS:
            await self.aclose()
        if self._bench is None:
            self._bench, self._connections = await self._open_bench(), 0
        self._connections += len(classes)
        return await Batch(
            self._bench,
            scene,
            classes,
            self._stimuli,
            lifetime=self._lifetime,
            random=self._random,
        ).play()

    async def aclose(self) -> None:
        """Give the bench up; may be called twice."""
        bench, self._bench = self._bench, None
        if bench is not None:
            await bench.aclose()
