"""The sockets that processes hold, and the calls that they make with them."""

from __future__ import annotations

from dataclasses import dataclass

from tw_reference.segment import Flow
from tw_reference.stack.connection import Connection
from tw_reference.state import State

_SENDS = frozenset({State.ESTABLISHED, State.CLOSE_WAIT})
"""States in which a process may send."""
_OPENS = frozenset({State.SYN_SENT, State.SYN_RECEIVED})


class CallError(Exception):
    """A user call that the stack refuses; ``error`` is its errno by name, or the RFC's words."""

    def __init__(self, error: str, message: str = "") -> None:
        super().__init__(message or error)
        self.error = error


@dataclass(slots=True)
class _Socket:
    """It outlives its connection, and keeps what became of that until the process asks
    (SO_ERROR)."""

    connection: Connection
    error: str = ""
    is_disconnected: bool = False
    """Whether the process gave up before there was a connection: it is as new then."""


class Sockets:
    """The sockets of all processes, by the 4-tuple of their connections as this side sends it.

    :raises CallError: by every call: EBADF, where no process holds a socket of that 4-tuple.
    """

    def __init__(self) -> None:
        self._sockets: dict[Flow, _Socket] = {}

    def hold(self, connection: Connection) -> None:
        """A process has opened a connection, or accepted it."""
        self._sockets[connection.flow] = _Socket(connection)

    # -- what a process calls --------------------------------------------------------------------

    def send(self, flow: Flow, data: bytes) -> None:
        """send() of ``data``.

        :raises CallError: what became of the connection, once; then, and where it takes no text
            any more, EPIPE; what the stack says where there is none yet.
        """
        self._worst(flow)
        connection = self._connected(flow)
        closed = connection is None or connection.outbound.fin_wanted
        if connection is None or closed or connection.state not in _SENDS | _OPENS:
            raise CallError("EPIPE", f"{flow} takes no text")
        if connection.state in _OPENS and connection.sent_too_early:
            raise CallError(connection.sent_too_early, f"{flow} is not connected yet")
        connection.send(data)

    def receive(self, flow: Flow, size: int) -> bool:
        """recv() of ``size`` octets by a process that does not take them as they come; whether all
        of them were there, before the end.

        :raises CallError: what became of the connection, once; EAGAIN, where more may come, and
            ENOTCONN, where nothing ever could.
        """
        connection = self._socket(flow).connection
        if connection.receive(size) == size:
            return True
        at_end = connection.sees_the_end()
        if not connection.end_hides_error:
            self._worst(flow)
        if self._socket(flow).is_disconnected:
            raise CallError("ENOTCONN", f"{flow} never was connected")
        if not at_end:
            raise CallError("EAGAIN", f"{flow} has not so much text yet")
        return False

    def error(self, flow: Flow) -> None:
        """getsockopt(SO_ERROR), which forgets what it tells.

        :raises CallError: with what became of the connection, where the process was not told; then
            with what an ICMP error said that did not end it.
        """
        self._worst(flow)
        connection = self._socket(flow).connection
        soft, connection.soft_error = connection.soft_error, ""
        if soft:
            raise CallError(soft, f"an ICMP error about {flow} said that")

    def _worst(self, flow: Flow) -> None:
        """What became of the connection, which any call tells.

        :raises CallError: with it, where the process was not told.
        """
        socket = self._socket(flow)
        error, socket.error = socket.error, ""
        if error:
            raise CallError(error, f"{flow} came to that")

    def set_options(
        self,
        flow: Flow,
        *,
        linger: int | None = None,
        linger2: int | None = None,
        reuse_address: int | None = None,
        tos: int | None = None,
        ttl: int | None = None,
        nodelay: int | None = None,
    ) -> None:
        """setsockopt(): SO_LINGER and TCP_LINGER2 in seconds; None leaves an option as it is."""
        connection = self._socket(flow).connection
        connection.linger = connection.linger if linger is None else linger
        connection.linger2 = connection.linger2 if linger2 is None else linger2
        connection.tos = connection.tos if tos is None else tos
        connection.ttl = connection.ttl if ttl is None else ttl
        if nodelay is not None:
            connection.nodelay = bool(nodelay)
        if reuse_address is not None:
            connection.reuse_address = bool(reuse_address)

    def shutdown(self, flow: Flow, how: str = "write") -> None:
        """shutdown() for ``read``, ``write`` or ``both``.

        :raises CallError: ENOTCONN, where there is no connection any more.
        """
        connection = self._connected(flow)
        if connection is None:
            raise CallError("ENOTCONN", f"{flow} is not connected")
        connection.shut(how)
        if connection.state is State.CLOSED:
            # tcp.c, tcp_disconnect(), TCP_SYN_SENT.
            self._sockets[flow] = _Socket(connection, "ECONNRESET", is_disconnected=True)

    def close(self, flow: Flow) -> None:
        """close(), whatever has become of the connection."""
        connection = self._connected(flow)
        del self._sockets[flow]
        if connection is not None:
            connection.close()

    def abort(self, flow: Flow) -> None:
        """close() with SO_LINGER 0."""
        connection = self._connected(flow)
        del self._sockets[flow]
        if connection is not None:
            connection.abort()

    # -- what a process will be told --------------------------------------------------------------

    def broke(self, connection: Connection, before: State) -> None:
        """A reset came in the state ``before``, or a SYN that is an error there; it may have ended
        the connection."""
        socket = self._sockets.get(connection.flow)
        closed = connection.state is State.CLOSED
        if socket is not None and socket.connection is connection and closed:
            socket.error = connection.reset_error(before)

    def ended_by_error(self, connection: Connection, error: str) -> None:
        """An ICMP error came, and may have ended the connection with that errno."""
        socket = self._sockets.get(connection.flow)
        if error and socket is not None and socket.connection is connection:
            socket.error = error

    def aborted(self, flow: Flow) -> None:
        """An administrator has ended the connection."""
        if flow in self._sockets:
            self._sockets[flow].error = "ECONNABORTED"

    def _socket(self, flow: Flow) -> _Socket:
        socket = self._sockets.get(flow)
        if socket is None:
            raise CallError("EBADF", f"no process holds a socket of {flow}")
        return socket

    def _connected(self, flow: Flow) -> Connection | None:
        """The connection of a socket, where it is still there."""
        connection = self._socket(flow).connection
        return None if connection.state is State.CLOSED else connection
