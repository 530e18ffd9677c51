"""What a class costs in a sweep, and whether a sweep ever cries wolf.

    python ci/bench/sweep.py [REPEATS]

Prints classes a second of the full product of one family, listener and way into TIME-WAIT, profile
against profile without bytes and on the running kernel in a namespace, each time with another seed;
on the kernel every divergence and everything undecided is false, for its profile is known to hold.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine

from tw_conformance.explore.sweep.alphabet import SegmentClass, Selection
from tw_conformance.explore.sweep.lockstep import lockstep_on
from tw_conformance.explore.sweep.reference_stack import ReferenceStack
from tw_conformance.explore.sweep.representatives import Representatives, SegmentMaker
from tw_conformance.explore.sweep.walk import Subject, Walk
from tw_conformance.targets.registry import open_target
from tw_reference.profiles import PROFILES

PRODUCT = "family=ipv4 listener=yes way=FIN-WAIT-2 bits=none socket=closed scaling=off ecn=off"
PAIRS = (("linux-6.18", "linux-6.18"), ("linux-6.18", "linux-6.1"), ("freebsd-10", "freebsd-15"))

SEGMENTS = SegmentMaker(Representatives.drawn(0))

Runner = Callable[[Coroutine[object, object, None]], object]


def walk(
    name: str, subject: Subject, run: Runner, profile: str, classes: list[SegmentClass]
) -> None:
    """One sweep, and one line about it."""
    sweep = Walk(
        subject,
        ReferenceStack(PROFILES[profile], {}, SEGMENTS, seed=0),
        seed=0,
        record=lambda found: None,
        tell=lambda progress: None,
    )
    begun = time.perf_counter()
    run(sweep.run(classes))
    seconds = time.perf_counter() - begun
    diverging = sum(result.divergence is not None for result in sweep.results.values())
    undecided = sum(bool(result.undecided) for result in sweep.results.values())
    print(
        f"{name}: {len(classes)} classes in {seconds:.1f} s, {len(classes) / seconds:.0f} a second;"
        f" {diverging} diverge, {undecided} undecided",
        flush=True,
    )


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    classes = list(Selection.of(PRODUCT).product())
    for profile, against in PAIRS:
        subject = ReferenceStack(PROFILES[against], {}, SEGMENTS, seed=1)
        walk(f"{against} against {profile}", subject, asyncio.run, profile, classes)
    target = open_target("netns")
    print(target.describe())
    try:
        for seed in range(repeats):
            lockstep = lockstep_on(target, {}, SEGMENTS, seed=seed)
            walk(
                f"netns, seed {seed}",
                lockstep,
                lambda coroutine: target.start(coroutine).result(),
                target.profile,
                classes,
            )
            target.start(lockstep.aclose()).result()
    finally:
        target.close()


if __name__ == "__main__":
    main()
