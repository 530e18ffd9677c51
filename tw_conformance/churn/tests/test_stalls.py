"""Periodic stalls: found where they are, and not where they aren't.  How often that goes wrong is
what ``ci/bench/stalls.py`` counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tw_conformance.churn.stalls import CHANCE, Stalls, search, search_in
from tw_conformance.churn.tests.synthetic import Recipe, made
from tw_conformance.churn.trace import EndedConnection

SICK = Recipe(rate=2000.0, period=0.5, onset=6.0, height=0.034)
MILD = Recipe(rate=2000.0, seconds=25.0, period=0.51, onset=2.0, height=0.004, seen=0.5)
BUSY = Recipe(rate=2000.0, outliers=0.01, bursts=4.0, burst=0.008)


def stalls(recipe: Recipe, seed: int = 1) -> Stalls | None:
    found = search_in(*made(recipe, seed))
    assert found is not None
    return found.stalls


@pytest.mark.parametrize(
    "recipe",
    [
        SICK,
        MILD,
        replace(BUSY, period=0.73, height=0.03),
        Recipe(rate=300.0, period=0.5, onset=2.0, height=0.03, usual=1e-3),
    ],
)
def test_the_period_is_found(recipe: Recipe) -> None:
    found = stalls(recipe)
    assert found is not None
    assert found.period == pytest.approx(recipe.period, rel=0.01)
    assert found.chance < CHANCE
    assert found.around > 1.5 * found.between
    assert found.hit <= found.turns


def test_stalls_begin_when_they_begin_and_are_as_high_as_they_are() -> None:
    found = stalls(SICK)
    assert found is not None
    assert SICK.onset < found.first < SICK.onset + SICK.period + 0.05
    assert 0.6 * SICK.height < found.longest < 1.3 * SICK.height
    assert found.turns == found.hit == round((SICK.seconds - found.first) / SICK.period + 0.5)


@pytest.mark.parametrize("seed", range(4))
def test_a_busy_machine_is_no_stalling_dut(seed: int) -> None:
    assert stalls(BUSY, seed) is None


def test_what_is_regular_but_low_is_no_stall() -> None:
    """Each fifth of a second is a quarter longer: nobody waits for that."""
    begun, times = made(Recipe(rate=2000.0, outliers=0.0), 1)
    times = np.full_like(times, 1e-3)
    times[begun % 0.2 < 0.01] *= 1.25
    found = search_in(begun, times)
    assert found is not None
    assert found.stalls is None


def test_what_stalls_of_a_longer_run_are_the_same() -> None:
    """A stall that half of the turns have is not one of twice the period."""
    found = stalls(replace(MILD, height=0.02, seen=0.5))
    assert found is not None
    assert found.period == pytest.approx(0.51, rel=0.01)
    assert 0.3 < found.hit / found.turns < 0.75


def test_of_too_little_nothing_is_said() -> None:
    assert search([]) is None
    assert search([EndedConnection(0.1 * n, 0.001, 0.001) for n in range(4)]) is None
