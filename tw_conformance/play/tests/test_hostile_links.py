"""Run and judge on links that lose, repeat, delay and reorder as they like, beside a model that has
seen what was sent and what came, and when, and knows nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from tw_conformance.link.link import Arrival
from tw_conformance.link.path import perfect_path
from tw_conformance.model.case import ByProfile, Case, Expect, Expected, Reach, Send
from tw_conformance.model.verdict import Verdict
from tw_conformance.play.player import perform_once
from tw_conformance.play.tests.scripted import ScriptedLink, ScriptedTarget, bad_path, segment
from tw_conformance.play.tests.test_hostile_records import RARELY, RIGHT, SILENCE
from tw_reference.segment import ACK, RST, Damage, Datagram, Echo, Packet


@dataclass(frozen=True)
class Exchange:
    """What is expected of an ACK, which is right, and what the DUT answers."""

    expected: Expected
    right: frozenset[int]
    answer: int


@dataclass
class Seen:
    """What the tester saw between one injection and the next."""

    came: list[int] = field(default_factory=list)
    probed: set[int] = field(default_factory=set)
    proven: bool = False
    """Whether a probe that was sent after the injection came back."""

    def speaks_for(self, right: frozenset[int]) -> bool:
        if self.came:
            return len(self.came) == 1 and self.came[0] in right
        return self.proven and SILENCE in right

    def speaks_against(self, right: frozenset[int]) -> bool:
        if self.came:
            return len(self.came) > 1 or self.came[0] not in right
        return self.proven and SILENCE not in right


@dataclass
class HostileLink(ScriptedLink):
    """``fates`` are, for what is sent, when its answers come: none, one or two, after so many
    seconds; then each comes at once."""

    answers: list[int] = field(default_factory=list)
    fates: list[list[float]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    def send(self, packet: Datagram, *, damage: Damage | None = None) -> tuple[float, bytes]:
        for answer, delay in self._answers(packet):
            self.arrivals.append((self.clock + delay, answer))
        return self.clock, b""

    def _answers(self, packet: Datagram) -> Iterator[tuple[Datagram, float]]:
        fate = self.fates.pop(0) if self.fates else [0.001]
        if isinstance(packet, Echo):
            if self.seen:
                self.seen[-1].probed.add(packet.sequence)
            back = Echo(packet.dst, packet.src, packet.ident, packet.sequence, reply=True)
            return ((back, delay) for delay in fate)
        answer = self.answers[len(self.seen)]
        self.seen.append(Seen())
        if answer == SILENCE:
            return iter(())
        return ((segment(answer), delay) for delay in fate)

    async def receive(self, until: float) -> Arrival | None:
        arrival = await super().receive(until)
        if arrival is not None and self.seen:
            now = self.seen[-1]
            if isinstance(arrival.packet, Packet):
                now.came.append(arrival.packet.segment.flags)
            elif isinstance(arrival.packet, Echo):
                now.proven |= arrival.packet.sequence in now.probed
        return arrival


EXCHANGES = st.lists(
    st.builds(
        lambda said, answer: Exchange(said[0], said[1], answer),
        st.sampled_from(RIGHT),
        st.sampled_from([ACK, RST, SILENCE]),
    ),
    min_size=1,
    max_size=3,
)
DELAY = st.sampled_from([0.0005, 0.001, 0.0015, 0.02, 0.19, 0.3, 0.45, 1.2])
FATES = st.lists(st.lists(DELAY, max_size=2), max_size=12)


def performed(
    exchanges: list[Exchange], fates: list[list[float]], *, perfect: bool = True, torn: bool = False
) -> tuple[Verdict, list[Seen]]:
    steps = [
        step
        for each in exchanges
        for step in (Send(ACK), Expect(ByProfile((("*", each.expected),))))
    ]
    case = Case("drawn", "", (), Reach(state="LISTEN"), tuple(steps))
    answers = [each.answer for each in exchanges]
    link = HostileLink(answers=answers, fates=list(fates), losses=int(torn))
    target = ScriptedTarget([link], perfect_path() if perfect else bad_path(repeated=2))
    outcome = target.start(perform_once(case, target)).result()
    return outcome.verdict, link.seen


@given(EXCHANGES, FATES, st.booleans(), RARELY)
def test_no_more_is_concluded_than_the_tester_saw(
    exchanges: list[Exchange], fates: list[list[float]], perfect: bool, torn: bool
) -> None:
    verdict, seen = performed(exchanges, fates, perfect=perfect, torn=torn)
    told = list(zip(seen, exchanges, strict=False))
    if verdict is Verdict.PASS:
        assert len(seen) == len(exchanges)
        assert all(each.speaks_for(exchange.right) for each, exchange in told)
    if verdict is Verdict.FAIL:
        assert any(each.speaks_against(exchange.right) for each, exchange in told)
    assert not torn or verdict is Verdict.INCONCLUSIVE


@given(EXCHANGES)
def test_on_a_quiet_link_each_verdict_is_true(exchanges: list[Exchange]) -> None:
    right = all(each.answer in each.right for each in exchanges)
    verdict, _ = performed(exchanges, [[0.0005], [0.001]] * len(exchanges))
    assert verdict is (Verdict.PASS if right else Verdict.FAIL)


@given(EXCHANGES, st.lists(st.sampled_from([0.0005, 0.02, 0.19, 0.45]), min_size=3))
def test_a_dut_that_is_late_fails_nothing(exchanges: list[Exchange], delays: list[float]) -> None:
    """It does what is expected, where that is an answer: behind the echo, and within half a
    second."""
    owed = [
        Exchange(each.expected, each.right, min(each.right - {SILENCE}))
        for each in exchanges
        if SILENCE not in each.right
    ]
    fates = [fate for delay in delays for fate in ([delay], [0.001])]
    verdict, _ = performed(owed, fates)
    assert verdict is not Verdict.FAIL
