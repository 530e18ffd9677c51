"""``tw-conformance churn``: many short-lived connections, and whether the DUT stalls by them."""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tw_conformance.cli.shared_options import add_settings, settings_of
from tw_conformance.model.errors import ExitCode, SuiteError, UsageError
from tw_conformance.targets.access_options import add_access_options, given

if TYPE_CHECKING:
    from tw_conformance.churn.field import LoadedDut
    from tw_conformance.churn.stalls import Search
    from tw_conformance.churn.trace import LoadPlan, LoadTrace
    from tw_conformance.targets.wire_target import WireTarget

_NEAR = ("netns", "uml", "tap", "cmd")
"""Kinds of targets whose load stays on this machine."""
_ACCESS = ("tester-ip", "dut-ip", "dut-port", "sentinel")
TUN_FLAGS = "/sys/class/net/{}/tun_flags"
"""What only TUN and TAP devices have (``drivers/net/tun.c``)."""
EXIT_CODES = """\
exit codes:
  0    no periodic stalls (--find-max: the highest rate was found)
  1    periodic stalls
  2    the command line is wrong, or a file can't be written
  3    the target can't be had, or does not do its part
  4    no verdict: this machine was the limit, or the run was too short
  130  interrupted; what was measured until then is told and written
"""
MOST_SECONDS = 600.0
MOST_RATE = 100_000.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`churn` takes."""
    add = parser.add_argument
    add(
        "--target",
        required=True,
        metavar="NAME",
        help="netns, uml, tap:NAME, cmd:'./stack --tap {ifname}', or a name of --targets: a DUT"
        " on this machine",
    )
    add("--targets", metavar="FILE", help="a YAML file that names targets")
    add(
        "--profile",
        metavar="NAME",
        help="the documented stack that a TAP device's is: says how long its 2MSL is",
    )
    add(
        "--rate",
        type=_positive,
        default=500.0,
        metavar="N",
        help="connections a second. Default: 500",
    )
    add("--seconds", type=_positive, default=10.0, metavar="S", help="how long. Default: 10")
    add(
        "--closer",
        choices=("dut", "tester"),
        default="dut",
        help="who closes first, and so has TIME-WAIT. Default: dut",
    )
    add("--family", choices=("ipv4", "ipv6"), default="ipv4", help="Default: ipv4")
    add(
        "--lifetime",
        type=_positive,
        metavar="S",
        help="the DUT's 2MSL in seconds, where its profile does not say",
    )
    add(
        "--late-fins",
        type=int,
        default=0,
        metavar="N",
        help="in the end, send the FIN of N connections once more: who still has a block?",
    )
    add(
        "--find-max",
        action="store_true",
        help="search the highest rate without a lost segment, from --rate on, --seconds each",
    )
    add("--csv", type=Path, metavar="FILE", help="write a line a connection")
    add("--json", type=Path, metavar="FILE", help="write figures for machines")
    add("--picture", type=Path, metavar="FILE", help="draw connection times over time")
    add("--seed", type=int, default=0, metavar="N", help="of arrivals. Default: 0")
    add_settings(parser)
    add_access_options(parser.add_argument, only=_ACCESS)
    parser.epilog = EXIT_CODES


def churn(arguments: argparse.Namespace) -> int:
    """Load, print what is seen, and write what was asked for.

    :raises UsageError: where an option makes no sense, or a file can't be written.
    :raises TargetError: where the target can't be had, or is gone.
    """
    from tw_conformance.churn.field import LoadedDut
    from tw_conformance.churn.trace import LoadPlan
    from tw_reference.profiles import PROFILES

    _check(arguments)
    closes = arguments.closer == "tester"
    plan = LoadPlan(arguments.rate, arguments.seconds, closes, arguments.late_fins, arguments.seed)
    with _opened(arguments) as (target, lifetime):
        settings = settings_of(arguments.settings, [PROFILES[target.profile]])
        print(_described(arguments, target, lifetime), flush=True)
        # Where nobody can look into the DUT they were said, and not asked for.
        field = LoadedDut(target, settings if target.makes_benches else {}, arguments.family)
        try:
            if arguments.find_max:
                return _find_max(field, plan)
            with _progress(plan.connections) as tell:
                trace = field.churn(plan, tell)
        finally:
            field.close()
    return _report(arguments, trace, lifetime)


def _described(arguments: argparse.Namespace, target: WireTarget, lifetime: float | None) -> str:
    if lifetime is None:
        return f"{arguments.target}: how long its 2MSL is nobody said (--profile, --lifetime)"
    known = arguments.profile or target.makes_benches
    who = target.describe() if known else arguments.target
    return f"{who}; 2MSL is {lifetime:g} s"


def _report(arguments: argparse.Namespace, trace: LoadTrace, lifetime: float | None) -> int:
    from tw_conformance.churn import words
    from tw_conformance.churn.stalls import search as searched

    search = searched(trace.undisturbed)
    for line in words.summary(trace):
        print(line)
    said = words.verdict(trace, search, lifetime)
    print(said)
    _write(arguments, trace, search, said)
    if trace.interrupted:
        return ExitCode.INTERRUPTED
    if trace.limit is not None or search is None:
        return ExitCode.INCONCLUSIVE
    return ExitCode.CONFORMS if search.stalls is None else ExitCode.DEVIATES


def _find_max(field: LoadedDut, plan: LoadPlan) -> int:
    tried: list[LoadTrace] = []

    def say(trace: LoadTrace) -> None:
        tried.append(trace)
        lost = "no segment lost" if trace.loss_free else f"{trace.retransmitted:,} sent again"
        print(f"{trace.plan.rate:10,.0f}/s: {trace.limit or lost}", flush=True)

    with _progress(0) as tell:
        most = field.loss_free(plan, tell, say)
    if most is not None:
        print(f"loss-free up to {most:,.0f} connections/s")
        return ExitCode.CONFORMS
    if tried[-1].interrupted:
        print("interrupted: the highest rate was not found")
        return ExitCode.INTERRUPTED
    print("no verdict: this machine was the limit, and not the DUT")
    return ExitCode.INCONCLUSIVE


def _check(arguments: argparse.Namespace) -> None:
    """:raises SuiteError: before anything is opened, where something is amiss or missing."""
    if importlib.util.find_spec("matplotlib") is None:
        raise SuiteError(
            "periods are found by numpy, and drawn by matplotlib, which are not installed:"
            " pip install 'tw-conformance[plot]'"
        )
    if arguments.seconds > MOST_SECONDS or arguments.rate > MOST_RATE:
        raise UsageError(
            f"a run has at most {MOST_SECONDS:g} s and {MOST_RATE:,.0f} connections/s:"
            " lower --seconds or --rate"
        )
    if arguments.late_fins < 0:
        raise UsageError("--late-fins: a number from 0 is meant")
    if arguments.late_fins and arguments.closer == "tester":
        raise UsageError("--late-fins asks a DUT that closes first: leave --closer tester out")
    for file in filter(None, (arguments.csv, arguments.json, arguments.picture)):
        if file.is_dir() or not file.absolute().parent.is_dir():
            raise UsageError(f"{file} can't be written: it is a folder, or its folder is not there")


@contextmanager
def _opened(arguments: argparse.Namespace) -> Iterator[tuple[WireTarget, float | None]]:
    """The target, and its 2MSL in seconds where that is known.

    :raises UsageError: where load for it would not stay on this machine.
    :raises TargetError: where it can't be had.
    """
    from tw_conformance.plugin.options import make_roster
    from tw_conformance.targets.registry import open_target
    from tw_conformance.targets.wire_target import WireTarget

    said = given(
        lambda option: getattr(arguments, option.replace("-", "_")) if option in _ACCESS else None
    )
    if settings := settings_of(arguments.settings, ()):
        said["settings"] = settings
    roster = make_roster(arguments.targets, said)
    locator = roster.locator(arguments.target)
    kind = roster.target(arguments.target) if locator is None else locator.kind
    if kind not in _NEAR:
        raise UsageError(
            f"--target {arguments.target}: churn loads a DUT on this machine only: netns, uml,"
            " tap:NAME or cmd:COMMAND"
        )
    if (
        kind == "tap"
        and locator is not None
        and not Path(TUN_FLAGS.format(locator.detail)).exists()
    ):
        raise UsageError(
            f"--target {arguments.target}: that is no TAP device of this machine, and load for it"
            " might leave this machine"
        )
    profile = arguments.profile or roster.profile(arguments.target)
    unknown = locator is not None and profile is None
    target = open_target(arguments.target, profile="rfc9293" if unknown else profile, roster=roster)
    try:
        assert isinstance(target, WireTarget), "all of these are on a wire"
        known = None if unknown else 2 * target.time_variables["msl"]
        yield target, arguments.lifetime or known
    finally:
        target.close()


def _write(
    arguments: argparse.Namespace, trace: LoadTrace, search: Search | None, said: str
) -> None:
    from tw_conformance.churn.trace import as_json, write_csv

    try:
        if arguments.csv is not None:
            write_csv(trace, arguments.csv)
        if arguments.json is not None:
            stalls = asdict(search.stalls) if search and search.stalls else None
            document = {"target": arguments.target, **as_json(trace), "stalls": stalls}
            text = json.dumps({**document, "verdict": said}, indent=1)
            arguments.json.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{error.filename} can't be written: {error.strerror}") from None
    if arguments.picture is not None:
        from tw_conformance.churn.picture import draw

        draw(trace, search.stalls if search else None, arguments.target, arguments.picture)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[LoadTrace, int], None]]:
    """Shows on a terminal how far the run is, at which rate, and how long it will take yet."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from tw_conformance.report.terminal import console

    shown = console(stderr=True)
    columns = (BarColumn(20), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=shown, disable=not shown.is_terminal) as bar:
        task = bar.add_task("", total=total or None)

        def tell(trace: LoadTrace, over: int) -> None:
            said = f"{trace.opened:,} opened, {over:,} over, {trace.plan.rate:,.0f}/s asked for"
            bar.update(task, completed=trace.opened, description=said)

        yield tell


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise ValueError
    return value
