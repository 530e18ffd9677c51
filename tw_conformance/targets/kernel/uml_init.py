"""The first process of a guest: lays its end of the link and becomes the agent.

:mod:`~tw_conformance.targets.kernel.uml_start` names this file to user-mode Linux, so it runs in
the guest, in an isolated interpreter, with the standard library and this machine's ``ip``::

    python -I -S uml_init.py AGENT

The agent's stream is the serial line.  Its first line tells, as a reply to nothing that was asked,
that the guest is up, or why it is not.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import platform
import socket
import struct
import subprocess
import sys
import termios
import tty
from pathlib import Path

SIOCETHTOOL = 0x8946
ETHTOOL_SGRO = 0x2C
SERIAL_LINE = "/dev/ttyS0"
MODULES = "/usr/lib/uml/modules"
"""Where Debian keeps the modules of user-mode Linux, by release."""
IPV6 = "kernel/net/ipv6/ipv6.ko"
SYSCTLS = {
    "net/core/default_qdisc": "pfifo",  # one queue for all, whatever a packet's TOS
    "net/ipv4/tcp_congestion_control": "reno",  # does not pace, whatever the kernel's default
    "net/ipv4/tcp_no_metrics_save": "1",  # no round trip of one connection makes another's time-out
    "net/ipv4/tcp_max_tw_buckets": "262144",  # as on a machine of usual size; a case leaves one
}
LINK = """\
link set lo up
link set vec0 addrgenmode none
addr add 192.0.2.1/24 dev vec0
addr add 2001:db8::1/64 dev vec0 nodad
link set vec0 up
"""


def main(agent: str) -> None:
    line = os.open(SERIAL_LINE, os.O_RDWR | os.O_NOCTTY)
    # TCSAFLUSH would wait for output that nobody has asked for to be drained.
    tty.setraw(line, termios.TCSANOW)
    try:
        mount_proc()
        load_ipv6()
        for name, value in SYSCTLS.items():
            Path("/proc/sys", name).write_text(value)
        turn_gro_off("vec0")
        lay_link()
    except OSError as error:
        tell(line, {"error": "EIO", "message": str(error)})
        raise
    tell(line, {"ok": {}})
    os.dup2(line, 0)
    os.dup2(line, 1)
    os.execv(sys.executable, [sys.executable, "-I", "-S", agent])


def tell(line: int, reply: dict[str, object]) -> None:
    os.write(line, json.dumps({"id": None, **reply}).encode() + b"\n")


def mount_proc() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    check(libc.mount(b"proc", b"/proc", b"proc", 0, None), "/proc can't be mounted")


def load_ipv6() -> None:
    """A module in Debian's guest kernel."""
    if not Path("/proc/net/if_inet6").exists():
        load_module(IPV6)


def load_module(wanted: str) -> None:
    """That module of the guest's kernel, with those that it needs (see modules.dep(5))."""
    folder = Path(MODULES, platform.release())
    lines = (folder / "modules.dep").read_text().splitlines()
    module, _, needs = next(line for line in lines if line.startswith(f"{wanted}:")).partition(":")
    libc = ctypes.CDLL(None, use_errno=True)
    for name in (*reversed(needs.split()), module):
        image = (folder / name).read_bytes()
        check(libc.init_module(image, ctypes.c_ulong(len(image)), b""), f"{name} can't be loaded")


def check(result: int, complaint: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), complaint)


def turn_gro_off(interface: str) -> None:
    """GRO holds data without PSH back, and an echo overtakes it.

    The option of user-mode Linux (``gro=0``) is about its own reception only.
    """
    value = ctypes.create_string_buffer(struct.pack("II", ETHTOOL_SGRO, 0))
    request = struct.pack("16sP8x", interface.encode(), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCETHTOOL, request)


def lay_link() -> None:
    environment = {**os.environ, "PATH": "/usr/sbin:/sbin:/usr/bin:/bin"}
    done = subprocess.run(
        ["ip", "-batch", "-"],
        input=LINK,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        raise OSError(f"ip could not lay the link: {' '.join(done.stderr.split())}")


if __name__ == "__main__":
    main(*sys.argv[1:])
