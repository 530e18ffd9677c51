"""The lists of RFC 9293 for every state of a connection, and the mutants of each of their rules.

Each rule of each list is met by a segment whose outcome is written here; when the rule does nothing
any more, or ends the connection instead, the outcome is another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND, SECOND, Clock
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import ConnectionAction
from tw_reference.rules.decision import Stage
from tw_reference.rules.questions import SegmentOnConnection
from tw_reference.segment import Packet, Segment, Timestamps, flag_names
from tw_reference.seqnum import add, distance
from tw_reference.stack.connection import Connection
from tw_reference.stack.tests.connection.ends import FLOW, End
from tw_reference.state import State

RFC = PROFILES["rfc9293"]
FIN_ACK, PSH_ACK = tcp.FIN | tcp.ACK, tcp.PSH | tcp.ACK
ISS, IRS = 2**32 - 2, 70_000
WINDOW = 60_000
LATER = 20 * SECOND
"""Long enough for what is not acknowledged to be sent again."""


@dataclass
class Bench:
    """A connection under ``profile`` and its peer by hand, who knows every number."""

    profile: Profile
    timestamps: bool = False
    settings: dict[str, int] = field(default_factory=dict)
    text: bytes = b""
    """What is on the way when FIN-WAIT-1 is entered."""

    def __post_init__(self) -> None:
        self.end = End(Clock(SECOND), self.profile, self.timestamps)
        self.end.settings |= self.settings
        self.connection: Connection
        self.rcv_nxt, self.tsval, self._heard, self.tsecr = IRS, 1000, 0, 0

    def open_actively(self) -> None:
        self.connection = Connection.active(self.end, FLOW, ISS)

    def open_passively(self, *, ecn: bool = False) -> None:
        asks = tcp.ECE | tcp.CWR if ecn else 0
        syn = Packet(FLOW.reverse, self._segment(tcp.SYN | asks))
        self.connection = Connection.passive(self.end, syn, ISS)
        self.rcv_nxt = add(IRS, 1)

    def establish(self) -> None:
        self.open_passively()
        self.arrives(tcp.ACK)

    def arrives(
        self,
        flags: int,
        seq: int = 0,
        ack: int = 0,
        text: bytes = b"",
        tsval: int | None = 0,
        window: int = WINDOW,
    ) -> None:
        """A segment in numbers relative to RCV.NXT, SND.NXT and the last TSval; a connection that
        is gone hears nothing.  ``tsval`` None: without the option."""
        if self.connection.state is State.CLOSED:
            return
        self._heard = self.connection.syn_tsval + self.tsecr
        segment = self._segment(flags, seq, ack, text, tsval, window)
        self.connection.segment_arrives(Packet(self.connection.flow.reverse, segment))
        self.rcv_nxt = self.connection.rcv_nxt

    def _segment(
        self,
        flags: int,
        seq: int = 0,
        ack: int = 0,
        text: bytes = b"",
        tsval: int | None = 0,
        window: int = WINDOW,
    ) -> Segment:
        stamped = self.timestamps and tsval is not None
        snd_nxt = self.connection.snd_nxt if flags & tcp.ACK else 0
        return Segment(
            seq=add(self.rcv_nxt, seq),
            ack=add(snd_nxt, ack) if flags & tcp.ACK else 0,
            flags=flags,
            window=window,
            payload=text,
            mss=1460 if flags & tcp.SYN else None,
            timestamps=Timestamps(self.tsval + (tsval or 0), self._heard) if stamped else None,
        )

    def outcome(self) -> str:
        """What was sent, in relative numbers, the state, and what is sent again later."""
        start = self.rcv_nxt
        at_once = self._sent(start)
        state = self.connection.state
        told = self.end.told[-1] if state is State.CLOSED else state.value
        self.end.clock.advance(self.end.clock.now + LATER)
        again = ""
        if self.end.sent:
            again = "; text again" if self.end.sent[0].segment.payload else "; again"
        return f"{at_once} -> {told}{again}"

    def _sent(self, start: int) -> str:
        sent, self.end.sent = self.end.sent, []
        return ", ".join(self._words(packet.segment, start) for packet in sent) or "nothing"

    def _words(self, segment: Segment, start: int) -> str:
        words = flag_names(segment.flags)
        if segment.timestamps is not None and segment.timestamps.tsecr != self.tsval:
            words += f" tsecr+{segment.timestamps.tsecr - self.tsval}"
        if self.timestamps and segment.flags & tcp.SYN and segment.timestamps is None:
            words += " without timestamps"
        if segment.flags & tcp.ACK and (moved := distance(segment.ack, start)):
            words += f" ack{moved:+d}"
        return words


def fin_wait_1(bench: Bench) -> None:
    bench.establish()
    bench.connection.send(bench.text)
    bench.connection.shut("write")


def fin_wait_2(bench: Bench) -> None:
    fin_wait_1(bench)
    bench.arrives(tcp.ACK)


def closing(bench: Bench) -> None:
    fin_wait_1(bench)
    bench.arrives(FIN_ACK, ack=-1)


def close_wait(bench: Bench) -> None:
    bench.establish()
    bench.arrives(FIN_ACK)


def last_ack(bench: Bench) -> None:
    close_wait(bench)
    bench.connection.shut("write")


def crossing(bench: Bench) -> None:
    bench.open_actively()
    bench.arrives(tcp.SYN)


WAYS: dict[Stage[SegmentOnConnection, ConnectionAction], Callable[[Bench], None]] = {
    stages.SYN_SENT: Bench.open_actively,
    stages.SYN_RECEIVED: Bench.open_passively,
    stages.ESTABLISHED: Bench.establish,
    stages.FIN_WAIT_1: fin_wait_1,
    stages.FIN_WAIT_2: fin_wait_2,
    stages.CLOSING: closing,
    stages.CLOSE_WAIT: close_wait,
    stages.LAST_ACK: last_ack,
}
UNACKNOWLEDGED = (
    stages.SYN_SENT,
    stages.SYN_RECEIVED,
    stages.FIN_WAIT_1,
    stages.CLOSING,
    stages.LAST_ACK,
)
"""Where something of this side is not acknowledged: it is sent again."""


@dataclass(frozen=True)
class Row:
    """A segment that meets a rule in a state, and what comes of it."""

    stage: Stage[SegmentOnConnection, ConnectionAction]
    rule: str
    outcome: str
    flags: int
    seq: int = 0
    ack: int = 0
    text: bytes = b""
    tsval: int | None = 0
    window: int = 59_999
    timestamps: bool = False
    orphan: bool = False
    queued: bytes = b""
    settings: tuple[tuple[str, int], ...] = ()
    way: Callable[[Bench], None] | None = None
    """Another than that of the stage."""
    stamped: bool = False
    """Whether the segment has the option though it was not agreed upon."""
    tsecr: int = 0
    """What TSecr differs by from the TSval of the DUT's SYN."""
    ecn: bool = False

    def play(self, profile: Profile) -> tuple[str, set[str]]:
        """The outcome, and the rules of the state's list that acted on the segment."""
        bench = Bench(profile, self.timestamps, dict(self.settings), self.queued)
        (self.way or WAYS[self.stage])(bench)
        if self.stage is not stages.FIN_WAIT_1:
            bench.connection.send(self.queued)
        if self.orphan:
            bench.connection.close()
        bench.end.sent.clear()
        bench.end.trace.clear()
        bench.tsecr = self.tsecr
        bench.connection.marks.in_use = self.ecn
        bench.timestamps = self.timestamps or self.stamped
        bench.arrives(self.flags, self.seq, self.ack, self.text, self.tsval, self.window)
        met = {
            rule.id
            for decision in bench.end.trace
            if decision.stage is self.stage
            for rule in (*decision.notes, decision.rule)
        }
        return bench.outcome(), met


