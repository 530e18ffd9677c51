"""Case files and cases as pytest collects and runs them."""

from __future__ import annotations

import os
import time
from base64 import b64encode
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from tw_conformance.model.case import Case, Expect, Wait
from tw_conformance.model.errors import (
    CaseError,
    ExitCode,
    Fault,
    Place,
    SuiteError,
    TargetError,
    TargetGone,
)
from tw_conformance.model.expressions import TimeExpression
from tw_conformance.model.verdict import Outcome, Verdict
from tw_conformance.notation.expectations import Expectation
from tw_conformance.notation.load import read_file
from tw_conformance.notation.matrix import Written
from tw_conformance.play import lacking, oracle, player
from tw_conformance.plugin.expected import settle
from tw_conformance.plugin.failure_text import FailureText
from tw_conformance.plugin.findings import wanted
from tw_conformance.plugin.options import Choice
from tw_conformance.plugin.run_state import RunState
from tw_conformance.report.capture import pcapng, write_capture
from tw_conformance.report.outcome_text import explain_outcome, headline
from tw_conformance.report.results import (
    ERROR,
    LEFT_OUT,
    Dut,
    Result,
    result_of,
    unplayed,
)
from tw_conformance.report.style import shown
from tw_conformance.report.terminal import readable

if TYPE_CHECKING:
    from tw_conformance.play.oracle import OracleAnswer
    from tw_conformance.targets.target import Play, Target
    from tw_reference.rules.rule import AnyRule

SHORT = 0.05
"""Seconds that a case may have to wait and still be played in its turn."""


class NoPass(Exception):
    """A case that did not pass, with the outcome that says why."""

    def __init__(self, outcome: Outcome, answers: Sequence[OracleAnswer]) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome
        self.answers = answers


class CaseFile(pytest.File):
    """A YAML file of cases."""

    def collect(self) -> Iterator[CaseItem | FaultyDocuments]:
        state = RunState.of(self.config)
        sheet = read_file(self.path)
        if sheet.faults:
            yield FaultyDocuments.of(self, sheet.faults)
        for written in sheet.cases:
            for choice in state.choices:
                if not written.case.is_about(choice.profile):
                    state.others += 1
                    continue
                name = _name(written.case, choice)
                expected = state.expected.about(written.case, choice)
                yield CaseItem.from_parent(
                    self,
                    name=name,
                    nodeid=f"{self.nodeid}::{name}",
                    written=written,
                    choice=choice,
                    expected=expected,
                )


