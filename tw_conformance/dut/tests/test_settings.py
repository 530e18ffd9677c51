"""What the agent's system can't do for a case, said before the case is played."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest

from tw_conformance.dut.client import AgentClient, AgentError
from tw_conformance.dut.settings import DutSettings, SharedSettings
from tw_conformance.model.case import Case
from tw_conformance.model.errors import TargetError
from tw_conformance.notation.load import load_text

NOBODY = cast(AgentClient, None)
"""The agent is asked nothing here."""


def case_of(text: str) -> Case:
    (case,) = load_text(f"case: a\ntitle: b\ncites: [c]\n{text}", Path("a.tw.yaml"))
    return case


LINGER2 = case_of("reach: {state: ESTABLISHED}\nsteps: [call: {set: {linger2: 5}}]")
AUTOMATIC = case_of("steps: [call: {connect: {automatic: on}}]")
ACTIVE = case_of("reach: {open: active}\nsteps: [state: TIME-WAIT]")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)


def test_linux_has_it_all() -> None:
    settings = DutSettings(NOBODY, "Linux", 250)
    assert [settings.lacks(case) for case in (LINGER2, AUTOMATIC, ACTIVE)] == [None] * 3


def test_tcp_linger2_is_of_linux() -> None:
    settings = DutSettings(NOBODY, "FreeBSD", None)
    assert settings.lacks(LINGER2) == (
        "needs the socket option TCP_LINGER2, which FreeBSD does not have"
    )
    assert settings.lacks(AUTOMATIC) is None


def test_a_connection_is_destroyed_from_outside_where_the_kernel_has_that() -> None:
    destroys = case_of("steps: [call: destroy]")
    assert DutSettings(NOBODY, "Linux", 250, destroys=True).lacks(destroys) is None
    assert DutSettings(NOBODY, "Linux", 250, "6.1").lacks(destroys) == (
        "needs SOCK_DESTROY, which Linux 6.1 does not have"
    )


# -- what the DUT has, and who waits for whom -----------------------------------------------------


class Agent:
    """Notes what it is asked for; ``values`` are the DUT's sysctls."""

    def __init__(self, values: Mapping[str, object] | None = None) -> None:
        self.values = values or {}
        self.asked: list[tuple[str, ...]] = []
        self.refuses = False

    async def ask(self, verb: str, **arguments: object) -> dict[str, object]:
        self.asked.append((verb, *map(str, arguments.values())))
        await asyncio.sleep(0)
        if self.refuses and verb == "sysctl_set":
            raise AgentError(verb, "EPERM", "not permitted")
        if verb == "sysctl_get":
            name = str(arguments["name"])
            if name not in self.values:
                raise AgentError(verb, "ENOENT", "no such setting")
            return {"value": self.values[name]}
        return {"platform": "Linux", "release": "6.1.0", "hz": 250, "destroys": True}

    @property
    def switches(self) -> list[tuple[str, ...]]:
        return [asked for asked in self.asked if asked[0] == "sysctl_set"]


def settings_of(agent: Agent, platform: str = "Linux") -> DutSettings:
    return DutSettings(cast(AgentClient, agent), platform, None)


RFC1337 = ("sysctl_set", "net.ipv4.tcp_rfc1337", "1")


def test_the_agent_says_what_it_runs_on() -> None:
    settings = asyncio.run(DutSettings.of(cast(AgentClient, Agent())))
    assert (settings.platform, settings.release, settings.hz) == ("Linux", "6.1.0", 250)


def test_settings_are_read_by_the_names_of_cases() -> None:
    """What depends on the DUT's memory is left out, wherever it stands."""
    agent = Agent(
        {
            "net.ipv4.tcp_rfc1337": "1",
            "net.ipv4.tcp_max_tw_buckets": "9",
            "net.ipv4.tcp_sack": "0",
        }
    )
    assert asyncio.run(settings_of(agent).read()) == {"rfc1337": 1, "sack": 0}


@pytest.mark.parametrize("value", ["many", "", 7, "1 2", "9" * 20])
def test_a_setting_that_is_no_number_is_refused(value: object) -> None:
    agent = Agent({"net.ipv4.tcp_rfc1337": value})
    with pytest.raises(TargetError, match=r"net\.ipv4\.tcp_rfc1337 is no number on the DUT"):
        asyncio.run(settings_of(agent).read())


