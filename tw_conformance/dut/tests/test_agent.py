"""The agent as a process of its own: requests in, replies out, no connection made."""

from __future__ import annotations

import ast
import json
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tw_conformance.dut import agent

SOURCE = Path(agent.__file__)

Names = dict[str, str | int]
"""Arguments of a request."""


class Session:
    """A running agent, asked one line at a time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def line(self, line: bytes) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()
        reply: dict[str, Any] = json.loads(self.process.stdout.readline())
        return reply

    def ask(self, verb: str, **arguments: str | int) -> dict[str, Any]:
        return self.line(json.dumps({"id": 7, "verb": verb, **arguments}).encode())

    def listen(self, port: int = 0, policy: str = "close") -> dict[str, Any]:
        return self.ask("listen", family="ipv4", address="127.0.0.1", port=port, policy=policy)


@pytest.fixture
def session() -> Iterator[Session]:
    with subprocess.Popen(
        [sys.executable, "-I", "-S", str(SOURCE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield Session(process)


def test_reads_as_python_3_6() -> None:
    ast.parse(SOURCE.read_text(), feature_version=(3, 6))


def test_needs_the_standard_library_only() -> None:
    nodes = list(ast.walk(ast.parse(SOURCE.read_text())))
    names = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    assert {str(name).partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_version_names_the_kernel(session: Session) -> None:
    reply = session.ask("version")
    assert reply["id"] == 7
    assert reply["ok"]["platform"] == "Linux"
    assert reply["ok"]["hz"] is None or reply["ok"]["hz"] >= 100


def test_a_port_listens_once(session: Session) -> None:
    port = session.listen()["ok"]["port"]
    assert session.listen(port)["error"] == "EADDRINUSE"
    assert session.ask("unlisten", family="ipv4", port=port)["ok"] == {"port": port}
    assert session.listen(port)["ok"] == {"port": port}


def test_a_bound_port_is_free_again(session: Session) -> None:
    port = session.listen()["ok"]["port"]
    where: dict[str, str | int] = {"family": "ipv4", "address": "127.0.0.1", "port": port}
    assert session.ask("bind", **where, reuse_address=True)["error"] == "EADDRINUSE"
    session.ask("unlisten", family="ipv4", port=port)
    assert session.ask("bind", **where)["ok"] == {"port": port}
    assert session.ask("bind", **where)["ok"] == {"port": port}


def test_what_is_opened_is_held(session: Session) -> None:
    peer = session.listen()["ok"]["port"]
    port = session.listen()["ok"]["port"]
    session.ask("unlisten", family="ipv4", port=port)
    names: dict[str, str | int] = {
        "local": "127.0.0.1",
        "local_port": port,
        "peer": "127.0.0.1",
        "peer_port": peer,
    }
    assert session.ask("open", **names)["ok"] == {}
    assert session.ask("set", **names, linger=0, tos=16, ttl=33, reuse_address=1)["ok"] == {}
    assert session.ask("set", **names, nodelay=1, linger2=5)["ok"] == {}
    assert session.ask("set", **names, fun=1)["error"] == "ENOSYS"
    assert session.ask("close", **names)["ok"] == {}
    assert session.ask("close", **names)["error"] == "EBADF"
    session.ask("release", family="ipv4", port=port)
    assert session.ask("close", **names)["error"] == "EBADF"


@pytest.fixture
def pair(session: Session) -> tuple[Names, Names]:
    """A connection over the loopback, both ends held: who opened it, and who accepted it."""
    server = session.listen(policy="hold")["ok"]["port"]
    client = session.listen()["ok"]["port"]
    session.ask("unlisten", family="ipv4", port=client)
    assert session.ask("open", **names_of(client, server))["ok"] == {}
    return names_of(client, server), names_of(server, client)


def names_of(local_port: int, peer_port: int) -> Names:
    """A connection of the loopback in the agent's words."""
    loopback = "127.0.0.1"
    return {
        "local": loopback,
        "local_port": local_port,
        "peer": loopback,
        "peer_port": peer_port,
    }


