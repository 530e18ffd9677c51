"""Signs of life: while nothing is reported, what the run waits for.

A thread looks on, since the thread of pytest waits too, here or in the controller of
pytest-xdist, which learns from reports what its workers wait for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from threading import Event, Thread

import pytest

from tw_conformance.model.words import number_of
from tw_conformance.plugin.run_state import RunState

MOVING = 1.0
"""Seconds between two states of a line that moves, on a terminal."""
IN_A_LOG = 30.0
"""Seconds between two lines elsewhere."""


class Life:
    """A pytest plugin of the process that has the terminal."""

    def __init__(self, config: pytest.Config, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._reported_at = clock()
        self._passed = self._others = 0
        self._under_way = ""
        self._workers: dict[str, tuple[int, float]] = {}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._under_way = nodeid

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._reported_at = self._clock()
        if report.when == "call" or report.outcome != "passed":
            self._passed += report.passed
            self._others += not report.passed
        if hasattr(report, "worker_id") and hasattr(report, "tw_waiting"):
            self._workers[report.worker_id] = report.tw_waiting

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        ended = Event()
        thread = Thread(target=self._look_on, args=(ended,), daemon=True)
        thread.start()
        try:
            return (yield)
        finally:
            ended.set()
            thread.join()

    def _look_on(self, ended: Event) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or self._config.getoption("verbose") < 0:
            return
        period = MOVING if reporter.isatty else IN_A_LOG
        moving = False
        while not ended.wait(period):
            line = self.line()
            if line is None or self._clock() - self._reported_at < period:
                moving = False
                continue
            if not moving:
                reporter.ensure_newline()
            moving = reporter.isatty
            if moving:
                reporter.rewrite(line, erase=True)
            else:
                reporter.write_line(line)

    def line(self) -> str | None:
        """What the run waits for; None where nothing is known of it."""
        cases, until = self._waiting()
        if not cases:
            return self._of_one()
        left = max(0.0, until - time.time())
        verb = "lets" if cases == 1 else "let"
        return (
            f"{number_of(cases, 'case')} {verb} time pass, for about {left:.0f} s still;"
            f" {self._passed:,} passed, {self._others:,} did not"
        )

    def _of_one(self) -> str | None:
        """What happens where no case lets time pass: a target is opened, or one case takes long."""
        if doing := RunState.of(self._config).pool.doing:
            return doing
        if not self._under_way:
            return None
        since = self._clock() - self._reported_at
        return f"{self._under_way} is under way; nothing was reported for {since:.0f} s"

    def _waiting(self) -> tuple[int, float]:
        """How many cases are in flight, and the time at which the last is expected to end."""
        told = [RunState.of(self._config).in_flight, *list(self._workers.values())]
        return sum(number for number, _ in told), max((until for _, until in told), default=0.0)
