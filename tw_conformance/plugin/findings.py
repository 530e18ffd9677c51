"""What a run found, gathered from reports, its workers' too, and written at its end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tw_conformance.model.errors import UsageError

FILES = ("results", "html")
"""The options ``--tw-...`` that name a file to be written."""


def wanted(config: pytest.Config) -> bool:
    """Whether results are to be made of the cases of this run."""
    return any(config.getoption(f"--tw-{kind}") for kind in FILES)


def check_files(config: pytest.Config) -> None:
    """:raises pytest.UsageError: where a file that the run is to write can't be written."""
    from tw_conformance.report.files import check_writable

    asked = [(f"--tw-{kind}", config.getoption(f"--tw-{kind}")) for kind in FILES]
    asked.append(("--tw-ktap", config.getoption("--tw-ktap")))
    asked.append(("--junit-xml", config.getoption("xmlpath", None)))
    for option, name in asked:
        if name:
            file = Path(config.invocation_params.dir, name)
            if option == "--junit-xml" and not file.parent.exists():
                continue  # which pytest makes
            try:
                check_writable(file, option)
            except UsageError as error:
                raise pytest.UsageError(str(error)) from None


class Findings:
    """A pytest plugin of the process that has the terminal."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._began = time.time()
        self._duts: dict[tuple[str, str], dict[str, Any]] = {}
        self._results: dict[str, dict[str, Any]] = {}  # of a case that ran again, the last

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        result = getattr(report, "tw_result", None)
        if result is None:
            return
        self._results[report.nodeid] = result
        if dut := getattr(report, "tw_dut", None):
            self._duts[dut["target"], dut["profile"]] = dut

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in self._write():
            terminalreporter.write_line(line)

    def _write(self) -> Iterator[str]:
        from tw_conformance.report import results
        from tw_conformance.report.files import write_whole
        from tw_conformance.report.page import page

        found = results.from_data(
            began=datetime.fromtimestamp(self._began, UTC).isoformat(timespec="seconds"),
            seconds=round(time.time() - self._began, 3),
            duts=list(self._duts.values()),
            results=list(self._results.values()),
        )
        makers = {"results": results.Results.as_json, "html": page}
        for kind in FILES:
            name = self._config.getoption(f"--tw-{kind}")
            if name:
                file = Path(self._config.invocation_params.dir, name)
                try:
                    write_whole(file, makers[kind](found).encode())
                except OSError as error:
                    yield f"{name} was not written: {error}"
                else:
                    yield f"{kind}: {name}"
