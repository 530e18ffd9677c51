"""The ways to the states of a connection, as legs: one table, walked on a wire and on the
reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tw_conformance.explore.sweep.alphabet import Precondition
from tw_conformance.explore.sweep.tester_end import TesterEnd
from tw_conformance.model.case import Through
from tw_reference.segment import Segment

ProcessCall: TypeAlias = Literal["connect", "close", "shutdown"]
"""What the DUT's process does with its socket."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg: what the DUT's process does, what the tester sends, and the segment of the DUT
    that ends it.

    ``takes`` is None where the DUT owes nothing: then it has to be proven that it got what was
    sent.
    """

    call: ProcessCall | None
    sends: tuple[Callable[[TesterEnd], Segment], ...]
    takes: Callable[[TesterEnd, Segment], bool] | None


def closes_at_once(found: Precondition) -> bool:
    """Whether the DUT's process closes each connection as soon as it has accepted it."""
    return found.socket == "closed" and found.state != "LAST-ACK"


def legs(found: Precondition) -> Iterator[Leg]:
    """The way to that state (RFC 9293 figures 6, 12 and 13)."""
    if found.state == "SYN-SENT":
        yield Leg("connect", (), TesterEnd.takes_syn)
        return
    yield Leg(None, (TesterEnd.syn,), TesterEnd.takes_syn_ack)
    if found.state == "SYN-RECEIVED":
        return
    if closes_at_once(found):
        yield Leg(None, (TesterEnd.ack,), TesterEnd.takes_fin)
    else:
        yield Leg(None, (TesterEnd.ack,), None)
        if found.socket == "unread":
            yield Leg(None, (TesterEnd.text,), TesterEnd.takes_ack)
        yield from _closes(found)
    yield from _closed_first(found)


def _closes(found: Precondition) -> Iterator[Leg]:
    """From ESTABLISHED to the DUT's FIN, if it is to send one."""
    if found.state in ("CLOSE-WAIT", "LAST-ACK"):
        yield Leg(None, (TesterEnd.fin,), TesterEnd.takes_ack)
    if found.state not in ("ESTABLISHED", "CLOSE-WAIT"):
        call: ProcessCall = "close" if found.socket == "closed" else "shutdown"
        yield Leg(call, (), TesterEnd.takes_fin)


def _closed_first(found: Precondition) -> Iterator[Leg]:
    """From FIN-WAIT-1 on."""
    if found.state == "FIN-WAIT-2":
        yield Leg(None, (TesterEnd.ack,), None)
    elif found.state == "CLOSING":
        yield Leg(None, (TesterEnd.crossing_fin,), TesterEnd.takes_ack)
    elif found.state == "TIME-WAIT":
        yield from _TO_TIME_WAIT[Through(found.way)]


_TO_TIME_WAIT: dict[Through, tuple[Leg, ...]] = {
    Through.FIN_WAIT_2: (Leg(None, (TesterEnd.ack, TesterEnd.fin), TesterEnd.takes_ack),),
    Through.FIN_WAIT_1: (Leg(None, (TesterEnd.fin,), TesterEnd.takes_ack),),
    Through.CLOSING: (
        Leg(None, (TesterEnd.crossing_fin,), TesterEnd.takes_ack),
        Leg(None, (TesterEnd.ack,), None),
    ),
}
