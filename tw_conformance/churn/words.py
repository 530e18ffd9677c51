"""What a person is told."""

from __future__ import annotations

from collections.abc import Iterator

from tw_conformance.churn.stalls import Search, Stalls
from tw_conformance.churn.trace import LoadTrace, answers, quantile

SLOW_TIMEOUT = 0.5
"""Seconds from the end of one slow time-out of FreeBSD to the next (``uipc_domain.c``,
pfslowtimo()): so the period is as much longer as a scan takes."""
_ABOUT = 0.015
_SHARES = ((0.5, "median"), (0.99, "p99"), (0.999, "p99.9"), (1.0, "longest"))
_TELLING = (
    "TCPTimeWaitOverflow",
    "ListenOverflows",
    "ListenDrops",
    "TCPReqQFullDoCookies",
    "TCPReqQFullDrop",
    "TW",
    "TWRecycled",
    "TWKilled",
)
"""Counters of Linux that say what its limits did (``net/ipv4/proc.c``)."""


def summary(trace: LoadTrace) -> Iterator[str]:
    """Figures, a line each."""
    ended = len(trace.connections)
    yield (
        f"opened {trace.opened:,} in {trace.seconds:.1f} s ({trace.rate:,.0f}/s); ended {ended:,},"
        f" reset {trace.resets:,}, unfinished {trace.unfinished:,}"
        + (" (interrupted)" if trace.interrupted else "")
    )
    yield (
        f"sent again: {trace.retransmitted:,} by the tester, {trace.repeated:,} by the DUT;"
        f" {trace.not_taken:,} frames found no room on the link"
    )
    yield f"connection time       {_times([each.time for each in trace.undisturbed])}"
    yield f"of that in the DUT    {_times([each.dut for each in trace.undisturbed])}"
    yield from _limits(trace)
    yield (
        f"this machine          {100 * trace.cpu:.0f} % of a CPU for the tester;"
        f" {trace.late:,} SYNs late, {trace.latest * 1e3:.0f} ms at most;"
        f" {trace.capture_lost:,} frames lost in capture"
    )


def _times(seconds: list[float]) -> str:
    seconds.sort()
    return ", ".join(f"{name} {quantile(seconds, q) * 1e3:.3f} ms" for q, name in _SHARES)


def _limits(trace: LoadTrace) -> Iterator[str]:
    if trace.population:
        last, most = trace.population[-1][1], max(count for _, count in trace.population)
        yield f"TIME-WAIT blocks      {most:,} at most, {last:,} in the end"
    moved = [f"{name} {trace.counters[name]:,}" for name in _TELLING if trace.counters.get(name)]
    if moved:
        yield f"the DUT's counters    {', '.join(moved)}"
    for why in trace.unknown:
        yield f"not all is known      {why}"
    if trace.late_fins:
        yield f"late duplicate FINs   {_late_fins(trace)}"


def _late_fins(trace: LoadTrace) -> str:
    """What came of them, and whose blocks are gone: the oldest, or the youngest."""
    counted = answers(trace.late_fins)
    said = ", ".join(f"{counted[answer]} {answer}" for answer in ("ACK", "RST", "nothing"))
    there = [fin.age for fin in trace.late_fins if fin.answer == "ACK"]
    gone = [fin.age for fin in trace.late_fins if fin.answer == "RST"]
    if not there or not gone:
        return f"of {len(trace.late_fins)}: {said}"
    if max(there) < min(gone):
        whose = f"; the oldest have no block: none older than {max(there):.1f} s has"
    elif max(gone) < min(there):
        whose = f"; the youngest have no block: none younger than {min(there):.1f} s has"
    else:
        whose = "; with and without a block in no order of age"
    return f"of {len(trace.late_fins)}: {said}{whose}"


def verdict(trace: LoadTrace, search: Search | None, lifetime: float | None) -> str:
    """In one sentence; ``lifetime`` is 2MSL in seconds where it is known."""
    if trace.limit is not None:
        return f"no verdict: this machine was the limit, and not the DUT ({trace.limit})"
    if search is None:
        return "no verdict: too short, or too few connections, to look for a period"
    looked = f"looked for periods of {_span(search.shortest)} to {_span(search.longest)}"
    if search.stalls is not None:
        return f"{_stalls(search.stalls, lifetime)} ({looked})"
    if lifetime is not None and trace.seconds < lifetime:
        return (
            f"no periodic stalls ({looked}); but no block expired in {trace.seconds:.0f} s,"
            f" 2MSL is {lifetime:g} s: this says nothing of how blocks are reaped"
        )
    return f"no periodic stalls ({looked})"


def _stalls(found: Stalls, lifetime: float | None) -> str:
    said = (
        f"stalls every {_span(found.period)} from {found.first:.1f} s on, up to"
        f" {found.longest * 1e3:.1f} ms, at {found.hit} of {found.turns} turns: the longest"
        f" connection takes {found.around * 1e3:.2f} ms around them,"
        f" {found.between * 1e3:.2f} ms in between"
    )
    if -_ABOUT <= found.period - SLOW_TIMEOUT <= found.longest + _ABOUT:
        said += "; the period of a slow time-out scan"
    if lifetime is not None and -found.period < found.first - lifetime < 2 * found.period:
        said += "; they begin one 2MSL after the start"
    return said


def _span(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.3g} s"
