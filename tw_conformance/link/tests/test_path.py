"""What the quality of a path makes of verdicts: arithmetic, without a path."""

from __future__ import annotations

from dataclasses import replace
from math import log

import pytest

from tw_conformance.link.path import Evidence, Path, perfect_path

CERTAIN = log(1e5)


def path(lost: int = 5, repeated: int = 0, reordered: int = 0, probes: int = 100) -> Path:
    return Path(probes=probes, lost=lost, repeated=repeated, reordered=reordered)


# -- the path -------------------------------------------------------------------------------------


@pytest.mark.parametrize("faulty", [path(1), path(0, 1), path(0, 0, 1)])
def test_one_fault_is_enough_to_be_imperfect(faulty: Path) -> None:
    assert perfect_path().perfect
    assert not faulty.perfect


def test_answers_and_misses_are_probes() -> None:
    seen = Path()
    seen.answered(0.25)
    assert (seen.probes, seen.lost, list(seen.recent)) == (1, 0, [0.25])
    seen.missed()
    assert (seen.probes, seen.lost, list(seen.recent)) == (2, 1, [0.25])


def test_a_survey_is_a_hundred_probes() -> None:
    assert not path(probes=99).surveyed
    assert path(probes=100).surveyed
    assert perfect_path().surveyed


@pytest.mark.parametrize(
    ("lost", "probes", "loss"),
    [(5, 100, 0.05), (0, 100, 0.01), (1, 100, 0.01), (0, 0, 0.9), (95, 100, 0.9), (90, 100, 0.9)],
)
def test_loss_is_never_nothing_and_never_all(lost: int, probes: int, loss: float) -> None:
    assert path(lost, probes=probes).loss == pytest.approx(loss)


@pytest.mark.parametrize(
    ("lost", "probes", "dead"),
    [(3, 3, True), (1, 1, True), (2, 3, False), (0, 3, False), (0, 0, False)],
)
def test_a_path_is_dead_where_nothing_at_all_came_back(lost: int, probes: int, dead: bool) -> None:
    assert path(lost, probes=probes).dead is dead


def test_what_settles_is_one_and_a_half_times_the_usual_spread() -> None:
    seen = path()
    assert seen.settling == 0.0, "nothing came back"
    seen.recent.extend([0.010] * 10 + [0.030] * 9 + [5.0])
    assert seen.settling == 0.25, "one in twenty counts, and there is a limit"
    seen.recent.extend([0.030] * 80)
    assert seen.settling == pytest.approx(1.5 * 0.020), "less than one in twenty does not"
    seen.lost = 0
    assert seen.settling == 0.0, "a perfect path has nothing under way"


def test_the_order_of_answers_is_counted_and_the_longest_lag_is_kept() -> None:
    seen = perfect_path()
    for lag in (-0.001, 0.0, 0.3, 0.001):
        seen.answered_behind(lag)
    assert (seen.compared, seen.overtaken, seen.lag) == (4, 2, 0.3)
    assert perfect_path().lag == 0.0
    assert "order" not in perfect_path().describe()
    seen.recent.append(0.001)
    assert seen.describe().endswith(
        "; 2 of 4 segments were answered behind the probe sent after them, by up to 300.0 ms"
    )


@pytest.mark.parametrize(("number", "usual"), [(100, 96), (21, 20), (20, 20)])
def test_the_usual_round_trip_is_the_95th_of_a_hundred(number: int, usual: int) -> None:
    seen = path()
    seen.recent.extend(0.001 * each for each in range(1, number + 1))
    assert seen.settling == pytest.approx(1.5 * 0.001 * (usual - 1))


@pytest.mark.parametrize(
    ("lag", "settling"), [(0.0, 0.0), (0.001, 0.02), (0.005, 0.04), (0.01, 0.08), (1.0, 0.25)]
)
def test_a_dut_that_answers_echoes_first_settles_within_eight_times_its_longest_lag(
    lag: float, settling: float
) -> None:
    seen = perfect_path()
    seen.answered_behind(lag)
    assert seen.settling == pytest.approx(settling)


def test_a_round_trip_takes_no_less_than_the_quickest() -> None:
    seen = Path()
    assert seen.quickest == 0.0
    seen.recent.extend((0.5, 0.25, 0.375))
    assert seen.quickest == 0.25


def test_patience_is_four_times_the_longest_round_trip() -> None:
    seen = Path()
    assert seen.patience == 1.0
    seen.answered(0.01)
    assert seen.patience == 0.2
    seen.answered(0.1)
    assert seen.patience == pytest.approx(0.4)


@pytest.mark.parametrize(("lost", "askings"), [(0, 3), (5, 4), (50, 17), (95, 110)])
def test_a_question_is_asked_until_all_answers_lost_is_one_in_a_hundred_thousand(
    lost: int, askings: int
) -> None:
    asked = path(lost)
    assert asked.askings == askings
    assert asked.loss**asked.askings <= 1.0000001e-5 < asked.loss ** (asked.askings - 1)


