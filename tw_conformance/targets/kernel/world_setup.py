"""Turns its own process into a DUT in a world that nobody else can see.

:mod:`~tw_conformance.targets.kernel.world` starts this file by its path, in an isolated
interpreter, so it uses the standard library only::

    python -I -S world_setup.py CONTROL_FD CPU kernel AGENT...
    python -I -S world_setup.py CONTROL_FD CPU guest GUEST...

The world is two network namespaces of one anonymous user namespace, and a veth pair between them.
A packet socket on the tester's end goes out through CONTROL_FD (a UNIX socket), and keeps that
namespace, and spare ones with it; this process stays in the other one.  Where the DUT is the
kernel itself, it gives the DUT's end the DUT's addresses and becomes AGENT.  Where it is a guest,
this kernel keeps off the DUT's end; the process becomes GUEST, whose last argument is the
descriptor of a packet socket there.  Nothing has a name, so when the sockets are closed and AGENT
or GUEST has seen the end of its input, nothing is left.

What goes wrong is said in one sentence through CONTROL_FD instead of the packet socket.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
SIOCETHTOOL = 0x8946
IFF_UP = 0x1
ETHTOOL_STXCSUM = 0x17
ETHTOOL_STSO = 0x1F
ETHTOOL_SGSO = 0x24
ETHTOOL_SGRO = 0x2C
ETH_P_ALL = 0x0003
SO_RCVBUFFORCE = 33
RECEIVE_BUFFER = 16 << 20

SPARES = 2
"""Packet sockets that whoever loads the link needs beside the one that keeps its namespace."""

NO_NAMESPACES = (
    "this user may not make namespaces: run as root, or allow it (sysctls"
    " kernel.apparmor_restrict_unprivileged_userns=0, kernel.unprivileged_userns_clone=1,"
    " user.max_user_namespaces above 0)"
)

# The ends need different indexes: where both have the same one, each namespace's first free one,
# the kernel takes an end for its own lower device and puts its link event off by up to a second.
VETH = """\
link add dut index 9 type veth peer name tester netns {tester}
link set dut addrgenmode none
"""
ADDRESSES = """\
addr add 192.0.2.1/24 dev dut
addr add 2001:db8::1/64 dev dut nodad
"""


class Impossible(Exception):
    """No world can be made here; says why, and what would help."""


def make_world() -> list[socket.socket]:
    """Make the world, with both ends of its link up, and enter the DUT's namespace.

    Returns a packet socket on the tester's end, and spare ones of that namespace.

    :raises Impossible: where the kernel or this user's rights don't allow it.
    """
    enter_own_namespaces()
    # The kernel at the tester's end must never speak: it has no IPv4 address, and no IPv6 at all.
    turn_ipv6_off()
    tester = current_network()
    packets = packet_sockets()
    unshare(CLONE_NEWNET)
    dut = current_network()
    run_ip(VETH.format(tester=f"/proc/{os.getpid()}/fd/{tester}"))
    # Segments must come out of the DUT as they would come out of a wire: one by one, summed.
    for offload in (ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO):
        turn_off("dut", offload)
    enter_network(tester)
    bring_up("tester")
    packets[0].bind(("tester", ETH_P_ALL))
    enter_network(dut)
    os.close(tester)
    os.close(dut)
    return packets


def be_the_dut() -> None:
    # This machine's choice is inherited, and BBR would pace segments and size bursts by the round
    # trip (tcp_bbr.c, bbr_min_tso_segs()); Reno is built into every kernel and does neither.
    Path("/proc/sys/net/ipv4/tcp_congestion_control").write_text("reno")
    # The round trip of one connection is remembered for the next (tcp_metrics.c), whose time-out it
    # makes longer: what one case finds would hang on which were slow before it.
    remembers_none = Path("/proc/sys/net/ipv4/tcp_no_metrics_save")
    if remembers_none.exists():  # for each namespace since Linux 4.15
        remembers_none.write_text("1")
    run_ip(ADDRESSES)
    bring_up("lo")
    bring_up("dut")


def leave_the_dut_to_a_guest() -> int:
    """The descriptor of a packet socket on the DUT's end, where this kernel never speaks."""
    turn_ipv6_off()
    bring_up("dut")
    packets = packet_socket()
    packets.bind(("dut", ETH_P_ALL))
    # What finds the buffer full is lost: a guest is slower than the tester's bursts.
    try:
        packets.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except PermissionError:
        packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    os.set_inheritable(packets.fileno(), True)
    return packets.detach()


