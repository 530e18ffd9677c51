"""What a DUT is asked under load, and the search for the highest loss-free rate: on DUTs that are
only said."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

import pytest

from tw_conformance.churn import words
from tw_conformance.churn.field import CLOSEST, Asker, LoadedDut, sample
from tw_conformance.churn.generator import TellProgress
from tw_conformance.churn.trace import LoadPlan, LoadTrace
from tw_conformance.dut.client import AgentError
from tw_conformance.model.errors import TargetError


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


@dataclass
class Agent:
    """Gives these answers in turn, the last for ever; the run is over when it was asked first."""

    answers: list[int | TargetError]
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0

    async def ask_at(self, verb: str) -> tuple[float, Mapping[str, int]]:
        self.stop.set()
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, TargetError):
            raise answer
        return 0.0, {verb: answer, "blocks": answer}


SILENT = TargetError("the agent did not answer within 10 s")
REFUSED = AgentError("time_waits", "ENOSYS", "no count is known here")


@pytest.mark.parametrize(
    ("answers", "population", "unknown", "asked"),
    [
        ([3, 7], [3, 7], [], 2),
        ([SILENT, 7], [7], ["did not answer"], 2),
        ([3, SILENT, SILENT, 7], [3, 7], [], 4),
        ([3, SILENT], [3], ["did not answer"], 4),
        ([SILENT], [], ["did not answer"], 4),
        ([REFUSED], [], ["no count is known here"], 2),
    ],
)
def test_a_question_without_an_answer_costs_one_sample_and_is_told(
    answers: list[int | TargetError], population: list[int], unknown: list[str], asked: int
) -> None:
    agent, trace = Agent(answers), LoadTrace(LoadPlan(1.0, 1.0))
    asyncio.run(sample(Asker(agent, trace.unknown), trace.population, agent.stop, Random(0)))
    assert [blocks for _, blocks in trace.population] == population
    assert len(trace.unknown) == len(unknown)
    assert all(part in why for part, why in zip(unknown, trace.unknown, strict=True))
    assert agent.asked == asked
    assert trace.unknown == [line[22:] for line in words.summary(trace) if "not all" in line]


@pytest.mark.parametrize(
    ("answers", "expected"), [([SILENT, SILENT, 7], 7), ([SILENT], None), ([REFUSED], None)]
)
def test_what_can_be_asked_only_now_is_asked_again(
    answers: list[int | TargetError], expected: int | None
) -> None:
    answer = asyncio.run(Asker(Agent(answers), []).ask("TW"))
    assert (None if answer is None else answer["TW"]) == expected


def test_where_there_is_no_agent_nothing_is_missing() -> None:
    unknown: list[str] = []
    assert asyncio.run(Asker(None, unknown).ask("TW")) is None
    assert unknown == []