def test_a_setting_that_the_system_does_not_have_is_lacked() -> None:
    case = case_of("profiles: [freebsd-*]\nsettings: {drop_synfin: 1}\nsteps: [wait: 1s]")
    assert settings_of(Agent()).lacks(case) == (
        "needs the setting drop_synfin, which the agent can't change on this DUT"
    )
    assert settings_of(Agent(), "FreeBSD").lacks(case) is None


def test_a_timer_is_read_on_linux_alone() -> None:
    case = case_of("steps:\n- send: {flags: ACK}\n- state: {is: TIME-WAIT, timer: kept}\n")
    plain = case_of("steps:\n- send: {flags: ACK}\n- state: TIME-WAIT\n")
    assert settings_of(Agent()).lacks(case) is None
    lack = settings_of(Agent(), "FreeBSD").lacks(case)
    assert lack == "needs to read the block's timer, which the agent can't do on this DUT"
    assert settings_of(Agent(), "FreeBSD").lacks(plain) is None


def test_a_switch_puts_the_old_settings_back_first() -> None:
    agent = Agent()
    asyncio.run(settings_of(agent).switch_to({"rfc1337": 1}))
    assert agent.asked == [("sysctl_restore",), RFC1337]


def test_a_setting_that_is_unknown_or_refused_is_an_error() -> None:
    agent = Agent()
    with pytest.raises(TargetError, match="can't set 'no': it knows timestamps, rfc1337"):
        asyncio.run(settings_of(agent).switch_to({"no": 1}))
    agent.refuses = True
    with pytest.raises(TargetError, match=r"can't set net\.ipv4\.tcp_rfc1337 to 1"):
        asyncio.run(settings_of(agent).switch_to({"rfc1337": 1}))


async def hold(
    shared: SharedSettings, name: str, settings: Mapping[str, int], told: list[str]
) -> None:
    async with shared.holding(settings):
        told.append(f"{name} begins")
        for _ in range(8):
            await asyncio.sleep(0)
        told.append(f"{name} ends")


def held(*wanted: tuple[str, Mapping[str, int]]) -> tuple[list[str], Agent]:
    """Who was inside when, of those that came one after another."""
    agent, told = Agent(), list[str]()

    async def scenario() -> None:
        shared = SharedSettings(settings_of(agent))
        await asyncio.gather(*(hold(shared, *each, told) for each in wanted))

    asyncio.run(scenario())
    return told, agent


def test_who_wants_the_same_settings_is_let_in_beside_the_others() -> None:
    told, agent = held(("a", {"rfc1337": 1}), ("b", {"rfc1337": 1}))
    assert told == ["a begins", "b begins", "a ends", "b ends"]
    assert agent.switches == [RFC1337], "one switch serves both"


def test_who_wants_others_waits_until_all_are_through() -> None:
    told, agent = held(("a", {"rfc1337": 1}), ("b", {"rfc1337": 1}), ("c", {}))
    assert told[-2:] == ["c begins", "c ends"]
    assert agent.asked.count(("sysctl_restore",)) == 2


def test_the_duts_own_settings_need_no_switch() -> None:
    told, agent = held(("a", {}), ("b", {}))
    assert told == ["a begins", "b begins", "a ends", "b ends"]
    assert agent.asked == []


def test_a_switch_that_failed_is_made_again() -> None:
    async def scenario() -> None:
        agent = Agent()
        shared = SharedSettings(settings_of(agent))
        agent.refuses = True
        with pytest.raises(TargetError):
            await hold(shared, "a", {"rfc1337": 1}, [])
        agent.refuses = False
        told: list[str] = []
        await hold(shared, "b", {"rfc1337": 1}, told)
        await hold(shared, "c", {}, told)
        assert told == ["b begins", "b ends", "c begins", "c ends"]
        assert agent.asked[-3:] == [("sysctl_restore",), RFC1337, ("sysctl_restore",)]

    asyncio.run(asyncio.wait_for(scenario(), 10))
