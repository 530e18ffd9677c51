"""The processes of a served host: what each port does with its connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from tw_reference.segment import Flow
from tw_reference.stack.host import Host, HostEvent


class Service(Protocol):
    """One port's process.  ``closes_first``: the host closes each connection that it accepts."""

    closes_first: bool

    def react(self, host: Host, event: HostEvent) -> None:
        """Answer what happened to one connection.

        :raises CallError: where the connection is gone by now.
        """


class Close:
    """Closes as soon as it has accepted: the shortest way into TIME-WAIT."""

    closes_first = True

    def react(self, host: Host, event: HostEvent) -> None:
        """The host has closed already."""


class Hello:
    """Answers one HTTP request, and closes first, as HTTP/1.0 servers do (RFC 1945 section 1.3).

    No Content-Length: a client that knows where the body ends may close before we do.
    """

    closes_first = False
    _END_OF_REQUEST = b"\r\n\r\n"
    _LONGEST_REQUEST = 65536

    def __init__(self) -> None:
        self._requests: dict[Flow, bytes] = {}

    def react(self, host: Host, event: HostEvent) -> None:
        flow = event.flow
        if event.kind == "established":
            self._requests[flow] = b""
        elif event.kind == "data" and flow in self._requests:
            self._requests[flow] += event.data
            request = self._requests[flow]
            if self._END_OF_REQUEST in request or len(request) > self._LONGEST_REQUEST:
                del self._requests[flow]
                host.sockets.send(flow, self._answer(host, flow))
                host.sockets.close(flow)
        elif event.kind == "peer-closed":
            host.sockets.close(flow)
        elif event.kind == "gone":
            self._requests.pop(flow, None)

    def _answer(self, host: Host, flow: Flow) -> bytes:
        body = (
            f"{host.profile.title}.\nI close first: this connection is on its way to TIME-WAIT"
            f" on {flow.src} port {flow.sport}.\n"
        ).encode()
        return b"HTTP/1.0 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body


class Discard:
    """Reads and forgets, and lets the peer close first (RFC 863)."""

    closes_first = False

    def react(self, host: Host, event: HostEvent) -> None:
        if event.kind == "peer-closed":
            host.sockets.close(event.flow)


class EchoBack:
    """Returns what it reads, and lets the peer close first (RFC 862)."""

    closes_first = False

    def react(self, host: Host, event: HostEvent) -> None:
        if event.kind == "data":
            host.sockets.send(event.flow, event.data)
        elif event.kind == "peer-closed":
            host.sockets.close(event.flow)


SERVICES: Mapping[str, Callable[[], Service]] = MappingProxyType(
    {"close": Close, "hello": Hello, "discard": Discard, "echo": EchoBack}
)
"""Every service by name; «close» and «hello» close first."""
