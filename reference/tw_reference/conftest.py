"""A connection in TIME-WAIT in one line, and segments that read like a trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tw_reference import segment as tcp
from tw_reference.clock import SECOND, Clock
from tw_reference.profiles import PROFILES
from tw_reference.rules import stages
from tw_reference.rules.questions import TimeWaitBlock
from tw_reference.segment import Flow, Packet, Segment, Timestamps, flag_names
from tw_reference.seqnum import distance
from tw_reference.stack.host import Host
from tw_reference.state import State

DUT, TESTER, PORT = "192.0.2.1", "192.0.2.2", 7
DUT6, TESTER6 = "2001:db8::1", "2001:db8::2"


def a_block(flow: Flow, at: int = 0) -> TimeWaitBlock:
    """One that entered TIME-WAIT at that time (ns), of a connection that never sent anything."""
    return TimeWaitBlock(
        flow=flow,
        snd_nxt=0,
        rcv_nxt=0,
        rcv_wnd=0,
        rcv_scale=0,
        timestamps=False,
        ts_recent=0,
        ts_recent_stamp=0,
        ts_offset=0,
        tos=0,
        rto=0,
        substate=State.TIME_WAIT,
        entered=at,
        expires=at,
    )


def numbered_block(number: int) -> TimeWaitBlock:
    """One of many, which differ by the tester's port."""
    return a_block(Flow(DUT, PORT, TESTER, 40000 + number))


class Wait:
    """A host and the tester's side of one connection to it, in relative numbers.

    ``seq`` is relative to RCV.NXT and ``ack`` to SND.NXT of the host; ``tsval`` to TS.Recent.
    """

    def __init__(
        self, host: Host, *, timestamps: bool, isn: int, port: int = 40000, ipv6: bool = False
    ) -> None:
        self.host = host
        tester, dut = (TESTER6, DUT6) if ipv6 else (TESTER, DUT)
        self.flow = Flow(tester, port, dut, PORT)
        self.timestamps = timestamps
        self.ts_recent = 5000
        self.rcv_nxt = isn
        self.snd_nxt = 0
        self._syn_tsval = 0

    def packet(
        self,
        flags: int,
        seq: int = 0,
        ack: int = 0,
        *,
        data: bytes = b"",
        tsval: int | None = 1000,
        window: int = 1000,
    ) -> Packet:
        """A segment in relative numbers."""
        stamps = None
        if self.timestamps and tsval is not None:
            stamps = Timestamps((self.ts_recent + tsval) & 0xFFFFFFFF, self._syn_tsval)
        segment = Segment(
            seq=(self.rcv_nxt + seq) & 0xFFFFFFFF,
            ack=(self.snd_nxt + ack) & 0xFFFFFFFF if flags & tcp.ACK else 0,
            flags=flags,
            window=window,
            payload=data,
            timestamps=stamps,
        )
        return Packet(self.flow, segment)

    def send(
        self,
        flags: int,
        seq: int = 0,
        ack: int = 0,
        *,
        data: bytes = b"",
        tsval: int | None = 1000,
        window: int = 1000,
    ) -> list[str]:
        """Inject a segment; the answers, each as ``ACK 0 0`` (flags, seq, ack, relative)."""
        self.host.receive(self.packet(flags, seq, ack, data=data, tsval=tsval, window=window))
        return self.sent()

    def sent(self) -> list[str]:
        """What the host sent since, in words."""
        return [self._words(segment) for segment in self.segments()]

    def segments(self) -> list[Segment]:
        packets = [p for p in self.host.outbox if isinstance(p, Packet)]
        self.host.outbox.clear()
        return [packet.segment for packet in packets]

    def _words(self, segment: Segment) -> str:
        if segment.flags & tcp.SYN:
            self.last_iss = segment.seq
            self._syn_tsval = segment.timestamps.tsval if segment.timestamps is not None else 0
        seq: int | str = distance(segment.seq, self.snd_nxt)
        if segment.flags & tcp.SYN:
            seq = "iss"
        elif segment.flags == tcp.RST | tcp.ACK:
            seq = "zero" if segment.seq == 0 else "not zero"
        ack = distance(segment.ack, self.rcv_nxt) if segment.flags & tcp.ACK else "-"
        return f"{flag_names(segment.flags)} {seq} {ack}"

    @property
    def state(self) -> str:
        return self.host.state(self.flow.reverse)

    @property
    def block(self) -> TimeWaitBlock:
        block = self.host.block(self.flow.reverse)
        assert block is not None
        return block

    @property
    def rule(self) -> str:
        """The ID of the rule that decided on the last segment."""
        at_blocks = (stages.TIME_WAIT, stages.FIN_WAIT_2_BLOCK)
        return next(d.rule.id for d in reversed(self.host.trace) if d.stage in at_blocks)

    def let_pass(self, seconds: float) -> None:
        self.host.clock.advance(self.host.clock.now + round(seconds * SECOND))


def entry_rule(host: Host) -> str:
    """The ID of the rule that decided on the last entry into TIME-WAIT."""
    return next(d.rule.id for d in reversed(host.trace) if d.stage is stages.ENTRY)


MakeWait = Callable[..., Wait]


@pytest.fixture
def time_wait() -> MakeWait:
    """``time_wait(profile, via=..., timestamps=...)``: a connection in TIME-WAIT."""
    return make_time_wait


def make_host(profile: str, **settings: int) -> Host:
    host = Host(
        PROFILES[profile],
        Clock(SECOND),
        addresses=frozenset((DUT, DUT6)),
        seed=1,
        settings=settings,
    )
    host.listen(PORT)
    return host


def make_time_wait(
    profile: str,
    *,
    via: str = "FIN-WAIT-2",
    timestamps: bool = False,
    isn: int = 2**32 - 2,
    stop: str = "TIME-WAIT",
    host: Host | None = None,
    port: int = 40000,
    mss: int | None = None,
    ipv6: bool = False,
    **settings: int,
) -> Wait:
    """Three-way handshake, the host closes first, then the way ``via``; ``stop`` ends it early."""
    host = host or make_host(profile, **settings)
    wait = Wait(host, timestamps=timestamps, isn=isn, port=port, ipv6=ipv6)
    syn = wait.packet(tcp.SYN, tsval=0)
    wait.host.receive(replace(syn, segment=replace(syn.segment, mss=mss)))
    wait.sent()
    wait.snd_nxt = (wait.last_iss + 1) & 0xFFFFFFFF
    wait.rcv_nxt = (isn + 1) & 0xFFFFFFFF
    assert wait.send(tcp.ACK, tsval=0) == ["FIN|ACK 0 0"]
    wait.snd_nxt = (wait.snd_nxt + 1) & 0xFFFFFFFF
    if stop == "FIN-WAIT-1":
        return wait
    if via == "CLOSING":
        answer = wait.send(tcp.FIN | tcp.ACK, ack=-1, tsval=0, window=999)
        wait.rcv_nxt = (wait.rcv_nxt + 1) & 0xFFFFFFFF
        assert answer in (["ACK 0 1"], ["FIN|ACK -1 1"])
        assert wait.state == "CLOSING"
        assert wait.send(tcp.ACK, tsval=0) == []
        return wait
    if via == "FIN-WAIT-2":
        assert wait.send(tcp.ACK, tsval=0) == []
        assert wait.state == "FIN-WAIT-2"
        if stop == "FIN-WAIT-2":
            return wait
    wait.send(tcp.FIN | tcp.ACK, tsval=0)
    wait.rcv_nxt = (wait.rcv_nxt + 1) & 0xFFFFFFFF
    return wait
