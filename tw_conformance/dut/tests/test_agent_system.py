"""What the agent changes on a system and reads of it: sysctls that are put back, counters."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tw_conformance.dut import agent
from tw_conformance.dut.agent import (
    Agent,
    Refused,
    count_time_waits,
    counters_of_netstat,
    counters_of_proc,
)

PROC = """\
Ip: Forwarding DefaultTTL
Ip: 1 64
Tcp: RtoAlgorithm MaxConn ActiveOpens
Tcp: 1 -1 325
"""

PROC_EXTRA = """\
TcpExt: SyncookiesSent PAWSEstab TCPTimeWaitOverflow
TcpExt: 0 7 2
IpExt: InNoRoutes InTruncatedPkts
IpExt: 3 4
"""

NETSTAT = """\
tcp:
\t1542 packets sent
\t\t1022 data packets (120333 bytes)
\t\t3 data packets (1533 bytes) retransmitted
\t\t0 data packets unnecessarily retransmitted
\t5 connection requests
\t0 segments updated rtt (of 1130 attempts)
\t1 time used TLS
"""
"""Made from the format strings of FreeBSD's usr.bin/netstat/inet.c, tcp_stats(); not recorded."""


def test_counters_of_linux() -> None:
    assert counters_of_proc(PROC) == {"RtoAlgorithm": 1, "MaxConn": -1, "ActiveOpens": 325}
    assert counters_of_proc(PROC_EXTRA)["TCPTimeWaitOverflow"] == 2
    assert "InNoRoutes" not in counters_of_proc(PROC_EXTRA)


def test_linux_counts_its_time_waits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "sockstat"
    file.write_text("sockets: used 9\nTCP: inuse 5 orphan 0 tw 4711 alloc 6 mem 0\nUDP: inuse 1\n")
    monkeypatch.setattr(agent, "SOCKSTAT", file)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert count_time_waits() == 4711
    monkeypatch.setattr(platform, "system", lambda: "FreeBSD")
    with pytest.raises(Refused, match="no count of them"):
        count_time_waits()


def test_counters_of_netstat() -> None:
    assert counters_of_netstat(NETSTAT) == {
        "packets sent": 1542,
        "data packets": 1022,
        "data packets retransmitted": 3,
        "data packets unnecessarily retransmitted": 0,
        "connection requests": 5,
        "segments updated rtt (of 1130 attempts)": 0,
        "time used TLS": 1,
    }


class System:
    """Settings that may refuse to be written."""

    def __init__(self) -> None:
        self.values = {"first": "1", "second": "2", "third": "3"}
        self.stubborn: set[str] = set()

    def read(self, name: str) -> str:
        return self.values[name]

    def write(self, name: str, value: str) -> None:
        if name in self.stubborn:
            raise OSError(30, "Read-only file system")
        self.values[name] = value


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    made = System()
    monkeypatch.setattr(agent, "read_sysctl", made.read)
    monkeypatch.setattr(agent, "write_sysctl", made.write)
    return made


@pytest.fixture
def ends() -> Iterator[tuple[Agent, int, int]]:
    """An agent, and the ends of its pipes."""
    requests, to_agent = os.pipe()
    from_agent, replies = os.pipe()
    yield Agent(requests, replies), to_agent, from_agent
    for descriptor in (requests, from_agent, replies):
        os.close(descriptor)


def ask(made: Agent, request: bytes) -> dict[str, Any]:
    return made._answer(request)


def set_all(made: Agent) -> None:
    for name in ("first", "second", "third"):
        ask(made, b'{"verb": "sysctl_set", "name": "%s", "value": 9}' % name.encode())


def test_one_setting_that_refuses_does_not_keep_the_others(system: System) -> None:
    made = Agent()
    set_all(made)
    system.stubborn = {"second"}
    reply = ask(made, b'{"verb": "sysctl_restore"}')
    assert system.values == {"first": "1", "second": "9", "third": "3"}
    assert reply["error"] == "EIO"
    assert reply["message"].startswith("could not put back second to 2: ")


def test_what_was_refused_is_tried_again(system: System) -> None:
    made = Agent()
    set_all(made)
    system.stubborn = {"second"}
    ask(made, b'{"verb": "sysctl_restore"}')
    system.stubborn = set()
    assert ask(made, b'{"verb": "sysctl_restore"}')["ok"] == {"second": "2"}
    assert ask(made, b'{"verb": "sysctl_restore"}')["ok"] == {}


def test_all_is_put_back_at_the_end_of_the_stream(
    system: System, ends: tuple[Agent, int, int]
) -> None:
    made, to_agent, _ = ends
    set_all(made)
    os.close(to_agent)
    made.serve()
    assert system.values == {"first": "1", "second": "2", "third": "3"}


def test_what_can_not_be_put_back_then_is_told(
    system: System, ends: tuple[Agent, int, int]
) -> None:
    made, to_agent, _ = ends
    set_all(made)
    system.stubborn = {"first"}
    os.close(to_agent)
    with pytest.raises(SystemExit, match="could not put back first to 1"):
        made.serve()
    assert system.values == {"first": "9", "second": "2", "third": "3"}


@pytest.mark.parametrize(
    ("platform", "settings"),
    [
        ("Linux", {"net.ipv4.ip_local_port_range": ("32768\t60999", "5000 5000")}),
        (
            "FreeBSD",
            {
                "net.inet.ip.portrange.first": ("49152", "5000"),
                "net.inet.ip.portrange.last": ("65535", "5000"),
            },
        ),
    ],
)
def test_one_port_is_left_for_the_moment_of_a_call(
    platform: str,
    settings: dict[str, tuple[str, str]],
    system: System,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("platform.system", lambda: platform)
    before = {name: old for name, (old, _) in settings.items()}
    system.values = dict(before)
    made = Agent()
    with made._one_port(5000):
        assert system.values == {name: narrowed for name, (_, narrowed) in settings.items()}
    assert system.values == before
    assert ask(made, b'{"verb": "sysctl_restore"}')["ok"] == {}


def test_ports_that_can_not_be_narrowed_are_no_errno_of_the_call(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    system.values = {"net.ipv4.ip_local_port_range": "1 2"}
    system.stubborn = set(system.values)
    made = Agent()
    with pytest.raises(Refused, match="log in as root") as refusal, made._one_port(5000):
        pass
    assert refusal.value.name == "ENOSYS"
