"""A served host and its neighbours, on virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, IPv6
from scapy.layers.l2 import ARP, Ether

from tw_reference import segment as tcp
from tw_reference.clock import SECOND, Clock
from tw_reference.profiles import PROFILES
from tw_reference.rules.decision import Decision
from tw_reference.segment import Echo, Flow, Packet, Segment
from tw_reference.serve.errors import ServeError
from tw_reference.serve.services import Hello, Service
from tw_reference.serve.station import Station
from tw_reference.serve.trace import in_words
from tw_reference.stack.host import Host
from tw_reference.wire.decode import decode
from tw_reference.wire.encode import Encoder
from tw_reference.wire.neighbours import Neighbours

OURS, THEIRS, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"
HERE = {4: "192.0.2.1", 6: "2001:db8::1"}
THERE = {4: "192.0.2.2", 6: "2001:db8::2"}
PORT = 80

FAMILIES = pytest.mark.parametrize("family", [4, 6])


class Link:
    """A station, and by hand the neighbour at the other end."""

    def __init__(self, service: Service | None = None) -> None:
        self.clock = Clock(SECOND)
        self.frames: list[bytes] = []
        self.decisions: list[Decision] = []
        self.is_up = True
        addresses = frozenset(HERE.values())
        self.host = Host(PROFILES["linux-6.18"], self.clock, addresses=addresses, seed=1)
        self.station = Station(
            self.host,
            OURS,
            addresses,
            {PORT: service or Hello()},
            transmit=self._transmit,
            decided=self.decisions.append,
        )
        self.neighbour = Neighbours(THEIRS, THERE.values())
        self.encode = Encoder(THEIRS, OURS).encode

    def _transmit(self, frame: bytes) -> bool:
        if self.is_up:
            self.frames.append(frame)
        return self.is_up

    def says(self, frame: bytes) -> list[bytes]:
        self.station.frame_arrives(frame)
        return self.sent()

    def sent(self) -> list[bytes]:
        frames, self.frames = self.frames, []
        return frames

    def let_pass(self, seconds: float) -> list[bytes]:
        self.station.time_passes(self.clock.now + round(seconds * SECOND))
        return self.sent()

    def introduce(self, family: int) -> None:
        """The neighbour asks, so each knows the other."""
        (answer,) = self.says(self.neighbour.ask(THERE[family], HERE[family]))
        self.neighbour.hear(answer)
        assert self.neighbour.known == {HERE[family]: OURS}

    def segments(self, frames: list[bytes]) -> list[Segment]:
        packets = [decode(frame) for frame in frames]
        return [packet.segment for packet in packets if isinstance(packet, Packet)]


@pytest.fixture
def link() -> Link:
    return Link()


def ping(family: int, sequence: int = 1) -> Echo:
    return Echo(THERE[family], HERE[family], 4711, sequence, data=b"and data")


def pong(family: int, sequence: int = 1) -> Echo:
    request = ping(family, sequence)
    return replace(request, src=request.dst, dst=request.src, reply=True)


@FAMILIES
def test_who_asks_is_answered_and_remembered(link: Link, family: int) -> None:
    link.introduce(family)
    (answer,) = link.says(link.encode(ping(family)))
    assert decode(answer) == pong(family)


@FAMILIES
def test_who_never_asked_is_asked_before_it_is_answered(link: Link, family: int) -> None:
    (question,) = link.says(link.encode(ping(family)))
    answer = link.neighbour.hear(question)
    assert answer is not None
    assert [decode(frame) for frame in link.says(answer)] == [pong(family)]


@FAMILIES
def test_a_neighbour_that_does_not_answer_is_asked_three_times(link: Link, family: int) -> None:
    (question,) = link.says(link.encode(ping(family)))
    assert link.let_pass(1) == link.let_pass(1) == [question]
    assert link.let_pass(1) == []
    assert link.station.counts.lost == 1
    assert link.station.next_timer() is None


def test_sixteen_packets_wait_for_a_neighbour(link: Link) -> None:
    (question,) = link.says(link.encode(ping(4, 0)))
    for sequence in range(1, 18):
        assert link.says(link.encode(ping(4, sequence))) == []
    answer = link.neighbour.hear(question)
    assert answer is not None
    replies = [decode(frame) for frame in link.says(answer)]
    assert replies == [pong(4, sequence) for sequence in range(2, 18)]
    assert link.station.counts.lost == 2


def test_an_arp_probe_for_our_address_is_answered(link: Link) -> None:
    """RFC 5227 section 2.1.1: the prober then knows that the address is taken."""
    request = ARP(op=1, hwsrc=OTHER, psrc="0.0.0.0", pdst=HERE[4])
    (frame,) = link.says(bytes(Ether(src=OTHER, dst="ff:ff:ff:ff:ff:ff") / request))
    reply = Ether(frame)[ARP]
    assert (reply.op, reply.psrc, reply.hwsrc) == (2, HERE[4], OURS)


def test_a_duplicate_address_detection_is_answered_to_all(link: Link) -> None:
    """RFC 4862 section 5.4.3, RFC 4861 section 7.2.4: not solicited, since :: can't be told."""
    (frame,) = link.says(Neighbours(OTHER, [HERE[6]]).probe(HERE[6]))
    advertisement = Ether(frame)
    assert advertisement.dst == "33:33:00:00:00:01"
    assert advertisement[IPv6].dst == "ff02::1"
    assert advertisement[ICMPv6ND_NA].S == 0
    assert advertisement[ICMPv6ND_NA].O == 1


