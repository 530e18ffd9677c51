"""The agent: socket calls and state reads on the DUT, asked for in JSON lines.

This file runs on the DUT as it is, so it stands alone: standard library only, Python 3.6 or later.
It is one file, and the longest, because it is sent whole through the standard input of whatever
python3 the DUT has.  Read it in three parts: :class:`Agent` with its verbs; sockets, sysctls and
counters; and the state tables of Linux (:class:`SockDiag`, :class:`ProcTable`) and of the BSDs
(:class:`NetstatTable`).

Requests come on standard input, one JSON object a line, and replies go to standard output::

    {"id": 1, "verb": "listen", "family": "ipv4", "address": "192.0.2.1", "port": 5000,
     "policy": "close"}
    {"id": 1, "ok": {"port": 5000}}
    {"id": 2, "verb": "unlisten", "family": "ipv6", "port": 9}
    {"id": 2, "error": "ENOENT", "message": "nothing listens on port 9"}

A connection is named by ``local``, ``local_port``, ``peer``, ``peer_port``, as the DUT sees it.
When standard input ends, every sysctl is put back and the agent exits.  A call that fails has the
errno's name as its error; ENOSYS is one that this system, or this agent, does not have.
"""

import contextlib
import errno
import gzip
import json
import os
import pathlib
import platform
import re
import resource
import selectors
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

BACKLOG = 4096
_READ_SIZE = 65536
_LINGER = struct.Struct("ii")
"""struct linger: whether it is on, and the seconds."""
_FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}

_PORT_RANGE = {
    "Linux": ("net.ipv4.ip_local_port_range",),
    "FreeBSD": ("net.inet.ip.portrange.first", "net.inet.ip.portrange.last"),
    "Darwin": ("net.inet.ip.portrange.first", "net.inet.ip.portrange.last"),
}
"""Where a system keeps the ports that it may choose from: both ends in one setting, or in two."""

SOCKSTAT = pathlib.Path("/proc/net/sockstat")

# include/net/tcp_states.h; both of Linux's SYN-RECEIVED have one name in the RFC.
_LINUX_STATES = {
    1: "ESTABLISHED",
    2: "SYN-SENT",
    3: "SYN-RECEIVED",
    4: "FIN-WAIT-1",
    5: "FIN-WAIT-2",
    6: "TIME-WAIT",
    7: "CLOSED",
    8: "CLOSE-WAIT",
    9: "LAST-ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "SYN-RECEIVED",
}
_LISTEN = 10

# FreeBSD's tcp_fsm.h, as netstat(1) prints them; macOS has the same.
_NETSTAT_STATES = {
    "LISTEN": "LISTEN",
    "SYN_SENT": "SYN-SENT",
    "SYN_RCVD": "SYN-RECEIVED",
    "SYN_RECEIVED": "SYN-RECEIVED",
    "ESTABLISHED": "ESTABLISHED",
    "CLOSE_WAIT": "CLOSE-WAIT",
    "FIN_WAIT_1": "FIN-WAIT-1",
    "CLOSING": "CLOSING",
    "LAST_ACK": "LAST-ACK",
    "FIN_WAIT_2": "FIN-WAIT-2",
    "TIME_WAIT": "TIME-WAIT",
}


class FourTuple(NamedTuple):
    """A 4-tuple as the DUT sees it; addresses are canonical text."""

    local: str
    local_port: int
    peer: str
    peer_port: int

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.local else socket.AF_INET


class Reading(NamedTuple):
    """What the kernel says of a connection; ``remaining`` (seconds) is None without a timer.

    ``resolution`` is how coarse ``remaining`` is, in seconds.
    """

    state: str
    remaining: "float | None"
    resolution: float


