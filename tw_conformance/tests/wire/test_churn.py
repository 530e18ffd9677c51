"""Churn on the running kernel: counts, not times."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tw_conformance.churn.field import LoadedDut
from tw_conformance.churn.trace import LateFin, LoadPlan, LoadTrace, answers
from tw_conformance.cli.main import main
from tw_conformance.model.errors import ExitCode, TargetError
from tw_conformance.targets.wire_target import WireTarget


def nobody(trace: LoadTrace, over: int) -> None:
    return


def by_age(fins: Sequence[LateFin]) -> list[str]:
    """What they were answered, from the connection that ended first to the one that ended last."""
    return [fin.answer for fin in sorted(fins, key=lambda fin: -fin.age)]


@pytest.fixture
def churned(target: WireTarget) -> Callable[..., LoadTrace]:
    def run(plan: LoadPlan, family: str = "ipv4", **settings: int) -> LoadTrace:
        field = LoadedDut(target, settings, family)
        try:
            return field.churn(plan, nobody)
        finally:
            field.close()

    return run


def test_every_connection_ends_in_time_wait_and_its_times_add_up(
    churned: Callable[..., LoadTrace],
) -> None:
    trace = churned(LoadPlan(400.0, 0.5, late_fins=20))
    assert trace.opened == len(trace.connections) == 200
    assert trace.capture_lost == trace.resets == trace.unfinished == 0
    assert trace.unknown == []
    assert trace.counters["TW"] == 200
    assert trace.population[-1][1] == 200
    assert answers(trace.late_fins) == {"ACK": 20}
    for each in trace.connections:
        assert 0 < each.dut <= each.time
    begun = [each.begun for each in trace.connections]
    assert begun == sorted(begun)


def test_the_tester_may_close_first(churned: Callable[..., LoadTrace]) -> None:
    trace = churned(LoadPlan(400.0, 0.25, tester_closes=True), family="ipv6")
    assert len(trace.connections) == 100
    assert trace.counters["TW"] == 0
    assert all(0 < each.dut <= each.time for each in trace.connections)


def test_beyond_its_limit_the_kernel_closes_the_youngest(churned: Callable[..., LoadTrace]) -> None:
    """A late duplicate FIN then finds nobody (tcp_minisocks.c, tcp_time_wait())."""
    trace = churned(LoadPlan(400.0, 0.5, late_fins=200), max_tw_buckets=100)
    assert trace.counters["TCPTimeWaitOverflow"] == 100
    assert by_age(trace.late_fins) == ["ACK"] * 100 + ["RST"] * 100


def test_interrupted_it_keeps_what_was_measured(target: WireTarget) -> None:
    def interrupt(trace: LoadTrace, over: int) -> None:
        if over >= 20:
            raise KeyboardInterrupt

    field = LoadedDut(target, {}, "ipv4")
    try:
        trace = field.churn(LoadPlan(200.0, 60.0), interrupt)
    finally:
        field.close()
    assert trace.interrupted
    assert 20 <= len(trace.connections) <= trace.opened < 12_000
    assert len(trace.connections) + trace.unfinished == trace.opened


def test_beyond_its_limit_freebsd_10_recycles_the_oldest(
    world_or_skip: None, tun_or_skip: None, tmp_path: Path
) -> None:
    serve = "-m tw_reference --profile freebsd-10 --tap {ifname} --set maxtcptw=25"
    kept = tmp_path / "a.json"
    where = ["--target", f"cmd:{sys.executable} {serve}", "--profile", "freebsd-10"]
    load = ["--rate", "100", "--seconds", "1", "--late-fins", "100", "--json", str(kept)]
    code = main(["churn", *where, *load])
    assert code in (ExitCode.CONFORMS, ExitCode.DEVIATES, ExitCode.INCONCLUSIVE)
    fins = [LateFin(*each) for each in json.loads(kept.read_text())["late_fins"]]
    assert by_age(fins) == ["RST"] * 75 + ["ACK"] * 25


def test_where_nobody_listens_there_is_nothing_to_measure(target: WireTarget) -> None:
    field = LoadedDut(target, {}, "ipv4")
    try:
        loop = target.start(unlisten(target))
        loop.result()
        with pytest.raises(TargetError, match="resets every connection"):
            field.churn(LoadPlan(100.0, 0.1), nobody)
    finally:
        field.close()


async def unlisten(target: WireTarget) -> None:
    async with target.holding({}) as bench:
        await bench.agent.ask("unlisten", family="ipv4", port=bench.ports["ipv4"])


def test_the_command_writes_what_it_measured(tmp_path: Path, world_or_skip: None) -> None:
    files = {kind: tmp_path / f"a.{kind}" for kind in ("csv", "json")}
    options = [f"--{option}={file}" for option, file in files.items()]
    code = main(["churn", "--target", "netns", "--rate", "400", "--seconds", "0.5", *options])
    assert code in (ExitCode.CONFORMS, ExitCode.DEVIATES, ExitCode.INCONCLUSIVE)
    assert len(files["csv"].read_text().splitlines()) == 201
    assert json.loads(files["json"].read_text())["ended"] == 200
