"""Traces whose stalls are known: what the statistics are tested on.

The noise is that of a busy machine: most connections take what they always take, some take longer
by a power law, and now and then everything is late for a while.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tw_conformance.churn.stalls import Floats


@dataclass(frozen=True, slots=True)
class Recipe:
    """``rate`` connections a second for ``seconds``, each of some ``usual`` seconds.

    ``outliers``: the share of them that takes longer, by a power law with that ``tail``.
    ``bursts`` a second hold up all for some ``burst`` seconds.  From ``onset`` on every ``period``
    seconds, or rather ``jitter`` seconds about then, all wait for some ``height`` seconds, with the
    probability ``seen``; 0: never.
    """

    rate: float = 5000.0
    seconds: float = 10.0
    usual: float = 300e-6
    outliers: float = 0.002
    tail: float = 2.5
    bursts: float = 0.0
    burst: float = 0.005
    period: float = 0.0
    onset: float = 0.0
    height: float = 0.0
    seen: float = 1.0
    jitter: float = 0.002


def made(recipe: Recipe, seed: int) -> tuple[Floats, Floats]:
    """When each connection begins, and how long it takes; in seconds."""
    random = np.random.default_rng(seed)
    count = int(recipe.rate * recipe.seconds)
    begun = np.sort(random.uniform(0, recipe.seconds, count))
    times = recipe.usual * random.lognormal(0, 0.3, count)
    late = random.random(count) < recipe.outliers
    times[late] *= 1 + random.pareto(recipe.tail, late.sum()) * 4
    stalls = _turns(recipe, random)
    bursts = random.uniform(0, recipe.seconds, random.poisson(recipe.bursts * recipe.seconds))
    _hold_up(begun, times, stalls, recipe.height * random.uniform(0.6, 1.2, len(stalls)))
    _hold_up(begun, times, bursts, random.exponential(recipe.burst, len(bursts)))
    return begun, times


def _turns(recipe: Recipe, random: np.random.Generator) -> Floats:
    if not recipe.period:
        return np.zeros(0)
    first = recipe.onset + random.uniform(0, recipe.period)
    turns = np.arange(first, recipe.seconds, recipe.period)
    turns = turns[random.random(len(turns)) < recipe.seen]
    return turns + random.normal(0, recipe.jitter, len(turns))


def _hold_up(begun: Floats, times: Floats, at: Floats, held: Floats) -> None:
    """What is under way at such a moment, or begins while it lasts, ends when it is over."""
    for moment, seconds in zip(at, held, strict=True):
        end = moment + seconds
        caught = (begun < end) & (begun + times > moment)
        times[caught] = np.maximum(times[caught], end - begun[caught] + times[caught] / 2)
