"""What is said of a measurement."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tw_conformance.churn import words
from tw_conformance.churn.picture import draw
from tw_conformance.churn.stalls import Search, Stalls
from tw_conformance.churn.trace import (
    EndedConnection,
    LateFin,
    LoadPlan,
    LoadTrace,
    as_json,
    quantile,
    write_csv,
)

PLAN = LoadPlan(rate=100.0, seconds=10.0)
STALLS = Stalls(0.5, 6.1, 8, 7, 0.03, 0.001, 0.037, 1e-9)
NONE, SOME = Search(0.1, 2.0, None), Search(0.1, 2.0, STALLS)


@pytest.fixture
def trace() -> LoadTrace:
    connections = [EndedConnection(n / 100, 0.002, 0.001, again=n == 7) for n in range(1000)]
    return LoadTrace(PLAN, opened=1000, seconds=10.0, connections=connections, cpu=0.25)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (0.999, 100.0), (1.0, 100.0)]
)
def test_quantiles_are_values_that_occur(share: float, expected: float) -> None:
    assert quantile([float(n) for n in range(1, 101)], share) == expected
    assert quantile([], share) == 0.0


def test_no_verdict_where_this_machine_was_the_limit(trace: LoadTrace) -> None:
    assert trace.limit is None
    trace.late, trace.latest = 51, 0.2
    assert "this machine was the limit" in words.verdict(trace, SOME, 6.0)
    assert "51 of 1,000 SYNs left more than 10 ms late, 200 ms at most" in str(trace.limit)
    trace.late, trace.capture_lost = 0, 3
    assert "the capture lost 3 frames" in words.verdict(trace, NONE, None)


@pytest.mark.parametrize("lost", ["unfinished", "resets", "retransmitted", "not_taken"])
def test_loss_of_any_kind_is_loss(trace: LoadTrace, lost: str) -> None:
    assert trace.loss_free
    setattr(trace, lost, 1)
    assert not trace.loss_free


def test_what_was_sent_again_is_no_measurement(trace: LoadTrace) -> None:
    assert len(trace.undisturbed) == 999


@pytest.mark.parametrize(
    ("search", "lifetime", "said"),
    [
        (SOME, 6.0, "stalls every 500 ms from 6.1 s on, up to 37.0 ms, at 7 of 8 turns"),
        (SOME, 6.0, "the period of a slow time-out scan; they begin one 2MSL after the start"),
        (NONE, 6.0, "no periodic stalls (looked for periods of 100 ms to 2 s)"),
        (NONE, 60.0, "no block expired in 10 s, 2MSL is 60 s"),
        (None, None, "no verdict: too short"),
    ],
)
def test_it_says_in_words_what_it_sees(
    trace: LoadTrace, search: Search | None, lifetime: float | None, said: str
) -> None:
    assert said in words.verdict(trace, search, lifetime)


def test_a_scan_that_takes_long_makes_the_period_longer(trace: LoadTrace) -> None:
    """In the report's plot it is 535 ms."""
    for period, named in ((0.535, True), (0.56, False), (0.48, False)):
        search = Search(0.1, 2.0, replace(STALLS, period=period))
        assert ("slow time-out" in words.verdict(trace, search, 6.0)) is named


def test_a_period_of_its_own_is_given_no_name(trace: LoadTrace) -> None:
    other = Search(0.1, 2.0, replace(STALLS, period=0.73, first=1.0))
    said = words.verdict(trace, other, 6.0)
    assert "stalls every 730 ms" in said
    assert "slow time-out" not in said
    assert "2MSL" not in said


@pytest.mark.parametrize(
    ("young", "old", "said"),
    [
        ("ACK", "RST", "the oldest have no block: none older than 1.0 s has"),
        ("RST", "ACK", "the youngest have no block: none younger than 5.0 s has"),
        ("ACK", "ACK", "of 2: 2 ACK, 0 RST, 0 nothing"),
    ],
)
def test_late_fins_say_whose_blocks_are_gone(
    trace: LoadTrace, young: str, old: str, said: str
) -> None:
    trace.late_fins = [LateFin(9.0, 1.0, young), LateFin(5.0, 5.0, old)]
    assert said in "\n".join(words.summary(trace))


def test_files_have_what_was_measured(trace: LoadTrace, tmp_path: Path) -> None:
    trace.population, trace.counters = [(0.5, 50), (9.9, 990)], {"TW": 1000, "TWKilled": 0}
    write_csv(trace, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 1000
    assert (lines[7]["dut_ms"], lines[7]["retransmitted"]) == ("1.000000", "1")
    document = json.loads(json.dumps(as_json(trace)))
    assert document["ms"]["time"]["median"] == 2.0
    assert document["ended"] == 1000
    draw(trace, STALLS, "a DUT", tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000
    said = "\n".join(words.summary(trace))
    assert "TIME-WAIT blocks      990 at most, 990 in the end" in said
    assert "the DUT's counters    TW 1,000" in said
