"""The agent as a client of its kernel too: it opens connections, and moves octets that count.

A world becomes it by its path, in an isolated interpreter, as it does the agent.
"""

from __future__ import annotations

import base64
import socket
import sys
from pathlib import Path
from typing import Any

PATIENCE = 60.0


def serve() -> None:
    """Serve ``connect``, ``say`` and ``hear`` beside the agent's own verbs."""
    from tw_conformance.dut import agent

    class ClientAgent(agent.Agent):
        def __init__(self) -> None:
            super().__init__()
            self._verbs.update(connect=self._connect, say=self._say, hear=self._hear)

        def _connect(self, peer: str, peer_port: int) -> dict[str, Any]:
            """Open a connection from a port that the kernel chooses; it is held for later verbs."""
            opened = socket.create_connection((peer, peer_port), timeout=PATIENCE)
            names = agent.FourTuple(*opened.getsockname()[:2], *opened.getpeername()[:2])
            self._held[names] = opened
            return dict(names._asdict())

        def _say(self, data: str, **names: Any) -> dict[str, Any]:
            """Send ``data`` (base64), all of it."""
            self._held[self._find(names)].sendall(base64.b64decode(data))
            return {}

        def _hear(self, size: int, **names: Any) -> dict[str, str]:
            """``size`` octets (base64); less where the peer has closed before."""
            held, octets = self._held[self._find(names)], b""
            while len(octets) < size and (more := held.recv(size - len(octets))):
                octets += more
            return {"data": base64.b64encode(octets).decode()}

    ClientAgent().serve()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))
    serve()