class Refused(Exception):
    """A request that can't be served; becomes an error reply."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.name = errno_name(code)


def errno_name(code: int) -> str:
    """As the manual pages of sockets have it: Linux has one number for EOPNOTSUPP and ENOTSUP."""
    return "EOPNOTSUPP" if code == errno.EOPNOTSUPP else errno.errorcode.get(code, "EIO")


class Agent:
    """Serves requests until their stream ends.  One thread; a selector over it and listeners."""

    def __init__(self, requests: int = 0, replies: int = 1) -> None:
        self._requests = requests
        self._replies = replies
        self._unread = b""
        self._serving = True
        self._selector = selectors.DefaultSelector()
        self._listeners: dict[tuple[int, int], ListeningSocket] = {}
        self._held: dict[FourTuple, socket.socket] = {}
        self._old_sysctls: dict[str, str] = {}
        self._states: SockDiag | ProcTable | NetstatTable | None = None
        self._verbs: dict[str, Any] = {
            "version": self._version,
            "listen": self._listen,
            "unlisten": self._unlisten,
            "fill": self._fill,
            "release": self._release,
            "bind": self._bind,
            "open": self._open,
            "set": self._set,
            "error": self._error,
            "close": self._close,
            "shutdown": self._shutdown,
            "send": self._send,
            "receive": self._receive,
            "abort": self._abort,
            "destroy": self._destroy,
            "state": self._state,
            "states": self._many_states,
            "counters": read_counters,
            "time_waits": lambda: {"blocks": count_time_waits()},
            "sysctl_get": self._sysctl_get,
            "sysctl_set": self._sysctl_set,
            "sysctl_restore": self._sysctl_restore,
        }

    def serve(self) -> None:
        """Answer until the requests end, then put the sysctls back."""
        self._selector.register(self._requests, selectors.EVENT_READ, self._read_requests)
        try:
            while self._serving:
                for key, _ in self._selector.select():
                    key.data()
        finally:
            try:
                self._sysctl_restore()
            except Refused as refusal:
                sys.exit(str(refusal))

    def _read_requests(self) -> None:
        chunk = os.read(self._requests, _READ_SIZE)
        if not chunk:
            self._serving = False
            return
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        for line in lines:
            self._write(json.dumps(self._answer(line)).encode() + b"\n")

    def _answer(self, line: bytes) -> "dict[str, Any]":
        request_id = None
        try:
            request = json.loads(line.decode())
            request_id = request.pop("id", None)
            name = request.pop("verb", None)
            if name not in self._verbs:
                raise Refused(errno.ENOSYS, f"the agent has no verb {name!r}")
            return {"id": request_id, "ok": self._verbs[name](**request)}
        except Refused as refusal:
            code, message = refusal.name, str(refusal)
        except OSError as error:
            code = errno_name(error.errno or errno.EIO)
            message = f"{error}"
        except (TypeError, ValueError, AttributeError) as error:
            code, message = "EINVAL", f"not a request that can be understood: {error}"
        except Exception as error:
            code, message = "EIO", f"{type(error).__name__}: {error}"
        return {"id": request_id, "error": code, "message": message}

    def _write(self, line: bytes) -> None:
        try:
            while line:
                line = line[os.write(self._replies, line) :]
        except BrokenPipeError:
            self._serving = False

    def _version(self) -> "dict[str, Any]":
        return {
            "platform": platform.system(),
            "release": platform.release(),
            "hz": kernel_hz(),
            "destroys": getattr(self._state_table(), "destroys", False),
        }

    def _listen(
        self,
        family: str,
        address: str,
        port: int,
        policy: str,
        reuse_address: bool = True,
        reuse_port: bool = False,
        options: "dict[str, int] | None" = None,
    ) -> "dict[str, int]":
        """Port 0 lets the kernel choose.  Policy ``close``: the DUT closes what it accepts at
        once, so that it closes first; ``hold``: it keeps it for later verbs; ``never``: it accepts
        nothing.  ``reuse_address`` by default, since TIME-WAIT blocks of earlier connections must
        not keep the port.  What is accepted inherits ``options``."""
        if policy not in ("close", "hold", "never"):
            raise Refused(errno.EINVAL, f"no policy {policy!r}: close, hold or never")
        bound = bound_socket(
            _family(family), address, port, reuse_address=reuse_address, reuse_port=reuse_port
        )
        try:
            set_options(bound, options or {})
        except (OSError, Refused):
            bound.close()
            raise
        held = self._held if policy == "hold" else None
        listener = ListeningSocket(bound, held, accepts=policy != "never")
        self._listeners[listener.key] = listener
        if listener.accepts:
            self._selector.register(listener.socket, selectors.EVENT_READ, listener.accept_all)
        return {"port": listener.key[1]}

    def _unlisten(self, family: str, port: int) -> "dict[str, int]":
        listener = self._listeners.pop((_family(family), port), None)
        if listener is None:
            raise Refused(errno.ENOENT, f"nothing listens on port {port}")
        if listener.accepts:
            self._selector.unregister(listener.socket)
        listener.close()
        return {"port": port}

    def _fill(self, family: str, port: int) -> "dict[str, int]":
        """Accept no more on that port, and let its accept queue run full."""
        key = (_family(family), port)
        if key not in self._listeners:
            raise Refused(errno.ENOENT, f"nothing listens on port {port}")
        listener = self._listeners[key]
        if listener.accepts:
            self._selector.unregister(listener.socket)
        if not listener.is_full:
            listener.fill()
        return {"port": port}

    def _release(self, family: str, port: int) -> "dict[str, int]":
        """Drop the listener of a port, if any, and reset what is still held of it."""
        listener = self._listeners.get((_family(family), port))
        if listener is not None:
            listener.accept_all()
            self._unlisten(family, port)
        endpoint = (_family(family), port)
        for connection in [c for c in self._held if (c.family, c.local_port) == endpoint]:
            _reset(self._held.pop(connection))
        return {"port": port}

    def _bind(
        self,
        family: str,
        address: str,
        port: int,
        reuse_address: bool = False,
        reuse_port: bool = False,
        v6only: bool = True,
    ) -> "dict[str, Any]":
        """Bind a new socket, only to see whether it can be bound."""
        made = new_socket(
            _family(family), reuse_address=reuse_address, reuse_port=reuse_port, v6only=v6only
        )
        with made:
            made.bind((address, port))
            return {"port": made.getsockname()[1]}

    def _open(
        self,
        automatic: bool = False,
        reuse_address: bool = False,
        reuse_port: bool = False,
        options: "dict[str, int] | None" = None,
        **names: Any,
    ) -> "dict[str, Any]":
        """Open a 4-tuple without waiting for its peer; it is held for later verbs.  ``automatic``:
        no bind(), and the port is the only one that the system may choose."""
        connection = _connection(**names)
        opened = new_socket(connection.family, reuse_address=reuse_address, reuse_port=reuse_port)
        try:
            set_options(opened, options or {})
            if not automatic:
                opened.bind(connection[:2])
            opened.setblocking(False)
            with self._one_port(connection.local_port) if automatic else contextlib.ExitStack():
                code = opened.connect_ex(connection[2:])
            if code not in (0, errno.EINPROGRESS):
                raise OSError(code, os.strerror(code))
            chosen = opened.getsockname()[:2]
            if chosen != connection[:2]:
                raise Refused(errno.ENOSYS, "the system chose {} port {}".format(*chosen))
        except (OSError, Refused):
            opened.close()
            raise
        self._held[connection] = opened
        return {}

    @contextlib.contextmanager
    def _one_port(self, port: int) -> "Iterator[None]":
        """The system may choose no other port of its own, within.

        :raises Refused: ENOSYS, where that can't be had.
        """
        settings = _PORT_RANGE.get(platform.system(), ())
        value = " ".join([str(port)] * (3 - len(settings)))
        with contextlib.ExitStack() as changed:
            for name in settings:
                try:
                    changed.enter_context(self._sysctl_for_now(name, value))
                except OSError as error:
                    message = f"{name} can't be set for the call: {error}; log in as root"
                    raise Refused(errno.ENOSYS, message) from error
            yield

    def _set(
        self, local: str, local_port: int, peer: str, peer_port: int, **options: int
    ) -> "dict[str, Any]":
        """Set options of a held connection's socket, by their names in a case."""
        names = {"local": local, "local_port": local_port, "peer": peer, "peer_port": peer_port}
        set_options(self._held[self._find(names)], options)
        return {}

    def _error(self, **names: Any) -> "dict[str, Any]":
        """Raise the error that is pending on a held connection, and take it away (SO_ERROR)."""
        code = self._held[self._find(names)].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        return {}

    def _send(self, length: int, **names: Any) -> "dict[str, Any]":
        """Send so many octets without waiting; EAGAIN where they have no room."""
        held, left = self._held[self._find(names)], length
        while left > 0:
            left -= held.send(b"d" * left, socket.MSG_DONTWAIT)
        return {}

    def _receive(self, length: int, **names: Any) -> "dict[str, bool]":
        """Take so many octets without waiting; EAGAIN where fewer are there.  ``end``: fewer came,
        and the peer has closed behind them."""
        held, left = self._held[self._find(names)], length
        while left > 0:
            came = len(held.recv(min(left, _READ_SIZE), socket.MSG_DONTWAIT))
            if not came:
                break
            left -= came
        return {"end": left > 0}

    def _close(self, **names: Any) -> "dict[str, Any]":
        close_at_once(self._held.pop(self._find(names)))
        return {}

    def _shutdown(self, how: str = "write", **names: Any) -> "dict[str, Any]":
        ways = {"read": socket.SHUT_RD, "write": socket.SHUT_WR, "both": socket.SHUT_RDWR}
        if how not in ways:
            raise Refused(errno.EINVAL, f"no way {how!r} to shut down: read, write or both")
        self._held[self._find(names)].shutdown(ways[how])
        return {}

    def _abort(self, **names: Any) -> "dict[str, Any]":
        _reset(self._held.pop(self._find(names)))
        return {}

    def _destroy(self, **names: Any) -> "dict[str, Any]":
        """Have the kernel end a connection in whatever state it is, as «ss -K» does."""
        table, connection = self._state_table(), _connection(**names)
        if not isinstance(table, SockDiag):
            raise Refused(errno.ENOSYS, f"{platform.system()} has no SOCK_DESTROY here")
        try:
            table.destroy(connection)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            lacking = "this kernel has no SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)"
            raise Refused(errno.ENOSYS, lacking) from error
        return {}

    def _find(self, names: "dict[str, Any]") -> FourTuple:
        """The connection named, accepted by now if it is complete: the request may have overtaken
        the listener's own event."""
        connection = _connection(**names)
        self._serve(connection)
        if connection not in self._held:
            raise Refused(
                errno.EBADF,
                "no connection of {} port {} with {} port {} is held".format(
                    *connection[:2], *connection[2:]
                ),
            )
        return connection

    def _serve(self, connection: FourTuple) -> None:
        """Accept what is complete on that connection's port, and close it where that is the
        listener's policy: the listener's own event may lie behind the request in hand.

        Linux wakes nobody for a connection in SYN-RECEIVED that it has queued (tcp_minisocks.c,
        tcp_child_process()); accept() would take it, and no process calls that unasked."""
        listener = self._listeners.get((connection.family, connection.local_port))
        if listener is not None and self._has_event(listener):
            listener.accept_all()

    def _has_event(self, listener: "ListeningSocket") -> bool:
        return any(key.fileobj is listener.socket for key, _ in self._selector.select(0))

    def _state(self, **names: Any) -> "dict[str, Any]":
        """What the kernel says of a connection when the service behind its port has done its
        part."""
        connection = _connection(**names)
        self._serve(connection)
        return dict(self._state_table().find(connection)._asdict())

    def _state_table(self) -> "SockDiag | ProcTable | NetstatTable":
        if self._states is None:
            self._states = open_state_table()
        return self._states

    def _many_states(
        self, local: str, local_port: int, peers: "list[list[Any]]"
    ) -> "dict[str, list[Any]]":
        """The same of many connections of one local port; ``peers`` as (address, port)."""
        find, local = self._state_table().find, _canonical(local)
        return {"rows": [find(FourTuple(local, local_port, *peer)) for peer in peers]}

    def _sysctl_get(self, name: str) -> "dict[str, str]":
        return {"value": read_sysctl(name)}

    def _sysctl_set(self, name: str, value: "int | str") -> "dict[str, str]":
        old = read_sysctl(name)
        write_sysctl(name, str(value))
        self._old_sysctls.setdefault(name, old)
        return {"old": old}

    @contextlib.contextmanager
    def _sysctl_for_now(self, name: str, value: str) -> "Iterator[None]":
        """The setting has that value within.  Where it can't be put back at the end,
        ``sysctl_restore`` will try again."""
        was_changed = name in self._old_sysctls
        old = self._sysctl_set(name, value)["old"]
        try:
            yield
        finally:
            write_sysctl(name, old)
            if not was_changed:
                del self._old_sysctls[name]

    def _sysctl_restore(self) -> "dict[str, str]":
        """Put back what can be put back; the rest is told, and kept for another try."""
        restored, failures = {}, []
        for name, old in list(self._old_sysctls.items()):
            try:
                write_sysctl(name, old)
            except OSError as error:
                failures.append(f"{name} to {old}: {error}")
            else:
                restored[name] = self._old_sysctls.pop(name)
        if failures:
            raise Refused(errno.EIO, "could not put back " + "; ".join(failures))
        return restored