def everywhere() -> Iterator[Row]:
    """The steps that all states but SYN-SENT have in common."""
    plain = (("rfc5961_rst_before", 0), ("rfc5961_syn_before", 0))
    for stage in list(WAYS)[1:]:
        again = "; again" if stage in UNACKNOWLEDGED else ""
        same = f"{stage.name}{again}"
        yield Row(stage, "conn-paws", f"ACK -> {same}", PSH_ACK, ack=-1, text=b"x", tsval=-1,
                  timestamps=True)  # fmt: skip
        yield Row(stage, "conn-unacceptable-rst", f"nothing -> {same}", tcp.RST, seq=-1)
        yield Row(stage, "conn-unacceptable", f"ACK -> {same}", tcp.ACK, seq=-1)
        yield Row(stage, "conn-rst", "nothing -> gone", tcp.RST)
        yield Row(stage, "conn-rst-left", f"nothing -> {same}", tcp.RST, seq=-1, text=b"xy")
        yield Row(stage, "conn-rst-challenge", f"ACK -> {same}", tcp.RST, seq=1)
        yield Row(stage, "conn-rst-in-window", "nothing -> gone", tcp.RST, seq=1, settings=plain)
        crossed = crossing if stage is stages.SYN_RECEIVED else None
        yield Row(stage, "conn-syn-challenge", f"ACK -> {same}", tcp.SYN, seq=1, way=crossed)
        yield Row(stage, "conn-syn-error", "RST|ACK ack+2 -> gone", tcp.SYN, seq=1, settings=plain,
                  way=crossed)  # fmt: skip
        yield Row(stage, "conn-no-ack", f"nothing -> {same}", tcp.PSH)
        if stage is stages.SYN_RECEIVED:
            continue
        yield Row(stage, "conn-ack-too-high", f"ACK -> {same}", tcp.ACK, ack=1)


