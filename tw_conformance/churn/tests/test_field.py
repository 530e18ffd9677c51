"""The search for the highest loss-free rate, on DUTs that are only said."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tw_conformance.churn.field import CLOSEST, LoadedDut
from tw_conformance.churn.generator import TellProgress
from tw_conformance.churn.trace import LoadPlan, LoadTrace


@dataclass
class Pretended(LoadedDut):
    """Loses segments above ``bearable`` connections a second; this machine gives up at ``own``."""

    bearable: float
    own: float = 1e6
    tried: list[float] = field(default_factory=list)

    def churn(self, plan: LoadPlan, tell: TellProgress) -> LoadTrace:
        self.tried.append(plan.rate)
        lost = int(plan.rate > self.bearable)
        late = plan.connections if plan.rate > self.own else 0
        return LoadTrace(plan, plan.connections, plan.seconds, retransmitted=lost, late=late)


def searched(dut: Pretended, first: float) -> float | None:
    return dut.loss_free(LoadPlan(first, 1.0), lambda trace, over: None, lambda trace: None)


@pytest.mark.parametrize("bearable", [90.0, 1_000.0, 1_730.0, 40_000.0])
def test_the_highest_rate_is_approached(bearable: float) -> None:
    dut = Pretended(bearable)
    most = searched(dut, 300.0)
    assert most is not None
    assert bearable * (1 - 2 * CLOSEST) <= most <= bearable
    assert len(dut.tried) < 20


def test_where_this_machine_gives_up_first_nothing_is_said() -> None:
    assert searched(Pretended(5_000.0, own=1_000.0), 300.0) is None


def test_a_dut_that_bears_nothing_ends_the_search() -> None:
    dut = Pretended(0.0)
    assert searched(dut, 300.0) == 0.0
    assert dut.tried[-1] > 0
