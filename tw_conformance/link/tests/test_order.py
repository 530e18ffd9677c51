"""Whether a DUT answers in the order in which it is asked: measured, and what follows from it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace

import pytest

from tw_conformance.link.link import Arrival
from tw_conformance.link.path import Path, perfect_path
from tw_conformance.link.probes import survey_link
from tw_reference import segment as tcp
from tw_reference.icmp_numbers import Number
from tw_reference.segment import (
    Damage,
    Datagram,
    Echo,
    Flow,
    IcmpError,
    Packet,
    Segment,
    Timestamps,
)


class Dut:
    """Answers an echo after a millisecond, and a SYN ``lag`` seconds behind the echo that is sent
    next; None: never."""

    def __init__(self, lag: float | None) -> None:
        self.flow = Flow("192.0.2.2", 40000, "192.0.2.1", 7)
        self.probe_ident = 7
        self.syns: list[Segment] = []
        self.resets: list[Segment] = []
        self._lag = lag
        self._time = 100.0
        self._arrivals: deque[Arrival] = deque()
        self._owed: list[tuple[float, Packet]] = []

    @property
    def probe_flow(self) -> Flow:
        return self.flow._replace(sport=19999)

    def now(self) -> float:
        return self._time

    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        if isinstance(packet, Echo):
            reply = Echo(packet.dst, packet.src, packet.ident, packet.sequence, reply=True)
            self._arrivals.append(Arrival(self._time + 1e-3, reply, b""))
        elif isinstance(packet, Packet) and packet.segment.flags & tcp.SYN:
            self.syns.append(packet.segment)
            if self._lag is not None:
                answer = Segment(9, packet.segment.end, tcp.SYN | tcp.ACK)
                at = self._time + 1e-3 + self._lag
                self._arrivals.append(Arrival(at, Packet(self.flow.reverse, answer), b""))
        elif isinstance(packet, Packet):
            self.resets.append(packet.segment)
        return self._time, b""

    async def receive(self, until: float) -> Arrival | None:
        self._arrivals = deque(sorted(self._arrivals, key=lambda arrival: arrival.time))
        if self._arrivals and self._arrivals[0].time <= until:
            self._time = max(self._time, self._arrivals[0].time)
            return self._arrivals.popleft()
        self._time = max(self._time, until)
        return None


def surveyed(lag: float | None) -> tuple[Path, Dut]:
    path, dut = Path(), Dut(lag)
    asyncio.run(survey_link(dut, path))
    return path, dut


def test_a_dut_that_answers_in_order_is_waited_for_no_longer() -> None:
    path, dut = surveyed(-0.5e-3)
    assert (path.compared, path.overtaken, path.settling) == (40, 0, 0.0)
    assert len(dut.resets) == 40
    assert path.perfect


def test_the_handshakes_offer_all_options_and_are_each_anothers() -> None:
    """ECN is offered by every other of them, and by the last."""
    _, dut = surveyed(5e-3)
    first, second, *_, last = dut.syns
    offer = Segment(
        100_000,
        0,
        tcp.SYN,
        65535,
        mss=1460,
        wscale=7,
        sack_permitted=True,
        timestamps=Timestamps(1, 0),
    )
    assert first == offer
    with_ecn = replace(offer, flags=tcp.SYN | tcp.ECE | tcp.CWR)
    assert second == replace(with_ecn, seq=200_000, timestamps=Timestamps(2, 0))
    assert last == replace(with_ecn, seq=4_000_000, timestamps=Timestamps(40, 0))
    assert dut.resets[0] == Segment(100_001, 0, tcp.RST)
    assert dut.resets[-1] == Segment(4_000_001, 0, tcp.RST)


class Chatty(Dut):
    """Sends what is of another connection before each answer, and remembers when it is asked."""

    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        if isinstance(packet, Packet) and packet.segment.flags & tcp.SYN:
            for other in (
                Packet(self.flow.reverse, Segment(9, packet.segment.end + 1, tcp.ACK)),
                IcmpError(self.flow.dst, self.flow.src, Number(3, 1), self.flow, 1),
            ):
                self._arrivals.append(Arrival(self._time + 1e-4, other, b""))
        return super().send(packet, damage=damage)


def test_what_acknowledges_another_syn_is_no_answer() -> None:
    path, dut = Path(), Chatty(5e-3)
    asyncio.run(survey_link(dut, path))
    assert (path.compared, path.overtaken, len(dut.resets)) == (40, 40, 40)
    assert path.lag == pytest.approx(5e-3)


def test_a_survey_takes_no_longer_than_its_answers() -> None:
    """Ten bursts, forty handshakes, and a round trip of a millisecond for each."""
    path, dut = surveyed(-0.5e-3)
    assert dut.now() - 100.0 == pytest.approx(50e-3)
    assert list(path.recent) == pytest.approx([1e-3] * 100)


def test_a_dut_that_answers_echoes_first_is_waited_for() -> None:
    path, _ = surveyed(5e-3)
    assert (path.compared, path.overtaken) == (40, 40)
    assert path.lag == pytest.approx(5e-3)
    assert path.settling == pytest.approx(8 * 5e-3)
    assert path.perfect, "it is the DUT's order, not the path's"
    assert "40 of 40 segments were answered behind the probe" in path.describe()


def test_a_dut_that_answers_no_segment_tells_no_order() -> None:
    path, _ = surveyed(None)
    assert path.compared == path.overtaken == 0
    assert path.lost == 0


@pytest.mark.parametrize(("lag", "settling"), [(1e-4, 0.02), (1e-2, 0.08), (1.0, 0.25)])
def test_how_long_is_waited_is_bounded(lag: float, settling: float) -> None:
    path = perfect_path()
    path.answered_behind(lag)
    assert path.settling == pytest.approx(settling)


def test_the_longest_lag_counts() -> None:
    path = perfect_path()
    for lag in (0.01, 0.02, -0.3, 0.005):
        path.answered_behind(lag)
    assert (path.compared, path.overtaken, path.lag) == (4, 3, 0.02)
