"""The stages: what each list is asked, and what it may do."""

from __future__ import annotations

from tw_reference.rules.actions import (
    AckLimitAction,
    BindAction,
    BlockAction,
    CallAction,
    ConnectAction,
    EntryAction,
    ErrorAction,
    OrphanAction,
    UnconnectedAction,
)
from tw_reference.rules.decision import AnyStage, Stage
from tw_reference.rules.questions import (
    Bind,
    Connect,
    Entry,
    ErrorArrives,
    Orphaned,
    SegmentArrives,
    Unconnected,
    UserCall,
)

ORPHAN = Stage(
    "FIN-WAIT-2 entry",
    "A connection is in FIN-WAIT-2 and no process holds it any more.",
    Orphaned,
    OrphanAction,
)
FIN_WAIT_2_BLOCK = Stage(
    "FIN-WAIT-2",
    "A segment arrives at a compressed FIN-WAIT-2 block.",
    SegmentArrives,
    BlockAction,
)
ENTRY = Stage("TIME-WAIT entry", "A connection is about to enter TIME-WAIT.", Entry, EntryAction)
TIME_WAIT = Stage("TIME-WAIT", "A segment arrives in TIME-WAIT.", SegmentArrives, BlockAction)
ICMP = Stage("ICMP error", "An ICMP error arrives about a block.", ErrorArrives, ErrorAction)
ACK_LIMIT = Stage(
    "ACK limit", "A rate-limited ACK is about to be sent.", SegmentArrives, AckLimitAction
)
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
    ORPHAN,
    FIN_WAIT_2_BLOCK,
    ENTRY,
    TIME_WAIT,
    ICMP,
    ACK_LIMIT,
    LISTEN,
    CLOSED,
    BIND,
    CONNECT,
    CALL,
)
"""All of them, in the order in which a connection meets them."""
