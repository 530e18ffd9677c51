"""A script's socket calls as those of a case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tw_conformance.model.case import EOF, OK, ByProfile, Call
from tw_conformance.model.errors import Place
from tw_conformance.notation.packetdrill.remarks import Remarks, Untranslatable
from tw_conformance.notation.packetdrill.script import ELLIPSIS, Struct, SysCall, Value

_HOW: Mapping[Value, str] = {
    "SHUT_RD": "read", "SHUT_WR": "write", "SHUT_RDWR": "both", 0: "read", 1: "write", 2: "both",
}  # fmt: skip
_OPTIONS: Mapping[tuple[Value, Value], str] = {
    ("SOL_SOCKET", "SO_LINGER"): "linger",
    ("SOL_SOCKET", "SO_REUSEADDR"): "reuse_address",
    ("SOL_SOCKET", "SO_REUSEPORT"): "reuse_port",
    ("SOL_TCP", "TCP_LINGER2"): "linger2",
    ("IPPROTO_TCP", "TCP_LINGER2"): "linger2",
    ("SOL_TCP", "TCP_NODELAY"): "nodelay",
    ("IPPROTO_TCP", "TCP_NODELAY"): "nodelay",
    ("SOL_IP", "IP_TTL"): "ttl",
    ("IPPROTO_IP", "IP_TTL"): "ttl",
    ("SOL_IP", "IP_TOS"): "tos",
    ("IPPROTO_IP", "IP_TOS"): "tos",
    ("SOL_IPV6", "IPV6_UNICAST_HOPS"): "ttl",
    ("IPPROTO_IPV6", "IPV6_UNICAST_HOPS"): "ttl",
    ("SOL_IPV6", "IPV6_TCLASS"): "tos",
    ("IPPROTO_IPV6", "IPV6_TCLASS"): "tos",
}
BEFORE_LISTENING = frozenset(("reuse_address", "reuse_port"))
"""Options that have a key of their own in ``reach``."""
_SWITCHES = frozenset(("nodelay", "reuse_address", "reuse_port"))
_BUFFERS = ("SO_RCVBUF", "SO_SNDBUF")
_MOST_OCTETS = 65535
_OFF_THE_WIRE = frozenset((
    "SO_DEBUG", "SO_RCVLOWAT", "SO_TIMESTAMPING", "SO_ZEROCOPY", "SO_MARK", "TCP_INQ",
    "TCP_NOTSENT_LOWAT", "IP_RECVERR", "IPV6_RECVERR", "IP_FREEBIND",
))  # fmt: skip
"""Options that change nothing of what the DUT sends where a script looks."""
_ORDINARY = frozenset((0, "0", "MSG_DONTWAIT", "MSG_NOSIGNAL", "MSG_WAITALL", "MSG_ZEROCOPY"))
"""Flags of send() and receive() with which the wire looks the same."""
_LOOKING = frozenset((
    "ioctl", "poll", "epoll_create", "epoll_ctl", "epoll_wait", "open", "pipe", "getsockopt",
    "getsockname", "getpeername",
))  # fmt: skip
"""Calls that change nothing of what the DUT sends."""
_AT_ONCE = ("EAGAIN", "EWOULDBLOCK")


@dataclass(slots=True)
class Sockets:
    """Which descriptor is which."""

    listener: int | None = None
    connection: int | None = None


def option_set(call: SysCall) -> tuple[str, int] | None:
    """The option that a setsockopt() sets, by its name in a case; None where no case has it."""
    name = _OPTIONS.get((call.argument(1), call.argument(2)))
    value = call.argument(3)
    if isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    if name == "linger" and isinstance(value, Struct):
        on, seconds = value.get("onoff"), value.get("linger")
        return (name, seconds) if on and isinstance(seconds, int) else None
    if name is None or not isinstance(value, int):
        return None
    return name, bool(value) if name in _SWITCHES else value


def matters(option: Value) -> bool:
    """Whether what follows on the wire depends on an option that no case has."""
    return option not in _OFF_THE_WIRE


def translate_call(
    call: SysCall, sockets: Sockets, place: Place, remarks: Remarks
) -> tuple[Call, ...]:
    """The calls of a case that this one comes to; none where it changes nothing on the wire.

    :raises Untranslatable: where no case can say it, and what follows depends on it.
    """
    if call.name == "listen" and sockets.listener is None:
        sockets.listener = call.fd
        return (Call("listen"),)
    if call.name in ("connect", "listen"):
        raise Untranslatable(place, f"{call.name}() of another socket: a case has one connection")
    if call.name == "close" and call.fd is not None and call.fd == sockets.listener:
        sockets.listener = None
        return (Call("unlisten"),)
    about = _ABOUT_CONNECTION.get(call.name)
    if about is None or call.fd is None or call.fd != sockets.connection:
        _passed_over(call, place, remarks)
        return ()
    return about(call, place, remarks)


def _passed_over(call: SysCall, place: Place, remarks: Remarks) -> None:
    if call.name == "accept" and call.errno:
        remarks.lost(place, f"that accept() gives {call.errno} is not asked for")
    elif call.name in ("socket", "fcntl", "accept", "bind"):
        remarks.note(place, f"{call.name}() is the agent's own business")
    elif call.name in _LOOKING or call.errno or (call.name == "close" and call.fd is not None):
        remarks.lost(place, f"{call.name}() is not made: no case can say it")
    else:
        raise Untranslatable(place, f"{call.name}() is not made: no case can say it")


def _close(call: SysCall, place: Place, remarks: Remarks) -> tuple[Call, ...]:
    return (Call("close", gives=_gives(call)),)


def _shutdown(call: SysCall, place: Place, remarks: Remarks) -> tuple[Call, ...]:
    how = _HOW.get(call.argument(1))
    if how is None:
        raise Untranslatable(place, f"shutdown() in no direction that is known: {call.argument(1)}")
    arguments: dict[str, int | str] = {} if how == "write" else {"how": how}
    return (Call("shutdown", arguments, _gives(call)),)


def _send(call: SysCall, place: Place, remarks: Remarks) -> tuple[Call, ...]:
    _is_ordinary(call, 3, place)
    asked, sent = call.argument(2), call.returns
    length = sent if isinstance(sent, int) and sent > 0 else asked
    if not isinstance(length, int) or not 0 < length <= _MOST_OCTETS:
        raise Untranslatable(place, f"{call.name}() of an amount that no case can say")
    if isinstance(asked, int) and asked > length:
        remarks.lost(place, f"{call.name}() is asked for {length} octets, as many as it takes")
    return (Call("send", {"length": length}, _gives(call)),)


def _send_message(call: SysCall, place: Place, remarks: Remarks) -> tuple[Call, ...]:
    _is_ordinary(call, 2, place)
    if not isinstance(call.returns, int) or not 0 < call.returns <= _MOST_OCTETS:
        raise Untranslatable(place, f"{call.name}() of an amount that no case can say")
    return (Call("send", {"length": call.returns}),)


def _receive_message(call: SysCall, place: Place, remarks: Remarks) -> tuple[Call, ...]:
    flags, message = call.argument(2), call.argument(1)
    if isinstance(flags, str) and "MSG_ERRQUEUE" in flags:
        remarks.lost(place, f"{call.name}() of the error queue is not made: no case can say it")
        return ()
    if isinstance(message, Struct) and message.get("msg_control") is not None:
        remarks.lost(place, f"the control messages of {call.name}() are not asked for")
    return _received(call, flags, place, remarks)


def _is_ordinary(call: SysCall, index: int, place: Place) -> None:
    """:raises Untranslatable: where the call's flags make another segment of what is sent."""
    flags = call.argument(index)
    if isinstance(flags, str) and flags != ELLIPSIS and not set(flags.split("|")) <= _ORDINARY:
        raise Untranslatable(place, f"{call.name}() with {flags} is not made: no case can say it")


