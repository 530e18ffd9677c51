"""Where a DUT outside this process is, as written behind ``--target``.

============================  =====================================================================
``192.0.2.1:13``              a service that closes first; nothing of ours runs on the DUT
``ssh://root@192.0.2.1:22``   the agent runs on the DUT, through ssh
``tap:tap0``                  a userspace stack that holds this TAP device
``cmd:./stack --tap {ifname}``  a userspace stack that is started on a TAP device made for the run
============================  =====================================================================
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address

from tw_conformance.model.errors import TargetError, UsageError

_HOST_AND_PORT = re.compile(r"(?:\[(?P<v6>[^]]+)\]|(?P<host>[^\s:/@]+))(?::(?P<port>[0-9]+))?")
_LONGEST_INTERFACE = 15


class Kind(Enum):
    """How a DUT is reached."""

    HOST = "host"
    SSH = "ssh"
    TAP = "tap"
    COMMAND = "cmd"


@dataclass(frozen=True, slots=True)
class Locator:
    """One place of a DUT.

    ``host`` is an address or a name; ``detail`` is the user to log in as, the TAP device, or the
    command.
    """

    kind: Kind
    host: str = ""
    port: int | None = None
    detail: str = ""


def locate(text: str) -> Locator | None:
    """The place that ``text`` names; None where it looks like no place, but like a bare word.

    :raises UsageError: where it begins like a place and is none.
    """
    scheme, colon, rest = text.partition(":")
    if colon and scheme == "ssh":
        return _ssh(text, rest)
    if colon and scheme == "tap":
        if not 0 < len(rest.encode()) <= _LONGEST_INTERFACE or re.search(r"[\s/]", rest):
            raise UsageError(f"{text!r}: write tap:NAME, with the name of a TAP device")
        return Locator(Kind.TAP, detail=rest)
    if colon and scheme == "cmd":
        if "{ifname}" not in rest:
            raise UsageError(
                f"{text!r}: say where the command takes its TAP device,"
                " such as cmd:'./stack --tap {ifname}'"
            )
        return Locator(Kind.COMMAND, detail=rest)
    if not _looks_like_a_host(text):
        return None
    return Locator(Kind.HOST, *_host_and_port(text, text))


def resolve(host: str) -> tuple[str, ...]:
    """The addresses of a host, the first of each family.

    :raises TargetError: where the name has none.
    """
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except OSError as error:
        raise TargetError(f"{host} has no address: {error.strerror}") from None
    by_family = {family: str(where[0]) for family, *_, where in reversed(found)}
    return tuple(by_family.values())


def _ssh(text: str, rest: str) -> Locator:
    user, at, where = rest.removeprefix("//").rstrip("/").rpartition("@")
    # ssh would take a leading dash for an option of its own.
    if (
        not rest.startswith("//")
        or user.startswith("-")
        or where.startswith("-")
        or (at and not user)
    ):
        raise UsageError(f"{text!r}: write ssh://HOST, ssh://USER@HOST or ssh://USER@HOST:PORT")
    return Locator(Kind.SSH, *_host_and_port(where, text), detail=user)


def _host_and_port(where: str, text: str) -> tuple[str, int | None]:
    if _is_address(where):
        return where, None
    found = _HOST_AND_PORT.fullmatch(where)
    if found is None:
        raise UsageError(f"{text!r}: write HOST, HOST:PORT, or [IPv6 address]:PORT")
    port = None if found["port"] is None else int(found["port"])
    if port is not None and not 0 < port < 65536:
        raise UsageError(f"{text!r}: a port is a number from 1 to 65535")
    return found["v6"] or found["host"], port


def _looks_like_a_host(text: str) -> bool:
    return _is_address(text) or text.startswith("[") or "." in text or ":" in text


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
