"""Does a DUT stall at a period?  The period is found, not assumed.

What is looked at is the longest connection of each few milliseconds, since a stall touches few of
many.  Those that stand out (at four levels, since nobody knows how often a DUT stalls) are moments.
The H-test (de Jager, Raubenheimer and Swanepoel 1989) says at which frequency their phases gather
most; it is made for narrow pulses, which a fold over one period, or a spectrum, spreads thin.

What counts in the end is simpler: how many turns of that period have a moment in a narrow window of
their phase, which chance would not have put there.  Turns are counted and not moments, so a burst
of those is one.  The chance is multiplied by all that was tried: levels, windows, phases, and
periods (a short one counts for more, since more of those are tried).  And the stalls must be worth
the name: connections around them take longer than between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tw_conformance.churn.trace import EndedConnection

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

LEVELS = (0.001, 0.005, 0.02, 0.05)
"""The shares of bins that stand out."""
WIDTHS = (0.01, 0.02, 0.05, 0.1)
"""Of the window, in turns."""
CHANCE = 1e-3
"""Below which it is none."""
FEWEST = 5
"""Turns that a period is seen in."""
SHARE = 0.2
"""Of the turns since the first stall that have one, at least."""
CONTRAST = 1.5
"""How much longer the longest connection around a stall is than one between stalls, at least."""
SHORTEST_PERIOD = 0.1

_BIN = 0.005
_PER_BIN = 3
"""Connections at least, on average."""
_MOST_MOMENTS = 400
_APART = 0.03
"""Seconds between two moments."""
_HARMONICS = 8
_PEAKS = 6
_MULTIPLES = range(12, 1, -1)
_MOST = 0.7
_CHANCE_OF_ALL, _CHANCE_OF_MOST = 0.05, 0.01
_OVERSAMPLED = 3
_AT_ONCE = 4096
"""Frequencies."""
_NEAR = 0.02
"""Seconds around a stall in which a connection begins that it held up."""


@dataclass(frozen=True, slots=True)
class Stalls:
    """Stalls at a period; times are in seconds.

    ``hit`` of ``turns`` since the ``first`` one had one.  ``around`` is the mean of the longest
    connections around them, ``between`` of those half a period later; ``longest`` is the longest.
    ``chance`` is the probability of that much regularity where there is none, at most.
    """

    period: float
    first: float
    turns: int
    hit: int
    around: float
    between: float
    longest: float
    chance: float


@dataclass(frozen=True, slots=True)
class Search:
    """What was looked for, and found: stalls or none.  Periods are in seconds."""

    shortest: float
    longest: float
    stalls: Stalls | None


def search(connections: Sequence[EndedConnection]) -> Search | None:
    """None where there is too little to look at: FEWEST turns of no period."""
    if len(connections) < 2:
        return None
    begun = np.array([each.begun for each in connections])
    times = np.array([each.dut for each in connections])
    return search_in(begun, times)


def search_in(begun: Floats, times: Floats) -> Search | None:
    """The same of two arrays: when each connection began, and how long it took."""
    span = float(begun.max() - begun.min())
    width = max(_BIN, _PER_BIN * span / len(begun))
    shortest, longest = max(SHORTEST_PERIOD, 5 * width), span / FEWEST
    if longest <= shortest:
        return None
    peaks, where = _binned(begun, times, width)
    step = 1 / (_HARMONICS * _OVERSAMPLED * span)
    frequencies = np.arange(1 / longest, 1 / shortest, step)
    trials = math.log(longest / shortest) / step
    candidates: list[_Candidate] = []
    for level in LEVELS:
        moments = _moments(peaks, where, level, max(_APART, 2 * width))
        if FEWEST <= len(moments) <= _MOST_MOMENTS:
            for period in _periods(_h_test(moments, frequencies), frequencies):
                candidates.append(_tuned(moments, period, trials))
    for each in sorted(candidates, key=lambda each: each.chance):
        if each.chance > CHANCE:
            break
        best = _longer(each, longest)
        if (found := _described(begun, times, width, best)) is not None:
            return Search(shortest, longest, found)
    return Search(shortest, longest, None)


class _Candidate(NamedTuple):
    """A period and phase (seconds), with what speaks for it: ``hit`` turns have a moment in a
    window of ``width`` turns."""

    chance: float
    period: float
    phase: float
    moments: Floats
    hit: int = 0
    width: float = 0.0

    def turns(self) -> Floats:
        """The numbers of those turns."""
        turns = np.round((self.moments - self.phase) / self.period)
        off = np.abs(self.moments - self.phase - turns * self.period)
        return np.unique(turns[off <= self.width * self.period])


def _binned(begun: Floats, times: Floats, width: float) -> tuple[Floats, Floats]:
    """The longest connection of each bin, and when it began."""
    order = np.argsort(times)
    bins = ((begun - begun.min()) / width).astype(np.int64)
    peaks, where = np.zeros(bins.max() + 1), np.zeros(bins.max() + 1)
    peaks[bins[order]] = times[order]  # the last one written is the longest
    where[bins[order]] = begun[order]
    return peaks, where


def _moments(peaks: Floats, where: Floats, level: float, apart: float) -> Floats:
    """When what stands out began: of bins close together, the longest one."""
    above = np.flatnonzero(peaks > np.quantile(peaks, 1 - level))
    if not len(above):
        return np.zeros(0)
    groups = np.split(above, np.flatnonzero(np.diff(where[above]) > apart) + 1)
    return np.array([where[group[peaks[group].argmax()]] for group in groups])


def _h_test(moments: Floats, frequencies: Floats) -> Floats:
    """H at each frequency: the largest Z^2 of 1 to 8 harmonics, less what each costs."""
    return np.concatenate(
        [
            _h_of(moments, frequencies[start : start + _AT_ONCE])
            for start in range(0, len(frequencies), _AT_ONCE)
        ]
    )


def _h_of(moments: Floats, frequencies: Floats) -> Floats:
    turned = np.exp(2j * np.pi * np.outer(frequencies, moments - moments[0]))
    power, harmonic = np.zeros(len(frequencies)), np.ones_like(turned)
    best = np.full(len(frequencies), -np.inf)
    for number in range(_HARMONICS):
        harmonic *= turned
        power += 2 / len(moments) * np.abs(harmonic.sum(axis=1)) ** 2
        best = np.maximum(best, power - 4 * number)
    return best


def _periods(scores: Floats, frequencies: Floats) -> list[float]:
    """Those of the highest peaks."""
    left, right = np.append(-np.inf, scores[:-1]), np.append(scores[1:], -np.inf)
    peaks = np.flatnonzero((scores >= left) & (scores >= right))
    highest = peaks[np.argsort(scores[peaks])[::-1][:_PEAKS]]
    return [float(period) for period in 1 / frequencies[highest]]


def _tuned(moments: Floats, period: float, trials: float) -> _Candidate:
    """Weighed as it is, and as its moments say that it is: over many turns it has to be exact."""
    rough = _weighed(moments, period, trials / period)
    period, _ = _refined(moments, period, rough.phase)
    return min(rough, _weighed(moments, period, trials / period), key=lambda each: each.chance)


def _weighed(moments: Floats, period: float, trials: float) -> _Candidate:
    """The window of some width that has most, by the probability that it does.  ``trials`` is how
    many periods count as tried for this one."""
    best = _Candidate(1.0, period, 0.0, moments)
    for width in WIDTHS:
        hit, phase = _fullest(moments, period, width)
        chance = _binomial_tail(len(moments) - 1, width, hit - 1)
        if chance < best.chance:
            best = _Candidate(chance, period, phase, moments, hit, width)
    tried = trials * len(LEVELS) * len(WIDTHS) * len(moments)
    return best._replace(chance=min(1.0, best.chance * tried))


def _fullest(moments: Floats, period: float, width: float) -> tuple[int, float]:
    """How many turns the fullest window of that width has a moment in, and its middle."""
    phases = moments % period
    most, phase = 0, 0.0
    for start in phases:
        behind = (phases - start) % period
        inside = behind <= width * period
        if np.count_nonzero(inside) <= most:
            continue
        hit = len(np.unique(np.round((moments[inside] - start) / period)))
        if hit > most:
            most, phase = hit, (start + float(np.median(behind[inside]))) % period
    return most, phase


def _longer(found: _Candidate, longest: float) -> _Candidate:
    """The multiple of a period, where every second turn (or third, and so on) has all of the hits,
    or most: then that is the period."""
    turns = found.turns()
    for multiple in _MULTIPLES:
        period = multiple * found.period
        numbers, counts = np.unique(turns % multiple, return_counts=True)
        most = int(counts.max())
        chance = multiple * _binomial_tail(len(turns), 1 / multiple, most)
        bound = _CHANCE_OF_ALL if most == len(turns) else _CHANCE_OF_MOST
        if period <= longest and most >= _MOST * len(turns) and chance < bound:
            phase = found.phase + float(numbers[counts.argmax()]) * found.period
            return found._replace(period=period, phase=phase % period)
    return found


def _binomial_tail(trials: int, share: float, least: int) -> float:
    """P(X >= least) for X of that many trials."""
    return math.fsum(
        math.exp(
            math.lgamma(trials + 1)
            - math.lgamma(k + 1)
            - math.lgamma(trials - k + 1)
            + k * math.log(share)
            + (trials - k) * math.log1p(-share)
        )
        for k in range(max(least, 0), trials + 1)
    )


def _described(begun: Floats, times: Floats, width: float, found: _Candidate) -> Stalls | None:
    """None where there are too few, or they are too low."""
    moments = found.moments
    period, phase = _refined(moments, found.period, found.phase)
    near = max(2 * width, _NEAR)
    numbers = np.arange(
        math.ceil((begun.min() - phase) / period), (begun.max() - phase) // period + 1
    )
    at = phase + numbers * period
    hits = np.array([bool(np.any(np.abs(moments - each) <= near)) for each in at])
    onset = _onset(hits)
    at, hits = at[onset:], hits[onset:]
    around, between = (
        _longest(begun, times, at, near),
        _longest(begun, times, at + period / 2, near),
    )
    if hits.sum() < FEWEST or hits.mean() < SHARE or around.mean() < CONTRAST * between.mean():
        return None
    if np.count_nonzero(between) < len(between) / 2:
        return None  # connections begin at that period themselves
    return Stalls(
        period=period,
        first=float(at[0]),
        turns=len(at),
        hit=int(hits.sum()),
        around=float(around.mean()),
        between=float(between.mean()),
        longest=float(around.max()),
        chance=found.chance,
    )


def _refined(moments: Floats, period: float, phase: float) -> tuple[float, float]:
    """Period and phase of the line through the moments that are near it."""
    for width in (0.1, 0.05):
        turns = np.round((moments - phase) / period)
        near = np.abs(moments - phase - turns * period) <= width * period
        if len(np.unique(turns[near])) >= FEWEST:
            period, phase = np.polyfit(turns[near], moments[near], 1)
    return float(period), float(phase)


def _onset(hits: Bools) -> int:
    """From which turn on there are stalls: where those that are there weigh most against those
    that are missing."""
    weights = np.where(hits, 1.0, 0.0) - hits.mean() / 2
    after = np.cumsum(weights[::-1])[::-1]
    onset = int(after.argmax())
    # Of few turns the mean says little: a lone hit long before the others is none of them.
    rate = hits[onset:].mean() / 2
    return int(np.cumsum((np.where(hits, 1.0, 0.0) - rate)[::-1])[::-1].argmax())


def _longest(begun: Floats, times: Floats, at: Floats, near: float) -> Floats:
    """Of the connections that begin near each moment, the longest; of none, 0."""
    order = np.argsort(begun)
    begun, times = begun[order], times[order]
    first, last = np.searchsorted(begun, at - near), np.searchsorted(begun, at + near)
    return np.array([times[i:j].max() if j > i else 0.0 for i, j in zip(first, last, strict=True)])