S, R, E = stages.SYN_SENT, stages.SYN_RECEIVED, stages.ESTABLISHED
F1, F2, CL = stages.FIN_WAIT_1, stages.FIN_WAIT_2, stages.CLOSING
CW, LA = stages.CLOSE_WAIT, stages.LAST_ACK
SYN_ACK = tcp.SYN | tcp.ACK

# fmt: off
ROWS = (
    *everywhere(),
    Row(S, "syn-sent-bad-ack-rst", "nothing -> SYN-SENT; again", tcp.RST | tcp.ACK, ack=1),
    Row(S, "syn-sent-bad-ack", "RST -> SYN-SENT; again", SYN_ACK, ack=1),
    Row(S, "syn-sent-refused", "nothing -> gone", tcp.RST | tcp.ACK),
    Row(S, "syn-sent-rst", "nothing -> SYN-SENT; again", tcp.RST),
    Row(S, "syn-sent-opened", "ACK -> ESTABLISHED", SYN_ACK),
    Row(S, "syn-sent-crossed", "SYN|ACK -> SYN-RECEIVED; again", tcp.SYN),
    Row(S, "syn-sent-other", "nothing -> SYN-SENT; again", tcp.ACK),
    Row(R, "syn-received-syn", "nothing -> gone", tcp.SYN, seq=1),
    Row(R, "conn-syn-again", "SYN|ACK -> SYN-RECEIVED; again", tcp.SYN, seq=-1),
    Row(R, "syn-received-ack", "nothing -> ESTABLISHED", tcp.ACK),
    Row(R, "syn-received-bad-ack", "RST -> SYN-RECEIVED; again", tcp.ACK, ack=1),
    Row(E, "conn-timestamp", "ACK tsecr+9 -> ESTABLISHED", tcp.ACK, timestamps=True, tsval=9,
        text=b"x"),
    Row(F1, "conn-timestamp", "ACK tsecr+9 -> FIN-WAIT-1; again", tcp.ACK, ack=-1,
        timestamps=True, tsval=9, text=b"x"),
    Row(F2, "conn-timestamp", "ACK tsecr+9 -> FIN-WAIT-2", tcp.ACK, timestamps=True, tsval=9,
        text=b"x"),
    Row(CL, "conn-timestamp", "ACK tsecr+9 -> CLOSING; again", tcp.ACK, ack=-1,
        timestamps=True, tsval=9, text=b"x"),
    Row(CW, "conn-timestamp", "ACK tsecr+9 -> CLOSE-WAIT", tcp.ACK, timestamps=True, tsval=9,
        text=b"x"),
    Row(LA, "conn-timestamp", "ACK tsecr+9 -> LAST-ACK; again", tcp.ACK, ack=-1,
        timestamps=True, tsval=9, text=b"x"),
    Row(E, "conn-take-ack", "nothing -> ESTABLISHED", tcp.ACK, queued=b"x"),
    Row(F1, "conn-take-ack", "nothing -> FIN-WAIT-1; again", tcp.ACK, ack=-1, queued=b"x"),
    Row(CW, "conn-take-ack", "nothing -> CLOSE-WAIT", tcp.ACK, queued=b"x"),
    Row(E, "conn-text", "ACK -> ESTABLISHED", PSH_ACK, text=b"x"),
    Row(F1, "conn-text", "ACK -> FIN-WAIT-1; again", PSH_ACK, ack=-1, text=b"x"),
    Row(F2, "conn-text", "ACK -> FIN-WAIT-2", PSH_ACK, text=b"x"),
    Row(E, "conn-nothing-more", "nothing -> ESTABLISHED", tcp.ACK),
    Row(F1, "conn-nothing-more", "nothing -> FIN-WAIT-1; again", tcp.ACK, ack=-1),
    Row(F2, "conn-nothing-more", "nothing -> FIN-WAIT-2", tcp.ACK),
    Row(CL, "conn-nothing-more", "nothing -> CLOSING; again", tcp.ACK, ack=-1),
    Row(CW, "conn-nothing-more", "nothing -> CLOSE-WAIT", tcp.ACK),
    Row(LA, "conn-nothing-more", "nothing -> LAST-ACK; again", tcp.ACK, ack=-1),
    Row(CL, "conn-text-after-fin", "ACK -> CLOSING; again", PSH_ACK, ack=-1, text=b"x"),
    Row(CW, "conn-text-after-fin", "ACK -> CLOSE-WAIT", PSH_ACK, text=b"x"),
    Row(LA, "conn-text-after-fin", "ACK -> LAST-ACK; again", PSH_ACK, ack=-1, text=b"x"),
    Row(F1, "conn-for-nobody", "RST -> gone", PSH_ACK, text=b"x", orphan=True),
    Row(E, "established-fin", "ACK -> CLOSE-WAIT", FIN_ACK),
    Row(F1, "fin-wait-1-ack", "nothing -> FIN-WAIT-2", tcp.ACK),
    Row(F1, "fin-wait-1-ack", "ACK -> TIME-WAIT", FIN_ACK),
    Row(F1, "fin-wait-1-fin", "ACK -> CLOSING; again", FIN_ACK, ack=-1),
    Row(F2, "conn-for-nobody", "RST -> gone", PSH_ACK, text=b"x", orphan=True),
    Row(F2, "fin-wait-2-fin", "ACK -> TIME-WAIT", FIN_ACK),
    Row(CL, "closing-ack", "nothing -> TIME-WAIT", tcp.ACK),
    Row(LA, "last-ack-ack", "nothing -> gone", tcp.ACK),
)
# fmt: on