class FaultyDocuments(pytest.Collector):
    """Those of a file that no case can be made of: told as errors, while the others are played."""

    def __init__(self, *, faults: list[Fault], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._faults = faults

    @classmethod
    def of(cls, file: CaseFile, faults: list[Fault]) -> FaultyDocuments:
        made: FaultyDocuments = cls.from_parent(file, name="faults", faults=faults)
        return made

    def collect(self) -> NoReturn:
        RunState.of(self.config).faulty_files += 1
        raise self.CollectError(_text(CaseError(self._faults)))


class CaseItem(pytest.Item):
    """One case on one target, held to one profile."""

    def __init__(
        self, *, written: Written, choice: Choice, expected: Expectation | None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.expected = expected
        """What is known not to pass here."""
        self.written = written
        self.case = written.case
        self.choice = choice
        if any(written.case.waits()):
            self.add_marker("tw_waits")
        self._play: Play[Outcome] | None = None
        self._began = 0.0
        self.ends_at = 0.0
        """When a play that was begun should have ended, by the wall clock."""
        self._seconds = 0.0
        self.lack = ""
        """What the target lacks for this case."""
        self._verdict = ""
        self._rule = ""
        """The ID of the rule that decided."""
        self._inferred = False
        self._unseen: tuple[str, ...] = ()
        self._cause: list[str] = []
        """What it has in common with whatever did not pass for the same reason."""
        self._exit_code = ExitCode.CONFORMS
        self._result: Result | None = None

    def is_long(self) -> bool:
        """Whether playing this case keeps the user waiting: real time, and more than an instant.

        :raises TargetError: where the target, whose time it is, can't be had.
        :raises CaseError: where a time lies before now on that target.
        """
        if not self.choice.waits_in_real_time:
            return False
        target = self._target()
        if not target.realtime or self._lacking is not None:
            return False
        seconds = self._longest(target) + RunState.of(self.config).pool.delay(self.choice)
        return seconds >= SHORT or not target.path.perfect

    def may_be_long(self) -> bool:
        """What can be known of :meth:`is_long` before the target is there."""
        return self.choice.waits_in_real_time and any(_times(self.written))

    def begin(self, finished: SimpleQueue[CaseItem] | None = None) -> None:
        """Start to play; the item is put into ``finished`` at the end, whatever the end is.

        :raises TargetError: where the target can't be had.
        :raises CaseError: where a time lies before now on that target.
        """
        target = self._target()
        self.ends_at = time.time() + self._longest(target)
        self._play = target.start(self._timed(player.play(self.case, target), finished))

    def runtest(self) -> None:
        try:
            if self._play is None:
                self._begin_or_skip()
            assert self._play is not None
            outcome = self._play.result()
            self._note_delay()
        except SuiteError as error:
            self._exit_code = error.exit_code
            self._note_verdict("ERROR", rule="")
            self._note_unplayed(ERROR, str(error))
            if isinstance(error, TargetGone):
                self._end_the_run(error)
            raise
        self._conclude(outcome)

    def teardown(self) -> None:
        """Let go of what was played and told: a run has tens of thousands of cases."""
        self._play = self._result = None

    def reportinfo(self) -> tuple[os.PathLike[str], int, str]:
        """Place and heading."""
        return self.path, self.written.place.line - 1, self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        error = excinfo.value
        if isinstance(error, NoPass):
            return self._explain(error)
        if isinstance(error, SuiteError):
            text = _text(error)
            return self._explanation(text, text, text)
        # pytest's own frames say nothing about a crash of ours.
        excinfo.traceback = excinfo.traceback.cut(path=__file__)
        return super().repr_failure(excinfo, style)

    def complete(self, report: pytest.TestReport) -> None:
        """Put into a report of the call what pytest can't know: the time that the play took, and
        the verdict; what an INCONCLUSIVE that is allowed looks like."""
        report.start, report.duration = self._began or report.start, self._seconds
        report.stop = report.start + report.duration
        # Plain data: a report travels from a worker of pytest-xdist to its controller.
        vars(report).update(
            tw_verdict=self._verdict,
            tw_exit_code=int(self._exit_code),
            tw_lack=self.lack,
            tw_inferred=self._inferred,
            tw_unseen=self._unseen,
            tw_cause=self._cause,
            tw_waiting=RunState.of(self.config).in_flight,
        )
        if self.expected is not None:
            self._settle(report, self.expected)
        if self._result is not None:
            self._tell_result(report, self._result)
        longrepr: object = report.longrepr
        place = os.fspath(self.path), self.written.place.line
        if isinstance(longrepr, FailureText):
            vars(report)["tw_explanation"] = longrepr.as_data()
            allowed = RunState.of(self.config).allow_inconclusive
            if self._verdict == Verdict.INCONCLUSIVE.value and allowed:
                report.outcome = "skipped"
                report.longrepr = (*place, longrepr.reprcrash.message)
        elif report.skipped and isinstance(longrepr, tuple):
            report.longrepr = (*place, longrepr[2])

    def _tell_result(self, report: pytest.TestReport, result: Result) -> None:
        """As plain data, for whoever writes the results of the run."""
        known = self.expected.reason if hasattr(report, "wasxfail") and self.expected else ""
        cause = "\n".join(self._cause)
        told = replace(result, seconds=self._seconds, expected=known, cause=cause)
        vars(report)["tw_result"] = asdict(told)
        pool = RunState.of(self.config).pool
        if target := pool.opened(self.choice):
            dut = Dut(
                *(self.choice.target, self.choice.profile, target.describe()),
                live=target.realtime,
                settings=dict(target.settings),
            )
            vars(report)["tw_dut"] = asdict(dut)

    def _settle(self, report: pytest.TestReport, expected: Expectation) -> None:
        fault = settle(report, self._verdict, expected)
        if fault:
            vars(report).update(
                outcome="failed",
                longrepr=self._explanation(fault, fault, fault),
                tw_exit_code=int(ExitCode.USAGE),
            )

    @cached_property
    def _lacking(self) -> str | None:
        return lacking.lacks(self.case, self._target())

    def _target(self) -> Target:
        return RunState.of(self.config).pool.get(self.choice)

    def _begin_or_skip(self) -> None:
        """A target that nobody asked for by name may be missing; but not silently in a CI, where
        nobody would see that its cases were not run."""
        try:
            self.lack = self._lacking or ""
            if self.lack:
                self._note_unplayed(LEFT_OUT, self.lack)
                pytest.skip(self.lack)
            self.begin()
        except TargetError as error:
            if not self.choice.named and not os.environ.get("CI"):
                pytest.skip(f"{self.choice.target}: {error}")
            raise

    def _note_delay(self) -> None:
        """Note how late the answers were: they will be as late in the next case."""
        delay = self._seconds - self._longest(self._target())
        RunState.of(self.config).pool.note_delay(self.choice, delay)

    def _end_the_run(self, error: TargetGone) -> None:
        """Spare the rest the same sentence, where the run has no other target.  A worker's cases
        get it one by one: pytest-xdist would say that the run was interrupted."""
        targets = {choice.target for choice in RunState.of(self.config).choices}
        if len(targets) == 1 and not hasattr(self.config, "workerinput"):
            self.session.shouldfail = str(error)

    def _longest(self, target: Target) -> float:
        """Seconds that the play takes where every answer comes as late as it may."""
        seconds = 0.0
        for place, duration in _times(self.written):
            try:
                seconds += duration.evaluate(target.time_variables)
            except ValueError as error:
                raise CaseError([Fault(place, str(error))]) from None
        return seconds

    async def _timed(
        self, play: Coroutine[Any, Any, Outcome], finished: SimpleQueue[CaseItem] | None
    ) -> Outcome:
        self._began = time.time()
        start = time.perf_counter()
        try:
            return await play
        finally:
            self._seconds = time.perf_counter() - start
            if finished is not None:
                finished.put(self)

    def _conclude(self, outcome: Outcome) -> None:
        self._inferred = outcome.inferred
        self._unseen = tuple(outcome.unseen)
        rules = self._rules(outcome)
        if outcome.verdict is Verdict.PASS:
            last = next((rule.id for rule in reversed(rules) if rule is not None), "")
            self._note_verdict(outcome.verdict.value, rule=last)
            self._note_result(outcome, rules, ())
            return
        answers = oracle.explain(outcome, self._target().settings)
        asked = (answer for answer in answers if answer.profile == outcome.profile)
        rule = next((answer.rule for answer in asked), None)
        self._note_verdict(outcome.verdict.value, rule="" if rule is None else rule.id)
        self._cause = self._cause_of(outcome)
        self._note_result(outcome, rules, answers)
        raise NoPass(outcome, answers)

    def _rules(self, outcome: Outcome) -> Sequence[AnyRule | None]:
        """Those of the steps, where somebody will read of them: they cost another play."""
        if not (wanted(self.config) or self.config.getoption("xmlpath", None)):
            return ()
        return oracle.rules_by_step(outcome.case, outcome.profile)

    def _note_result(
        self,
        outcome: Outcome,
        rules: Sequence[AnyRule | None],
        answers: Sequence[OracleAnswer],
    ) -> None:
        if not wanted(self.config):
            return
        made = result_of(
            *(outcome, self.written, self.config.rootpath),
            rules=rules,
            answers=answers,
            evidence=self.config.getoption("--tw-evidence"),
        )
        if made.ladder:
            capture = b64encode(pcapng(outcome, self._rule)).decode()
            made = replace(made, capture=capture)
        self._result = replace(made, target=self.choice.target)

    def _note_unplayed(self, verdict: str, reason: str) -> None:
        if wanted(self.config):
            place = self.choice.target, self.choice.profile
            self._result = unplayed(self.written, self.config.rootpath, *place, verdict, reason)

    def _cause_of(self, outcome: Outcome) -> list[str]:
        """The case, the step that decided, and what was seen there on which target."""
        step = next((i for i, step in enumerate(self.case.steps) if step is outcome.step), -1)
        return [
            *(os.fspath(self.path), self.case.name, str(step), self.choice.label),
            *(outcome.verdict.value, headline(outcome)),
        ]

    def _note_verdict(self, verdict: str, *, rule: str) -> None:
        self._verdict, self._rule = verdict, rule
        target = RunState.of(self.config).pool.opened(self.choice)
        said = {
            "title": self.case.title,
            "cites": "; ".join(self.case.cites),
            "dut": target.describe() if target else "",
            "target": self.choice.target,
            "profile": self.choice.profile,
            "verdict": verdict,
            "rule": rule,
            **({"state": "inferred"} if self._inferred else {}),
        }
        others = [each for each in self.user_properties if each[0] not in said]
        self.user_properties[:] = [*others, *said.items()]  # anew, where a case runs again

    def _explain(self, error: NoPass) -> FailureText:
        outcome = error.outcome
        capture = self._capture(outcome)
        plain, marked_up = (
            explain_outcome(
                outcome,
                color=color,
                capture=capture,
                places=self.written.steps,
                answers=error.answers,
                width=readable(self.config.get_terminal_writer().fullwidth),
            )
            for color in (False, True)
        )
        return self._explanation(headline(outcome), plain, marked_up)

    def _capture(self, outcome: Outcome) -> Path | str:
        """Write the packets; where to, or why not: a full disk does not change a verdict."""
        try:
            path = RunState.of(self.config).capture_path(self.nodeid)
            write_capture(outcome, path, self._rule)
        except OSError as error:
            return f"not written: {error}"
        return path

    def _explanation(self, message: str, plain: str, marked_up: str) -> FailureText:
        return FailureText(
            *(os.fspath(self.path), self.written.place.line, message, plain, marked_up),
            brief=self.config.getoption("tbstyle") == "line",
        )


def _name(case: Case, choice: Choice) -> str:
    """``case[value-value@label]``: by pytest's grammar of IDs, in which brackets hold all that an
    item was made of beside its name, and end it."""
    name, bracket, values = case.id.partition("[")
    return f"{name}[{values[:-1]}@{choice.label}]" if bracket else f"{name}[{choice.label}]"


def _times(written: Written) -> Iterator[tuple[Place, TimeExpression]]:
    """All that a case may spend its time on, and where that is written."""
    for step, place in zip(written.case.steps, written.steps, strict=True):
        if isinstance(step, Wait):
            yield place, step.duration
        elif isinstance(step, Expect) and step.within is not None:
            yield place, step.within


def _text(error: SuiteError) -> str:
    """The message, with places as short as they can be said from here."""
    if not isinstance(error, CaseError):
        return str(error)
    places = (replace(fault.place, file=shown(fault.place.file)) for fault in error.faults)
    return "\n".join(
        str(replace(fault, place=place)) for fault, place in zip(error.faults, places, strict=True)
    )
