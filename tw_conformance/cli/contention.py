"""``tw-conformance contention``: a model of packet input that shares its lock with a reaper."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tw_conformance.model.errors import ExitCode, UsageError
from tw_conformance.model.words import did_you_mean, listed, quoted

if TYPE_CHECKING:
    from tw_reference.contention.figures import Figures
    from tw_reference.contention.reaping_strategies import Strategy
    from tw_reference.contention.simulation import Load, ReceivePath, Trace

INPUTS = """\
from the report  {queues} receive queues of {descriptors} descriptors, full in {fill:.2f} ms at
                 200,000 packets a second; 5 packets a connection; 500 ms between scans;
                 blocks live {lifetime:g} s
fitted           {service:.2f} us of lock a packet: a spike of 27 ms is gone in some 57 ms
                 {close:.2f} us a block: at 40,000 connections/s a scan fills the rings
                 {handover:.2f} us to take a lock that others want: 53,000 with the patch
comes out        all below; nothing of it was measured on a host
"""
EXIT_CODES = """\
exit codes:
  0    simulated
  2    the command line is wrong, or a file can't be written
  130  interrupted
"""
MOST_SECONDS = 60.0
MOST_PACKETS = 30_000_000
"""What one simulation may take: some three minutes."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`contention` takes."""
    parser.epilog = EXIT_CODES
    add = parser.add_argument
    add(
        "--rate",
        type=_positive,
        default=40_000.0,
        metavar="N",
        help="connections a second",
    )
    add("--seconds", type=_positive, default=10.0, metavar="S", help="simulated. Default: 10")
    add("--strategy", action="append", default=[], metavar="NAME", help="only this one; repeatable")
    add("--lifetime", type=_positive, default=6.0, metavar="S", help="2MSL in seconds. Default: 6")
    add("--queues", type=int, default=4, metavar="N", help="receive queues. Default: 4")
    add("--descriptors", type=int, default=2048, metavar="N", help="of each queue. Default: 2048")
    add("--service", type=_positive, metavar="US", help="microseconds of lock a packet")
    add("--close", type=_positive, metavar="US", help="microseconds of lock a block")
    add("--handover", type=_positive, metavar="US", help="microseconds to take a contended lock")
    add("--waiting", action="store_true", help="peers wait for answers before they send on")
    add(
        "--find-max",
        action="store_true",
        help="search the highest rate without a lost packet",
    )
    add("--sensitivity", metavar="FILE", help="draw how the result depends on what is fitted")
    add("--picture", metavar="FILE", help="draw connection times over time, one panel a strategy")
    add("--json", metavar="FILE", help="write inputs and figures")
    add("--seed", type=int, default=0, metavar="N", help="of arrivals. Default: 0")


def contention(arguments: argparse.Namespace) -> int:
    """Simulate, print, and write what was asked for.

    :raises UsageError: where a value makes no sense, or a file can't be written.
    """
    from tw_reference.contention.figures import figures
    from tw_reference.contention.simulation import Load, loss_free_maximum, simulate

    path = _path(arguments)
    load = Load(arguments.rate, arguments.seconds, waiting=arguments.waiting)
    if load.seconds > MOST_SECONDS or 5 * load.rate * load.seconds > MOST_PACKETS:
        raise UsageError(
            f"{5 * load.rate * load.seconds:,.0f} packets in {load.seconds:g} s are too many to"
            f" simulate: stay below {MOST_PACKETS:,} packets and {MOST_SECONDS:g} s"
        )
    strategies = _strategies(arguments)
    _must_be_writable(arguments.picture, arguments.json, arguments.sensitivity)
    print(_inputs(path, strategies), flush=True)
    traces: dict[str, Trace] = {}
    found: dict[str, Figures] = {}
    maxima: dict[str, float] = {}
    for strategy in strategies:
        trace = traces[strategy.name] = simulate(path, load, strategy, arguments.seed)
        try:
            found[strategy.name] = figures(trace, path, strategy, load.retransmit)
        except ValueError as error:
            raise UsageError(f"--rate, --seconds: {error}") from None
        if arguments.find_max:
            maxima[strategy.name] = loss_free_maximum(path, strategy, seed=arguments.seed)
        print(_line(strategy, found[strategy.name], maxima.get(strategy.name)), flush=True)
    _write(arguments, path, load, strategies, found, maxima, traces)
    return ExitCode.CONFORMS