class ListeningSocket:
    """A listening socket; what it accepts is closed at once, or held.

    ``accepts``: it takes what is complete out of its queue.
    """

    def __init__(
        self,
        bound: socket.socket,
        held: "dict[FourTuple, socket.socket] | None",
        *,
        accepts: bool = True,
    ) -> None:
        self._held = held
        self._queued: list[socket.socket] = []
        self.accepts = accepts
        self.socket = bound
        try:
            self.socket.setblocking(False)
            self.socket.listen(BACKLOG)
        except OSError:
            self.socket.close()
            raise
        self.key = (self.socket.family, self.socket.getsockname()[1])

    @property
    def is_full(self) -> bool:
        return bool(self._queued)

    def fill(self) -> None:
        """Shrink the accept queue to its smallest, and put a connection of our own into it."""
        self.accept_all()
        self.accepts = False
        self.socket.listen(0)
        address = self.socket.getsockname()[:2]
        self._queued.append(socket.create_connection(address, timeout=1.0))

    def close(self) -> None:
        for queued in self._queued:
            _reset(queued)
        self.socket.close()

    def accept_all(self) -> None:
        """Take every complete connection.  One that was reset meanwhile is nobody's error."""
        with contextlib.suppress(OSError):
            while self.accepts:
                accepted, peer = self.socket.accept()
                if self._held is None:
                    close_at_once(accepted)
                else:
                    local = accepted.getsockname()
                    self._held[FourTuple(*local[:2], *peer[:2])] = accepted


