"""Probes: sentinels behind segments, and the survey of a path."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Protocol

from tw_conformance.link.link import Arrival
from tw_conformance.link.path import Path, Sentinel
from tw_reference import segment as tcp
from tw_reference.segment import Datagram, Echo, Flow, Packet, Segment, Timestamps

_BURST = 10
"""Probes of a survey that are under way together."""
_HANDSHAKES = 40
"""Segments of a survey: the order of their answers and of the probes' is compared."""
_TRIES, _PATIENCE = 4, 0.5
"""How many probes are sent, and the seconds that each is waited for, before a DUT counts as one
that answers none."""
_PUNCTUAL = 0.02
"""Seconds that the tester may wake up late from waiting for an answer; where it is later this
machine is too busy to tell what became of the probe."""
_MOST_EXCUSED = 50
"""Probes of one link that are excused by that: a machine that is always late is the path's too."""
_ISN_STEP = 100_000
"""The distance between their ISNs: so a SYN is never taken for one of the handshake before."""


class Probed(Protocol):
    """As much of a link as probes need (:class:`tw_conformance.link.link.Link`)."""

    flow: Flow
    probe_ident: int

    @property
    def probe_flow(self) -> Flow: ...

    def now(self) -> float: ...

    def send(self, packet: Packet | Echo) -> tuple[float, bytes]: ...

    async def receive(self, until: float) -> Arrival | None: ...


Note = Callable[..., None]
"""Writes a line of the tester's transcript: direction, time, packet, frame."""


class Prober:
    """The probes of one link.  What becomes of them is counted in ``path``."""

    def __init__(self, link: Probed, path: Path, note: Note) -> None:
        self._link = link
        self._path = path
        self._note = note
        self._sent: dict[int, float] = {}
        """When each probe was sent, that may still be answered."""
        self._answered: set[int] = set()
        self._missed: set[int] = set()
        self._excused: set[int] = set()
        self._latest = 0

    def probe(self) -> float:
        """Send the next probe; returns when."""
        self._latest += 1
        probe = self._made(self._latest)
        time, frame = self._link.send(probe)
        self._sent[self._latest] = time
        self._note("sent", time, probe, frame, probe=self._latest)
        return time

    def _made(self, number: int) -> Packet | Echo:
        link = self._link
        if self._path.sentinel is Sentinel.TCP:
            ack = link.probe_ident << 16 | number
            return Packet(link.probe_flow, Segment(seq=0, ack=ack, flags=tcp.ACK))
        return Echo(link.flow.src, link.flow.dst, link.probe_ident, number)

    def answered_by(self, arrival: Arrival) -> int | None:
        """The number of the probe that an arrival answers; None where it answers none."""
        number = self._number_in(arrival.packet)
        return number if number in self._sent else None

    def _number_in(self, packet: Datagram) -> int | None:
        if isinstance(packet, Echo) and packet.reply:
            return packet.sequence
        if self._path.sentinel is not Sentinel.TCP or not isinstance(packet, Packet):
            return None
        segment = packet.segment
        if packet.flow != self._link.probe_flow.reverse or not segment.flags & tcp.RST:
            return None
        return segment.seq & 0xFFFF if segment.seq >> 16 == self._link.probe_ident else None

    def answers(self, arrival: Arrival) -> bool:
        """Whether that is the answer to the latest probe, for the first time."""
        number = self.answered_by(arrival)
        if number is None:
            return False
        if number in self._answered:
            self._path.repeated += 1
            return False
        if number < max(self._answered, default=number):
            self._path.reordered += 1
        self._answered.add(number)
        round_trip = arrival.time - self._sent[number]
        if number in self._missed:
            self._missed.discard(number)
            self._path.answered_late(round_trip)
        else:
            self._path.answered(round_trip)
        return number == self._latest

    @property
    def misses(self) -> bool:
        """Whether the answer to a probe that was given up may be on its way yet."""
        return bool(self._missed)

    def give_up(self, deadline: float) -> None:
        """No answer to the latest probes came by ``deadline``, for which the tester has waited.

        The path is charged with them unless the tester was late itself, which is measured: what
        kept it from waking up may have kept the answer as well.
        """
        late = self._link.now() - deadline > _PUNCTUAL
        for number in self._sent.keys() - self._answered - self._missed - self._excused:
            if late and len(self._excused) < _MOST_EXCUSED:
                self._excused.add(number)
                self._path.excuse()
            else:
                self._missed.add(number)
                self._path.missed()