def _path(arguments: argparse.Namespace) -> ReceivePath:
    from tw_reference.contention.simulation import ReceivePath

    if arguments.queues < 1 or arguments.descriptors < 1:
        raise UsageError("--queues and --descriptors are at least 1")
    path = ReceivePath(arguments.queues, arguments.descriptors, lifetime=arguments.lifetime)
    return path if arguments.service is None else replace(path, service=arguments.service * 1e-6)


def _strategies(arguments: argparse.Namespace) -> list[Strategy]:
    from tw_reference.contention.reaping_strategies import STRATEGIES

    known = {strategy.name: strategy for strategy in STRATEGIES}
    for name in arguments.strategy:
        if name not in known:
            raise UsageError(
                f"no strategy {quoted(name)}{did_you_mean(name, known)} {listed(known)}"
            )
    return [_fitted(known[name], arguments) for name in arguments.strategy or known]


def _fitted(strategy: Strategy, arguments: argparse.Namespace) -> Strategy:
    """With the fitted numbers that the user gave instead."""
    if arguments.close is not None:
        strategy = replace(strategy, close=arguments.close * 1e-6)
    if arguments.handover is not None and strategy.handover:
        strategy = replace(strategy, handover=arguments.handover * 1e-6)
    return strategy


def _inputs(path: ReceivePath, strategies: list[Strategy]) -> str:
    return INPUTS.format(
        queues=path.queues,
        descriptors=path.descriptors,
        fill=path.seconds_to_fill * 1e3,
        lifetime=path.lifetime,
        service=path.service * 1e6,
        close=strategies[0].close * 1e6,
        handover=max(strategy.handover for strategy in strategies) * 1e6,
    )


def _line(strategy: Strategy, seen: Figures, maximum: float | None) -> str:
    peaks = [time * 1e3 for _, time in seen.peaks]
    spikes = f"spikes of {min(peaks):.1f}-{max(peaks):.1f} ms" if peaks else "no scans"
    if peaks and max(peaks) < 2.0:
        spikes = f"no spike over {max(peaks):.1f} ms"
    most = "" if maximum is None else f"\n{'':10}loss-free up to {maximum:,.0f} connections/s"
    return (
        f"{strategy.name:10}{strategy.says}\n"
        f"{'':10}{spikes}; before the first block expires {seen.longest_before_expiry * 1e3:.1f} ms"
        f" at most\n"
        f"{'':10}median {seen.median * 1e3:.2f} ms, p99.9 {seen.p999 * 1e3:.2f} ms; lock held for"
        f" {seen.longest_hold * 1e3:.2f} ms at most\n"
        f"{'':10}{seen.dropped:,} packets dropped; the fullest ring held {seen.fullest:,}{most}"
    )


def _write(
    arguments: argparse.Namespace,
    path: ReceivePath,
    load: Load,
    strategies: list[Strategy],
    found: Mapping[str, Figures],
    maxima: Mapping[str, float],
    traces: Mapping[str, Trace],
) -> None:
    if arguments.json:
        document = {
            "path": asdict(path),
            "load": asdict(load),
            "strategies": {
                strategy.name: {
                    **asdict(strategy),
                    **asdict(found[strategy.name]),
                    "loss_free_maximum": maxima.get(strategy.name),
                }
                for strategy in strategies
            },
        }
        Path(arguments.json).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if arguments.picture:
        from tw_conformance.report.contention import draw

        draw(
            {strategy.name: traces[strategy.name] for strategy in strategies},
            load,
            arguments.picture,
        )
    if arguments.sensitivity:
        from tw_conformance.report.contention import draw_sensitivity

        draw_sensitivity(path, load, arguments.sensitivity, arguments.seed)


def _must_be_writable(*names: str | None) -> None:
    """:raises UsageError: before anything is simulated."""
    for name in filter(None, names):
        folder = Path(name).absolute().parent
        if not folder.is_dir() or Path(name).is_dir():
            raise UsageError(f"{name} can't be written: {folder} is no folder, or it is one itself")


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise ValueError
    return value
