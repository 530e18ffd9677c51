"""Echo probes: sentinels behind segments, and the survey of a path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from tw_conformance.link.link import Arrival
from tw_conformance.link.path import Path
from tw_reference import segment as tcp
from tw_reference.segment import Echo, Flow, Packet, Segment, Timestamps

_BURST = 10
"""Probes of a survey that are under way together."""
_HANDSHAKES = 40
"""Segments of a survey whose answers are held against those of echo requests."""
_SYN = Segment(0, 0, tcp.SYN, window=65535, mss=1460, wscale=7, sack_permitted=True)
_ISN_STEP = 100_000
"""Between the ISNs of those: a SYN that comes too soon for the one before is another connection's
all the same."""


class Probed(Protocol):
    """As much of a link as probes need (:class:`tw_conformance.link.link.Link`)."""

    flow: Flow
    echo_ident: int

    def now(self) -> float: ...

    def send(self, packet: Packet | Echo) -> tuple[float, bytes]: ...

    async def receive(self, until: float) -> Arrival | None: ...


Note = Callable[..., None]
"""Called as the peer's transcript wants it: direction, time, packet, frame."""


class Prober:
    """The probes of one link.  What becomes of them is counted in ``path``."""

    def __init__(self, link: Probed, path: Path, note: Note) -> None:
        self._link = link
        self._path = path
        self._note = note
        self._sent: dict[int, float] = {}
        """When each probe was sent, that may still be answered."""
        self._answered: set[int] = set()
        self._latest = 0

    def probe(self) -> float:
        """Send the next probe; returns when."""
        self._latest += 1
        flow = self._link.flow
        probe = Echo(flow.src, flow.dst, self._link.echo_ident, self._latest)
        time, frame = self._link.send(probe)
        self._sent[self._latest] = time
        self._note("sent", time, probe, frame)
        return time

    def answers(self, arrival: Arrival) -> bool:
        """Whether that is the answer to the latest probe, for the first time."""
        echo = arrival.packet
        if not isinstance(echo, Echo) or not echo.reply or echo.sequence not in self._sent:
            return False
        number = echo.sequence
        if number in self._answered:
            self._path.repeated += 1
            return False
        if number < max(self._answered, default=number):
            self._path.reordered += 1
        self._answered.add(number)
        self._path.answered(arrival.time - self._sent[number])
        return number == self._latest

    def give_up(self) -> None:
        """No answer to the latest probe came in time."""
        self._path.missed()


async def survey(link: Probed, path: Path) -> Segment | None:
    """Learn what the path does to probes, and in which order the DUT answers.

    The link's flow leads to a listener of the DUT's.  Returns a SYN-ACK to a SYN with all options,
    which tells what the DUT takes up; None where none was seen.
    """
    await _survey_path(link, path)
    return await _survey_order(link, path) if path.perfect else None


async def _survey_order(link: Probed, path: Path) -> Segment | None:
    """Send SYNs, which a listener answers, each with an echo request behind it.

    That the answers come in that order is true of Linux, where one softirq gives both.  A stack
    that answers echoes where it receives them, and segments from another thread or at a later
    step, lets the echo overtake: then its answer proves less, and what it lacks is waited for.
    """
    prober = Prober(link, path, lambda *event: None)
    syn_ack = None
    for number in range(_HANDSHAKES):
        syn = replace(_SYN, seq=(number + 1) * _ISN_STEP, timestamps=Timestamps(number + 1, 0))
        link.send(Packet(link.flow, syn))
        deadline = prober.probe() + path.patience
        answered = echoed = None
        while answered is None or echoed is None:
            arrival = await link.receive(deadline)
            if arrival is None:
                break
            if isinstance(arrival.packet, Echo):
                echoed = arrival.time if prober.answers(arrival) else echoed
            elif isinstance(arrival.packet, Packet) and arrival.packet.segment.ack == syn.end:
                answered, syn_ack = arrival.time, arrival.packet.segment
                reset = Segment(seq=syn.end, ack=0, flags=tcp.RST)
                link.send(Packet(link.flow, reset))
        if echoed is None:
            prober.give_up()
        elif answered is not None:
            path.answered_behind(answered - echoed)
    return syn_ack


async def _survey_path(link: Probed, path: Path) -> None:
    """Send probes until enough is known of the path, a burst at a time."""
    prober = Prober(link, path, lambda *event: None)
    while not path.surveyed:
        before = path.probes
        for _ in range(_BURST):
            deadline = prober.probe() + path.patience
        while path.probes < before + _BURST:
            arrival = await link.receive(deadline)
            if arrival is None:
                break
            prober.answers(arrival)
        for _ in range(before + _BURST - path.probes):
            prober.give_up()
    # What was held up long enough to be given up may be on its way yet.
    until = link.now() + path.settling
    while path.settling and (arrival := await link.receive(until)) is not None:
        prober.answers(arrival)
