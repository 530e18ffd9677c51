"""The reference as a host: the running kernel is its client."""

from __future__ import annotations

import base64
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tw_conformance.targets.kernel.world import ISOLATED_PYTHON, TESTER_IPV4, TESTER_IPV6, World
from tw_conformance.tests.checkout import environment
from tw_conformance.tests.wire import client_agent
from tw_conformance.tests.wire.conftest import do_without
from tw_reference.clock import Clock
from tw_reference.profiles import PROFILES
from tw_reference.segment import Flow
from tw_reference.serve import services
from tw_reference.serve.links import PacketLink
from tw_reference.serve.loop import Loop
from tw_reference.serve.station import Station
from tw_reference.stack.host import Host, HostEvent

pytestmark = pytest.mark.usefixtures("world_or_skip")

CPU = min(os.sched_getaffinity(0))
ADDRESSES = {"ipv4": TESTER_IPV4[0], "ipv6": TESTER_IPV6[0]}
MAC = "02:00:00:00:00:02"
ECHO, CLOSE, POUR, CROSS, HELLO = 7, 8, 9, 10, 80
TEXT = bytes(range(256)) * 1200
PIECE = 48_000
PATIENCE = 60.0

INSIDE = """
import ctypes, os, socket, struct, sys, urllib.request
pid, address = sys.argv[1:]
for kind in ("user", "net"):  # where the world has no user namespace, the first one refuses
    ctypes.CDLL(None).setns(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY), 0)
"""

FETCH = (
    INSIDE
    + """
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
host = f"[{address}]" if ":" in address else address
print(direct.open(f"http://{host}/", timeout=60).read().decode())
"""
)

PING = (
    INSIDE
    + """
v6 = ":" in address
family, protocol = (socket.AF_INET6, 58) if v6 else (socket.AF_INET, 1)
data = bytes(range(57))
message = bytearray(struct.pack("!BBHHH", 128 if v6 else 8, 0, 0, 4711, 1) + data)
total = sum(struct.unpack(f"!{len(message) // 2}H", message[:-1])) + (message[-1] << 8)
struct.pack_into("!H", message, 2, ~(total % 0xFFFF) & 0xFFFF)
with socket.socket(family, socket.SOCK_RAW, protocol) as raw:
    raw.settimeout(10)
    raw.sendto(bytes(message), (address, 0))
    reply = b""
    while reply[:1] != bytes([129 if v6 else 0]):
        reply = raw.recv(2048)
        reply = reply if v6 else reply[20:]
print(reply[4:] == message[4:])
"""
)

ON_A_LINK_OF_ITS_OWN = """
import json, signal, socket, subprocess, sys, urllib.request
from tw_conformance.targets.kernel.world_setup import enter_own_namespaces, run_ip
where, name = sys.argv[1:]
enter_own_namespaces()
if where == "--interface":  # with all of its offloads
    run_ip(f"link add near type veth peer name {name}\\nlink set near up\\nlink set {name} up\\n")
command = [sys.executable, "-m", "tw_reference", "--profile", "linux", where, name,
           "--port", "80=hello", "--port", "7=echo", "--trace"]
with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
    first = served.stdout.readline()
    near = "near" if where == "--interface" else name
    run_ip(f"addr add 192.0.2.254/24 dev {near}\\naddr add 2001:db8::fe/64 dev {near} nodad\\n")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    pages = [direct.open(f"http://{host}/", timeout=60).read().decode()
             for host in ("192.0.2.1", "[2001:db8::1]")]
    text, back = bytes(range(256)) * 1200, b""
    with socket.create_connection(("192.0.2.1", 7), timeout=60) as peer:
        peer.sendall(text)
        peer.shutdown(socket.SHUT_WR)
        while piece := peer.recv(65536):
            back += piece
    served.send_signal(signal.SIGTERM)
    *trace, last = served.stdout.read().splitlines()
left = [interface for _, interface in socket.if_nameindex()]
print(json.dumps([first, pages, back == text, trace, last, served.returncode, left]))
"""


