"""A run of cases by pytest, shut off from whatever pytest settings the user's folder has."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path

import pytest

import tw_conformance
from tw_conformance.cli.shared_options import access_of
from tw_conformance.model.errors import ExitCode
from tw_conformance.notation.bundled import bundled_cases, case_files
from tw_conformance.plugin.options import check_strict, choose, describe, make_roster
from tw_conformance.plugin.run_state import RunState
from tw_conformance.report.areas import areas
from tw_conformance.report.files import check_writable
from tw_conformance.report.terminal import console, say, table
from tw_conformance.targets.access_options import as_arguments


def run_cases(paths: Sequence[str], order: argparse.Namespace) -> ExitCode:
    """Play the cases of ``paths`` and print pytest's report; what came of it as an exit code.

    ``order`` are the options of :mod:`tw_conformance.cli.run`.

    :raises SuiteError: where a target or profile has no such name, or a file can't be written.
    """
    junit = [("junit", order.junit)] if order.junit else []
    for kind, file in (*_files(order), *junit):  # said by the user's name, before pytest's is
        check_writable(Path(file), f"--{kind}")
    roster = make_roster(order.targets, access_of(order))
    chosen = choose(order.target, order.profile, roster)
    if order.strict:
        check_strict(chosen, roster)
    print(f"tw-conformance {tw_conformance.__version__}")
    print(*describe(chosen, roster, asked=order.profile), sep="\n", flush=True)

    verbosity = order.verbose - order.quiet
    arguments = [
        *map(_for_pytest, paths),
        *_shut_off(paths),
        *_of_the_suite(order),
        *_of_pytest(order),
        f"--verbosity={verbosity}",
        *order.passed_on,
    ]
    tally = Tally()
    with _nobody_elses_settings():
        status = pytest.main(arguments, plugins=[tally])
    code = tally.exit_code(status)
    if verbosity >= 0:
        tally.say_areas()
    if code is ExitCode.NOTHING:
        print(f"tw-conformance: {tally.why_nothing(order.k)}", file=sys.stderr)
    return code


def _files(order: argparse.Namespace) -> list[tuple[str, str]]:
    """What is to be written: the kind, and the file."""
    kinds = {"results": order.results, "html": order.html, "ktap": order.ktap}
    return [(kind, file) for kind, file in kinds.items() if file]


def _shut_off(paths: Sequence[str]) -> Iterator[str]:
    """The options by which pytest has nothing of the user's but these cases."""
    files = case_files(path.partition("::")[0] for path in paths)
    globs = (escape(os.path.normpath(Path.cwd() / file)) for file in files)
    yield from ("-p", "tw_conformance.plugin", "-p", "xdist.plugin")
    yield from ("--noconftest", "--no-header", "--assert=plain", "-c", os.devnull)
    yield from (f"--rootdir={root_of(paths)}", "-o", f"cache_dir={Path.cwd() / '.pytest_cache'}")
    yield from ("-o", f"tw_case_files={shlex.join(globs)}", "-o", "python_files=")


def _of_the_suite(order: argparse.Namespace) -> Iterator[str]:
    """The options that this suite's plugin has in pytest, too."""
    yield from (f"--tw-target={name}" for name in order.target)
    yield from (f"--tw-profile={name}" for name in order.profile)
    yield from (f"--tw-cites={place}" for place in order.cites)
    yield from (f"--tw-{kind}={file}" for kind, file in _files(order))
    yield from as_arguments(access_of(order), "tw-")
    values = {"targets": order.targets, "expectations": order.expectations, "pcap": order.pcap}
    yield from (f"--tw-{name}={value}" for name, value in values.items() if value)
    switches = {"evidence": order.evidence, "strict": order.strict}
    yield from (f"--tw-{name}" for name, on in switches.items() if on)
    yield f"--tw-seed={order.seed}"


def _of_pytest(order: argparse.Namespace) -> Iterator[str]:
    """The options that are pytest's own."""
    yield from order.flags
    if order.workers:
        yield from ("-n", order.workers)
    if order.k:
        yield from ("-k", order.k)
    if order.junit:
        yield f"--junit-xml={order.junit}"
    if order.durations:
        yield f"--durations={order.durations}"


