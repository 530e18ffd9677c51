"""The states of a connection (RFC 9293 section 3.3.2), and one connection at one moment."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """A state of the TCP state machine.  The value is the RFC's name, which case files use too."""

    CLOSED = "CLOSED"
    LISTEN = "LISTEN"
    SYN_SENT = "SYN-SENT"
    SYN_RECEIVED = "SYN-RECEIVED"
    ESTABLISHED = "ESTABLISHED"
    FIN_WAIT_1 = "FIN-WAIT-1"
    FIN_WAIT_2 = "FIN-WAIT-2"
    CLOSE_WAIT = "CLOSE-WAIT"
    CLOSING = "CLOSING"
    LAST_ACK = "LAST-ACK"
    TIME_WAIT = "TIME-WAIT"


OF_A_CONNECTION = tuple(state for state in State if state not in (State.CLOSED, State.LISTEN))
"""The states in which a segment may find a connection."""


class Snapshot(NamedTuple):
    """A connection at one moment: its state, RCV.NXT, TS.Recent and when its timer falls due (ns).

    What is not known, or does not exist in that state, is None.
    """

    state: State
    rcv_nxt: int | None = None
    ts_recent: int | None = None
    expires: int | None = None


CLOSED = Snapshot(State.CLOSED)