class Kernel:
    """The kernel's side: one connection of its at a time, by the agent."""

    def __init__(self, world: World) -> None:
        self._agent = world.agent
        self._replies = world.agent.makefile("rb")
        self._turn = threading.Lock()
        self._names: dict[str, Any] = {}

    def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        request = json.dumps({"id": 1, "verb": verb, **self._names, **arguments})
        with self._turn:
            self._agent.sendall(request.encode() + b"\n")
            reply: dict[str, Any] = json.loads(self._replies.readline())
        assert "ok" in reply, reply
        answer: dict[str, Any] = reply["ok"]
        return answer

    def connect(self, family: str, port: int) -> Flow:
        """Open; the flow as the reference sends it."""
        self._names = {}
        self._names = self.ask("connect", peer=ADDRESSES[family], peer_port=port)
        ours = Flow(*(self._names[key] for key in ("local", "local_port", "peer", "peer_port")))
        return ours.reverse

    def send(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            self.ask("say", data=base64.b64encode(piece).decode())

    def receive(self, size: int) -> bytes:
        """Up to ``size`` octets, less where the reference has closed before."""
        received = b""
        while len(received) < size:
            asked = min(PIECE, size - len(received))
            piece = base64.b64decode(self.ask("hear", size=asked)["data"])
            received += piece
            if len(piece) < asked:
                break
        return received

    def close(self) -> None:
        self.ask("close")

    def comes_to(self, state: str) -> bool:
        deadline = time.monotonic() + PATIENCE
        while (seen := self.ask("state")["state"]) != state:
            if time.monotonic() > deadline:
                pytest.fail(f"the kernel stays in {seen}")
        return True

    def end(self) -> None:
        self._replies.close()


class Pour:
    """Answers the first text with a lot of it, and closes first."""

    closes_first = False

    def react(self, host: Host, event: HostEvent) -> None:
        if event.kind == "data":
            host.sockets.send(event.flow, TEXT)
            host.sockets.close(event.flow)


class Cross:
    """Closes when the kernel has done so, and before its FIN is read."""

    closes_first = False

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def react(self, host: Host, event: HostEvent) -> None:
        if event.kind == "data":
            self._kernel.close()
            host.sockets.close(event.flow)


class Noticed:
    """Another service, and what happened to its connections."""

    def __init__(self, service: services.Service, ends: queue.Queue[Flow]) -> None:
        self.closes_first = service.closes_first
        self._service = service
        self._ends = ends

    def react(self, host: Host, event: HostEvent) -> None:
        if event.kind == "gone":
            self._ends.put(event.flow)
        self._service.react(host, event)


class Served:
    """The reference under a profile on one end of a link, in a thread; a kernel at the other."""

    def __init__(self, profile: str) -> None:
        self.world = World.start(CPU, ("kernel", *ISOLATED_PYTHON, client_agent.__file__))
        self.kernel = Kernel(self.world)
        self._ends: queue.Queue[Flow] = queue.Queue()
        addresses = frozenset(ADDRESSES.values())
        self.host = Host(
            PROFILES[profile], Clock(time.monotonic_ns()), addresses=addresses, seed=profile
        )
        processes: dict[int, services.Service] = {
            ECHO: services.EchoBack(),
            CLOSE: services.Close(),
            POUR: Pour(),
            CROSS: Cross(self.kernel),
            HELLO: services.Hello(),
        }
        link = PacketLink(self.world.packets, "tester")
        self.station = Station(
            self.host,
            MAC,
            addresses,
            {port: Noticed(process, self._ends) for port, process in processes.items()},
            transmit=link.send,
            decided=lambda decision: None,
        )
        self._loop = Loop(link, self.station)
        self._thread = threading.Thread(target=self._loop.run)
        self._thread.start()

    def is_left_in(self, flow: Flow) -> str:
        """The state of the reference once the connection has been given up, or compressed."""
        assert self._ends.get(timeout=PATIENCE) == flow
        return self.host.state(flow)

    def close(self) -> None:
        self._loop.stop()
        self._thread.join()
        self.kernel.end()
        self.world.close()


@pytest.fixture(scope="module", params=PROFILES)
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    opened = Served(request.param)
    yield opened
    opened.close()


FAMILIES = pytest.mark.parametrize("family", ["ipv4", "ipv6"])


@FAMILIES
def test_the_kernel_closes_first(served: Served, family: str) -> None:
    kernel = served.kernel
    flow = kernel.connect(family, ECHO)
    kernel.send(TEXT)
    assert kernel.receive(len(TEXT)) == TEXT
    kernel.close()
    assert served.is_left_in(flow) == "CLOSED"
    assert kernel.comes_to("TIME-WAIT")


@FAMILIES
def test_the_reference_closes_first(served: Served, family: str) -> None:
    kernel = served.kernel
    flow = kernel.connect(family, POUR)
    kernel.send(b"?")
    assert kernel.receive(2 * len(TEXT)) == TEXT
    assert kernel.comes_to("CLOSE-WAIT")
    kernel.close()
    assert kernel.comes_to("CLOSED")
    assert served.is_left_in(flow) == "TIME-WAIT"


@FAMILIES
def test_the_reference_closes_at_once(served: Served, family: str) -> None:
    kernel = served.kernel
    flow = kernel.connect(family, CLOSE)
    assert kernel.receive(1) == b""
    kernel.close()
    assert kernel.comes_to("CLOSED")
    assert served.is_left_in(flow) == "TIME-WAIT"


@FAMILIES
def test_both_close_at_once(served: Served, family: str) -> None:
    kernel = served.kernel
    flow = kernel.connect(family, CROSS)
    kernel.send(b"!")
    assert served.is_left_in(flow) == "TIME-WAIT"
    assert kernel.comes_to("TIME-WAIT")


@FAMILIES
def test_a_page_is_fetched(served: Served, family: str) -> None:
    page = inside(served, FETCH, ADDRESSES[family])
    assert served.host.profile.title in page
    assert "TIME-WAIT" in page


@FAMILIES
def test_a_ping_returns_with_its_data(served: Served, family: str) -> None:
    assert inside(served, PING, ADDRESSES[family]) == "True"


def test_nothing_was_lost_or_unreadable(served: Served) -> None:
    """Of all that this worker played before, and of a ping."""
    assert inside(served, PING, ADDRESSES["ipv4"]) == "True"
    counts = served.station.counts
    assert counts.received > 0
    assert (counts.unreadable, counts.lost) == (0, 0)


def inside(served: Served, script: str, address: str) -> str:
    """What a process in the kernel's namespaces prints."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, str(served.world.process.pid), address],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("where", ["--tap", "--interface"])
def test_the_command_serves_and_leaves_nothing_behind(where: str) -> None:
    if where == "--tap" and not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        do_without("this user may not open /dev/net/tun")
    done = subprocess.run(
        [sys.executable, "-c", ON_A_LINK_OF_ITS_OWN, where, "served"],
        capture_output=True,
        text=True,
        timeout=600,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    first, pages, echoed, trace, last, code, left = json.loads(done.stdout)
    assert first.startswith("linux-6.18 is on served as 192.0.2.1 and 2001:db8::1")
    assert all("I close first" in page for page in pages)
    assert echoed
    assert sum("linux.listen-syn (LISTEN)" in line for line in trace) == 3
    assert sum(line.endswith("CLOSED -> TIME-WAIT") for line in trace) == 2
    assert last.startswith("connections: 3, of which 2 left in TIME-WAIT; frames: ")
    assert last.endswith(" 0 unreadable, 0 lost")
    assert code == 0
    assert ("served" in left) == (where == "--interface")
