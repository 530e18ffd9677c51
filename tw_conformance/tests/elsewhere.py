"""The command, as if this machine were another.

::

    python -m tw_conformance.tests.elsewhere freebsd14|darwin COMMAND...

What Linux alone has is taken out of the standard library before anything of the suite is imported.
The system has no interface: its sysctl(3) answers that there is nothing.  With ``import`` for a
COMMAND, every module is imported, and those that can't be are named.
"""

from __future__ import annotations

import ctypes
import ctypes.util  # for macOS it needs ctypes.macholib, which Debian leaves out of Python
import importlib
import os
import pkgutil
import select
import socket
import sys
import sysconfig
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

LINUX_ALONE = {
    socket: ("AF_NETLINK", "AF_PACKET", "AF_VSOCK", "PACKET_", "SO_BINDTODEVICE"),
    os: ("sched_getaffinity", "sched_setaffinity", "pidfd_open", "unshare", "setns", "memfd_"),
    select: ("POLLRDHUP",),
}


def pretend(platform: str) -> None:
    """Be that system, as far as modules can tell."""
    sysconfig.get_config_vars()  # read from a file with this machine's name, once
    sys.platform = platform
    for module, prefixes in LINUX_ALONE.items():
        for name in [name for name in dir(module) if name.startswith(prefixes)]:
            delattr(module, name)
    load = ctypes.cdll.LoadLibrary

    def load_library(name: str | None) -> Any:
        return load(name) if name and "libc." not in name else SimpleNamespace(sysctl=Sysctl())

    patch.object(ctypes.cdll, "LoadLibrary", load_library).start()


class Sysctl:
    """sysctl(3) of a machine without interfaces and routes."""

    argtypes: tuple[object, ...] = ()
    restype: object = None

    def __call__(self, *arguments: object) -> int:
        return -1


def import_all() -> int:
    """Import all that is not a test; the exit code."""
    import tw_conformance
    import tw_reference

    failed = 0
    for package in (tw_reference, tw_conformance):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".tests" in found.name or found.name.endswith("__main__"):
                continue
            try:
                importlib.import_module(found.name)
            except Exception as error:
                print(f"{found.name}: {error!r}")
                failed += 1
    return failed


def main(platform: str, *command: str) -> int:
    pretend(platform)
    if command == ("import",):
        return import_all()
    from tw_conformance.cli.main import main as suite

    return suite(list(command))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