def test_what_is_sent_is_received(session: Session, pair: tuple[Names, Names]) -> None:
    here, there = pair
    assert session.ask("receive", **there, length=1)["error"] == "EAGAIN"
    assert session.ask("send", **here, length=100_000)["ok"] == {}
    assert session.ask("receive", **there, length=99_999)["ok"] == {"end": False}
    assert session.ask("receive", **there, length=2)["error"] == "EAGAIN", "one is left of two"
    assert session.ask("send", **here, length=1 << 26)["error"] == "EAGAIN", "it has no room"


def test_what_is_shut_down_says_so(session: Session, pair: tuple[Names, Names]) -> None:
    here, there = pair
    session.ask("send", **here, length=3)
    assert session.ask("shutdown", **here, how="write")["ok"] == {}
    assert session.ask("send", **here, length=1)["error"] == "EPIPE"
    assert session.ask("receive", **there, length=4)["ok"] == {"end": True}
    assert session.ask("receive", **there, length=4)["ok"] == {"end": True}
    assert session.ask("shutdown", **here, how="read")["ok"] == {}
    assert session.ask("receive", **here, length=1)["ok"] == {"end": True}
    assert session.ask("shutdown", **here, how="sideways")["error"] == "EINVAL"


def test_an_error_is_taken_once(session: Session, pair: tuple[Names, Names]) -> None:
    here, there = pair
    assert session.ask("error", **here)["ok"] == {}
    assert session.ask("abort", **there)["ok"] == {}
    assert session.ask("error", **here)["error"] == "ECONNRESET"
    assert session.ask("error", **here)["ok"] == {}


def test_a_descriptor_outlives_its_connection(session: Session, pair: tuple[Names, Names]) -> None:
    here, there = pair
    assert session.ask("shutdown", **here)["ok"] == {}
    assert session.ask("close", **there)["ok"] == {}
    assert session.ask("state", **here)["ok"]["state"] == "TIME-WAIT"
    assert session.ask("close", **here)["ok"] == {}


def test_a_listener_may_never_accept(session: Session) -> None:
    port = session.listen(policy="never")["ok"]["port"]
    client = session.listen()["ok"]["port"]
    session.ask("unlisten", family="ipv4", port=client)
    session.ask("open", **names_of(client, port))
    assert session.ask("close", **names_of(port, client))["error"] == "EBADF"
    assert session.ask("state", **names_of(port, client))["ok"]["state"] == "ESTABLISHED"
    assert session.ask("release", family="ipv4", port=port)["ok"] == {"port": port}
    assert session.ask("error", **names_of(client, port))["error"] == "ECONNRESET"


def test_options_are_set_beforehand_and_inherited(session: Session) -> None:
    """By SO_LINGER of 0 s: what the listener's service closes is reset."""
    where = {"family": "ipv4", "address": "127.0.0.1", "port": 0, "policy": "close"}
    options = {"linger": 0, "ttl": 9, "nodelay": 1}
    port = session.line(json.dumps({"verb": "listen", **where, "options": options}).encode())["ok"][
        "port"
    ]
    client = session.listen()["ok"]["port"]
    session.ask("unlisten", family="ipv4", port=client)
    session.ask("open", **names_of(client, port))
    assert session.ask("state", **names_of(port, client))["ok"]["state"] == "CLOSED"
    assert session.ask("error", **names_of(client, port))["error"] == "ECONNRESET"


@pytest.mark.parametrize(("seconds", "lingers"), [(30, False), (0, True)])
def test_close_does_not_wait_and_resets_where_it_is_to(seconds: int, lingers: bool) -> None:
    with socket.socket() as opened, opened.dup() as same:
        agent.set_option(opened, opened.family, "linger", seconds)
        agent.close_at_once(opened)
        value = same.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
    on, _ = struct.unpack("ii", value)
    assert bool(on) == lingers


def test_bind_takes_what_it_is_told(session: Session) -> None:
    port = session.listen()["ok"]["port"]
    taken: Names = {"port": port, "address": "::ffff:127.0.0.1", "family": "ipv6"}
    assert session.ask("bind", **taken, v6only=False)["error"] == "EADDRINUSE"
    assert session.ask("bind", **taken)["error"] == "EINVAL", "no IPv6 address, and IPV6_V6ONLY"
    chosen = session.ask("bind", family="ipv4", address="0.0.0.0", port=0)["ok"]["port"]
    assert chosen not in (0, port)