def test_it_asks_for_its_own_addresses_first(link: Link) -> None:
    link.station.announce()
    arp, solicitation = map(Ether, link.sent())
    assert (arp[ARP].psrc, arp[ARP].pdst) == ("0.0.0.0", HERE[4])
    assert (solicitation[IPv6].src, solicitation[ICMPv6ND_NS].tgt) == ("::", HERE[6])


@FAMILIES
def test_an_address_that_another_host_has_is_given_up(link: Link, family: int) -> None:
    link.station.announce()
    rival = Neighbours(OTHER, HERE.values())
    question = link.sent()[0 if family == 4 else 1]
    answer = rival.hear(question)
    assert answer is not None
    with pytest.raises(ServeError, match=f"{HERE[family]} belongs to {OTHER} on this link"):
        link.station.frame_arrives(answer)


@pytest.mark.parametrize("to", [OTHER, "ff:ff:ff:ff:ff:ff"])
def test_packets_for_others_are_not_taken(link: Link, to: str) -> None:
    link.introduce(4)
    assert link.says(Encoder(THEIRS, to).encode(ping(4))) == []


def test_our_own_frames_come_back_unheard(link: Link) -> None:
    assert link.says(Neighbours(OURS, HERE.values()).ask(HERE[4], THERE[4])) == []
    assert link.station.counts.received == 0


def test_a_broken_frame_is_counted(link: Link) -> None:
    syn = Packet(Flow(THERE[4], 40000, HERE[4], PORT), Segment(1, 0, tcp.SYN))
    assert link.says(link.encode(syn, damage="tcp-checksum")) == []
    assert link.station.counts.unreadable == 1


def test_a_frame_that_the_link_does_not_take_is_lost(link: Link) -> None:
    link.introduce(4)
    link.is_up = False
    link.says(link.encode(ping(4)))
    assert link.station.counts.lost == 1


def open_connection(link: Link) -> tuple[Flow, int]:
    """The neighbour's flow, and the ACK number of what it says next; its ISS is 0."""
    link.introduce(4)
    flow = Flow(THERE[4], 40000, HERE[4], PORT)
    syn = Segment(0, 0, tcp.SYN, window=60000, mss=1460)
    (answer,) = link.segments(link.says(link.encode(Packet(flow, syn))))
    assert answer.flags == tcp.SYN | tcp.ACK
    link.says(link.encode(Packet(flow, Segment(1, answer.end, tcp.ACK, window=60000))))
    return flow, answer.end


def test_hello_waits_for_the_whole_request_and_closes_first(link: Link) -> None:
    flow, ack = open_connection(link)
    half = Segment(1, ack, tcp.ACK, window=60000, payload=b"GET / HTTP/1.0\r\n")
    (acknowledged,) = link.segments(link.says(link.encode(Packet(flow, half))))
    assert acknowledged.payload == b""
    rest = Segment(half.end, ack, tcp.ACK, window=60000, payload=b"\r\n")
    _, page, fin = link.segments(link.says(link.encode(Packet(flow, rest))))
    assert page.payload.startswith(b"HTTP/1.0 200 OK\r\n")
    assert fin.flags & tcp.FIN


def test_a_request_with_its_fin_is_answered_once(link: Link) -> None:
    """The process has let the socket go when it hears of the peer's FIN: no error of its."""
    flow, ack = open_connection(link)
    request = Segment(1, ack, tcp.FIN | tcp.ACK, window=60000, payload=b"GET / HTTP/1.0\r\n\r\n")
    answers = link.segments(link.says(link.encode(Packet(flow, request))))
    fins = [bool(answer.flags & tcp.FIN) for answer in answers]
    assert (fins.count(True), fins[-1]) == (1, True)
    assert link.host.state(flow.reverse) == "LAST-ACK"


def test_counts_and_trace_tell_of_time_wait(link: Link) -> None:
    flow, ack = open_connection(link)
    request = Segment(1, ack, tcp.ACK, window=60000, payload=b"\r\n\r\n")
    *_, fin = link.segments(link.says(link.encode(Packet(flow, request))))
    bye = Segment(request.end, fin.end, tcp.FIN | tcp.ACK, window=60000)
    link.says(link.encode(Packet(flow, bye)))
    assert str(link.station.counts).startswith("connections: 1, of which 1 left in TIME-WAIT; ")
    link.let_pass(1)
    link.decisions.clear()
    link.says(link.encode(Packet(flow, bye)))
    words = [in_words(decision, SECOND) for decision in link.decisions]
    assert words[-1] == (
        "  1.000000  192.0.2.2:40000 > 80  FIN|ACK seq=rcv_nxt-1"
        f" ack={fin.end}  linux.ack-restart (TIME-WAIT)  TIME-WAIT, timer restarted"
    )