def new_socket(
    family: socket.AddressFamily,
    *,
    reuse_address: bool,
    reuse_port: bool = False,
    v6only: bool = True,
) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse_address))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(reuse_port))
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
    return made


def bound_socket(
    family: socket.AddressFamily,
    address: str,
    port: int,
    *,
    reuse_address: bool,
    reuse_port: bool = False,
) -> socket.socket:
    """:raises OSError: EADDRINUSE among others."""
    made = new_socket(family, reuse_address=reuse_address, reuse_port=reuse_port)
    try:
        made.bind((address, port))
    except OSError:
        made.close()
        raise
    return made


def set_options(opened: socket.socket, options: "dict[str, int]") -> None:
    """Set options by their names in a case."""
    for name, value in options.items():
        set_option(opened, opened.family, name, value)


def set_option(held: socket.socket, family: socket.AddressFamily, name: str, value: int) -> None:
    """Set an option of a socket; ``linger`` and ``linger2`` are in seconds.

    :raises Refused: ENOSYS, where this system has no such option.
    """
    if name == "linger":
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.pack(1, value))
        return
    is_ipv6 = family == socket.AF_INET6
    level, option = {  # by its name in a case
        "linger2": (socket.IPPROTO_TCP, "TCP_LINGER2"),
        "nodelay": (socket.IPPROTO_TCP, "TCP_NODELAY"),
        "reuse_address": (socket.SOL_SOCKET, "SO_REUSEADDR"),
        "ttl": (socket.IPPROTO_IPV6, "IPV6_UNICAST_HOPS")
        if is_ipv6
        else (socket.IPPROTO_IP, "IP_TTL"),
        "tos": (socket.IPPROTO_IPV6, "IPV6_TCLASS") if is_ipv6 else (socket.IPPROTO_IP, "IP_TOS"),
    }.get(name, (0, name))
    number = getattr(socket, option, None)
    if number is None:
        raise Refused(errno.ENOSYS, f"{platform.system()} has no option {option}")
    held.setsockopt(level, number, int(value))


