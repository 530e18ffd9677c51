"""``--tw-ktap FILE``: what came of each test, gathered from reports, its workers' too, and written
as KTAP at the end of the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tw_conformance.report.files import write_whole
from tw_conformance.report.ktap import KtapLine, ktap


class Ktap:
    """A pytest plugin of the process that has the terminal."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._lines: list[KtapLine] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            faults = str(report.longrepr).splitlines()
            said = faults[0] if faults else "it can't be read"
            self._lines.append(KtapLine(report.nodeid, False, "ERROR", said, faults))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            self._lines.append(line_of(report))

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        name = self._config.getoption("--tw-ktap")
        file = Path(self._config.invocation_params.dir, name)
        try:
            write_whole(file, ktap(self._lines).encode())
        except OSError as error:
            terminalreporter.write_line(f"{name} was not written: {error}")
        else:
            terminalreporter.write_line(f"ktap: {name}")


def line_of(report: Any) -> KtapLine:
    """PASS is ``ok``, FAIL ``not ok``.  What a target lacks is skipped, and so is an INCONCLUSIVE
    that is allowed; what is known not to pass is XFAIL; any other INCONCLUSIVE, and a target that
    is gone, is an ERROR."""
    name, verdict = report.nodeid, getattr(report, "tw_verdict", "")
    if hasattr(report, "wasxfail"):
        return KtapLine(name, True, "XFAIL", report.wasxfail)
    if report.passed:
        return KtapLine(name, True)
    if report.skipped:
        return KtapLine(name, True, "SKIP", _why_skipped(report))
    why, lines = _message(report), _text(report)
    if verdict == "INCONCLUSIVE" or verdict == "ERROR" or report.when != "call":
        return KtapLine(name, False, "ERROR", why, lines)
    return KtapLine(name, False, "", why, lines)


def _why_skipped(report: Any) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    return str(reason).removeprefix("Skipped: ")


def _message(report: Any) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return "" if crash is None else str(crash.message).partition("\n")[0]


def _text(report: Any) -> Sequence[str]:
    return str(report.longrepr).splitlines()
