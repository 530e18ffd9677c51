"""Which worker of pytest-xdist plays what: all cases of a DUT that has an agent go to one worker.

The settings of such a DUT are changed for some cases and felt by all of them; the worker that has
them all lets cases in by setting (:mod:`tw_conformance.dut.settings`).  It needs no other
worker to be fast, since cases overlap.  ``--dist loadgroup`` would do, but pytest-xdist 3.8 on
pytest 9.2 loses its groups (pytest-xdist issue 1386).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tw_conformance.plugin.internals import give_away, reschedule
from tw_conformance.targets.kinds import kind

if TYPE_CHECKING:
    from tw_conformance.plugin.options import Choice
    from tw_conformance.targets.roster import Roster


def shared_duts(choices: Iterable[Choice], roster: Roster) -> dict[str, str]:
    """The DUTs that have an agent, by the labels of the choices that are about them."""
    duts = {}
    for choice in choices:
        locator = roster.locator(choice.target)
        if locator is not None and kind(locator.kind).one_worker:
            duts[choice.label] = locator.host
    return duts


class OneWorkerADut(LoadScopeScheduling):
    """Spreads cases over workers, each DUT's together, the others by file; then what is no case,
    one by one, to whichever worker is about to run out.

    Cases are given away at the start, so that those which wait overlap as much as there is.
    """

    def __init__(self, config: pytest.Config, log: Any, duts: Mapping[str, str]) -> None:
        super().__init__(config, log)
        self._duts = duts

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        super().add_node_collection(node, collection)
        if node in self.registered_collections:
            self.registered_collections[node] = Indexed(collection)

    def schedule(self) -> None:
        super().schedule()
        while self.workqueue and not _is_test(next(iter(self.workqueue))):
            give_away(self, min(self.nodes, key=self._left))
        for node in self.nodes:
            reschedule(self, node)

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        super().mark_test_complete(node, item_index, duration)
        units = self.assigned_work[node]
        scope = self._split_scope(self.registered_collections[node][item_index])
        if all(units[scope].values()):
            del units[scope]  # whoever counts what is left counts all that is there, often

    def _left(self, node: Any) -> int:
        return sum(len(unit) for unit in self.assigned_work[node].values())

    def _split_scope(self, nodeid: str) -> str:
        ends = (label for label in self._duts if nodeid.endswith((f"@{label}]", f"[{label}]")))
        label = max(ends, key=len, default=None)
        if label is not None:
            return self._duts[label]
        return nodeid if _is_test(nodeid) else nodeid.partition("::")[0]


class Indexed(list[str]):
    """The IDs of what was collected, which knows where each stands: tens of thousands are asked."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__(ids)
        self._places = {nodeid: place for place, nodeid in enumerate(ids)}

    def index(self, nodeid: str, *_: Any) -> int:
        return self._places[nodeid]


def _is_test(scope: str) -> bool:
    """Whether that is a test written in Python, and no case."""
    return scope.partition("::")[0].endswith(".py")
