"""What each answer to a state probe tells, and which cases can be asked at all: on a scripted
link."""

from __future__ import annotations

import pytest

from tw_conformance.link.path import Path, perfect_path
from tw_conformance.model.verdict import Transcript
from tw_conformance.play.record import Doubt, StateSeen
from tw_conformance.play.state_probe import ask, expects_fin_of_a_new_incarnation, unaskable
from tw_conformance.play.tester import TesterEndpoint
from tw_conformance.play.tests.scripted import (
    FLOW,
    ScriptedLink,
    at,
    bad_path,
    script,
    segment,
)
from tw_conformance.targets.acquaintance import Question, Shape, Telling
from tw_conformance.targets.in_process import Played
from tw_reference.segment import ACK, FIN, PSH, RST, SYN, Packet, Segment, Timestamps

PROFILE = "linux-6.18"
SND, RCV = 700, 300
TELLING = Telling()
OF_A_BLOCK = segment(ACK, SND, RCV)
RESET = segment(RST, SND, 0)


def asked(
    link: ScriptedLink,
    *,
    reached: str = "TIME-WAIT",
    expected: str = "",
    timestamps: str = "off",
    steps: str = "  - send: {flags: ACK}\n  - expect: nothing\n",
    answers: tuple[Packet, ...] = (),
    path: Path | None = None,
    telling: Telling = TELLING,
) -> StateSeen | Doubt:
    reach = f"{{state: {reached}, timestamps: {timestamps}}}"
    case = script(f"{steps}  - state: {expected or reached}\n", reach)
    tester = TesterEndpoint(case.reach, link, path or perfect_path(), Transcript())
    tester.variables.update(rcv_nxt=RCV, snd_nxt=SND, ts_recent=40, seg_tsval=50)
    return Played(ask(tester, answers, telling)).result()


def told(link: ScriptedLink, reached: str = "TIME-WAIT", path: Path | None = None) -> str | None:
    seen = asked(link, reached=reached, path=path)
    return seen.state if isinstance(seen, StateSeen) else None


# -- an octet below RCV.NXT -----------------------------------------------------------------------


@pytest.mark.parametrize("reached", ["TIME-WAIT", "FIN-WAIT-2"])
@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (OF_A_BLOCK, ""),
        (segment(PSH | ACK, SND, RCV), ""),
        (RESET, "CLOSED"),
        (segment(RST | ACK, SND, RCV), None),
        (segment(RST, SND + 1, 0), None),
        (segment(RST, 0, 0), None),
        (segment(FIN | ACK, SND, RCV), None),
        (segment(SYN | ACK, SND, RCV), None),
        (segment(ACK, SND + 1, RCV), None),
        (segment(ACK, SND, RCV - 1), None),
        (segment(ACK, SND, RCV + 2), None),
    ],
)
def test_an_old_octet_is_acknowledged_where_a_connection_is(
    answer: Packet, state: str | None, reached: str
) -> None:
    assert told(at((0.0005, answer)), reached) == (reached if state == "" else state)


@pytest.mark.parametrize("asked_with", Question)
def test_what_was_seen_to_mean_closed_means_closed(asked_with: Question) -> None:
    """A reset with an ACK is lwIP's."""
    telling = Telling(asked_with, gone=Shape(RST | ACK, 0, 1))
    for answer, state in ((segment(RST | ACK, SND, RCV), "CLOSED"), (OF_A_BLOCK, "TIME-WAIT")):
        seen = asked(at((0.0005, answer)), telling=telling)
        assert seen == StateSeen(state, f", as its answer to {asked_with.value} shows")
    assert isinstance(asked(at((0.0005, RESET)), telling=telling), Doubt)


def test_a_fin_that_the_dut_has_taken_tells_time_wait_and_only_after_fin_wait_2() -> None:
    taken = segment(ACK, SND, RCV + 1)
    assert told(at((0.0005, taken)), "FIN-WAIT-2") == "TIME-WAIT"
    assert told(at((0.0005, taken)), "TIME-WAIT") is None


def test_of_fin_wait_1_only_closed_can_be_told() -> None:
    for answer, state in ((RESET, "CLOSED"), (OF_A_BLOCK, "FIN-WAIT-1 or FIN-WAIT-2")):
        seen = asked(at((0.0005, answer)), reached="FIN-WAIT-1", expected="CLOSED")
        assert isinstance(seen, StateSeen)
        assert seen.state == state


