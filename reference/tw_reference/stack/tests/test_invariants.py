"""What holds for a host under every profile, whatever arrives, whatever is called and however time
passes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND, SECOND, Clock
from tw_reference.profiles import PROFILES
from tw_reference.rules import stages
from tw_reference.segment import Flow, Packet, Segment, Timestamps
from tw_reference.seqnum import add
from tw_reference.stack.host import Host
from tw_reference.stack.sockets import CallError
from tw_reference.tests.strategies import (
    ACCEPTS,
    CLOSES_FIRST,
    FLAGS,
    HOST,
    MILLISECONDS,
    OFFSETS,
    OTHER,
    ChosenSettings,
    a_profile_and_settings,
    budget,
    longest_life,
    most_blocks,
    run_dry,
    taken,
)

# -- one host under fire -------------------------------------------------------------------------


@dataclass
class Talk:
    """The tester's side of a flow: the numbers that the host was last heard to use."""

    flow: Flow
    timestamps: bool
    seq: int = (1 << 32) - 3
    ack: int = 0


class UnderFire(RuleBasedStateMachine):
    """Anybody sends anything to one host, its processes call what they like, time passes."""

    @initialize(chosen=a_profile_and_settings(), seed=st.integers(0, 999))
    def boot(self, chosen: ChosenSettings, seed: int) -> None:
        name, switches = chosen
        self.host = Host(
            PROFILES[name],
            Clock(SECOND),
            addresses=frozenset((HOST,)),
            seed=seed,
            settings=switches,
        )
        self.host.listen(CLOSES_FIRST)
        self.host.listen(ACCEPTS, closes_first=False)
        self.talks = [
            Talk(Flow(peer, 40000 + number, HOST, port), timestamps=bool(number & 1))
            for number, (peer, port) in enumerate(
                ((OTHER, 7), (OTHER, 7), (OTHER, 7), (OTHER, 9), (OTHER, 9), (HOST, 7))
            )
        ]

    def _heard(self) -> list[Packet]:
        packets = taken(self.host)
        for packet in packets:
            for talk in self.talks:
                if talk.flow == packet.flow.reverse and packet.segment.flags & tcp.ACK:
                    talk.seq, talk.ack = packet.segment.ack, packet.segment.end
        return packets

    def _arrives(self, packet: Packet) -> list[Packet]:
        host = self.host
        self._heard()
        state = host.state(packet.flow.reverse)
        host.trace.clear()
        host.receive(packet)
        if state in ("CLOSED", "TIME-WAIT"):
            assert host.trace, "a decision leaves its trace"
        for decision in host.trace:
            assert not decision.ruled or decision.rule in host.profile[decision.stage].rules
            assert decision.time == host.clock.now
            if decision.stage in (stages.TIME_WAIT, stages.FIN_WAIT_2_BLOCK):
                assert decision.before.state == decision.stage.name.removesuffix(" block")
                now = host.block(decision.flow)
                if now is not None and decision is host.trace[-1]:
                    assert decision.after == now.snapshot()
        answers = self._heard()
        assert len(answers) <= 65535 // 536 + 2, "no more than fits into a window"
        if packet.segment.flags & tcp.RST:
            # A challenge (RFC 5961 section 3.2), or nothing.
            assert all(answer.segment.flags == tcp.ACK for answer in answers)
        return answers

    def _talk(self, index: int) -> Talk:
        return self.talks[index % len(self.talks)]

    @rule(
        index=st.integers(0, 5),
        flags=FLAGS,
        seq=OFFSETS,
        ack=OFFSETS,
        size=st.sampled_from((0, 0, 0, 1, 1400, 70_000)),
        tsval=st.none() | OFFSETS,
        window=st.sampled_from((0, 1, 65535)),
    )
    def anything_arrives(
        self, index: int, flags: int, seq: int, ack: int, size: int, tsval: int | None, window: int
    ) -> None:
        talk = self._talk(index)
        segment = Segment(
            seq=add(talk.seq, seq),
            ack=add(talk.ack, ack),
            flags=flags,
            window=window,
            payload=b"x" * size,
            timestamps=None if tsval is None else Timestamps(add(5000, tsval), 0),
        )
        self._arrives(Packet(talk.flow, segment))

    @rule(index=st.integers(0, 5), way=st.sampled_from(("FIN-WAIT-2", "FIN-WAIT-1", "CLOSING")))
    def a_connection_is_opened_and_closed(self, index: int, way: str) -> None:
        talk = self._talk(index)
        stamps = Timestamps(5000, 0) if talk.timestamps else None

        def sends(flags: int, ack: int = 0) -> None:
            segment = Segment(talk.seq, add(talk.ack, ack), flags, 9000 + ack, timestamps=stamps)
            self._arrives(Packet(talk.flow, segment))

        sends(tcp.SYN)
        sends(tcp.ACK)
        if way == "FIN-WAIT-2":
            sends(tcp.ACK)
        sends(tcp.FIN | tcp.ACK, -1 if way == "CLOSING" else 0)
        if way == "CLOSING":
            sends(tcp.ACK)

    @rule(index=st.integers(0, 5), above=st.sampled_from((0, 1, 65536)))
    def a_new_syn_arrives(self, index: int, above: int) -> None:
        talk = self._talk(index)
        stamps = Timestamps(6000, 0) if talk.timestamps else None
        self._arrives(
            Packet(talk.flow, Segment(add(talk.seq, above), 0, tcp.SYN, 9000, timestamps=stamps))
        )

    @rule(index=st.integers(0, 5), call=st.sampled_from(("close", "shutdown", "abort", "send")))
    def a_process_calls(self, index: int, call: str) -> None:
        flow = self._talk(index).flow.reverse
        with suppress(CallError):
            if call == "send":
                self.host.sockets.send(flow, b"y" * 3000)
            else:
                getattr(self.host.sockets, call)(flow)
        self._heard()

    @rule(index=st.integers(0, 5), automatic=st.booleans())
    def a_process_connects(self, index: int, automatic: bool) -> None:
        with suppress(CallError):
            self.host.connect(self._talk(index).flow.reverse, automatic=automatic)
        self._heard()

    @rule(verb=st.sampled_from(("open", "send", "abort", "status")), index=st.integers(0, 5))
    def a_call_to_time_wait(self, verb: str, index: int) -> None:
        with suppress(CallError):
            self.host.call(verb, self._talk(index).flow.reverse)
        self._heard()

    @rule(linger2=st.sampled_from((None, -1, 3, 90)), reuse=st.booleans(), gone=st.booleans())
    def the_listener_changes(self, linger2: int | None, reuse: bool, gone: bool) -> None:
        self.host.unlisten(CLOSES_FIRST)
        if not gone:
            with suppress(CallError):
                self.host.listen(CLOSES_FIRST, reuse_address=reuse, linger2=linger2)

    @rule(milliseconds=MILLISECONDS)
    def time_passes(self, milliseconds: int) -> None:
        self.host.clock.advance(self.host.clock.now + milliseconds * MILLISECOND)
        self._heard()

    def _blocks(self) -> list[Flow]:
        flows = [talk.flow.reverse for talk in self.talks]
        return [flow for flow in flows if self.host.block(flow) is not None]

    @invariant()
    def no_more_blocks_than_the_limit(self) -> None:
        most = most_blocks(self.host)
        assert most is None or len(self._blocks()) <= most

    @invariant()
    def numbers_are_32_bits_wide(self) -> None:
        for flow in self._blocks():
            block = self.host.block(flow)
            assert block is not None
            assert all(0 <= n < 1 << 32 for n in (block.snd_nxt, block.rcv_nxt, block.ts_recent))
            assert 0 <= block.rcv_wnd >> block.rcv_scale < 1 << 16
            assert block.entered <= self.host.clock.now

    @invariant()
    def a_block_goes_in_time(self) -> None:
        for flow in self._blocks():
            block = self.host.block(flow)
            assert block is not None
            assert block.expires + self.host.profile.lateness(self.host.settings) >= (
                self.host.clock.now
            )
            assert block.expires <= self.host.clock.now + longest_life(self.host)

    def teardown(self) -> None:
        """Left alone, every block goes within 2MSL and what the stack adds, each once (an orphan
        timer would find no block and raise); then no timer is left."""
        host = self.host
        left_alone = host.clock.now
        host.clock.advance(left_alone + longest_life(host))
        for flow in self._blocks():
            block = host.block(flow)
            assert block is not None
            assert block.entered > left_alone, "it became a block only since"
        run_dry(host.clock)
        assert not self._blocks()
        taken(host)


UnderFire.TestCase.settings = budget(400)
TestUnderFire = UnderFire.TestCase
