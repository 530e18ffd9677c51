"""The ways to the states of a connection, as turns (RFC 9293 figures 6, 12 and 13): what the
process does with its socket, what the peer sends, and what of the host ends the turn.

One table for all who bring a host to a state.  How a turn is taken is theirs: by a call in the same
process, by hundreds at once, or over a path that loses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal, NamedTuple, TypeAlias

from tw_reference import segment as tcp
from tw_reference.segment import Segment, Timestamps
from tw_reference.seqnum import add
from tw_reference.state import State

WINDOW = 65535
"""The window that the peer offers, octets."""
UNREAD = 1000
"""Octets of text that the process leaves unread, where it does."""

ProcessCall: TypeAlias = Literal["connect", "close", "shutdown"]
"""What the host's process does with its socket."""

HowToClose: TypeAlias = Literal["at once", "close", "shutdown"]
"""How the process closes: as soon as it has accepted, or by a call when it is time."""


@dataclass(frozen=True, slots=True)
class Said:
    """A segment that the peer sends on the way, and the state that it leads the host to.

    ``name`` is what a sentence calls it, to which the host is the DUT.  ``behind`` is how far its
    SEG.ACK lies below SND.NXT.  ``length``: octets of text.  ``ecn``: the flags besides, where ECN
    is offered.
    """

    name: str
    flags: int
    leads_to: State
    behind: int = 0
    window: int = WINDOW
    length: int = 0
    ecn: int = 0


SYN = Said("the SYN", tcp.SYN, State.SYN_RECEIVED, ecn=tcp.ECE | tcp.CWR)
SYN_ACK = Said("the SYN-ACK", tcp.SYN | tcp.ACK, State.ESTABLISHED, ecn=tcp.ECE)
ACK_OF_SYN = Said("the ACK of the handshake", tcp.ACK, State.ESTABLISHED)
TEXT = Said("the text", tcp.PSH | tcp.ACK, State.ESTABLISHED, length=UNREAD)
FIRST_FIN = Said("the FIN that comes first", tcp.FIN | tcp.ACK, State.CLOSE_WAIT)
ACK_OF_FIN = Said("the ACK of the DUT's FIN", tcp.ACK, State.FIN_WAIT_2)
FIN = Said("the FIN", tcp.FIN | tcp.ACK, State.TIME_WAIT)
FIN_WITH_ACK = Said("the FIN with the ACK of the DUT's FIN", tcp.FIN | tcp.ACK, State.TIME_WAIT)
CROSSING_FIN = Said(
    "the FIN that crosses the DUT's",
    tcp.FIN | tcp.ACK,
    State.CLOSING,
    behind=1,
    # FreeBSD takes a FIN with an unchanged window and ACK for a duplicate ACK.
    window=WINDOW - 1,
)
ACK_OF_CROSSED_FIN = Said("the ACK of the DUT's FIN", tcp.ACK, State.TIME_WAIT)


class Offer(NamedTuple):
    """What the peer's SYN offers; None: the option is absent."""

    mss: int | None = 1460
    wscale: int | None = None
    sack: bool = False
    ecn: bool = False


USUAL_OFFER = Offer()
_NO_OFFER = Offer(mss=None)


def segment(
    said: Said,
    *,
    rcv_nxt: int,
    snd_nxt: int,
    timestamps: Timestamps | None,
    offer: Offer = USUAL_OFFER,
) -> Segment:
    """What the peer sends, where the host's variables are these."""
    if not said.flags & tcp.SYN:
        offer = _NO_OFFER
    return Segment(
        seq=rcv_nxt,
        ack=add(snd_nxt, -said.behind) if said.flags & tcp.ACK else 0,
        flags=said.flags | (said.ecn if offer.ecn else 0),
        window=said.window,
        payload=b"t" * said.length,
        mss=offer.mss,
        wscale=offer.wscale,
        sack_permitted=offer.sack,
        timestamps=timestamps,
    )


class Ends(Enum):
    """What of the host ends a turn."""

    SYN = auto()
    SYN_ACK = auto()
    ACK = auto()
    """Of all that was sent."""
    FIN = auto()
    PROOF = auto()
    """Nothing that it owes: it has to be proven that it got what was sent."""


class Turn(NamedTuple):
    """What the process does, then what the peer sends, and what of the host ends it."""

    call: ProcessCall | None
    says: tuple[Said, ...]
    ends: Ends


CLOSES_FIRST = frozenset((State.FIN_WAIT_1, State.FIN_WAIT_2, State.CLOSING, State.TIME_WAIT))
"""The states of a host that is the first to close, or closes at the same time."""
_CLOSED_UPON = frozenset((State.CLOSE_WAIT, State.LAST_ACK))


def way_to(
    state: State,
    *,
    through: State = State.FIN_WAIT_2,
    active: bool = False,
    closing: HowToClose = "at once",
    unread: bool = False,
) -> Iterator[Turn]:
    """The turns from nothing, or a listener, to ``state``.

    ``through`` is the state from which TIME-WAIT is entered.  ``active``: the host opens, as it
    always does to SYN-SENT.  A process that opens, or is closed upon, does not close "at once" but
    by a call.  ``unread``: the process leaves text unread.
    """
    active = active or state is State.SYN_SENT
    yield Turn("connect", (), Ends.SYN) if active else Turn(None, (SYN,), Ends.SYN_ACK)
    if state in (State.SYN_SENT, State.SYN_RECEIVED):
        return
    at_once = closing == "at once" and not active and state in CLOSES_FIRST
    if active:
        yield Turn(None, (SYN_ACK,), Ends.ACK)
    else:
        yield Turn(None, (ACK_OF_SYN,), Ends.FIN if at_once else Ends.PROOF)
    if unread:
        yield Turn(None, (TEXT,), Ends.ACK)
    if state in _CLOSED_UPON:
        yield Turn(None, (FIRST_FIN,), Ends.ACK)
    if state is State.LAST_ACK or (state in CLOSES_FIRST and not at_once):
        yield Turn("shutdown" if closing == "shutdown" else "close", (), Ends.FIN)
    yield from _from_fin_wait_1(through if state is State.TIME_WAIT else state, state)


def _from_fin_wait_1(by: State, state: State) -> Iterator[Turn]:
    """To FIN-WAIT-2 or CLOSING, or past them or straight to TIME-WAIT; to no other state."""
    ends = state is State.TIME_WAIT
    match by:
        case State.FIN_WAIT_2 if ends:
            yield Turn(None, (ACK_OF_FIN, FIN), Ends.ACK)
        case State.FIN_WAIT_2:
            yield Turn(None, (ACK_OF_FIN,), Ends.PROOF)
        case State.FIN_WAIT_1 if ends:
            yield Turn(None, (FIN_WITH_ACK,), Ends.ACK)
        case State.CLOSING:
            yield Turn(None, (CROSSING_FIN,), Ends.ACK)
            if ends:
                yield Turn(None, (ACK_OF_CROSSED_FIN,), Ends.PROOF)