def close_at_once(connection: socket.socket) -> None:
    """close() that does not wait, whatever SO_LINGER says: it would keep all others waiting.  The
    FIN leaves before the wait (tcp.c, __tcp_close()), so it is the same for the peer."""
    with contextlib.suppress(OSError):
        value = connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.size)
        lingers, seconds = _LINGER.unpack(value)
        if lingers and seconds:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.pack(0, 0))
    connection.close()


def _reset(connection: socket.socket) -> None:
    """close() that sends an RST (ABORT, RFC 9293 section 3.10.5)."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.pack(1, 0))
    connection.close()


def _family(name: str) -> socket.AddressFamily:
    if name not in _FAMILIES:
        raise Refused(errno.EINVAL, f"no address family {name!r}: ipv4 or ipv6")
    return _FAMILIES[name]


def _connection(local: str, local_port: int, peer: str, peer_port: int) -> FourTuple:
    return FourTuple(_canonical(local), local_port, _canonical(peer), peer_port)


def _canonical(address: str) -> str:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_ntop(family, socket.inet_pton(family, address))


def read_sysctl(name: str) -> str:
    """A setting of the kernel, by the name that sysctl(8) has for it.

    :raises OSError: where there is no such setting.
    """
    if platform.system() == "Linux":
        return _sysctl_file(name).read_text().strip()
    return _output("sysctl", "-n", name).strip()


def write_sysctl(name: str, value: str) -> None:
    """:raises OSError: where there is no such setting, or this user may not change it."""
    if platform.system() == "Linux":
        _sysctl_file(name).write_text(value + "\n")
    else:
        _output("sysctl", f"{name}={value}")


def _sysctl_file(name: str) -> pathlib.Path:
    return pathlib.Path("/proc/sys") / name.replace(".", "/")


def _output(*command: str) -> str:
    """What a command of the system prints.

    :raises OSError: where it fails; quotes what it complains of.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as process:
        said, complaint = process.communicate()
    if process.returncode != 0:
        raise OSError(errno.EIO, complaint.decode(errors="replace").strip() or command[0])
    return said.decode(errors="replace")


