"""How often periodic stalls are missed, and seen where there are none: 100 synthetic traces each.

python ci/bench/stalls.py [TRACES]
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from random import Random

from tw_conformance.churn.stalls import search_in
from tw_conformance.churn.tests.synthetic import Recipe, made

QUIET = Recipe(outliers=0.0)
BUSY = Recipe(outliers=0.01, bursts=4.0, burst=0.008)
SICK = Recipe(seconds=10.0, period=0.5, onset=6.0, height=0.034)
MILD = Recipe(seconds=32.0, period=0.51, onset=2.0, height=0.004, seen=0.45, bursts=0.3)
SLOW = Recipe(rate=1000.0, seconds=60.0, period=7.5, height=0.02, bursts=0.2)
STALLING = {
    "the report's: 500 ms, 20-41 ms, from 6 s of 10 s on": SICK,
    "the same on a busy machine": replace(BUSY, period=0.5, onset=6.0, height=0.034, seconds=12.0),
    "mild: 510 ms, 4 ms at 45 % of scans, 32 s": MILD,
    "mild, busy machine": replace(MILD, bursts=2.0, outliers=0.005),
    "a calendar's 7.5 s, 60 s at 1,000/s": SLOW,
    "the same, 150 s": replace(SLOW, seconds=150.0),
    "slow: 300/s, 500 ms, 30 ms, from 3 s of 12 s on": Recipe(
        rate=300.0, seconds=12.0, period=0.5, onset=3.0, height=0.03, usual=1e-3
    ),
}
HEALTHY = {
    "quiet": QUIET,
    "outliers by a power law": Recipe(outliers=0.01, tail=1.5),
    "busy machine": BUSY,
    "busy machine, 60 s": replace(BUSY, seconds=60.0, rate=2000.0),
    "300/s, 12 s": replace(BUSY, rate=300.0, seconds=12.0, usual=1e-3),
}
NEAR_ENOUGH = 0.02


def any_period(seed: int) -> Recipe:
    """Any period, height and noise."""
    random = Random(seed)
    return Recipe(
        rate=random.choice((500.0, 2000.0, 5000.0)),
        seconds=20.0,
        period=random.uniform(0.15, 1.5),
        height=10 ** random.uniform(-2.6, -1.4),
        outliers=10 ** random.uniform(-4, -2.5),
        bursts=random.uniform(0, 2.0),
    )


def main(traces: int) -> None:
    begun = time.perf_counter()
    print(f"of {traces} traces each")
    print("missed   off  (no stalls said; a period more than 2 % off)")
    for name, recipe in STALLING.items():
        print("{:6}{:6}  {}".format(*outcome([recipe] * traces), name), flush=True)
    drawn = [any_period(seed) for seed in range(traces)]
    print("{:6}{:6}  {}".format(*outcome(drawn), "any: 150 ms to 1.5 s, 2.5 to 40 ms, 20 s"))
    print("false alarms")
    for name, recipe in HEALTHY.items():
        missed, _ = outcome([recipe] * traces)
        print(f"{traces - missed:6}        {name}", flush=True)
    print(f"{time.perf_counter() - begun:.0f} s")


def outcome(recipes: list[Recipe]) -> tuple[int, int]:
    """Of the traces with no stalls found, and of those with others than there are."""
    missed = off = 0
    for seed, recipe in enumerate(recipes):
        found = search_in(*made(recipe, seed))
        if found is None or found.stalls is None:
            missed += 1
        elif recipe.period and abs(found.stalls.period / recipe.period - 1) > NEAR_ENOUGH:
            off += 1
    return missed, off


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
