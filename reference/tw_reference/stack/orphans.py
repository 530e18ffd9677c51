"""Connections in FIN-WAIT-2 that no process holds: how long they wait for the FIN, and as what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tw_reference import segment as tcp
from tw_reference.clock import Clock
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import OrphanAction
from tw_reference.rules.decision import Decision
from tw_reference.rules.questions import Orphaned
from tw_reference.segment import Packet
from tw_reference.stack.connection import Connection
from tw_reference.state import State


class Keeper(Protocol):
    """What is needed of the host."""

    clock: Clock
    profile: Profile
    settings: dict[str, int]

    def record(self, decision: Decision) -> None: ...

    def reset(self, packet: Packet) -> None: ...

    def gone(self, connection: Connection) -> None: ...

    def compress(self, connection: Connection, substate: State, timeout: int | None) -> None:
        """Have a block take the place of the connection, for ``timeout`` nanoseconds."""


class Orphans:
    """Lets go of such connections as the profile's list says."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def _timeout(self, connection: Connection) -> int:
        """How long an orphan waits for the FIN (ns); 0 where the stack has no such time-out."""
        keeper = self._keeper
        timeout = keeper.profile.traits.fin_wait_2_timeout
        if timeout is None:
            return 0
        return timeout(keeper.settings, connection.linger2, connection.rto)

    def let_go(self, connection: Connection, packet: Packet | None) -> None:
        """``packet`` brought the connection to FIN-WAIT-2; None: close() came when it was there."""
        keeper, timeout = self._keeper, self._timeout(connection)
        question = Orphaned(
            keeper.settings,
            timeout,
            negative=connection.linger2 is not None and connection.linger2 < 0,
            fin=packet is not None and bool(packet.segment.flags & tcp.FIN),
            by_close=packet is None,
        )
        rules = keeper.profile[stages.ORPHAN]
        rule, notes = ruling = rules.decide(question)
        keeper.record(Decision(keeper.clock.now, rules.stage, rule, connection.flow, notes=notes))
        for action in ruling.then:
            self._take(action, connection, packet, timeout)

    def _take(
        self, action: OrphanAction, connection: Connection, packet: Packet | None, timeout: int
    ) -> None:
        keeper = self._keeper
        match action:
            case OrphanAction.RESET_AND_CLOSE:
                connection.abort()
            case OrphanAction.RESET_SEGMENT:
                if packet is not None:
                    keeper.reset(packet)
                connection.leave(keeper.gone)
            case OrphanAction.COMPRESS:
                connection.leave(lambda c: keeper.compress(c, State.FIN_WAIT_2, timeout))
            case OrphanAction.COMPRESS_LATER:
                excess = timeout - keeper.profile.lifetime(keeper.settings)
                self._after(
                    excess,
                    connection,
                    lambda: connection.leave(
                        lambda c: keeper.compress(c, State.FIN_WAIT_2, excess)
                    ),
                )
            case OrphanAction.CLOSE_LATER:
                self._after(timeout, connection, lambda: connection.leave(keeper.gone))
            case OrphanAction.RESET_LATER:
                self._after(timeout, connection, connection.abort)
            case OrphanAction.CLOSE_WHEN_IDLE:
                self._close_when_idle(connection)
            case OrphanAction.WAIT:
                pass

    def _after(self, wait: int, connection: Connection, end: Callable[[], None]) -> None:
        """End an orphan later, if it is still there then."""

        def due() -> None:
            if connection.state is not State.CLOSED:
                end()

        clock = self._keeper.clock
        connection.orphan_timer = clock.call_at(clock.now + wait, due)

    def _close_when_idle(self, connection: Connection) -> None:
        """End an orphan once it has heard nothing for the stack's longest idle time."""
        keeper, clock = self._keeper, self._keeper.clock
        idle_limit = keeper.profile.traits.idle_limit
        assert idle_limit is not None, "a list that closes what is idle needs the trait"
        longest, again = idle_limit(keeper.settings)

        def look() -> None:
            if connection.state is State.CLOSED:
                return
            if clock.now - connection.heard_at > longest:
                connection.leave(keeper.gone)
            else:
                connection.orphan_timer = clock.call_at(clock.now + again, look)

        connection.orphan_timer = clock.call_at(clock.now + longest, look)