def read_counters() -> "dict[str, int]":
    """TCP's counters since the system, or its namespace, came up, by the system's own names.

    :raises OSError: where there are none to be read.
    """
    if platform.system() != "Linux":
        return counters_of_netstat(_output("netstat", "-s", "-p", "tcp"))
    counters: dict[str, int] = {}
    for file in ("snmp", "netstat"):
        counters.update(counters_of_proc((pathlib.Path("/proc/net") / file).read_text()))
    return counters


def count_time_waits() -> int:
    """TIME-WAIT blocks of the system, or its namespace.

    :raises Refused: ENOSYS, where there is no such number.
    :raises OSError: where it can't be read.
    """
    if platform.system() != "Linux":
        raise Refused(errno.ENOSYS, f"{platform.system()} has no count of them that is known here")
    found = re.search(r"^TCP: .*\btw (\d+)", SOCKSTAT.read_text(), re.MULTILINE)
    return int(found.group(1)) if found else 0


def counters_of_proc(text: str) -> "dict[str, int]":
    """TCP's part of /proc/net/snmp or netstat: a line of names, then one of their values."""
    counters: dict[str, int] = {}
    names: list[str] = []
    for line in text.splitlines():
        if not line.startswith(("Tcp:", "TcpExt:")):
            continue
        fields = line.split()[1:]
        if fields[0].isalnum() and not fields[0].isdigit():
            names = fields
        else:
            counters.update((name, int(fields[index])) for index, name in enumerate(names))
    return counters


def counters_of_netstat(text: str) -> "dict[str, int]":
    """What ``netstat -s`` prints, a line a counter; numbers within its words are left out::

    567 data packets (12345 bytes)
    """
    counters: dict[str, int] = {}
    for line in text.splitlines():
        found = re.match(r"\s+(\d+) (.+)", line)
        if found:
            name = re.sub(r" \(\d+ [^)]*\)", "", found.group(2)).strip()
            counters.setdefault(name, int(found.group(1)))
    return counters