def _receive(call: SysCall, place: Place, remarks: Remarks) -> tuple[Call, ...]:
    return _received(call, call.argument(3), place, remarks)


def _received(call: SysCall, flags: Value, place: Place, remarks: Remarks) -> tuple[Call, ...]:
    if isinstance(flags, str) and flags != ELLIPSIS and not set(flags.split("|")) <= _ORDINARY:
        remarks.lost(place, f"{call.name}() with {flags} is not made: no case can say it")
        return ()
    if call.returns == 0:
        return (Call("receive", {"length": 1}, _always(EOF)),)
    if call.errno:
        errno = "EAGAIN" if call.errno in _AT_ONCE else call.errno
        return (Call("receive", {"length": 1}, _always(errno)),)
    if not isinstance(call.returns, int) or not 0 < call.returns <= _MOST_OCTETS:
        raise Untranslatable(place, f"{call.name}() of an amount that no case can say")
    return (Call("receive", {"length": call.returns}),)


def _set(call: SysCall, place: Place, remarks: Remarks) -> tuple[Call, ...]:
    found = option_set(call)
    if found is None or found[0] in BEFORE_LISTENING or call.errno:
        reason = f"setsockopt() of {call.argument(2)} is not made: no case has it"
        if matters(call.argument(2)) and not call.errno:
            raise Untranslatable(place, reason)
        remarks.lost(place, reason)
        return ()
    return (Call("set", {found[0]: found[1]}),)


def _get(call: SysCall, place: Place, remarks: Remarks) -> tuple[Call, ...]:
    if call.argument(2) in _BUFFERS:
        remarks.note(place, f"{call.argument(2)} is the DUT's own: it is not asked for")
        return ()
    if call.argument(2) != "SO_ERROR" or call.errno:
        remarks.lost(place, f"{call.argument(2)} is not asked for: no case can say it")
        return ()
    match call.argument(3):
        case (0,):
            return (Call("error"),)
        case (str(errno),):
            return (Call("error", gives=_always(errno)),)
        case _:
            remarks.lost(place, "SO_ERROR is not asked for: it gives no errno that has a name")
            return ()


def _gives(call: SysCall) -> ByProfile[str]:
    return _always(call.errno or OK)


def _always(what: str) -> ByProfile[str]:
    return ByProfile((("*", what),))


_Translator = Callable[[SysCall, Place, Remarks], tuple[Call, ...]]
_ABOUT_CONNECTION: Mapping[str, _Translator] = {
    "close": _close,
    "shutdown": _shutdown,
    "write": _send,
    "send": _send,
    "sendto": _send,
    "read": _receive,
    "recv": _receive,
    "recvfrom": _receive,
    "sendmsg": _send_message,
    "writev": _send_message,
    "recvmsg": _receive_message,
    "readv": _receive_message,
    "setsockopt": _set,
    "getsockopt": _get,
}
