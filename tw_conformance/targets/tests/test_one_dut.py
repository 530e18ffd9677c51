"""The one DUT at the end of a way: what is known of its settings, and what it lacks for a case."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from tw_conformance.dut.client import AgentClient, AgentError
from tw_conformance.link.injector import Injector
from tw_conformance.model.case import Case
from tw_conformance.notation.load import load_text
from tw_conformance.targets.bench import Bench
from tw_conformance.targets.network.one_dut import OneDut
from tw_reference.profiles import PROFILES

STACK = PROFILES["freebsd-15"]
QUIET = "steps: [state: TIME-WAIT]"


class FreeBsdAgent:
    """Of a DUT whose MSL is 2 s."""

    async def ask(self, verb: str, name: str = "", **arguments: Any) -> dict[str, Any]:
        if verb == "version":
            return {
                "platform": "FreeBSD",
                "release": "14.3-RELEASE-p2",
                "hz": None,
                "destroys": False,
            }
        if verb == "listen":
            return {"port": 40000}
        if name != "net.inet.tcp.msl":
            raise AgentError(verb, "ENOENT", f"no {name}")
        return {"value": "2000"}


def reached(*, agent: bool, said: Mapping[str, int] | None = None, alone: bool = False) -> OneDut:
    async def attach() -> Bench:
        client = cast(AgentClient, FreeBsdAgent()) if agent else None
        injector = cast(Injector, None)
        return Bench(injector, {"ipv4": "192.0.2.1"}, {"ipv4": 13}, AsyncExitStack(), client)

    dut = OneDut("box", STACK, attach, said or {}, alone=alone)
    asyncio.run(dut.start())
    return dut


def case_of(text: str) -> Case:
    (case,) = load_text(f"case: a\ntitle: b\ncites: [c]\n{text}", Path("a.tw.yaml"))
    return case


@pytest.mark.parametrize(
    ("agent", "said", "msl"),
    [(False, {}, 30.0), (False, {"msl": 5000}, 5.0), (True, {}, 2.0), (True, {"msl": 5000}, 2.0)],
    ids=["unknown", "said", "read", "read and said"],
)
def test_times_follow_the_msl_that_is_known(
    agent: bool, said: Mapping[str, int], msl: float
) -> None:
    dut = reached(agent=agent, said=said)
    assert dut.time_variables(STACK)["msl"] == msl
    assert dut.settings.get("msl", 30000) == msl * 1000


def test_the_release_of_a_dut_is_named_with_the_profile_that_stands_for_it() -> None:
    what = "box (192.0.2.1; FreeBSD 14.3-RELEASE-p2: freebsd-14 stands for it), held to freebsd-15"
    assert reached(agent=True).describe() == what


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (QUIET, None),
        (f"reach: {{family: ipv6}}\n{QUIET}", "needs an IPv6 address of the DUT and one of the"),
        ("steps: [call: unlisten]", "needs socket calls on the DUT: use ssh://"),
        (
            "steps: [open: {name: two, peer: other}]",
            "needs another address of the tester's (open",
        ),
        ("steps: [counters: {Drops: 1}]", "needs to read the DUT's counters: use ssh://"),
        (
            f"profiles: [freebsd-*]\nsettings: {{drop_synfin: 1}}\n{QUIET}",
            "needs the DUT's setting drop_synfin=1: use ssh://",
        ),
    ],
)
def test_a_dut_without_an_agent_says_what_it_lacks(text: str, why: str | None) -> None:
    lacks = reached(agent=False).lacks(case_of(text))
    assert (lacks is None) if why is None else (why in (lacks or ""))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "steps: [call: unlisten]",
            "needs socket calls on the DUT, and nothing of ours runs there",
        ),
        ("steps: [counters: {Drops: 1}]", "the DUT's counters, and nothing of ours runs there"),
        (
            f"profiles: [freebsd-*]\nsettings: {{drop_synfin: 1}}\n{QUIET}",
            "needs the DUT's setting drop_synfin=1: give it that, and say --set drop_synfin=1",
        ),
        ("steps: [open: {name: two, peer: other}]", "another address of the tester's (open: peer)"),
    ],
)
def test_who_has_a_stack_alone_on_a_device_is_not_sent_to_a_shell(text: str, why: str) -> None:
    lacks = reached(agent=False, alone=True).lacks(case_of(text)) or ""
    assert lacks.endswith(why)


@pytest.mark.parametrize("agent", [False, True])
def test_a_path_mtu_is_told_where_no_stack_keeps_it(agent: bool) -> None:
    tells = "steps: [send: {icmp: fragmentation-needed}]"
    dut = reached(agent=agent)
    assert dut.lacks(case_of(tells)) is None
    lacks = dut.lacks(case_of(f"reach: {{state: FIN-WAIT-1}}\n{tells}"))
    assert lacks is not None
    assert lacks.startswith("tells the DUT a path MTU, which it may keep for 10 minutes")


def test_what_the_user_said_of_it_need_not_be_set() -> None:
    dut = reached(agent=False, said={"drop_synfin": 1})
    strict = f"profiles: [freebsd-*]\nsettings: {{drop_synfin: 1}}\n{QUIET}"
    assert dut.lacks(case_of(strict)) is None


def test_an_agent_gives_it_all_but_a_table_of_its_own() -> None:
    dut = reached(agent=True)
    assert dut.lacks(case_of("steps: [call: unlisten]")) is None
    full = case_of(f"profiles: [freebsd-10]\nsettings: {{maxtcptw: 1}}\n{QUIET}")
    assert dut.lacks(full) == "needs maxtcptw changed, and with it a table of its own"
