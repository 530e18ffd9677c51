"""The stages: what each list is asked, and what it may do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tw_reference.rules.actions import (
    AckLimitAction,
    BindAction,
    BlockAction,
    CallAction,
    ConnectAction,
    ConnectionAction,
    ConnectionErrorAction,
    EntryAction,
    ErrorAction,
    OrphanAction,
    UnconnectedAction,
)
from tw_reference.rules.decision import AnyStage, Stage
from tw_reference.rules.questions import (
    AckDue,
    Bind,
    Connect,
    Entry,
    ErrorArrives,
    ErrorOnConnection,
    Orphaned,
    SegmentArrives,
    SegmentOnConnection,
    Unconnected,
    UserCall,
)
from tw_reference.state import State


def _state(state: State) -> Stage[SegmentOnConnection, ConnectionAction]:
    says = f"A segment arrives at a connection in {state}."
    return Stage(state.value, says, SegmentOnConnection, ConnectionAction)


ORPHAN = Stage(
    "FIN-WAIT-2 entry",
    "A connection is in FIN-WAIT-2 and no process holds it any more.",
    Orphaned,
    OrphanAction,
)
SYN_SENT = _state(State.SYN_SENT)
SYN_RECEIVED_REQUEST = Stage(
    "SYN-RECEIVED request",
    "A segment arrives at a listener's SYN-RECEIVED, of which no connection was made yet.",
    SegmentOnConnection,
    ConnectionAction,
)
SYN_RECEIVED = _state(State.SYN_RECEIVED)
ESTABLISHED = _state(State.ESTABLISHED)
FIN_WAIT_1 = _state(State.FIN_WAIT_1)
FIN_WAIT_2 = _state(State.FIN_WAIT_2)
CLOSE_WAIT = _state(State.CLOSE_WAIT)
CLOSING = _state(State.CLOSING)
LAST_ACK = _state(State.LAST_ACK)
FIN_WAIT_2_BLOCK = Stage(
    "FIN-WAIT-2 block",
    "A segment arrives at a compressed FIN-WAIT-2 block.",
    SegmentArrives,
    BlockAction,
)
ENTRY = Stage("TIME-WAIT entry", "A connection is about to enter TIME-WAIT.", Entry, EntryAction)
TIME_WAIT = Stage("TIME-WAIT", "A segment arrives in TIME-WAIT.", SegmentArrives, BlockAction)
ICMP = Stage("ICMP error", "An ICMP error arrives about a block.", ErrorArrives, ErrorAction)
ICMP_CONNECTION = Stage(
    "ICMP error, no block",
    "An ICMP error arrives about a connection that is no block.",
    ErrorOnConnection,
    ConnectionErrorAction,
)
ACK_LIMIT = Stage("ACK limit", "A rate-limited ACK is about to be sent.", AckDue, AckLimitAction)
CHALLENGE_LIMIT = Stage(
    "challenge ACK limit", "A challenge ACK is about to be sent.", AckDue, AckLimitAction
)
LIMITS: tuple[AnyStage, ...] = (ACK_LIMIT, CHALLENGE_LIMIT)
"""About what a list on a segment has decided to send."""
LISTEN = Stage("LISTEN", "A segment arrives at a listener.", Unconnected, UnconnectedAction)
CLOSED = Stage(
    "CLOSED",
    "A segment arrives where there is neither connection nor listener.",
    Unconnected,
    UnconnectedAction,
)
BIND = Stage("bind()", "A socket is bound to a port that is in TIME-WAIT.", Bind, BindAction)
CONNECT = Stage(
    "connect()",
    "A connection is opened on a 4-tuple that is in TIME-WAIT.",
    Connect,
    ConnectAction,
)
CALL = Stage(
    "user call",
    "A user call on a connection in TIME-WAIT (RFC 9293 section 3.10).",
    UserCall,
    CallAction,
)

STAGES: tuple[AnyStage, ...] = (
    LISTEN,
    CLOSED,
    SYN_SENT,
    SYN_RECEIVED_REQUEST,
    SYN_RECEIVED,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    CLOSING,
    CLOSE_WAIT,
    LAST_ACK,
    ICMP_CONNECTION,
    ORPHAN,
    FIN_WAIT_2_BLOCK,
    ENTRY,
    TIME_WAIT,
    ICMP,
    ACK_LIMIT,
    CHALLENGE_LIMIT,
    BIND,
    CONNECT,
    CALL,
)
"""All of them, in the order in which a connection meets them."""

OF_STATE: Mapping[State, Stage[SegmentOnConnection, ConnectionAction]] = MappingProxyType(
    {
        State.SYN_SENT: SYN_SENT,
        State.SYN_RECEIVED: SYN_RECEIVED,
        State.ESTABLISHED: ESTABLISHED,
        State.FIN_WAIT_1: FIN_WAIT_1,
        State.FIN_WAIT_2: FIN_WAIT_2,
        State.CLOSING: CLOSING,
        State.CLOSE_WAIT: CLOSE_WAIT,
        State.LAST_ACK: LAST_ACK,
    }
)
"""The stage for each state of a connection that is neither block, nor request, nor listener."""