async def is_answered(link: Probed, sentinel: Sentinel) -> bool:
    """Whether the DUT answers that kind of probe at all; it learns the tester's address by it."""
    path = Path(sentinel)
    prober = Prober(link, path, lambda *event, probe: None)
    for _ in range(_TRIES):
        deadline = prober.probe() + _PATIENCE
        while (arrival := await link.receive(deadline)) is not None:
            if prober.answered_by(arrival) is not None:
                return True
    return False


async def is_accepted(link: Probed, until: float) -> bool:
    """Whether a connection is accepted before that time, however often it is refused.  The link's
    flow leads to the listener."""
    for number in count(1):
        syn = _syn(number)
        link.send(Packet(link.flow, syn))
        deadline = min(link.now() + _PATIENCE, until)
        while (arrival := await link.receive(deadline)) is not None:
            if isinstance(arrival.packet, Packet) and _takes_up(arrival.packet.segment, syn):
                link.send(Packet(link.flow, Segment(seq=syn.end, ack=0, flags=tcp.RST)))
                return True
        if link.now() >= until:
            break
    return False


def _takes_up(segment: Segment, syn: Segment) -> bool:
    return segment.flags & (tcp.SYN | tcp.ACK) == tcp.SYN | tcp.ACK and segment.ack == syn.end


async def survey_link(link: Probed, path: Path) -> Segment | None:
    """Learn what the path does to probes, and in which order the DUT answers.

    The link's flow leads to a listener of the DUT's.  Returns a SYN-ACK to a SYN with all options,
    which tells what the DUT takes up; None where none was seen.
    """
    await _survey_path(link, path)
    return await _survey_order(link, path) if path.perfect else None


async def _survey_order(link: Probed, path: Path) -> Segment | None:
    """Send SYNs, which a listener answers, each with a probe behind it.

    That the answers come in that order is true of Linux, where one softirq gives both.  A stack
    that answers echoes where it receives them, and segments from another thread or at a later
    step, lets the echo overtake: then its answer proves less, and what it lacks is waited for.
    """
    prober = Prober(link, path, lambda *event, probe: None)
    syn_ack = None
    for number in range(1, _HANDSHAKES + 1):
        syn = _syn(number)
        link.send(Packet(link.flow, syn))
        deadline = prober.probe() + path.patience
        answered = proven = None
        while answered is None or proven is None:
            arrival = await link.receive(deadline)
            if arrival is None:
                break
            if prober.answered_by(arrival) is not None:
                proven = arrival.time if prober.answers(arrival) else proven
            elif isinstance(arrival.packet, Packet) and arrival.packet.segment.ack == syn.end:
                answered, syn_ack = arrival.time, arrival.packet.segment
                reset = Segment(seq=syn.end, ack=0, flags=tcp.RST)
                link.send(Packet(link.flow, reset))
        if proven is None:
            prober.give_up(deadline)
        elif answered is not None:
            path.answered_behind(answered - proven)
    return syn_ack


def _syn(number: int) -> Segment:
    """With all options; with ECN each other time, the last included: some stacks drop such a
    SYN."""
    return Segment(
        seq=number * _ISN_STEP,
        ack=0,
        flags=tcp.SYN if number % 2 else tcp.SYN | tcp.ECE | tcp.CWR,
        window=65535,
        mss=1460,
        wscale=7,
        sack_permitted=True,
        timestamps=Timestamps(number, 0),
    )


async def _survey_path(link: Probed, path: Path) -> None:
    """Send probes until enough is known of the path, a burst at a time."""
    prober = Prober(link, path, lambda *event, probe: None)
    while not path.surveyed:
        before = path.probes
        for _ in range(_BURST):
            deadline = prober.probe() + path.patience
        while path.probes < before + _BURST:
            arrival = await link.receive(deadline)
            if arrival is None:
                break
            prober.answers(arrival)
        prober.give_up(deadline)
    # What was held up long enough to be given up may be on its way yet.
    until = link.now() + (path.patience if prober.misses and not path.dead else path.settling)
    while link.now() < until and (arrival := await link.receive(until)) is not None:
        prober.answers(arrival)
