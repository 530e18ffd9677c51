"""A lab network in namespaces, in which a command is run as a user would run it.

::

    python -m tw_conformance.tests.wire.lab LAYOUT COMMAND...

The command's machine is 192.0.2.1 and 2001:db8::1 on the interface ``lab0``.  The DUT is another
kernel, 192.0.2.20 and 2001:db8::20, with a daytime service that closes first; its process is in the
environment as ``LAB_DUT``, for nsenter.  LAYOUT is one of:

* ``link``: both are on one link;
* ``routed``: the DUT is 198.51.100.20 and 2001:db8:1::20, behind a router, and the MTU is 1400;
* ``offloads``: as ``link``, but the DUT leaves its checksums to the card;
* ``jumbo``: as ``link``, but the MTU is 9000;
* ``tagged``: as ``link``, but the DUT's frames are tagged for VLAN 10, behind a trunk port;
* ``silent``, ``flood``: as ``link``, but the DUT has no service, or one whose answers never end.

With ``LAB_AS_ROOT`` in the environment the lab has no user namespace of its own.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from tw_conformance.targets.kernel import world_setup
from tw_conformance.targets.kernel.world_setup import CLONE_NEWNET, ETHTOOL_STXCSUM, run_ip
from tw_conformance.tests.wire import tagged

DAYTIME = 13

LINK = """\
link add lab0 index 9 type veth peer name lab0 netns {dut}
addr add 192.0.2.1/24 dev lab0
addr add 2001:db8::1/64 dev lab0 nodad
"""
LINK_DUT = """\
addr add 192.0.2.20/24 dev lab0
addr add 2001:db8::20/64 dev lab0 nodad
link set lab0 up
"""
TAGGED_DUT = LINK_DUT.replace("dev lab0", f"dev {tagged.DEVICE}") + f"link set {tagged.DEVICE} up\n"
TRUNK = "link set lab0 arp off addrgenmode none up\n"
JUMBO = "link set lab0 mtu 9000\n"
ROUTED = """\
link add lab0 index 9 mtu 1400 type veth peer name lab0 mtu 1400 netns {router}
addr add 192.0.2.1/24 dev lab0
addr add 2001:db8::1/64 dev lab0 nodad
link set lab0 up
route add 198.51.100.0/24 via 192.0.2.254
route add 2001:db8:1::/64 via 2001:db8::fe
"""
ROUTER = """\
link add far index 19 type veth peer name lab0 netns {dut}
addr add 192.0.2.254/24 dev lab0
addr add 2001:db8::fe/64 dev lab0 nodad
link set lab0 up
addr add 198.51.100.254/24 dev far
addr add 2001:db8:1::fe/64 dev far nodad
link set far up
"""
ROUTED_DUT = """\
addr add 198.51.100.20/24 dev lab0
addr add 2001:db8:1::20/64 dev lab0 nodad
link set lab0 up
route add default via 198.51.100.254
route add default via 2001:db8:1::fe
"""


class Machine:
    """A process in a network namespace of its own that does what it is told, until it is told to
    end or this process has ended."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            world_setup.unshare(CLONE_NEWNET)
            world_setup.bring_up("lo")
            _obey(theirs)
        theirs.close()
        self._orders = ours.makefile("rw")
        self._orders.readline()

    def tell(self, verb: str, text: str = "") -> None:
        """Do that, and wait until it has been done."""
        self._orders.write(f"{verb} {text.encode().hex()}\n")
        self._orders.flush()
        if (said := self._orders.readline().strip()) != "done":
            sys.exit(f"lab: {verb}: {said}")


def _obey(orders: socket.socket) -> None:
    verbs: dict[str, Callable[[str], object]] = {
        "ip": run_ip,
        "sum": lambda interface: world_setup.turn_off(interface, ETHTOOL_STXCSUM),
        "forward": lambda _: _forward(),
        "tag": tagged.be_tagged,
        "serve": lambda flood: _serve(flood == "flood"),
    }
    stream = orders.makefile("rw")
    stream.write("here\n")
    stream.flush()
    for line in stream:
        verb, _, text = line.rstrip("\n").partition(" ")
        try:
            verbs[verb](bytes.fromhex(text).decode())
            stream.write("done\n")
        except (OSError, world_setup.Impossible) as error:
            stream.write(f"{error}\n")
        stream.flush()
    os._exit(0)


def _forward() -> None:
    for file in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        with open(f"/proc/sys/net/{file}", "w") as switch:  # noqa: PTH123
            switch.write("1")


def _serve(flood: bool) -> None:
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, DAYTIME))
        listener.listen(4096)
        threading.Thread(target=_answer, args=(listener, flood), daemon=True).start()


def _answer(listener: socket.socket, flood: bool) -> None:
    while True:
        accepted, _ = listener.accept()
        if flood:
            threading.Thread(target=_pour, args=(accepted,), daemon=True).start()
            continue
        accepted.sendall(f"{datetime.now(UTC):%c}\r\n".encode())
        accepted.close()


def _pour(accepted: socket.socket) -> None:
    try:
        while True:
            accepted.sendall(bytes(65536))
    except OSError:
        accepted.close()


def build(layout: str) -> list[Machine]:
    """Make the lab; returns its machines, the DUT first.  They end with their last reference."""
    dut = Machine()
    machines = [dut]
    if layout == "routed":
        router = Machine()
        machines.append(router)
        run_ip(ROUTED.format(router=router.pid))
        router.tell("ip", ROUTER.format(dut=dut.pid))
        router.tell("forward")
        dut.tell("ip", ROUTED_DUT)
    else:
        run_ip(LINK.format(dut=dut.pid))
        if layout == "tagged":
            dut.tell("ip", TRUNK)
            dut.tell("tag", "lab0")
        dut.tell("ip", TAGGED_DUT if layout == "tagged" else LINK_DUT)
        world_setup.bring_up("lab0")
    if layout == "jumbo":
        run_ip(JUMBO)
        dut.tell("ip", JUMBO)
    if layout != "offloads":
        dut.tell("sum", "lab0")
    if layout != "silent":
        dut.tell("serve", "flood" if layout == "flood" else "")
    return machines


def main(layout: str, *command: str) -> int:
    """Run the command in a lab; returns its exit code."""
    if "LAB_AS_ROOT" in os.environ:
        world_setup.unshare(CLONE_NEWNET)
    else:
        world_setup.enter_own_namespaces()
    world_setup.bring_up("lo")
    signal.signal(signal.SIGINT, lambda *_: None)  # it is for the command alone
    machines = build(layout)
    environment = {**os.environ, "LAB_DUT": str(machines[0].pid)}
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
