"""Echo probes: which answer proves something, and what a survey counts."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from tw_conformance.link.link import Arrival
from tw_conformance.link.path import Path, Sentinel
from tw_conformance.link.probes import Prober, is_accepted, is_answered, survey_link
from tw_conformance.targets.in_process import Played
from tw_reference.segment import ACK, ECE, RST, SYN, Datagram, Echo, Flow, Packet, Segment

FLOW = Flow("192.0.2.2", 40000, "192.0.2.1", 7)
PROBE_FLOW = FLOW._replace(sport=19999)


class Line:
    """Each probe comes back as often as ``fates`` says, after so many seconds each; then once, at
    once."""

    def __init__(self, *fates: tuple[float, ...]) -> None:
        self.flow, self.probe_ident = FLOW, 7
        self.fates = list(fates)
        self.clock = 0.0
        self.oversleeps = 0.0
        """Seconds that the tester wakes up late from waiting in vain."""
        self.sent: list[Datagram] = []
        self.under_way: list[tuple[float, Datagram]] = []

    @property
    def probe_flow(self) -> Flow:
        return PROBE_FLOW

    def now(self) -> float:
        return self.clock

    def send(self, packet: Packet | Echo) -> tuple[float, bytes]:
        self.sent.append(packet)
        if not isinstance(packet, Echo):
            return self.clock, b"frame"
        for round_trip in self.fates.pop(0) if self.fates else (0.001,):
            self.under_way.append((self.clock + round_trip, answer_to(packet)))
        return self.clock, b"frame"

    async def receive(self, until: float) -> Arrival | None:
        due = min(self.under_way, key=lambda each: each[0], default=None)
        if due is None or due[0] > until:
            self.clock = max(self.clock, until + self.oversleeps)
            return None
        self.under_way.remove(due)
        self.clock = max(self.clock, due[0])
        return Arrival(*due, b"")


def answer_to(probe: Echo) -> Echo:
    return replace(probe, src=probe.dst, dst=probe.src, reply=True)


def surveyed(*fates: tuple[float, ...]) -> tuple[Path, Line]:
    line, path = Line(*fates), Path()
    Played(survey_link(line, path)).result()
    return path, line


def prober(line: Line, path: Path) -> tuple[Prober, list[tuple[object, ...]]]:
    noted: list[tuple[object, ...]] = []
    return Prober(line, path, lambda *event, probe: noted.append((*event, probe))), noted


def arrives(line: Line, sequence: int, after: float = 0.0, ident: int = 7) -> Arrival:
    echo = Echo(FLOW.dst, FLOW.src, ident, sequence, reply=True)
    return Arrival(line.clock + after, echo, b"")


def test_a_probe_is_an_echo_request_to_the_dut_and_is_noted() -> None:
    line, path = Line(), Path()
    made, noted = prober(line, path)
    line.clock = 3.0
    assert made.probe() == 3.0
    made.probe()
    assert line.sent == [Echo(FLOW.src, FLOW.dst, 7, 1), Echo(FLOW.src, FLOW.dst, 7, 2)]
    assert noted[0] == ("sent", 3.0, line.sent[0], b"frame", 1)


def test_only_the_answer_to_the_latest_probe_proves_anything() -> None:
    line, path = Line(), Path()
    made, _ = prober(line, path)
    made.probe()
    made.probe()
    assert not made.answers(arrives(line, 1, 0.5))
    assert made.answers(arrives(line, 2, 0.25))
    assert list(path.recent) == [0.5, 0.25]
    assert (path.probes, path.lost, path.repeated, path.reordered) == (2, 0, 0, 0)


def test_what_is_no_answer_counts_for_nothing() -> None:
    line, path = Line(), Path()
    made, _ = prober(line, path)
    made.probe()
    for packet in (
        Echo(FLOW.dst, FLOW.src, 7, 1, reply=False),
        Echo(FLOW.dst, FLOW.src, 7, 2, reply=True),
        Packet(FLOW.reverse, Segment(1, 2, 16)),
    ):
        assert not made.answers(Arrival(0.0, packet, b""))
    assert path.probes == 0


def test_a_second_answer_is_a_repeat_and_proves_nothing() -> None:
    line, path = Line(), Path()
    made, _ = prober(line, path)
    made.probe()
    assert made.answers(arrives(line, 1))
    assert not made.answers(arrives(line, 1))
    assert (path.probes, path.repeated, path.reordered) == (1, 1, 0)


def test_an_answer_behind_a_newer_one_is_out_of_order() -> None:
    line, path = Line(), Path()
    made, _ = prober(line, path)
    for _ in range(3):
        made.probe()
    assert made.answers(arrives(line, 3))
    assert not made.answers(arrives(line, 1))
    assert not made.answers(arrives(line, 2))
    assert path.reordered == 2, "each lies behind the third"


def test_a_probe_that_is_given_up_is_lost() -> None:
    line, path = Line(), Path()
    made, _ = prober(line, path)
    made.probe()
    made.give_up(line.clock)
    assert (path.probes, path.lost, path.excused) == (1, 1, 0)
    made.give_up(line.clock)
    assert path.probes == 1, "once"


def test_a_probe_whose_answer_comes_late_was_not_lost() -> None:
    line, path = Line(), Path()
    made, _ = prober(line, path)
    made.probe()
    made.give_up(line.clock)
    assert made.answers(arrives(line, 1, 0.7))
    assert (path.probes, path.lost, list(path.recent)) == (1, 0, [0.7])
    assert path.perfect
    made.answers(arrives(line, 1, 0.8))
    assert (path.probes, path.repeated) == (1, 1)


def test_a_path_is_not_charged_where_the_tester_was_late_itself() -> None:
    line, path = Line(), Path()
    made, _ = prober(line, path)
    for _ in range(60):
        made.probe()
        line.clock += 0.3
        made.give_up(line.clock - 0.1)
    assert (path.excused, path.probes, path.lost) == (50, 10, 10), "not for ever"
    assert "; 50 not counted, since this machine was late itself" in surveyed_words(path)


def surveyed_words(path: Path) -> str:
    path.recent.append(0.001)
    return path.describe()


@pytest.mark.parametrize(
    ("fates", "oversleeps", "lost", "excused"),
    [
        ([()], 0.0, 1, 0),
        ([()], 0.1, 0, 1),
        ([()], 0.019, 1, 0),
        ([(0.001,)] * 20 + [(0.25,)] * 10 + [(0.1,)] * 10, 0.0, 0, 0),
        ([(0.001,)] * 90 + [(0.25,)] * 10, 0.0, 0, 0),
        ([()] * 100, 0.1, 50, 50),
    ],
)
def test_a_survey_charges_the_path_with_what_the_path_has_done(
    fates: list[tuple[float, ...]], oversleeps: float, lost: int, excused: int
) -> None:
    line, path = Line(*fates), Path()
    line.oversleeps = oversleeps
    Played(survey_link(line, path)).result()
    assert (path.lost, path.excused, path.perfect) == (lost, excused, not lost)
    assert path.surveyed


def test_a_survey_of_a_good_path_sends_a_hundred_probes_and_then_asks_for_the_order() -> None:
    path, line = surveyed()
    assert all(isinstance(packet, Echo) for packet in line.sent[:100])
    behind = [type(packet) for packet in line.sent[100:]]
    assert behind == [Packet, Echo] * 40
    assert (path.probes, path.perfect) == (140, True)
    assert len(path.recent) == 100


def test_a_survey_counts_what_is_lost_repeated_and_overtaken() -> None:
    path, line = surveyed((), (0.001, 0.002), (0.004,), (0.003,))
    assert len(line.sent) == 100
    assert (path.lost, path.repeated, path.reordered) == (1, 1, 2)
    assert not path.perfect


def test_a_survey_of_nobody_ends() -> None:
    path, line = surveyed(*[()] * 100)
    assert path.dead
    assert (path.probes, path.lost) == (100, 100)
    assert line.clock == 10 * 1.0, "a second of patience for each of ten bursts"


def test_a_survey_waits_for_what_was_given_up() -> None:
    """A second copy of the last probe comes when all have been answered."""
    spread = Random(1)
    fates = [(spread.uniform(0.001, 0.02),) for _ in range(99)]
    path, _ = surveyed(*fates, (0.001, 0.022))
    assert path.reordered > 0
    assert path.repeated == 1


def reset(
    number: int, ident: int = 7, flow: Flow = PROBE_FLOW.reverse, flags: int = RST
) -> Arrival:
    return Arrival(0.5, Packet(flow, Segment(ident << 16 | number, 0, flags)), b"")


def test_a_probe_by_tcp_is_an_ack_of_no_connection_that_a_reset_answers() -> None:
    line, path = Line(), Path(Sentinel.TCP)
    made, _ = prober(line, path)
    made.probe()
    made.probe()
    assert line.sent[1] == Packet(PROBE_FLOW, Segment(0, 7 << 16 | 2, ACK))
    assert not made.answers(reset(1))
    assert made.answers(reset(2, flags=RST | ACK))
    assert (path.probes, path.reordered) == (2, 0)


def test_no_other_segment_answers_a_probe_by_tcp() -> None:
    line, path = Line(), Path(Sentinel.TCP)
    made, _ = prober(line, path)
    made.probe()
    for arrival in (
        reset(1, flow=FLOW.reverse),
        reset(1, ident=8),
        reset(1, flags=ACK),
        reset(2),
        Arrival(0.5, Echo(FLOW.dst, FLOW.src, 7, 2, reply=True), b""),
    ):
        assert not made.answers(arrival)
    assert path.probes == 0


def test_a_reset_answers_no_echo_request() -> None:
    line = Line()
    made, _ = prober(line, Path())
    made.probe()
    assert not made.answers(reset(1))


def test_whether_a_dut_answers_at_all_is_asked_four_times() -> None:
    silent, late = Line((), (), (), ()), Line((), (), (), (0.4,))
    assert not Played(is_answered(silent, Sentinel.ECHO)).result()
    assert silent.clock == 2.0
    assert Played(is_answered(late, Sentinel.ECHO)).result()
    assert len(late.sent) == len(silent.sent) == 4
    assert not Played(is_answered(Line(), Sentinel.TCP)).result()


class Starting(Line):
    """A DUT that resets SYNs until it listens."""

    def __init__(self, listens_at: float) -> None:
        super().__init__()
        self.listens_at = listens_at

    def send(self, packet: Packet | Echo) -> tuple[float, bytes]:
        self.sent.append(packet)
        if isinstance(packet, Packet) and packet.segment.flags & SYN:
            syn = packet.segment
            answer = Segment(seq=0, ack=syn.end, flags=RST | ACK)
            if self.clock >= self.listens_at:
                answer = Segment(seq=900, ack=syn.end, flags=SYN | ACK | ECE)
            self.under_way.append((self.clock + 0.001, Packet(FLOW.reverse, answer)))
        return self.clock, b"frame"


@pytest.mark.parametrize(("listens_at", "accepted"), [(0.0, True), (3.2, True), (5.5, False)])
def test_a_service_that_starts_late_is_knocked_at_until_it_accepts(
    listens_at: float, accepted: bool
) -> None:
    line = Starting(listens_at)
    assert Played(is_accepted(line, 5.0)).result() == accepted
    assert line.clock == 5.0 if not accepted else listens_at <= line.clock < listens_at + 0.6
    said = [packet.segment for packet in line.sent if isinstance(packet, Packet)]
    asked = [segment for segment in said if segment.flags & SYN]
    assert asked[0].flags == SYN, "with ECN each other time: some drop such a SYN"
    reset = [Segment(seq=asked[-1].end, ack=0, flags=RST)] if accepted else []
    assert said == [*asked, *reset], "what was accepted is reset"
