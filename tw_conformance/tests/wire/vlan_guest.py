"""The suite where its interface is a VLAN's: in user-mode Linux, whose kernel has those.

::

    python -m tw_conformance.tests.wire.vlan_guest COMMAND...

In a lab, the guest takes the place of this machine on ``lab0``: its ``vec0.10`` is 192.0.2.1 and
2001:db8::1, and ``tw-conformance COMMAND...`` is run there.  What that says is printed.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
import tty
from pathlib import Path

from tw_conformance.targets.kernel import uml_init, uml_start
from tw_conformance.targets.kernel.uml_guest import guest_program
from tw_conformance.targets.kernel.world import ISOLATED_PYTHON
from tw_conformance.targets.kernel.world_setup import ETH_P_ALL, run_ip
from tw_conformance.tests.wire import vlan_init
from tw_conformance.tests.wire.tagged import FRAME, TAG, VLAN

VLANS = "kernel/net/8021q/8021q.ko"
LINK = f"""\
link set lo up
link set vec0 addrgenmode none up
link add link vec0 name vec0.{VLAN} type vlan id {VLAN}
addr add 192.0.2.1/24 dev vec0.{VLAN}
addr add 2001:db8::1/64 dev vec0.{VLAN} nodad
link set vec0.{VLAN} up
"""
ROOM = "/dev/room"
"""This machine's own files are read only there; the suite needs a place for its locks."""
ENDED = "the suite ended with code "


def inside(command: str) -> None:
    """Be the guest's first process."""
    line = os.open(uml_init.SERIAL_LINE, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(line, termios.TCSANOW)
    for descriptor in (1, 2):
        os.dup2(line, descriptor)
    try:
        code = run_there(command)
    except Exception as error:
        print(f"in the guest: {error!r}")
        code = 1
    print(f"{ENDED}{code}", flush=True)
    signal.pause()  # the kernel panics where its first process ends


def run_there(command: str) -> int:
    """Make the guest a host in the VLAN, and run the suite there."""
    uml_init.mount_proc()
    uml_init.load_ipv6()
    uml_init.load_module(VLANS)
    run_ip(LINK)
    Path(ROOM).mkdir()
    return subprocess.run(
        [sys.executable, "-m", "tw_conformance", *command.split()],
        cwd=ROOM,
        env={**os.environ, "TMPDIR": ROOM},
        check=False,
    ).returncode


def main(*command: str) -> int:
    """Boot the guest; the exit code of what ran there."""
    trunk = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    trunk.bind(("lab0", ETH_P_ALL))
    outside, card = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    here, there = socket.socketpair()
    threading.Thread(target=_lay_cable, args=(trunk, outside), daemon=True).start()
    with card, there:
        guest = subprocess.Popen(
            [
                *(*ISOLATED_PYTHON, uml_start.__file__, guest_program(), uml_start.OLD),
                *(vlan_init.__file__, " ".join(command), str(card.fileno())),
            ],
            stdin=there.fileno(),
            pass_fds=[card.fileno()],
        )
    text = ""
    with here, here.makefile(errors="replace") as said:
        for text in said:
            print(text, end="", flush=True)
            if text.startswith(ENDED):
                break
    guest.wait()
    return int(text.removeprefix(ENDED)) if text.startswith(ENDED) else 1


def _lay_cable(trunk: socket.socket, card: socket.socket) -> None:
    """Carry frames between them.  A packet socket gets a frame without its tag, which is that of
    the lab's only VLAN; the guest is to get what is on the wire."""
    while True:
        ready, _, _ = select.select([trunk, card], [], [])
        if trunk in ready:
            frame, (_, _, kind, *_) = trunk.recvfrom(FRAME)
            if kind != socket.PACKET_OUTGOING:
                card.send(frame[:12] + TAG + frame[12:])
        if card in ready:
            trunk.send(card.recv(FRAME))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