def test_a_connection_that_is_not_there_can_not_be_destroyed(session: Session) -> None:
    """Its listener stays."""
    port = session.listen()["ok"]["port"]
    assert session.ask("destroy", **names_of(port, 9))["error"] == "ENOENT"
    assert session.listen(port)["error"] == "EADDRINUSE"


def test_what_can_not_be_opened_is_an_errno(session: Session) -> None:
    reply = session.ask("open", local="192.0.2.1", local_port=7, peer="192.0.2.2", peer_port=8)
    assert reply["error"] == "EADDRNOTAVAIL"


def test_counters_have_the_names_of_the_system(session: Session) -> None:
    counters = session.ask("counters")["ok"]
    assert {"ActiveOpens", "TCPTimeWaitOverflow", "PAWSEstab"} <= counters.keys()
    assert all(isinstance(value, int) for value in counters.values())


def test_unlisten_without_a_listener_is_an_error(session: Session) -> None:
    reply = session.ask("unlisten", family="ipv4", port=9)
    assert reply == {"id": 7, "error": "ENOENT", "message": "nothing listens on port 9"}


def test_release_is_content_with_nothing(session: Session) -> None:
    assert "ok" in session.ask("release", family="ipv6", port=9)


def test_a_connection_that_nobody_holds_has_no_descriptor(session: Session) -> None:
    reply = session.ask("close", local="192.0.2.1", local_port=7, peer="192.0.2.2", peer_port=8)
    assert reply["error"] == "EBADF"
    assert "192.0.2.1 port 7 with 192.0.2.2 port 8" in reply["message"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_an_unknown_connection_is_closed(session: Session, address: str) -> None:
    reply = session.ask("state", local=address, local_port=1, peer=address, peer_port=1)
    assert reply["ok"]["state"] == "CLOSED"
    assert reply["ok"]["remaining"] is None


def test_a_listener_is_not_a_connection(session: Session) -> None:
    port = session.listen()["ok"]["port"]
    reply = session.ask("state", local="127.0.0.1", local_port=port, peer="192.0.2.2", peer_port=1)
    assert reply["ok"]["state"] == "CLOSED"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"not JSON", "EINVAL"),
        (b"[]", "EINVAL"),
        (b"\xff", "EINVAL"),
        (b'{"verb": "dance"}', "ENOSYS"),
        (b'{"verb": "listen"}', "EINVAL"),
        (b'{"verb": "unlisten", "family": "ipx", "port": 1}', "EINVAL"),
        (b'{"verb": "shutdown", "how": "sideways"}', "EINVAL"),
        (b'{"verb": "bind", "family": "ipv4", "address": "192.0.2.1", "port": 0}', "EADDRNOTAVAIL"),
        (
            b'{"verb": "set", "local": "192.0.2.1", "local_port": 7, "peer": "192.0.2.2",'
            b' "peer_port": 8, "linger": 0}',
            "EBADF",
        ),
        (b'{"verb": "sysctl_set", "name": "net.ipv4.no_such_thing", "value": 1}', "ENOENT"),
        (
            b'{"verb": "listen", "family": "ipv4", "address": "192.0.2.1",'
            b' "port": 0, "policy": "sulk"}',
            "EINVAL",
        ),
    ],
)
def test_every_error_is_a_reply(session: Session, line: bytes, error: str) -> None:
    assert session.line(line)["error"] == error
    assert "ok" in session.ask("version")


def test_lines_may_arrive_in_pieces_and_together(session: Session) -> None:
    assert session.process.stdin is not None
    session.process.stdin.write(b'{"id": 1, "verb": "ver')
    session.process.stdin.flush()
    reply = session.line(b'sion"}\n{"id": 2, "verb": "version"}')
    assert session.process.stdout is not None
    assert reply["id"] == 1
    assert json.loads(session.process.stdout.readline())["id"] == 2


def test_ends_with_its_input(session: Session) -> None:
    assert session.process.stdin is not None
    session.process.stdin.close()
    assert session.process.wait(timeout=600) == 0


def test_proc_writes_addresses_as_words_of_the_machine() -> None:
    loopback = "0100007F" if sys.byteorder == "little" else "7F000001"
    last_word = "01000000" if sys.byteorder == "little" else "00000001"
    assert agent._proc_endpoint("127.0.0.1", 8080) == f"{loopback}:1F90"
    assert agent._proc_endpoint("::1", 7) == f"{'0' * 24}{last_word}:0007"
