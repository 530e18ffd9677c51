"""Waiting side by side: how a run takes about as long as its longest case.

pytest runs one item after another, and a case on a real kernel may have to wait for 2MSL.  So such
a case is *parked*: its play is started on its target, pytest goes on to the next item, and set-up,
call, tear-down and reports of the parked item come when its play has ended, or before the run ends.
Until then pytest knows nothing of it, so nothing needs to be undone.

**What is parked.**  A case whose waits and time limits add up to more than an instant, on a target
in real time (:meth:`~tw_conformance.plugin.items.CaseItem.is_long`).  It must have no mark that
pytest judges in the set-up (``skip``, ``xfail``), since by then it would be too late.  At most
:data:`LIMIT` cases are in flight; the next waits until one has ended.  Collection puts cases that
wait first, so that their waits overlap all the rest of the run.

**Two threads.**  Plays run as coroutines on the target's own loop, in the target's own thread.  All
that a play tells the thread of pytest is its item, put into a queue when the play ends, whatever
the end is.  Only the thread of pytest touches items, fixtures and reports.

**When it is reported.**  Next to another case, or after the last item; never between two items of
one module, whose fixtures the report would tear down.  What earlier items left set up is torn down
first, as pytest does between items of different files; then pytest's own protocol runs for the
parked item, whose call takes the outcome that is there.  Its duration is that of its play.

**When the run ends early.**  After ``-x``, an interrupt or a dead worker nothing is waited for: the
target is closed, which cancels its plays, and the summary says how many cases were still waiting.
A case without a verdict is never a pass.

**With pytest-xdist** each worker parks its own cases.  The worker asserts that a report belongs to
the item that it believes to be running, so that belief is set for as long as the report takes
(:func:`tw_conformance.plugin.internals.run_now`).
"""

from __future__ import annotations

from collections.abc import Generator
from queue import Empty, SimpleQueue

import pytest

from tw_conformance.model.errors import SuiteError
from tw_conformance.plugin.internals import run_now, tear_down_to
from tw_conformance.plugin.items import CaseItem

LIMIT = 500
"""Cases in flight: each costs its target a connection and a port."""

_HAVE_A_TURN = ("skip", "skipif", "xfail")
"""Marks that pytest judges in an item's set-up, before anything may be sent for it."""


class Parking:
    """A pytest plugin that overlaps the long waits of cases."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._parked: set[CaseItem] = set()
        self._finished: SimpleQueue[CaseItem] = SimpleQueue()

    @property
    def waiting(self) -> int:
        """How many cases were started and have no report."""
        return len(self._parked)

    def in_flight(self) -> tuple[int, float]:
        """How many that is, and when the last of them should end, by the wall clock."""
        parked = list(self._parked)  # at once: other threads ask too
        return len(parked), max((item.ends_at for item in parked), default=0.0)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Reports of parked cases are made only next to other cases, and after the last item: in
        between two items of a module they would tear its fixtures down."""
        if not isinstance(item, CaseItem):
            return None
        parked = self._park(item)
        if parked:
            tear_down_to(item.session, nextitem)
        following = nextitem if parked else item
        if following is not None:
            self._report_finished(item.session, following)
        return parked or None

    @pytest.hookimpl(wrapper=True, tryfirst=True, specname="pytest_runtest_protocol")
    def pytest_report_the_rest(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        result = yield
        if nextitem is None:
            self._report_all(item.session)
        return result

    def _park(self, item: CaseItem) -> bool:
        """Start a long case; one that can't be started fails in its turn instead."""
        if item.config.getoption("setuponly") or any(map(item.get_closest_marker, _HAVE_A_TURN)):
            return False
        try:
            if not item.is_long():
                return False
            item.begin(self._finished)
        except SuiteError:
            return False
        self._parked.add(item)
        return True

    def _report_finished(self, session: pytest.Session, nextitem: pytest.Item) -> None:
        """Report what has ended; where too many are in flight, wait until that is so no more."""
        while not _is_stopping(session):
            try:
                item = self._finished.get(block=len(self._parked) >= self._limit)
            except Empty:
                return
            self._report(item, nextitem)

    def _report_all(self, session: pytest.Session) -> None:
        """Report all that are parked, each as it ends."""
        while self._parked and not _is_stopping(session):
            self._report(self._finished.get(), None)

    def _report(self, item: CaseItem, nextitem: pytest.Item | None) -> None:
        self._parked.remove(item)
        tear_down_to(item.session, item)  # what neighbours left is not its own
        run_now(item, nextitem)


def _is_stopping(session: pytest.Session) -> bool:
    return bool(session.shouldfail or session.shouldstop)
