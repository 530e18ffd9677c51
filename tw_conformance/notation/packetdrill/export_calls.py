"""A case's calls as those of a script, with what they gave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tw_conformance.model.case import EOF, OK, Call
from tw_conformance.notation.packetdrill.script import ELLIPSIS, Struct, SysCall

OPTIONS: Mapping[str, tuple[str, str]] = {
    "reuse_address": ("SOL_SOCKET", "SO_REUSEADDR"),
    "reuse_port": ("SOL_SOCKET", "SO_REUSEPORT"),
    "linger2": ("SOL_TCP", "TCP_LINGER2"),
    "nodelay": ("SOL_TCP", "TCP_NODELAY"),
    "ttl": ("SOL_IP", "IP_TTL"),
    "tos": ("SOL_IP", "IP_TOS"),
}
"""Level and name of each socket option that is a number, by its name in a case."""
_HOW = {"read": "SHUT_RD", "write": "SHUT_WR", "both": "SHUT_RDWR"}


def calls_of(call: Call, fd: int, given: str) -> Iterator[SysCall]:
    """The calls on descriptor ``fd``, where the last gave ``given``: ok, eof, or an errno."""
    return _CALLS[call.verb](fd, call, given)


def set_option(fd: int, name: str, value: int) -> SysCall:
    """The call that sets an option, by its name in a case."""
    if name == "linger":
        linger = Struct((("onoff", 1), ("linger", value)))
        return SysCall("setsockopt", (fd, "SOL_SOCKET", "SO_LINGER", linger, 8), 0)
    return SysCall("setsockopt", (fd, *OPTIONS[name], (value,), 4), 0)


def _simple(name: str, fd: int, given: str, *arguments: int | str) -> SysCall:
    if given == OK:
        return SysCall(name, (fd, *arguments), 0)
    return SysCall(name, (fd, *arguments), -1, given)


def _close(fd: int, call: Call, given: str) -> Iterator[SysCall]:
    yield _simple("close", fd, given)


def _abort(fd: int, call: Call, given: str) -> Iterator[SysCall]:
    yield set_option(fd, "linger", 0)
    yield _simple("close", fd, given)


def _shutdown(fd: int, call: Call, given: str) -> Iterator[SysCall]:
    yield _simple("shutdown", fd, given, _HOW[str(call.arguments.get("how", "write"))])


def _send(fd: int, call: Call, given: str) -> Iterator[SysCall]:
    length = int(call.arguments["length"])
    if given == OK:
        yield SysCall("write", (fd, ELLIPSIS, length), length)
    else:
        yield SysCall("write", (fd, ELLIPSIS, length), -1, given)


def _receive(fd: int, call: Call, given: str) -> Iterator[SysCall]:
    length = int(call.arguments["length"])
    if given in (OK, EOF):
        yield SysCall("read", (fd, ELLIPSIS, length), length if given == OK else 0)
    else:
        yield SysCall("read", (fd, ELLIPSIS, length), -1, given)


def _error(fd: int, call: Call, given: str) -> Iterator[SysCall]:
    pending = 0 if given == OK else given
    yield SysCall("getsockopt", (fd, "SOL_SOCKET", "SO_ERROR", (pending,), (4,)), 0)


def _set(fd: int, call: Call, given: str) -> Iterator[SysCall]:
    for name, value in call.arguments.items():
        yield set_option(fd, name, int(value))


_CALLS: Mapping[str, Callable[[int, Call, str], Iterator[SysCall]]] = {
    "close": _close,
    "abort": _abort,
    "shutdown": _shutdown,
    "send": _send,
    "receive": _receive,
    "error": _error,
    "set": _set,
}

SAYABLE = frozenset(_CALLS)
"""The verbs that a script has calls for."""
