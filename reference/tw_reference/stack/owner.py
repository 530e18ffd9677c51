"""What a connection needs of its host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tw_reference.clock import Clock
from tw_reference.profiles.profile import Profile
from tw_reference.rules.decision import Decision
from tw_reference.segment import Packet

if TYPE_CHECKING:
    from tw_reference.stack.connection import Connection


class Owner(Protocol):
    """Answers a connection's questions, and hears what becomes of it."""

    clock: Clock
    profile: Profile
    settings: dict[str, int]

    def queue_is_full(self, connection: Connection) -> bool:
        """Whether the listener that would accept it accepts nothing any more."""

    def record(self, decision: Decision) -> None: ...

    def emit(self, packet: Packet) -> None: ...

    def timestamp(self) -> int: ...

    def reset(self, packet: Packet) -> None:
        """Answer ``packet`` as a segment for nobody."""

    def established(self, connection: Connection) -> None: ...

    def delivered(self, connection: Connection, data: bytes) -> None: ...

    def peer_closed(self, connection: Connection) -> None: ...

    def entering_time_wait(self, connection: Connection) -> None: ...

    def orphaned(self, connection: Connection, packet: Packet | None) -> None:
        """No process holds a connection in FIN-WAIT-2; ``packet`` brought it there, or, None,
        the process let it go when it was there."""

    def gone(self, connection: Connection) -> None: ...