def packet_socket() -> socket.socket:
    try:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except OSError as error:
        raise Impossible(f"packet sockets can't be had (AF_PACKET): {error.strerror}") from error


def packet_sockets() -> list[socket.socket]:
    """One, and the spare ones."""
    return [packet_socket() for _ in range(1 + SPARES)]


def send_sockets(control: socket.socket, packets: list[socket.socket]) -> None:
    """Send them through ``control``, and close them here."""
    socket.send_fds(control, [b"up"], [each.fileno() for each in packets])
    for each in packets:
        each.close()


def turn_ipv6_off() -> None:
    """For every interface that this network namespace is going to have."""
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")


def enter_own_namespaces() -> None:
    """A user namespace of our own gives the rights for all the rest; root does without it where
    it is forbidden."""
    uid, gid = os.geteuid(), os.getegid()
    try:
        unshare(CLONE_NEWUSER | CLONE_NEWNET)
        # An unprivileged process may map its group only after it has given setgroups() up.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    except OSError as error:
        if uid != 0:
            raise Impossible(f"{NO_NAMESPACES} ({error.strerror})") from error
        try:
            unshare(CLONE_NEWNET)
        except OSError as forbidden:
            raise Impossible(
                "root may not make network namespaces here: in a container, give it CAP_SYS_ADMIN"
                f" and CAP_NET_ADMIN ({forbidden.strerror})"
            ) from forbidden


def unshare(flags: int) -> None:
    _check(ctypes.CDLL(None, use_errno=True).unshare(flags))


def enter_network(namespace: int) -> None:
    _check(ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET))


def _check(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def current_network() -> int:
    return os.open("/proc/self/ns/net", os.O_RDONLY)


def run_ip(commands: str) -> None:
    # An ordinary user's PATH may lack the place where ip lives.
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    try:
        done = subprocess.run(
            ["ip", "-batch", "-"],
            input=commands,
            capture_output=True,
            text=True,
            env={"PATH": path},
            check=False,
        )
    except FileNotFoundError as error:
        raise Impossible("there is no ip command: install iproute2") from error
    if done.returncode != 0:
        raise Impossible(f"ip could not lay the link: {' '.join(done.stderr.split())}")


def bring_up(interface: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name = interface.encode()
        answer = fcntl.ioctl(any_socket, SIOCGIFFLAGS, struct.pack("16sH14x", name, 0))
        (flags,) = struct.unpack_from("H", answer, 16)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", name, flags | IFF_UP))


def turn_off(interface: str, offload: int) -> None:
    """One of the offloads of linux/ethtool.h; one that the kernel doesn't know is off."""
    value = ctypes.create_string_buffer(struct.pack("II", offload, 0))
    request = struct.pack("16sP8x", interface.encode(), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            fcntl.ioctl(any_socket, SIOCETHTOOL, request)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise


def main(control_fd: str, cpu: str, dut: str, *command: str) -> None:
    with socket.socket(fileno=int(control_fd)) as control:
        try:
            # The link's order holds on one CPU only: see targets/netns.py.
            os.sched_setaffinity(0, {int(cpu)})
            packets = make_world()
            if dut == "kernel":
                be_the_dut()
            else:
                command = (*command, str(leave_the_dut_to_a_guest()))
            send_sockets(control, packets)
        except (Impossible, OSError) as error:
            control.send(str(error).encode())
            sys.exit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
