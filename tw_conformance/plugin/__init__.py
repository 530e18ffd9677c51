"""The pytest plugin: case files are collected, each case is an item on each chosen target.

Everything heavy (Scapy, YAML, JSON Schema, the reference) is imported when the first case file is
collected, so that a suite without one pays nothing for having this plugin installed.
"""

from __future__ import annotations

from collections.abc import Generator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tw_conformance.plugin.findings import Findings, check_files, wanted
from tw_conformance.plugin.ktap import Ktap
from tw_conformance.plugin.life import Life
from tw_conformance.plugin.options import add_options, describe, refuse_old_names
from tw_conformance.plugin.run_state import STATE, RunState
from tw_conformance.plugin.verdicts import Verdicts

if TYPE_CHECKING:
    from tw_conformance.plugin.items import CaseFile
    from tw_conformance.plugin.scheduling import OneWorkerADut


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    parser: pytest.Parser, args: list[str]
) -> Generator[None, None, None]:
    """Refuse old names of options, once all plugins have defined theirs."""
    yield
    refuse_old_names(parser, args)


def pytest_configure(config: pytest.Config) -> None:
    state = config.stash[STATE] = RunState(config)
    config.add_cleanup(state.pool.close)
    config.addinivalue_line("markers", "tw_waits: a TIME-WAIT case that lets time pass")
    config.pluginmanager.register(Verdicts(state), "tw_conformance.verdicts")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Life(config), "tw_conformance.life")
        check_files(config)
        if wanted(config):
            config.pluginmanager.register(Findings(config), "tw_conformance.findings")
        if config.getoption("--tw-ktap"):
            config.pluginmanager.register(Ktap(config), "tw_conformance.ktap")
    if _chosen(config) or config.getoption("--tw-expectations"):
        state.read_choices()


def pytest_sessionstart(session: pytest.Session) -> None:
    """A target that was asked for by name must be there; that it is not is said once, not by each
    case, and by the controller alone where pytest-xdist has workers."""
    config = session.config
    if not _chosen(config) or config.option.collectonly:
        return
    if hasattr(config, "workerinput"):
        return
    from tw_conformance.targets.registry import unavailable

    state = RunState.of(config)
    for target, choice in {c.target: c for c in reversed(state.choices) if c.named}.items():
        if state.roster.locator(target) is None:
            sentence = unavailable(target)
        else:
            sentence = state.pool.unavailable(choice)
        if sentence is not None:
            state.missing_target = target
            raise pytest.UsageError(f"target {target}: {sentence}")
    if getattr(config.option, "dist", "no") == "each" and state.shared_duts:
        raise pytest.UsageError(
            "--dist each: several workers would change the settings of one DUT under each other;"
            " leave it out"
        )
    if getattr(config.option, "dist", "no") != "no":
        state.pool.close()  # the workers of pytest-xdist have pools of their own


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneWorkerADut | None:
    """Use our own scheduler, whatever ``--dist`` says, where cases share the settings of a DUT."""
    if not (_chosen(config) and RunState.of(config).shared_duts):
        return None
    from tw_conformance.plugin.scheduling import OneWorkerADut

    return OneWorkerADut(config, log, RunState.of(config).shared_duts)


def pytest_report_header(config: pytest.Config) -> list[str]:
    return _describe(config) if _chosen(config) else []


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Say what the default is, where nothing was chosen and there are cases."""
    has_cases = RunState.of(config).parking is not None
    unsaid = not _chosen(config) and not config.option.no_header
    return _describe(config) if has_cases and unsaid else []


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> CaseFile | None:
    config = parent.config
    state = RunState.of(config)
    names = (file_path.name, str(file_path))
    if not any(fnmatchcase(name, glob) for glob in state.case_files for name in names):
        return None
    from tw_conformance.plugin.items import CaseFile
    from tw_conformance.plugin.parking import Parking

    if state.parking is None:
        state.parking = Parking()
        config.pluginmanager.register(state.parking, "tw_conformance.parking")
    return CaseFile.from_parent(parent, path=file_path)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Cases that wait in real time come first, so that their waits overlap all the rest.  Stable:
    the same on every worker of pytest-xdist."""
    if config.getoption("--tw-cites"):
        from tw_conformance.plugin.citing import select

        select(config, items)
    if RunState.of(config).parking is None:
        return
    from tw_conformance.plugin.items import CaseItem

    items.sort(key=lambda item: not (isinstance(item, CaseItem) and item.may_be_long()))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Play the other files where a case file is faulty; the run fails all the same.  Errors in
    files that are no case files are left to pytest."""
    if session.testsfailed and session.testsfailed == RunState.of(session.config).faulty_files:
        session.config.option.continue_on_collection_errors = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if RunState.of(item.config).parking is not None and call.when == "call":
        from tw_conformance.plugin.items import CaseItem

        if isinstance(item, CaseItem):
            item.complete(report)
    return report


def _chosen(config: pytest.Config) -> bool:
    return any(map(config.getoption, ("--tw-target", "--tw-profile", "--tw-targets")))


def _describe(config: pytest.Config) -> list[str]:
    state = RunState.of(config)
    return describe(state.choices, state.roster, asked=config.getoption("--tw-profile"))