@pytest.mark.parametrize("timestamps", ["off", "on"])
def test_the_octet_itself(timestamps: str) -> None:
    link = at((0.0005, OF_A_BLOCK))
    asked(link, timestamps=timestamps)
    sent = link.sent[0]
    assert isinstance(sent, Packet)
    stamps = Timestamps(2040, 0) if timestamps == "on" else None
    assert sent == Packet(FLOW, Segment(RCV - 1, SND, ACK, 65535, b"t", timestamps=stamps))


def test_the_fin_itself() -> None:
    link = at((0.0005, OF_A_BLOCK))
    asked(link, telling=Telling(Question.FIN))
    assert link.sent[0] == Packet(FLOW, Segment(RCV - 1, SND, FIN | ACK, 65535))


def test_the_answer_says_how_it_was_told() -> None:
    seen = asked(at((0.0005, OF_A_BLOCK)))
    assert seen == StateSeen("TIME-WAIT", ", as its answer to an octet below RCV.NXT shows")


# -- the ACK of a SYN-ACK -------------------------------------------------------------------------

ISS, IRS = 5000, 800
SYN_ACK = segment(SYN | ACK, ISS, IRS)
REOPENED = "  - send: {flags: SYN}\n  - expect: {flags: SYN|ACK}\n"


def completed(
    link: ScriptedLink,
    syn_ack: Packet = SYN_ACK,
    path: Path | None = None,
    telling: Telling = TELLING,
) -> StateSeen | Doubt:
    answers = (OF_A_BLOCK, syn_ack)
    return asked(
        link,
        expected="SYN-RECEIVED",
        steps=REOPENED,
        answers=answers,
        path=path,
        telling=telling,
    )


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (segment(FIN | ACK, ISS + 1, IRS), "SYN-RECEIVED"),
        (segment(PSH | ACK, ISS + 1, IRS, b"text"), "SYN-RECEIVED"),
        (segment(ACK, ISS + 1, IRS), None),
        (segment(FIN | ACK, ISS + 2, IRS), None),
        (segment(FIN | SYN | ACK, ISS + 1, IRS), None),
        (segment(RST, ISS + 1, 0), "CLOSED"),
        (segment(RST, ISS, 0), None),
        (segment(RST | ACK, ISS + 1, IRS), None),
        (OF_A_BLOCK, "TIME-WAIT"),
        (segment(ACK, SND + 1, RCV), None),
        (segment(ACK, SND, RCV + 1), None),
    ],
)
def test_a_handshake_that_completes_goes_on(answer: Packet, state: str | None) -> None:
    seen = completed(at((0.5, answer)))
    assert (seen.state if isinstance(seen, StateSeen) else None) == state


def test_closed_resets_the_ack_as_it_was_seen_to_reset_an_octet() -> None:
    """lwIP acknowledges what it resets: there an octet, here nothing."""
    telling = Telling(gone=Shape(RST | ACK, 0, 1))
    seen = completed(at((0.5, segment(RST | ACK, ISS + 1, IRS))), telling=telling)
    assert isinstance(seen, StateSeen)
    assert seen.state == "CLOSED"


@pytest.mark.parametrize(
    ("then", "expected"),
    [("{flags: FIN|ACK}", True), ("{seq: snd_nxt}", False), ("ack", False), ("nothing", False)],
)
def test_a_new_incarnation_has_a_fin_of_its_own(then: str, expected: bool) -> None:
    case = script(f"{REOPENED}  - expect: {then}\n")
    assert expects_fin_of_a_new_incarnation(case, PROFILE) is expected
    late = script(f"  - expect: {then}\n{REOPENED}")
    assert not expects_fin_of_a_new_incarnation(late, PROFILE)


@pytest.mark.parametrize("stamps", [None, Timestamps(77, 9)])
def test_the_ack_itself(stamps: Timestamps | None) -> None:
    link = at((0.0005, RESET))
    syn_ack = Packet(FLOW.reverse, Segment(ISS, IRS, SYN | ACK, timestamps=stamps))
    completed(link, syn_ack)
    sent = link.sent[0]
    assert isinstance(sent, Packet)
    echoed = stamps and Timestamps(51, 77)
    assert sent.segment == Segment(IRS, ISS + 1, ACK, 65535, timestamps=echoed)