def _for_pytest(path: str) -> str:
    """The path; where pytest would take brackets in it for those of an ID, the nearest folder above
    that has none."""
    file, cases, _ = path.partition("::")
    if cases:
        return path
    nearest = Path(os.path.relpath(file))  # brackets above the current folder don't matter
    return next(str(each) for each in (nearest, *nearest.parents) if "[" not in str(each))


def root_of(paths: Sequence[str]) -> Path:
    """The folder that the IDs of cases are relative to: the same from wherever the run is started.

    For the bundled cases it is the one above them, in a checkout as where they are installed; for
    others their project's, the nearest above them with a ``pyproject.toml`` or a ``.git``; where
    there is none, the nearest folder that holds them all.
    """
    files = [Path(os.path.normpath(Path.cwd() / path.partition("::")[0])) for path in paths]
    bundled = bundled_cases()
    if all(file.is_relative_to(bundled) for file in files):
        return bundled.parent
    common = Path(os.path.commonpath(files))
    folder = common if common.is_dir() else common.parent
    marks = ("pyproject.toml", ".git")
    roots = (
        above for above in (folder, *folder.parents) if any((above / m).exists() for m in marks)
    )
    return next(roots, folder)


@contextmanager
def _nobody_elses_settings() -> Iterator[None]:
    """Keep away plugins that happen to be installed, and options meant for other runs of pytest:
    both reach the workers of pytest-xdist by the environment too."""
    ours = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "PYTEST_PLUGINS": ""}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class Tally:
    """A pytest plugin that keeps what an exit code of pytest can't tell apart."""

    def __init__(self) -> None:
        self._verdicts: set[str] = set()
        self._by_file: list[tuple[str, str]] = []
        self._errors: set[int] = set()
        self._lacks = False
        self._config: pytest.Config | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._errors.add(ExitCode.USAGE)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        lack = bool(getattr(report, "tw_lack", ""))
        if verdict := getattr(report, "tw_verdict", ""):
            verdict = "EXPECTED" if hasattr(report, "wasxfail") else verdict
            self._verdicts.add(verdict)
        if verdict or lack:
            self._by_file.append((report.nodeid.partition("::")[0], verdict or "LEFT OUT"))
        self._lacks |= lack
        self._errors.add(getattr(report, "tw_exit_code", ExitCode.CONFORMS))

    def exit_code(self, status: int) -> ExitCode:
        """The suite's exit code for pytest's; a FAIL was seen, whatever else went wrong."""
        if status == pytest.ExitCode.INTERRUPTED:
            return ExitCode.INTERRUPTED
        if "FAIL" in self._verdicts:
            return ExitCode.DEVIATES
        if self._config and RunState.of(self._config).missing_target:
            return ExitCode.TARGET
        if self._config and RunState.of(self._config).stale:
            return ExitCode.USAGE
        if ExitCode.USAGE in self._errors or status == pytest.ExitCode.USAGE_ERROR:
            return ExitCode.USAGE
        if ExitCode.TARGET in self._errors:
            return ExitCode.TARGET
        if "INCONCLUSIVE" in self._verdicts:
            return ExitCode.INCONCLUSIVE
        if status == pytest.ExitCode.NO_TESTS_COLLECTED:
            return ExitCode.NOTHING
        if status != pytest.ExitCode.OK:
            return ExitCode.TARGET
        return ExitCode.CONFORMS if self._verdicts or self._only_listed() else ExitCode.NOTHING

    def say_areas(self) -> None:
        """Print the verdicts by area, where something did not pass."""
        if rows := areas(self._by_file):
            made = table(rows[0], rows[1:], width=console().width)
            print("\nBy area:")
            say(made)

    def why_nothing(self, select: str | None) -> str:
        """Why no case was played, as a sentence."""
        if self._lacks:
            return "no case was played: the target lacks something for each, see above"
        if self._config and RunState.of(self._config).uncited:
            return "no case was played: none cites what was asked for, see above"
        if select:
            return f"no case was played: none matches -k {select!r} (list prints their names)"
        return "no case was played: none is about a profile that was chosen, or none was selected"

    def _only_listed(self) -> bool:
        return self._config is not None and bool(self._config.getoption("collectonly"))
