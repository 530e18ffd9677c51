"""What pytest says about cases: INCONCLUSIVE as a category of its own, and no case left unsaid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pytest

from tw_conformance.model.words import number_of, was
from tw_conformance.plugin.run_state import RunState

PATHS = "tw_conformance_paths"
"""Where a worker of pytest-xdist tells what the paths to its targets did."""

RULES = "tw_conformance_rules"
"""Where it tells which rules the reference met."""

OTHERS = "tw_conformance_others"
"""Where it tells how many cases are about other profiles."""

UNCITED = "tw_conformance_uncited"
"""Where it tells which places no case cites."""

STALE = "tw_conformance_stale"
"""Where it tells which expectations no case was there for."""

_CATEGORY = "inconclusive"

_FINISHED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
"""What a run ends with that was not broken off."""

_SAYING_NOTHING = frozenset({"", "skipped", "deselected", "warnings"})
"""Categories of reports in which nothing was tested."""


class Verdicts:
    """A pytest plugin: what the terminal says about cases."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._stopped = 0
        self._expected: dict[str, None] = {}
        self._reported: set[str] = set()
        self._lost: list[str] = []
        self._paths: list[str] = []
        self._rules_met: set[tuple[str, str, str]] = set()
        self._inferred = 0
        self._unseen: Counter[str] = Counter()

    def pytest_report_teststatus(
        self, report: pytest.TestReport | pytest.CollectReport
    ) -> tuple[str, str, str | tuple[str, Mapping[str, bool]]] | None:
        if report.when != "call" or hasattr(report, "wasxfail"):
            return None
        verdict = getattr(report, "tw_verdict", "")
        if verdict == "INCONCLUSIVE":
            return _CATEGORY, "?", ("INCONCLUSIVE", {"yellow": True})
        if verdict == "ERROR":
            return "error", "E", "ERROR"
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_report_from_serializable(self, data: dict[str, Any]) -> Any:
        """A worker's report arrives with its explanation as mere text: make it whole again."""
        report = yield
        explained = getattr(report, "tw_explanation", None)
        if explained and report.outcome == "failed":
            from tw_conformance.plugin.failure_text import FailureText

            report.longrepr = FailureText(**explained)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._reported.add(report.nodeid)
        self._inferred += getattr(report, "tw_inferred", False)
        self._unseen.update(getattr(report, "tw_unseen", ()))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        self._expected.update(dict.fromkeys(ids))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        told = getattr(node, "workeroutput", {})
        self._paths += [f"{node.gateway.id}: {line}" for line in told.get(PATHS, ())]
        self._rules_met |= {(profile, stage, rule) for profile, stage, rule in told.get(RULES, ())}
        self._state.others = max(self._state.others, told.get(OTHERS, 0))
        self._state.stale = self._state.stale or told.get(STALE, [])
        self._state.uncited = self._state.uncited or told.get(UNCITED, [])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Before others write what they were told: what the run comes to, and why."""
        self._explain_each_cause_once(session)
        self._take_stock(session)
        for status in (
            self._status_of_cases_without_a_verdict(session, exitstatus),
            self._status_where_no_case_was_played(session),
            self._status_of_stale_expectations(session, exitstatus),
        ):
            if status is not None and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = status

    def _explain_each_cause_once(self, session: pytest.Session) -> None:
        """``--tb=line`` has a line for each."""
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or session.config.option.tbstyle == "line":
            return
        failed = [r for r in reporter.stats.get("failed", ()) if hasattr(r, "tw_explanation")]
        if failed:
            from tw_conformance.plugin.alike import explain_once

            explain_once(failed, session.config.get_terminal_writer().fullwidth)

    def _take_stock(self, session: pytest.Session) -> None:
        """What the targets did; a worker of pytest-xdist tells the controller."""
        self._paths += [*self._state.pool.paths(), *self._state.pool.settings()]
        if self._state.parking is not None:
            self._rules_met |= self._state.pool.rules_met()
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput.update(
                {
                    PATHS: self._paths,
                    RULES: sorted(self._rules_met),
                    OTHERS: self._state.others,
                    UNCITED: self._state.uncited,
                }
            )

    def _status_where_no_case_was_played(self, session: pytest.Session) -> pytest.ExitCode | None:
        """Cases that were all left out are no success, unless something else was tested."""
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None:
            return None
        left_out = any(
            getattr(report, "tw_lack", "") for report in reporter.stats.get("skipped", ())
        )
        if left_out and not any(reporter.stats.keys() - _SAYING_NOTHING):
            return pytest.ExitCode.NO_TESTS_COLLECTED
        return None

    def _status_of_stale_expectations(
        self, session: pytest.Session, exitstatus: int
    ) -> pytest.ExitCode | None:
        """Where all was collected.  A worker of pytest-xdist tells the controller, which collects
        nothing."""
        if exitstatus not in _FINISHED:
            return None
        self._state.stale += self._state.stale_expectations()
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[STALE] = self._state.stale
            return None
        return pytest.ExitCode.TESTS_FAILED if self._state.stale else None

    def _status_of_cases_without_a_verdict(
        self, session: pytest.Session, exitstatus: int
    ) -> pytest.ExitCode | None:
        """A run isn't fine while a case has no verdict, such as one that a worker of pytest-xdist
        took along when it died."""
        waiting = self._state.parking.waiting if self._state.parking else 0
        self._lost = [nodeid for nodeid in self._expected if nodeid not in self._reported]
        if exitstatus not in _FINISHED or session.shouldstop or session.shouldfail:
            self._stopped, self._lost = waiting + len(self._lost), []
        return pytest.ExitCode.TESTS_FAILED if self._lost or waiting else None

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._state.others and terminalreporter.config.getoption("verbose") >= 0:
            cases = _cases(self._state.others)
            terminalreporter.write_line(f"{cases} about profiles other than those chosen")
        _tell_lacks(terminalreporter, terminalreporter.stats.get("skipped", []))
        _tell_inconclusive(terminalreporter, terminalreporter.stats.get(_CATEGORY, []))
        if self._inferred:
            terminalreporter.write_line(
                "cases whose state was inferred from packets, not read on the DUT:"
                f" {self._inferred}"
            )
        for why, number in self._unseen.most_common():
            steps = f"{number_of(number, 'step')} {was(number)}"
            terminalreporter.write_line(f"{steps} not seen on this target: {why}", yellow=True)
        for line in self._paths:
            terminalreporter.write_line(line)
        if self._rules_met and terminalreporter.config.getoption("verbose") >= 0:
            terminalreporter.write_line(_rules_line(self._rules_met))
        for line in (*self._state.stale, *self._state.uncited):
            terminalreporter.write_line(line, red=True)
        if self._lost:
            terminalreporter.write_sep("=", "cases without a verdict", red=True)
            terminalreporter.write_line("The worker that played them crashed; run them again:")
            for nodeid in self._lost:
                terminalreporter.write_line(f"  {nodeid}")
        if self._stopped:
            cases = _cases(self._stopped, past=True)
            terminalreporter.write_line(
                f"{cases} still waiting when the run stopped: no verdict.", yellow=True
            )


def _rules_line(met: Collection[tuple[str, str, str]]) -> str:
    """How many rules of the profiles that were played some case met."""
    from tw_reference.profiles import PROFILES

    names = {profile for profile, _, _ in met}
    rules = sum(len(decisions.rules) for name in names for decisions in PROFILES[name].lists())
    return (
        f"rules met on the reference: {len(met):,} of {rules:,}"
        " (tw-conformance coverage names the others)"
    )


def _tell_lacks(reporter: pytest.TerminalReporter, reports: Sequence[Any]) -> None:
    """What was not played, counted by reason: never silently."""
    lacks = Counter(lack for report in reports if (lack := getattr(report, "tw_lack", "")))
    for lack, number in lacks.most_common():
        reporter.write_line(
            f"{_cases(number, past=True)} not played on this target: {lack}", yellow=True
        )


def _tell_inconclusive(reporter: pytest.TerminalReporter, reports: Sequence[Any]) -> None:
    """What failures get: an explanation each, then a line each."""
    if not reports:
        return
    from tw_conformance.plugin.alike import explain_once
    from tw_conformance.plugin.failure_text import FailureText

    writer = reporter.config.get_terminal_writer()
    if reporter.config.option.tbstyle not in ("line", "no"):
        reporter.write_sep("=", "INCONCLUSIVE")
        for report in explain_once(reports, writer.fullwidth):
            reporter.write_sep("_", report.head_line, yellow=True, bold=True)
            FailureText(**report.tw_explanation).toterminal(writer)
    reporter.write_sep("=", "inconclusive: neither PASS nor FAIL was seen")
    for report in reports:
        word = writer.markup("INCONCLUSIVE", yellow=True)
        reporter.write_line(f"{word} {report.nodeid} - {report.tw_explanation['message']}")


def _cases(number: int, *, past: bool = False) -> str:
    """``1 case is``, ``3,786 cases are``; what they are follows."""
    one, more = ("was", "were") if past else ("is", "are")
    return f"{number_of(number, 'case')} {one if number == 1 else more}"