def kernel_hz() -> "int | None":
    """CONFIG_HZ of the running kernel, None where its configuration isn't shipped."""
    shipped = pathlib.Path("/boot/config-" + platform.release())
    for file, opener in ((pathlib.Path("/proc/config.gz"), gzip.open), (shipped, open)):
        try:
            with opener(str(file), "rb") as config:
                found = re.search(rb"^CONFIG_HZ=(\d+)$", config.read(), re.MULTILINE)
        except OSError:
            continue
        if found:
            return int(found.group(1))
    return None


# ---------------------------------------------------------------------------------------------
# The state of one connection, from Linux
# ---------------------------------------------------------------------------------------------


def open_state_table() -> "SockDiag | ProcTable | NetstatTable":
    """The quickest way that this kernel has to tell one connection's state.

    On Linux sock_diag looks a single connection up; /proc walks the whole hash table for it, 1.4 ms
    with 262,144 buckets, but is there in every kernel.
    """
    if platform.system() != "Linux":
        return NetstatTable()
    # Timers are set and read in whole ticks, and a busy kernel counts its ticks late.
    resolution = 4 / (kernel_hz() or 100)
    try:
        return SockDiag(resolution)
    except OSError:
        return ProcTable(resolution)


class SockDiag:
    """Looks connections up through NETLINK_SOCK_DIAG (linux/inet_diag.h).

    ``resolution``: how far, in seconds, what it says of timers may be off.  ``destroys``: whether
    the kernel has SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY).

    :raises OSError: where the kernel has no tcp_diag.
    """

    _NETLINK_SOCK_DIAG = 4
    _SOCK_DIAG_BY_FAMILY = 20
    _SOCK_DESTROY = 21
    _NLM_F_REQUEST = 1
    _NLM_F_ACK = 4
    _NLMSG_ERROR = 2
    _HEADER = struct.Struct("=IHHII")
    _NO_COOKIE = b"\xff" * 8

    def __init__(self, resolution: float) -> None:
        self._resolution = resolution
        self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, self._NETLINK_SOCK_DIAG)
        # A kernel without tcp_diag answers ENOENT, as for a connection that isn't there: only
        # something that is there can tell the two apart.
        with socket.socket() as known:
            known.bind(("127.0.0.1", 0))
            known.listen(1)
            host, port = known.getsockname()
            listener = FourTuple(host, port, "0.0.0.0", 0)
            try:
                self._ask(listener)
            except OSError:
                self._netlink.close()
                raise
            self.destroys = self._is_destroyed(listener)

    def find(self, connection: FourTuple) -> Reading:
        """The state of a connection; CLOSED where there is none, even if its port listens."""
        try:
            reply = self._ask(connection)
        except FileNotFoundError:
            return Reading("CLOSED", None, 0.0)
        state, timer = struct.unpack_from("=BB", reply, 1)
        (expires,) = struct.unpack_from("=I", reply, 52)
        if state == _LISTEN:
            return Reading("CLOSED", None, 0.0)
        return Reading(_LINUX_STATES[state], expires / 1000 if timer else None, self._resolution)

    def destroy(self, connection: FourTuple) -> None:
        """End a connection (inet_diag.c, SOCK_DESTROY).  Where there is none, the kernel would end
        the listener of its port: so that is seen to first.

        :raises OSError: ENOENT where there is none, EOPNOTSUPP where the kernel has it not.
        """
        if self.find(connection).state == "CLOSED":
            raise OSError(errno.ENOENT, "there is no such connection")
        self._destroy(connection)

    def _is_destroyed(self, listener: FourTuple) -> bool:
        """Whether the kernel takes the order, be it from root alone."""
        try:
            self._destroy(listener)
        except OSError as error:
            return error.errno != errno.EOPNOTSUPP
        return True

    def _destroy(self, connection: FourTuple) -> None:
        self._ask(connection, self._SOCK_DESTROY, self._NLM_F_REQUEST | self._NLM_F_ACK)

    def _ask(
        self,
        connection: FourTuple,
        verb: int = _SOCK_DIAG_BY_FAMILY,
        flags: int = _NLM_F_REQUEST,
    ) -> bytes:
        """One struct inet_diag_msg; nothing where what was asked for is done."""
        ports = struct.pack("!HH", connection.local_port, connection.peer_port)
        addresses = b"".join(
            socket.inet_pton(connection.family, address).ljust(16, b"\0")
            for address in (connection.local, connection.peer)
        )
        identity = ports + addresses + struct.pack("=I", 0) + self._NO_COOKIE
        every_state = 0xFFFFFFFF
        body = struct.pack("=BBBxI", connection.family, socket.IPPROTO_TCP, 0, every_state)
        length = self._HEADER.size + len(body) + len(identity)
        header = self._HEADER.pack(length, verb, flags, 0, 0)
        self._netlink.send(header + body + identity)
        reply = self._netlink.recv(_READ_SIZE)
        kind = self._HEADER.unpack_from(reply)[1]
        if kind == self._NLMSG_ERROR:
            (code,) = struct.unpack_from("=i", reply, self._HEADER.size)
            if code:
                raise OSError(-code, os.strerror(-code))
            return b""
        return reply[self._HEADER.size :]


