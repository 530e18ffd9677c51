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
from ipaddress import ip_address

from tw_conformance.model.errors import TargetError, UsageError

_HOST_AND_PORT = re.compile(r"(?:\[(?P<v6>[^]]+)\]|(?P<host>[^\s:/@]+))(?::(?P<port>[0-9]+))?")


@dataclass(frozen=True, slots=True)
class Locator:
    """One place of a DUT.

    ``kind`` is its scheme; ``host`` is an address or a name; ``detail`` is the user to log in as,
    the TAP device, or the command.
    """

    kind: str
    host: str = ""
    port: int | None = None
    detail: str = ""


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


def host_and_port(where: str, text: str) -> tuple[str, int | None]:
    """``HOST``, ``HOST:PORT`` or ``[IPv6 address]:PORT`` as the two; ``text`` is all of it.

    :raises UsageError: where it is none of these.
    """
    if _is_address(where):
        return where, None
    found = _HOST_AND_PORT.fullmatch(where)
    if found is None:
        raise UsageError(f"{text!r}: write HOST, HOST:PORT, or [IPv6 address]:PORT")
    port = None if found["port"] is None else int(found["port"])
    if port is not None and not 0 < port < 65536:
        raise UsageError(f"{text!r}: a port is a number from 1 to 65535")
    return found["v6"] or found["host"], port


def looks_like_a_host(text: str) -> bool:
    """Whether that is meant as a host, and not as a bare word."""
    return _is_address(text) or text.startswith("[") or "." in text or ":" in text


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
