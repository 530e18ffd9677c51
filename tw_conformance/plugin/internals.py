"""All that the plugin takes of pytest and pytest-xdist beyond what they document, in one place.

Each use is named in :data:`USES`, and a test looks whether it is still there, so that a release
that takes one away says so by its name.  Everything else in this package is public API.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

USES = {
    "_pytest.terminal.TerminalReporter": ("getreports",),
    "_pytest.runner": ("runtestprotocol",),
    "_pytest.main.Session": ("_setupstate",),
    "_pytest.runner.SetupState": ("teardown_exact",),
    "xdist.remote.WorkerInteractor": ("item_index", "pytest_runtest_logreport"),
    "xdist.scheduler.LoadScopeScheduling": (
        *("_assign_work_unit", "_reschedule", "_split_scope"),
        *("add_node_collection", "assigned_work", "mark_test_complete", "nodes"),
        *("registered_collections", "schedule", "workqueue"),
    ),
}
"""What is used, by where it stands: names of modules, and names in classes."""


def tear_down_to(session: pytest.Session, nextitem: pytest.Item | None) -> None:
    """Tear down the fixtures that ``nextitem`` does not share with the item before; all of them
    where there is none."""
    session._setupstate.teardown_exact(nextitem)


def run_now(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Set up, call and tear down an item with all its reports, though it is not its turn."""
    with _as_current(item):
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        runtestprotocol(item, nextitem=nextitem, log=True)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def hide_from_summary(report: Any) -> None:
    """Let the terminal's summary of failures pass a report over, as it does with one that a
    debugger has shown; it is counted and listed all the same."""
    report._pdbshown = True


@contextmanager
def _as_current(item: pytest.Item) -> Iterator[None]:
    """Make an item the one that a worker of pytest-xdist believes to be running.

    The worker sends the index of that item with every report, and asserts that they agree.
    """
    workers: list[Any] = [
        plugin
        for plugin in item.config.pluginmanager.get_plugins()
        if type(plugin).__name__ == "WorkerInteractor"
    ]
    running = [worker.item_index for worker in workers]
    for worker in workers:
        worker.item_index = item.session.items.index(item)
    try:
        yield
    finally:
        for worker, index in zip(workers, running, strict=True):
            worker.item_index = index


def give_away(scheduler: Any, node: Any) -> None:
    """Let a ``LoadScopeScheduling`` of pytest-xdist assign its next unit of work to a worker."""
    scheduler._assign_work_unit(node)


def reschedule(scheduler: Any, node: Any) -> None:
    """Let it assign more to a worker that is about to run out; where there is no more, tell it."""
    scheduler._reschedule(node)