class ProcTable:
    """The same from /proc/net/tcp and tcp6."""

    def __init__(self, resolution: float) -> None:
        self._resolution = resolution

    def find(self, connection: FourTuple) -> Reading:
        """The state of a connection; CLOSED where there is none."""
        name = "tcp6" if connection.family == socket.AF_INET6 else "tcp"
        wanted = [
            _proc_endpoint(connection.local, connection.local_port),
            _proc_endpoint(connection.peer, connection.peer_port),
        ]
        for line in (pathlib.Path("/proc/net") / name).read_text().splitlines()[1:]:
            _, local, peer, state, _, timer, *_ = line.split()
            if [local, peer] == wanted:
                kind, ticks = timer.split(":")
                user_hz = os.sysconf("SC_CLK_TCK")
                remaining = int(ticks, 16) / user_hz if int(kind, 16) else None
                return Reading(_LINUX_STATES[int(state, 16)], remaining, self._resolution)
        return Reading("CLOSED", None, 0.0)


def _proc_endpoint(address: str, port: int) -> str:
    """``0100007F:1F90``: the address as words in the machine's own byte order."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "{}:{:04X}".format("".join(f"{word:08X}" for word in words), port)


# ---------------------------------------------------------------------------------------------
# The state of one connection, from FreeBSD and macOS
# ---------------------------------------------------------------------------------------------


class NetstatTable:
    """From netstat(1), a line a connection; it tells no timers.

    sockstat(1) is no help: sockets without a process, as in TIME-WAIT, are not in it.
    """

    _COMMAND = ("netstat", "-anW", "-p", "tcp")

    def find(self, connection: FourTuple) -> Reading:
        """The state of a connection; CLOSED where there is none."""
        return self.find_in(_output(*self._COMMAND), connection)

    def find_in(self, listed: str, connection: FourTuple) -> Reading:
        """The same in what netstat has printed::

        tcp4       0      0 192.0.2.1.13           192.0.2.9.20000        TIME_WAIT
        """
        wanted = [
            (connection.local, connection.local_port),
            (connection.peer, connection.peer_port),
        ]
        for line in listed.splitlines():
            fields = line.split()
            if len(fields) < 6 or not fields[0].startswith("tcp"):
                continue
            if [_netstat_endpoint(text) for text in fields[3:5]] == wanted:
                return Reading(_NETSTAT_STATES.get(fields[5], "CLOSED"), None, 0.0)
        return Reading("CLOSED", None, 0.0)


def _netstat_endpoint(text: str) -> "tuple[str, int] | None":
    """``192.0.2.1.13`` or ``2001:db8::1.13``, maybe with a zone (``%em0``); None for ``*.13``."""
    address, _, port = text.rpartition(".")
    try:
        return _canonical(address.partition("%")[0]), int(port)
    except (OSError, ValueError):
        return None


def _raise_descriptor_limit() -> None:
    """Held connections and accept bursts may go past the usual 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    _raise_descriptor_limit()
    Agent().serve()
