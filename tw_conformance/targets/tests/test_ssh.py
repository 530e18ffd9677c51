"""The agent through a command's standard input and output, and what a hostile DUT makes of it."""

from __future__ import annotations

import asyncio
import shlex
import sys
import tracemalloc
from typing import Any

import pytest

from tw_conformance.dut.client import AgentError
from tw_conformance.model.errors import TargetError
from tw_conformance.targets.locator import Locator
from tw_conformance.targets.network.ssh import RemoteAgent, agent_text, command
from tw_conformance.targets.wire_link import observation_of

READY = "print('tw-conformance agent ready', flush=True)"
EAT = f"import sys; sys.stdin.buffer.read({len(agent_text())})"


def remote_command() -> list[str]:
    """What ssh would have a login shell run, run by a shell here."""
    return ["sh", "-c", command(Locator("ssh", "box"))[-1]]


def pretending(script: str) -> list[str]:
    """An agent that takes our text, says that it is ready, and then does that."""
    return [sys.executable, "-c", f"{EAT}\n{READY}\n{script}"]


def asked(command: list[str], verb: str = "version", **arguments: str | int) -> dict[str, Any]:
    async def scenario() -> dict[str, Any]:
        remote = await RemoteAgent.start(command)
        try:
            return await remote.client.ask(verb, **arguments)
        finally:
            await remote.aclose()

    return asyncio.run(scenario())


def test_the_agent_runs_from_standard_input() -> None:
    assert asked(remote_command())["platform"] == "Linux"


def test_what_a_login_shell_greets_with_is_passed_over() -> None:
    run = command(Locator("ssh", "box"))[-1]
    assert asked(["sh", "-c", f"echo welcome; echo; {run}"])["platform"] == "Linux"


def test_the_command_is_one_line_for_any_shell() -> None:
    words = command(Locator("ssh", "192.0.2.20", 2222, "root"))
    assert words[0] == "ssh"
    assert words[-3:-1] == ["--", "192.0.2.20"]
    assert words[words.index("-p") : words.index("--")] == ["-p", "2222", "-l", "root"]
    assert not set("!\n") & set(words[-1])
    assert shlex.split(words[-1])[:3] == ["python3", "-u", "-c"]


def test_a_refusal_of_the_agent_keeps_its_errno() -> None:
    with pytest.raises(AgentError, match="nothing listens on port 9") as error:
        asked(remote_command(), "unlisten", family="ipv4", port=9)
    assert error.value.code == "ENOENT"


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        (["no-such-command"], "no-such-command can't be run"),
        (["sh", "-c", "echo Permission denied >&2; exit 255"], "Permission denied"),
        (["sh", "-c", "exit 127"], "ended before python3 was there"),
        (["sh", "-c", "yes hello"], "not that python3 is there"),
        (["sh", "-c", "head -c 3000000 /dev/zero 2>&-; cat"], "not that python3 is there"),
    ],
)
def test_where_there_is_no_agent_it_says_why(script: list[str], complaint: str) -> None:
    with pytest.raises(TargetError, match=complaint):
        asked(script)


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("print('hello')", "says 'hello', which is no answer"),
        ("print('[1]')", "no answer"),
        ("print('[' * 100000)", "no answer"),
        ("print('{\"id\": 1}')", "no answer"),
        ('print(\'{"id": [], "ok": {}}\')', "no answer"),
        ('print(\'{"id": 1, "ok": 7}\')', "no answer"),
        ("print('x' * 3_000_000)", "a line without end"),
        ("while True: print('x' * 65536, end='')", "a line without end"),
        ("sys.stdout.buffer.write(bytes(range(256)) * 64 + b'\\n')", "no answer"),
        ("raise SystemExit", "the agent has ended"),
    ],
)
def test_a_liar_is_found_out(script: str, complaint: str) -> None:
    with pytest.raises(TargetError, match=complaint):
        asked(pretending(script + "\nsys.stdin.read()"))


def test_answers_that_nobody_asked_for_are_passed_over() -> None:
    flood = 'for n in range(2, 5000): print(\'{"id": %d, "ok": {}}\' % n)'
    answer = 'print(\'{"id": 1, "ok": {"port": 5}}\', flush=True)'
    tracemalloc.start()
    assert asked(pretending(f"{flood}\n{answer}")) == {"port": 5}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"state": 6, "remaining": None, "resolution": 0.0},
        {"state": "TIME-WAIT", "remaining": "soon", "resolution": 0.0},
        {"state": "TIME-WAIT", "remaining": None, "resolution": None},
    ],
)
def test_a_row_that_is_none_is_found_out(row: dict[str, Any]) -> None:
    with pytest.raises(TargetError, match="no state"):
        observation_of(row, 0.0, 0.0)
