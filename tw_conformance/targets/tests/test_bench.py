"""A test bed's ports on the DUT: one for all, and one for each case that needs its own."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from tw_conformance.dut.calls import Preparation, preparation_of
from tw_conformance.dut.client import AgentClient, AgentError
from tw_conformance.link.injector import Injector
from tw_conformance.model.errors import TargetError
from tw_conformance.notation.load import load_text
from tw_conformance.targets.bench import Bench
from tw_reference.segment import Flow

ADDRESS = "192.0.2.1"


class Mail:
    """As much of a mailbox as a connection's calls need."""

    def __init__(self, port: int) -> None:
        self.flow = Flow("192.0.2.2", 20000, ADDRESS, port)


class ScriptedInjector:
    async def open_in_time(self, dut: str, port: int) -> Mail:
        return Mail(port)


class ScriptedAgent:
    """Somebody else has the ports ``taken``."""

    def __init__(self, taken: Collection[int] = (), refusal: str = "EADDRINUSE") -> None:
        self.taken = taken
        self.refusal = refusal
        self.released: list[int] = []

    async def ask(self, verb: str, port: int, **arguments: Any) -> dict[str, Any]:
        if verb == "release":
            self.released.append(port)
        elif port in self.taken:
            raise AgentError(verb, self.refusal, f"port {port} is in use")
        return {"port": port or 40000}


def opened(agent: ScriptedAgent, text: str, first_private: int = 0) -> int:
    """The DUT's port that a case with this connection and these steps gets."""
    (case,) = load_text(f"case: a\ntitle: b\ncites: [c]\n{text}", Path("a.tw.yaml"))

    async def scenario() -> int:
        bench = Bench(
            cast(Injector, ScriptedInjector()),
            {"ipv4": ADDRESS},
            {},
            AsyncExitStack(),
            cast(AgentClient, agent),
        )
        await bench.serve(0, first_private=first_private)
        mailbox, calls = await bench.open("ipv4", preparation_of(case))
        assert calls is not None
        assert calls.connection["local_port"] == mailbox.flow.dport
        return mailbox.flow.dport

    return asyncio.run(scenario())


QUIET = "steps: [state: TIME-WAIT]"
CALLING = "steps: [call: unlisten]"


def test_most_cases_share_a_port() -> None:
    assert opened(ScriptedAgent(), QUIET) == 40000


@pytest.mark.parametrize(
    "text",
    [
        CALLING,
        f"reach: {{reuse_address: off}}\n{QUIET}",
        f"reach: {{reuse_port: on}}\n{QUIET}",
        f"reach: {{options: {{ttl: 9}}}}\n{QUIET}",
        f"reach: {{state: LISTEN, accepts: off}}\n{QUIET}",
        f"reach: {{state: ESTABLISHED}}\n{QUIET}",
    ],
)
def test_what_only_one_case_wants_is_on_a_port_of_its_own(text: str) -> None:
    assert opened(ScriptedAgent(), text) == 1024


def test_private_ports_start_where_they_are_told_to_and_come_round() -> None:
    assert opened(ScriptedAgent(), CALLING, first_private=100) == 1124
    assert opened(ScriptedAgent({32767}), CALLING, first_private=32767 - 1024) == 1024


def test_a_port_that_somebody_has_is_passed_over() -> None:
    assert opened(ScriptedAgent({1024, 1025}), CALLING) == 1026


def test_there_is_an_end_to_that() -> None:
    with pytest.raises(TargetError, match="no free port on the DUT: 100 in a row"):
        opened(ScriptedAgent(range(1024, 2000)), CALLING)


def test_any_other_refusal_stays_what_it_is() -> None:
    with pytest.raises(AgentError, match="EACCES"):
        opened(ScriptedAgent({1024}, "EACCES"), CALLING)


def test_the_port_of_who_opens_is_free_for_it() -> None:
    agent = ScriptedAgent({1024})
    assert opened(agent, f"reach: {{open: active}}\n{QUIET}") == 1025
    assert agent.released == [1025]


def test_a_preparation_says_what_its_listener_is_like() -> None:
    needs = Preparation("never", True, True, False, True, {"ttl": 9})
    assert needs.listener == {
        "policy": "never",
        "reuse_address": False,
        "reuse_port": True,
        "options": {"ttl": 9},
    }