NEVER = {
    (R, "conn-timestamp"): "processing goes on in ESTABLISHED, whose list has the rule too",
    (F2, "conn-take-ack"): "nothing of this side is left to be acknowledged",
    (CL, "conn-take-ack"): "the ACK of the FIN leads to TIME-WAIT, where nothing is sent again",
    (LA, "conn-take-ack"): "the ACK of the FIN ends the connection, with all that was sent",
}
"""Rules that a segment meets but that leave nothing to be seen in that state, and why."""


def rule_id(row: Row) -> str:
    return f"rfc9293.{row.rule}"


def test_every_rule_of_every_state_has_a_row() -> None:
    rows = {(row.stage.name, rule_id(row)) for row in ROWS}
    never = {(stage.name, f"rfc9293.{rule}") for stage, rule in NEVER}
    rules = {(stage.name, rule.id) for stage in WAYS for rule in RFC[stage]}
    assert rows | never == rules
    assert not rows & never


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.stage}-{row.rule}")
def test_a_rule_decides_and_its_mutants_are_noticed(row: Row) -> None:
    outcome, met = row.play(RFC)
    assert rule_id(row) in met
    assert outcome == row.outcome
    decisions = RFC[row.stage]
    rule = decisions.rule(rule_id(row))
    for then in (ConnectionAction.DROP, ConnectionAction.CLOSE):
        if rule.then != (then,):
            mutant = decisions.replacing(rule.id, replace(rule, then=(then,)))
            assert row.play(RFC.with_list(mutant))[0] != outcome, f"nobody notices {then}"


@pytest.mark.parametrize("name", PROFILES)
def test_every_state_of_every_profile_is_ruled_or_assumed(name: str) -> None:
    profile = PROFILES[name]
    for state, stage in stages.OF_STATE.items():
        decisions, own = profile.on_connection(state)
        assert decisions.stage is stage
        assert own == (profile.find(stage) is not None)


@pytest.mark.parametrize(("apart", "acks"), [(0, 1), (499, 1), (500, 2)])
def test_two_ends_that_accept_nothing_do_not_acknowledge_each_other_for_ever(
    apart: int, acks: int
) -> None:
    bench = Bench(RFC)
    bench.establish()
    for _ in range(2):
        bench.arrives(tcp.ACK, seq=-1)
        bench.end.clock.advance(bench.end.clock.now + apart * MILLISECOND)
    assert len(bench.end.sent) - len(("SYN|ACK",)) == acks
    bench.arrives(PSH_ACK, seq=-1, text=b"x")
    assert len(bench.end.sent) - len(("SYN|ACK",)) == acks + 1, "text is no part of such a war"
