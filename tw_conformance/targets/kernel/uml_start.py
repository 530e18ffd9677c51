"""Boots user-mode Linux, and ends it with whatever started it.

:mod:`~tw_conformance.targets.kernel.world_setup` becomes this file, in an isolated interpreter, so
it uses the standard library only::

    python -I -S uml_start.py LINUX_UML REGISTERS INIT AGENT LINK_FD

Standard input, a stream socket, becomes the guest's serial line; LINK_FD, a packet socket, its
network interface; this machine's files, read only, its own.  The guest is the first process of a
PID namespace: with it the kernel ends all the others that user-mode Linux makes.  It is ended when
the other end of standard input is closed.

REGISTERS is :data:`ALL`, or :data:`OLD` for a user-mode Linux that can't keep all registers of this
CPU: see :func:`hide_extended_state`.

Should the guest end by itself, the serial line says so as the agent would.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import struct
import sys

CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
MS_REC_PRIVATE = 0x4000 | 0x40000
PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ERRNO_EINVAL = 0x00050016
SECCOMP_RET_ALLOW = 0x7FFF0000
AUDIT_ARCH_X86_64 = 0xC000003E
SYS_PTRACE_X86_64 = 101
PTRACE_GETREGSET = 0x4204
SECCOMP_DATA_NR, SECCOMP_DATA_ARCH, SECCOMP_DATA_FIRST_ARGUMENT = 0, 4, 16
BPF_LOAD, BPF_JUMP_IF_EQUAL, BPF_RETURN = 0x20, 0x15, 0x06

ALL, OLD = "all", "old"

CONSOLE_KEPT = 8192
"""Octets of what the guest's console said last."""

# Without AVX there is nothing in a register that PTRACE_GETFPREGS does not save.
NO_AVX = "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX_Fast_Unaligned_Load,-AVX512F,-AVX512VL,-FMA,-FMA4"


def main(linux: str, registers: str, init: str, agent: str, link_fd: str) -> None:
    console, guest_console = os.pipe()
    _check(_libc().unshare(CLONE_NEWPID))
    guest = os.fork()
    if guest == 0:
        command = [sys.executable, "-I", "-S", init, agent]
        boot(linux, command, int(link_fd), guest_console, only_old=registers == OLD)
    os.close(guest_console)
    os.close(int(link_fd))
    last_words = watch(guest, console)
    os.kill(guest, signal.SIGKILL)
    os.waitpid(guest, 0)
    with contextlib.suppress(OSError), socket.socket(fileno=0) as line:
        message = {"id": None, "error": "EIO", "message": last_words}
        line.sendall(json.dumps(message).encode() + b"\n")


def boot(linux: str, init: list[str], link: int, console: int, *, only_old: bool) -> None:
    """Become the guest's kernel."""
    _check(_libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    serial_line = os.dup(0)
    os.set_inheritable(serial_line, True)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(console, 1)
    os.dup2(console, 2)
    with contextlib.suppress(OSError):  # where mounting is forbidden, what is there has to do
        give_it_room()
    if only_old:
        hide_extended_state()
    quoted = [f'"{argument}"' for argument in init]
    os.execv(
        linux,
        [
            *(linux, "mem=192M", "root=/dev/root", "rootfstype=hostfs", "ro", "quiet"),
            *("con=null", "con0=null,fd:2", "console=tty0", "ssl=null", f"ssl0=fd:{serial_line}"),
            f"vec0:transport=fd,fd={link},mac=02:00:00:00:00:01,depth=64,gro=0",
            "uml_dir=/dev/null/",  # no control socket, so no name in anybody's home
            *([f"GLIBC_TUNABLES={NO_AVX}"] if only_old else []),
            *(f"init={quoted[0]}", "--", *quoted[1:]),
        ],
    )


def give_it_room() -> None:
    """A /dev/shm of its own: the guest's memory lies there, and a container's may have 64 MB."""
    libc = _libc()
    _check(libc.unshare(CLONE_NEWNS))
    _check(libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None))
    _check(libc.mount(b"tmpfs", b"/dev/shm", b"tmpfs", 0, None))


def hide_extended_state() -> None:
    """Have user-mode Linux save registers by PTRACE_GETFPREGS, as on a CPU without XSAVE.

    That of 6.1 and of 6.12 has room for the XSAVE area of AVX-512 only: where the CPU has more
    (AMX), the kernel refuses the short area and the guest's first process dies («ptrace set fp regs
    failed, errno = 14»).  A newer one (7.2 was tried) asks for the area's size and knows no other
    way: where that is refused it ends at once («Failed to initialize default registers»).
    """
    steps = (
        (BPF_LOAD, 0, 0, SECCOMP_DATA_ARCH),
        (BPF_JUMP_IF_EQUAL, 0, 5, AUDIT_ARCH_X86_64),
        (BPF_LOAD, 0, 0, SECCOMP_DATA_NR),
        (BPF_JUMP_IF_EQUAL, 0, 3, SYS_PTRACE_X86_64),
        (BPF_LOAD, 0, 0, SECCOMP_DATA_FIRST_ARGUMENT),
        (BPF_JUMP_IF_EQUAL, 0, 1, PTRACE_GETREGSET),
        (BPF_RETURN, 0, 0, SECCOMP_RET_ERRNO_EINVAL),
        (BPF_RETURN, 0, 0, SECCOMP_RET_ALLOW),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))
    _check(_libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _check(_libc().prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0))


def watch(guest: int, console: int) -> str:
    """Wait until the guest ends, or who started it; what the guest's console said of it."""
    said = b""
    ended = os.pidfd_open(guest)
    poll = select.poll()
    poll.register(0, select.POLLRDHUP)
    poll.register(ended, select.POLLIN)
    poll.register(console, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll()}
        if console in ready:
            more = os.read(console, CONSOLE_KEPT)
            said = (said + more)[-CONSOLE_KEPT:]
            if not more:
                poll.unregister(console)
        else:
            return reason(said.decode(errors="replace").splitlines())


def reason(lines: list[str]) -> str:
    """Of what a console said the line that tells most."""
    panics = [line for line in lines if "Kernel panic" in line]
    return (panics or [line for line in lines if line.strip()] or ["it said nothing"])[-1].strip()


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


if __name__ == "__main__":
    main(*sys.argv[1:])