def test_a_path_in_one_line() -> None:
    assert Path().describe() == "no probe was sent"
    assert path(3, probes=3).describe() == "3 probes, none answered"
    good, bad = perfect_path(), path(5, 1, 2)
    for each in (good, bad):
        each.recent.extend([0.2, 0.5])
    assert good.describe() == "100 probes, none lost, repeated or reordered"
    assert bad.describe() == (
        "5 of 100 probes lost (5.0%), 1 repeated, 2 out of order, round trip 200.0 to 500.0 ms"
    )


# -- the sequential test --------------------------------------------------------------------------


def evidence(**faults: int) -> Evidence:
    return Evidence(path(**faults))


def test_a_pass_weighs_by_how_seldom_a_telling_packet_is_lost() -> None:
    said = evidence(lost=5)
    said.passed(1)
    assert said.weight == pytest.approx(log(0.95 / 0.05))
    more = evidence(lost=5)
    more.passed(3)
    assert more.weight == pytest.approx(log(0.95**3 / 0.05))
    said.passed(1)
    assert said.weight == pytest.approx(2 * log(0.95 / 0.05)), "weights add up"


def test_a_failing_packet_weighs_against() -> None:
    said = evidence(lost=5)
    said.failed_by_packet()
    assert said.weight == pytest.approx(log(1e-3 / 0.95))
    repeats = evidence(lost=5, repeated=4)
    repeats.failed_by_packet()
    assert repeats.weight == pytest.approx(log(2 * 0.04 / 0.95)), "the path may repeat one of ours"
    said.failed_by_packet()
    assert said.weight == pytest.approx(2 * log(1e-3 / 0.95))


def test_a_doubted_packet_weighs_against_as_much_as_it_is_seldom() -> None:
    said = evidence(lost=5)
    said.doubted(0.5)
    assert said.weight == pytest.approx(log(0.5 / 0.95))
    said.doubted(0.5)
    assert said.weight == pytest.approx(2 * log(0.5 / 0.95))


def test_a_doubt_never_speaks_for_the_dut() -> None:
    said = evidence(lost=40)
    said.doubted(1.0)
    assert said.weight == 0.0


def test_a_pass_weighs_less_where_most_are_doubted() -> None:
    said = evidence(lost=5)
    said.passed(1, 0.5)
    assert said.weight == pytest.approx(log(0.5 * 0.95 / 0.05))


def test_an_absence_weighs_against_and_less() -> None:
    said = evidence(lost=5)
    said.failed_by_absence(1)
    assert said.weight == pytest.approx(log(0.05 / 0.95))
    lossy = evidence(lost=60)
    lossy.failed_by_absence(4)
    assert lossy.weight == pytest.approx(log(0.49 / 0.51)), "it never speaks for the DUT"
    said.failed_by_absence(1)
    assert said.weight == pytest.approx(2 * log(0.05 / 0.95))


def test_no_exchange_counts_as_one() -> None:
    said = evidence(lost=5)
    said.failed_by_absence(0)
    assert said.weight == pytest.approx(log(0.05 / 0.95))


@pytest.mark.parametrize(
    ("weight", "conforms", "deviates"),
    [
        (CERTAIN, True, False),
        (CERTAIN - 1e-9, False, False),
        (0.0, False, False),
        (1e-9 - CERTAIN, False, False),
        (-CERTAIN, False, True),
    ],
)
def test_a_verdict_stands_at_a_hundred_thousand_to_one(
    weight: float, conforms: bool, deviates: bool
) -> None:
    said = evidence()
    said.weight = weight
    assert (said.conforms, said.deviates) == (conforms, deviates)


@pytest.mark.parametrize("lost", [0, 1, 5, 20])
@pytest.mark.parametrize("exchanges", [1, 2, 5])
def test_as_many_passes_settle_it_as_are_said_to_be_needed(lost: int, exchanges: int) -> None:
    said = evidence(lost=lost, repeated=1)
    needed = said.passes_needed(exchanges)
    assert needed > 1, "one PASS is no certainty"
    for _ in range(needed - 1):
        said.passed(exchanges)
        assert not said.conforms
    assert said.passes_needed(exchanges) == 1
    said.passed(exchanges)
    assert said.conforms
    assert said.passes_needed(exchanges) == 1, "there is always one more to be had"


def test_two_failing_packets_are_certainty_and_one_is_not() -> None:
    said = evidence(lost=1)
    said.failed_by_packet()
    assert not said.deviates
    said.failed_by_packet()
    assert said.deviates


def test_a_pass_after_a_fail_by_packet_does_not_outweigh_it() -> None:
    said = evidence(lost=5)
    said.failed_by_packet()
    said.passed(1)
    assert said.weight < 0


def test_where_answers_are_known_to_come_in_order_nothing_behind_is_a_lag() -> None:
    """A timer of the DUT sent it."""
    for in_order, settling in ((False, True), (True, False)):
        path = replace(perfect_path(), in_order=in_order)
        path.answered_behind(0.004)
        assert (path.settling > 0) is settling
