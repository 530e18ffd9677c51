"""The model gives back the report that it is made from, and is an honest simulation."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from tw_reference.contention.figures import figures
from tw_reference.contention.reaping_strategies import (
    BATCH,
    CALENDAR,
    ONE,
    OWN_LOCK,
    STRATEGIES,
    TIMERS,
    Strategy,
)
from tw_reference.contention.simulation import Load, ReceivePath, loss_free_maximum, simulate

REPORT = ReceivePath()
SHORT = replace(REPORT, lifetime=0.8)
"""Blocks that die sooner: stalls begin sooner, and are what they are."""
BRIEF = Load(40_000, seconds=2.0)
MILLISECOND = 1e-3


def test_the_rings_are_full_in_the_time_that_the_report_reckons() -> None:
    assert REPORT.seconds_to_fill == pytest.approx(40.96 * MILLISECOND)


def test_the_batch_scan_stalls_every_half_second_once_blocks_expire() -> None:
    seen = figures(simulate(SHORT, BRIEF, BATCH), SHORT, BATCH)
    assert seen.longest_before_expiry < 2 * MILLISECOND
    # Those of 0.2 s of connections at 1 s, those of half a second at 1.5 s.
    assert len(seen.peaks) == 2
    assert 27 * MILLISECOND < seen.peaks[1][1] < 41 * MILLISECOND
    assert seen.peaks[0][1] == pytest.approx(seen.peaks[1][1] * 0.4, rel=0.1)
    # The slow time-out is set anew when it is done, so what a scan finds is more than that.
    assert seen.longest_hold == pytest.approx(20_000 * BATCH.close, rel=0.05)


def test_the_period_of_a_scan_is_half_a_second_and_the_scan() -> None:
    """As in the published plot, where spikes are some 535 ms apart."""
    holds = simulate(SHORT, replace(BRIEF, seconds=3.0), BATCH).holds
    apart = [after[0] - before[0] for before, after in pairwise(holds)]
    assert apart == pytest.approx([0.5 + held for _, held, _ in holds[:-1]], abs=1e-4)
    assert apart[-1] == pytest.approx(0.539, abs=0.002)


def test_the_patch_shows_no_spike() -> None:
    assert figures(simulate(SHORT, BRIEF, ONE), SHORT, ONE).longest < 2 * MILLISECOND


@pytest.mark.parametrize(("strategy", "rate"), [(BATCH, 40_000), (ONE, 53_000)])
def test_the_highest_rate_without_a_lost_packet(strategy: Strategy, rate: int) -> None:
    """Within a tenth of what the report measured: nothing is lost below, something is above."""
    calm = simulate(replace(REPORT, lifetime=0.4), Load(0.9 * rate, seconds=1.6), strategy)
    assert calm.dropped == 0
    busy = simulate(replace(REPORT, lifetime=0.4), Load(1.1 * rate, seconds=1.6), strategy)
    assert busy.dropped > 0


def test_the_search_finds_the_rate_between_calm_and_loss() -> None:
    tiny = replace(REPORT, descriptors=64)
    found = loss_free_maximum(tiny, BATCH, precision=500.0, seconds=1.6)
    assert simulate(replace(tiny, lifetime=1.0), Load(found, seconds=1.6), BATCH).dropped == 0
    assert simulate(replace(tiny, lifetime=1.0), Load(found + 500, seconds=1.6), BATCH).dropped


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.name)
def test_every_block_dies_once_and_none_before_its_time(strategy: Strategy) -> None:
    quick = replace(strategy, period=min(strategy.period, 0.5))
    trace = simulate(SHORT, Load(2_000, seconds=3.0), quick)
    held = sum(closed for _, _, closed in trace.holds)
    if not strategy.own_lock:
        assert held + trace.blocks == len(trace.connections)
    waiting = sum(begun + time > 3.0 - 0.8 for begun, time in trace.connections)
    assert waiting <= trace.blocks <= waiting + 2_000 * 0.5 + 200


def test_a_lock_of_its_own_never_holds_up_a_packet() -> None:
    assert not simulate(SHORT, BRIEF, OWN_LOCK).holds


def test_a_timer_each_closes_one_at_a_time() -> None:
    assert {closed for _, _, closed in simulate(SHORT, BRIEF, TIMERS).holds} == {1}


def test_the_calendar_closes_no_more_than_its_quota_at_a_time() -> None:
    calendar = replace(CALENDAR, period=0.5)
    assert max(closed for _, _, closed in simulate(SHORT, BRIEF, calendar).holds) == 100


def test_the_same_seed_gives_the_same_trace() -> None:
    load = replace(BRIEF, rate=5_000)
    assert simulate(SHORT, load, BATCH, seed=3) == simulate(SHORT, load, BATCH, seed=3)
    assert simulate(SHORT, load, BATCH, seed=3) != simulate(SHORT, load, BATCH, seed=4)


def test_peers_that_wait_send_less_into_a_stall() -> None:
    """Only new connections' first packets come while nothing is answered: rings fill later."""
    steady = simulate(SHORT, BRIEF, BATCH)
    waiting = simulate(SHORT, replace(BRIEF, waiting=True), BATCH)
    assert waiting.fullest < 0.6 * steady.fullest


def test_a_dropped_packet_is_sent_again_and_its_connection_ends() -> None:
    tiny = replace(SHORT, descriptors=4)
    trace = simulate(tiny, Load(20_000, seconds=4.0), BATCH)
    assert trace.dropped > 0
    assert any(time > 1.0 for _, time in trace.connections)


def test_nothing_measured_is_said() -> None:
    with pytest.raises(ValueError, match="no connection ended"):
        figures(simulate(SHORT, Load(1.0, seconds=1e-6), BATCH), SHORT, BATCH)
