"""Which worker of pytest-xdist plays what: all cases of a DUT that has an agent go to one worker.

The settings of such a DUT are changed for some cases and felt by all of them; the worker that has
them all lets cases in by setting (:mod:`tw_conformance.dut.settings`).  It needs no other
worker to be fast, since cases overlap.  ``--dist loadgroup`` would do, but pytest-xdist 3.8 on
pytest 9.2 loses its groups (pytest-xdist issue 1386).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tw_conformance.plugin.internals import give_all_away
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
    """Spreads cases over workers, each DUT's together; what is about no such DUT goes one by one.

    All of it is given away at the start: a worker with parked cases reports none of them before it
    has more to do, or knows that there is no more.
    """

    def __init__(self, config: pytest.Config, log: Any, duts: Mapping[str, str]) -> None:
        super().__init__(config, log)
        self._duts = duts

    def schedule(self) -> None:
        super().schedule()
        give_all_away(self)

    def _split_scope(self, nodeid: str) -> str:
        ends = (label for label in self._duts if nodeid.endswith((f"@{label}]", f"[{label}]")))
        label = max(ends, key=len, default=None)
        return nodeid if label is None else self._duts[label]
