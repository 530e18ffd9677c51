"""The ports of a host: who listens on them, and who else may bind them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tw_reference.clock import Clock
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import BindAction
from tw_reference.rules.decision import Decision
from tw_reference.rules.questions import Bind, TimeWaitBlock
from tw_reference.segment import Flow
from tw_reference.stack.connection import Connection
from tw_reference.stack.endpoint import EVERYWHERE, Endpoint
from tw_reference.stack.sockets import CallError


@dataclass(slots=True)
class Listener:
    """A port that accepts, ``at`` some addresses.  ``closes_first``: it closes each connection as
    soon as it is accepted.  ``queue_full``: nobody accepts any more, and no more is kept.
    ``accepts``: else what opens is kept, for nobody.  ``reads``: it takes text as it comes.  What
    is accepted inherits the rest: SO_REUSEADDR, and TCP_LINGER2 in seconds where it is set."""

    closes_first: bool = True
    queue_full: bool = False
    reuse_address: bool = True
    linger2: int | None = None
    reads: bool = True
    options: Mapping[str, int] = field(default_factory=dict)
    at: Endpoint = EVERYWHERE
    reuse_port: bool = False
    accepts: bool = True


class Ports:
    """Who has which port.  ``record`` is told each decision that a rule takes."""

    def __init__(self, profile: Profile, clock: Clock, record: Callable[[Decision], None]) -> None:
        self._bind = profile.find(stages.BIND)
        self._clock = clock
        self._record = record
        self._listeners: dict[int, Listener] = {}

    def listen(self, port: int, listener: Listener) -> None:
        """Have it accept what comes there, in place of who did."""
        self._listeners[port] = listener

    def unlisten(self, port: int) -> None:
        self._listeners.pop(port, None)

    def has_listener(self, port: int) -> bool:
        return port in self._listeners

    def listener(self, flow: Flow) -> Listener | None:
        """Who accepts such a connection, as this side sends it."""
        listener = self._listeners.get(flow.sport)
        return listener if listener is not None and listener.at.takes(flow.src) else None

    def bind(
        self,
        port: int,
        at: Endpoint,
        owners: Iterable[TimeWaitBlock | Connection],
        *,
        reuse_address: bool,
        reuse_port: bool,
    ) -> None:
        """Give a port to a new socket, beside its ``owners``: the connections and blocks of it.

        :raises CallError: EADDRINUSE, where somebody listens there or a rule refuses it.
        """
        listener = self._listeners.get(port)
        both_reuse = listener is not None and listener.reuse_port and reuse_port
        if listener is not None and listener.at.overlaps(at) and not both_reuse:
            raise CallError(BindAction.EADDRINUSE.value, f"somebody listens on port {port}")
        for owner in (each for each in owners if at.takes(each.flow.src)):
            answer = self._may_bind(Bind(owner, reuse_address, reuse_port), owner.flow)
            if answer is not BindAction.ALLOW:
                raise CallError(answer.value, f"port {port} is that of {owner.flow}")

    def _may_bind(self, question: Bind, flow: Flow) -> BindAction:
        if self._bind is None:
            return BindAction.ALLOW
        rule, notes = self._bind.decide(question)
        self._record(Decision(self._clock.now, stages.BIND, rule, flow, notes=notes))
        return rule.then[0]