def test_the_service_may_take_a_second() -> None:
    """On a path on which 0.2 s are enough for what the DUT's kernel answers."""
    path = perfect_path()
    path.answered(0.001)
    assert path.patience == 0.2
    times = path.askings
    done = at((times * 1.0, segment(FIN | ACK, ISS + 1, IRS)))
    assert isinstance(completed(done, path=path), StateSeen), "asked three times"
    late = at((times * 1.0 + 0.1, segment(FIN | ACK, ISS + 1, IRS)))
    assert isinstance(completed(late, path=path), Doubt)
    slow = at((times * 0.2 + 0.1, OF_A_BLOCK))
    assert isinstance(asked(slow, path=path), Doubt), "an old octet is no service's"


# -- what comes late, or never --------------------------------------------------------------------


def test_an_answer_may_come_behind_the_sentinels() -> None:
    assert told(at((0.19, OF_A_BLOCK))) == "TIME-WAIT"
    assert told(at((0.21, OF_A_BLOCK)), path=perfect_path()) is not None, "it is asked again"


def test_what_tells_nothing_is_passed_over() -> None:
    noise = segment(ACK, 1, 1)
    assert told(at((0.0004, noise), (0.0005, OF_A_BLOCK))) == "TIME-WAIT"
    assert told(at((0.1, noise), (0.11, OF_A_BLOCK))) == "TIME-WAIT"


def test_a_silence_that_was_proven_tells_nothing() -> None:
    seen = asked(at())
    assert isinstance(seen, Doubt)
    assert "though a probe sent after it was answered: a firewall" in seen.reason


def test_a_silence_that_was_not_proven_says_so() -> None:
    link = ScriptedLink(echoes=[None] * 6)
    assert asked(link) == Doubt("no probe was answered: the path or the DUT is gone")


def test_on_a_path_that_loses_the_question_is_put_again() -> None:
    link, path = ScriptedLink(), bad_path(lost=5)
    assert isinstance(asked(link, path=path), Doubt)
    assert sum(isinstance(packet, Packet) for packet in link.sent) == path.askings == 4


# -- which cases ----------------------------------------------------------------------------------

SENT = "  - send: {flags: SYN}\n"
NO_HANDSHAKE = "that it is in SYN-RECEIVED"


@pytest.mark.parametrize(
    ("reached", "steps", "lack"),
    [
        ("TIME-WAIT", "  - state: TIME-WAIT\n", None),
        ("TIME-WAIT", "  - state: CLOSED\n", None),
        ("TIME-WAIT", "  - state: FIN-WAIT-2\n", "that it is in FIN-WAIT-2"),
        ("FIN-WAIT-2", "  - state: TIME-WAIT\n", None),
        ("FIN-WAIT-1", "  - state: CLOSED\n", None),
        ("FIN-WAIT-1", "  - state: FIN-WAIT-1\n", "that it is in FIN-WAIT-1"),
        ("ESTABLISHED", "  - state: CLOSED\n", "that it is in CLOSED"),
        ("TIME-WAIT", f"{REOPENED}  - state: SYN-RECEIVED\n", None),
        (
            "TIME-WAIT",
            f"{REOPENED}  - state: TIME-WAIT\n",
            "whether a handshake was given up (TIME-WAIT)",
        ),
        ("TIME-WAIT", f"{SENT}  - expect: ack\n  - state: SYN-RECEIVED\n", NO_HANDSHAKE),
        ("TIME-WAIT", f"{SENT}  - expect: nothing\n  - state: SYN-RECEIVED\n", NO_HANDSHAKE),
        ("TIME-WAIT", f"{SENT}  - expect: {{length: 0}}\n  - state: SYN-RECEIVED\n", NO_HANDSHAKE),
        ("TIME-WAIT", f"{SENT}  - expect: {{flags: SYN}}\n  - state: CLOSED\n", None),
        ("TIME-WAIT", "  - state: {freebsd-*: CLOSED}\n", None),
    ],
)
def test_a_state_can_be_asked_for_at_the_end_and_where_it_changes_nothing(
    reached: str, steps: str, lack: str | None
) -> None:
    profiles = "[freebsd-*]" if "freebsd" in steps else "['*']"
    case = script(steps, f"{{state: {reached}}}", profiles)
    told = unaskable(case, len(case.steps) - 1, PROFILE)
    assert told == (lack and f"needs to read on the DUT {lack}")
