"""Every way leads where it says, each of its segments too, under each documented stack."""

from __future__ import annotations

from itertools import product

import pytest

from tw_reference import segment as tcp
from tw_reference.clock import SECOND, Clock
from tw_reference.profiles import PROFILES
from tw_reference.segment import Flow, Packet, Segment
from tw_reference.stack.host import Host
from tw_reference.state import OF_A_CONNECTION, State
from tw_reference.ways import (
    CLOSES_FIRST,
    SYN,
    SYN_ACK,
    Ends,
    HowToClose,
    Offer,
    Said,
    Turn,
    segment,
    way_to,
)

FLOW = Flow("192.0.2.2", 40000, "192.0.2.1", 7)
CLOSINGS: tuple[HowToClose, ...] = ("at once", "close", "shutdown")
FLAGS = {
    Ends.SYN: tcp.SYN,
    Ends.SYN_ACK: tcp.SYN | tcp.ACK,
    Ends.ACK: tcp.ACK,
    Ends.FIN: tcp.FIN | tcp.ACK,
}


class Walk:
    """A host on a way, and what its peer knows of it."""

    def __init__(self, profile: str, *, closes_first: bool) -> None:
        self.host = Host(PROFILES[profile], Clock(SECOND), addresses=frozenset((FLOW.dst,)))
        self.host.listen(FLOW.dport, closes_first=closes_first)
        self.rcv_nxt, self.snd_nxt = 1000, 0

    @property
    def state(self) -> State:
        return self.host.state(FLOW.reverse)

    def take(self, turn: Turn) -> None:
        match turn.call:
            case "connect":
                self.host.connect(FLOW.reverse)
            case "close":
                self.host.sockets.close(FLOW.reverse)
            case "shutdown":
                self.host.sockets.shutdown(FLOW.reverse)
        for said in turn.says:
            self.say(said, closes=turn.ends is Ends.FIN)
        if turn.ends is not Ends.PROOF:
            self.hear(FLAGS[turn.ends])

    def say(self, said: Said, *, closes: bool) -> None:
        made = segment(said, rcv_nxt=self.rcv_nxt, snd_nxt=self.snd_nxt, timestamps=None)
        self.rcv_nxt = made.end
        self.host.receive(Packet(FLOW, made))
        assert self.state is (State.FIN_WAIT_1 if closes else said.leads_to), said

    def hear(self, flags: int) -> None:
        """What ends the turn has come, a delayed ACK at the latest."""
        while not self.host.outbox and (timer := self.host.clock.next_timer()) is not None:
            self.host.clock.advance(timer)
        last = self.host.outbox[-1]
        assert isinstance(last, Packet)
        assert last.segment.flags & flags == flags
        if last.segment.flags & tcp.ACK:
            assert last.segment.ack == self.rcv_nxt
        self.snd_nxt = last.segment.end
        self.host.outbox.clear()


@pytest.mark.parametrize("state", OF_A_CONNECTION)
@pytest.mark.parametrize("profile", PROFILES)
def test_each_segment_leads_to_its_state(profile: str, state: State) -> None:
    through = CLOSES_FIRST - {state} if state is State.TIME_WAIT else {State.FIN_WAIT_2}
    for by, closing, active in product(sorted(through), CLOSINGS, (False, True)):
        if active and state is State.SYN_RECEIVED:
            continue  # A host that opens gets there by crossing SYNs alone.
        at_once = closing == "at once" and state in CLOSES_FIRST
        walk = Walk(profile, closes_first=at_once and not active)
        for turn in way_to(state, through=by, active=active, closing=closing):
            walk.take(turn)
        assert walk.state is state, (by, closing, active)


def flags_of(said: Said, *, ecn: bool) -> int:
    offer = Offer(mss=1200, wscale=3, sack=True, ecn=ecn)
    made = segment(said, rcv_nxt=5, snd_nxt=9, timestamps=None, offer=offer)
    assert (made.mss, made.wscale, made.sack_permitted) == (1200, 3, True)
    return made.flags


def test_a_syn_ack_takes_ecn_up_with_ece_alone() -> None:
    assert flags_of(SYN, ecn=True) == tcp.SYN | tcp.ECE | tcp.CWR
    assert flags_of(SYN_ACK, ecn=True) == tcp.SYN | tcp.ACK | tcp.ECE
    assert flags_of(SYN, ecn=False) == tcp.SYN


def test_only_a_syn_has_what_is_offered() -> None:
    *_, last = way_to(State.TIME_WAIT)
    made = segment(last.says[-1], rcv_nxt=5, snd_nxt=9, timestamps=None, offer=Offer(ecn=True))
    assert made == Segment(seq=5, ack=9, flags=tcp.FIN | tcp.ACK, window=65535)
