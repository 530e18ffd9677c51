"""What a person reads of a verdict: relative numbers, the ladder, the explanation, the capture."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from scapy.utils import rdpcap

from tw_conformance.model.case import NOTHING, ByProfile, Case, Expect, Reach, Send
from tw_conformance.model.errors import Place
from tw_conformance.model.verdict import Event, Mismatch, Outcome, Transcript, Verdict
from tw_conformance.play.oracle import OracleAnswer
from tw_conformance.report.capture import write_capture
from tw_conformance.report.ladder import ladder
from tw_conformance.report.outcome_text import explain_outcome
from tw_conformance.report.segment_text import segment_fields
from tw_reference.icmp_numbers import Number
from tw_reference.rules.actions import BlockAction
from tw_reference.rules.condition import ALWAYS
from tw_reference.rules.rule import Rule
from tw_reference.segment import (
    ACK,
    FIN,
    RST,
    SYN,
    Echo,
    Flow,
    IcmpError,
    Packet,
    Segment,
    Timestamps,
)

FLOW = Flow("192.0.2.2", 20000, "192.0.2.1", 7)
ECHO_REPLY = Echo("192.0.2.1", "192.0.2.2", 1, 1, reply=True)
VARIABLES = {
    "irs": 0xFFFFFFF0,
    "rcv_nxt": 0xFFFFFFF2,
    "iss": 4998,
    "snd_nxt": 5000,
    "rcv_wnd": 64240,
    "ts_recent": 700,
}


def event(
    time: float,
    direction: Literal["sent", "received", "note"],
    packet: Segment | Echo | IcmpError | None,
    step: int | None = 0,
    note: str = "",
    probe: int | None = None,
) -> Event:
    on_link = Packet(FLOW, packet) if isinstance(packet, Segment) else packet
    return Event(time, direction, on_link, bytes(60) if packet else b"", note, step, probe=probe)


@pytest.fixture
def case() -> Case:
    steps = (
        Send(RST),
        Expect(ByProfile((("*", NOTHING),))),
    )
    return Case("rst", "An RST", ("RFC 1337",), Reach(), steps)


@pytest.mark.parametrize(
    ("segment", "sent", "reaching", "said"),
    [
        (Segment(0xFFFFFFF0, 0, SYN), True, True, "SYN seq=irs win=0"),
        (Segment(4998, 0xFFFFFFF1, SYN | ACK), False, True, "SYN|ACK seq=iss ack=irs+1 win=0"),
        (Segment(0xFFFFFFF3, 0, RST), True, False, "RST seq=rcv_nxt+1 win=0"),
        (Segment(5000, 0xFFFFFFF2, ACK), False, False, "ACK seq=snd_nxt ack=rcv_nxt win=0"),
        (Segment(0, 0xFFFFFFF3, RST | ACK), False, False, "RST|ACK seq=0 ack=rcv_nxt+1 win=0"),
        (
            Segment(0xFFFFFFF2, 5000, ACK, payload=b"ab", timestamps=Timestamps(1700, 9)),
            True,
            False,
            "ACK seq=rcv_nxt ack=snd_nxt length=2 win=0 TSval=ts_recent+1000 TSecr=9",
        ),
        (
            Segment(5000, 0xFFFFFFF2, ACK, timestamps=Timestamps(9, 700)),
            False,
            False,
            "ACK seq=snd_nxt ack=rcv_nxt win=0 TSval=9 TSecr=ts_recent",
        ),
        (
            Segment(5000, 0xFFFFFFF2, ACK, other_options=((5, bytes((0, 0, 0, 1, 0, 0, 0, 2))),)),
            False,
            False,
            "ACK seq=snd_nxt ack=rcv_nxt win=0 sack=rcv_nxt+15:rcv_nxt+16",
        ),
        (
            Segment(5000, 0xFFFFFFF2, ACK, other_options=((5, b"odd"), (5, b""))),
            False,
            False,
            "ACK seq=snd_nxt ack=rcv_nxt win=0 option5=6f6464 option5=empty",
        ),
    ],
)
def test_each_number_counts_from_its_own_variable(
    segment: Segment, sent: bool, reaching: bool, said: str
) -> None:
    assert segment_fields(segment, sent=sent, reaching=reaching, variables=VARIABLES) == said


def test_an_icmp_error_and_damage_are_told(case: Case) -> None:
    quoted = FLOW.reverse
    error = IcmpError(FLOW.src, FLOW.dst, Number(3, 4), quoted, 4999, 1280)
    events = [
        event(0.0, "sent", error),
        event(0.1, "sent", Segment(0xFFFFFFF2, 0, RST), note="corrupt: short-data-offset"),
    ]
    text = ladder(Transcript(events, VARIABLES), case, width=80, color=False)
    assert "-- ICMP fragmentation-needed quotes=snd_nxt-1 mtu=1280 --" in text
    assert "-- RST seq=rcv_nxt win=0 (corrupt: short-data-offset) --" in text


def test_a_ladder(case: Case) -> None:
    events = [
        event(0.0, "sent", Segment(0xFFFFFFF0, 0, SYN), step=None),
        event(0.0001, "received", Segment(4998, 0xFFFFFFF1, SYN | ACK), step=None),
        event(0.0005, "note", None, note="wait 2msl-1s"),
        event(59.5, "sent", Segment(0xFFFFFFF2, 0, RST)),
        event(59.5001, "sent", Echo("192.0.2.2", "192.0.2.1", 1, 1), step=1, probe=1),
        event(59.5002, "received", ECHO_REPLY, step=1, probe=1),
    ]
    text = ladder(Transcript(events, VARIABLES), case, width=70, color=False, step=1)
    assert text.splitlines() == [
        "     time s  tester                                                DUT",
        "     0.0000  |-- SYN seq=irs win=0 --------------------------------->|",
        "     0.0001  |<- SYN|ACK seq=iss ack=irs+1 win=0 --------------------|",
        "             ------------------- TIME-WAIT reached -------------------",
        "     0.0005  | · wait 2msl-1s                                        |",
        "    59.5000  |-- RST seq=rcv_nxt win=0 ----------------------------->|",
        ">   59.5001  | · probe answered                                      |",
    ]


def test_an_answer_between_a_probe_and_its_reply_keeps_its_place(case: Case) -> None:
    events = [
        event(0.0, "sent", Echo("192.0.2.2", "192.0.2.1", 1, 1), probe=1),
        event(0.1, "received", Segment(5000, 0xFFFFFFF2, ACK)),
        event(0.2, "received", ECHO_REPLY, probe=1),
    ]
    rungs = ladder(Transcript(events, VARIABLES), case, width=70, color=False).splitlines()[2:]
    words = [rung.split("|", 1)[1].split()[1] for rung in rungs]
    assert words == ["probe", "ACK", "probe"]


@pytest.mark.parametrize("width", [56, 80, 120])
def test_a_ladder_keeps_its_width(case: Case, width: int) -> None:
    long = Segment(5000, 0xFFFFFFF2, ACK, mss=1460, wscale=7, timestamps=Timestamps(2**32 - 1, 1))
    events = [event(0.0, "received", long), event(0.0, "note", None, note="state " * 30)]
    lines = ladder(Transcript(events, VARIABLES), case, width=width, color=False).splitlines()
    assert {len(line) for line in lines if "|" in line} == {width}


def outcome(case: Case, verdict: Verdict = Verdict.FAIL) -> Outcome:
    events = [event(0.0, "sent", Segment(0xFFFFFFF2, 0, RST))]
    return Outcome(
        case,
        "netns",
        "freebsd-10",
        verdict,
        Transcript(events, VARIABLES),
        "expected nothing, but ACK came",
        case.steps[1],
        [Mismatch("answer", "nothing", "ACK")],
    )


def unruled(profile: str) -> OracleAnswer:
    return replace(answer(profile), rule=None)


def answer(profile: str, **same: bool) -> OracleAnswer:
    return OracleAnswer(
        profile=profile,
        rule=Rule(
            f"{profile}.rst-drop",
            ALWAYS,
            (BlockAction.DROP,),
            "An RST is dropped.",
            ("RFC 1337 section 3",),
        ),
        answer="nothing",
        state="TIME-WAIT",
        same_as_seen=same.get("same", False),
    )


def test_an_explanation_says_all_that_is_known(case: Case, tmp_path: Path) -> None:
    answers = [answer("freebsd-10"), answer("linux-6.18", same=True)]
    file = tmp_path / "rst.tw.yaml"
    file.write_text("case: rst\nsteps:\n  - send: {flags: RST}\n  - expect: nothing\n")
    text = explain_outcome(
        outcome(case),
        color=False,
        capture=Path("/a.pcap"),
        places=[Place(file, 3, 5), Place(file, 4, 5)],
        answers=answers,
    )
    for said in (
        "FAIL rst on netns, held to freebsd-10",
        "expected nothing, but ACK came",
        ">    4 |   - expect: nothing",
        "answer  nothing   ACK",
        "RST seq=rcv_nxt",
        "rule freebsd-10.rst-drop: An RST is dropped.",
        "source: RFC 1337 section 3",
        "this is what linux-6.18 does",
        "cites:   RFC 1337",
        "/a.pcap (open in Wireshark)",
    ):
        assert said in text
    assert "this is what freebsd-10 does" not in text
    assert "\x1b" not in text


def test_colour_only_marks_the_text_up(case: Case) -> None:
    plain, marked_up = (
        explain_outcome(outcome(case), color=color, capture=None) for color in (False, True)
    )
    assert re.sub(r"\x1b\[[0-9;]*m", "", marked_up) == plain
    assert marked_up != plain


def test_an_explanation_does_without_the_case_file(case: Case) -> None:
    gone = [Place(Path("/gone.tw.yaml"), line, 5) for line in (3, 4)]
    text = explain_outcome(outcome(case), color=False, capture=None, places=gone)
    assert "expected nothing, but ACK came" in text
    assert "/gone.tw.yaml:4" in text


def test_a_case_that_no_file_has_is_explained_by_its_step(case: Case) -> None:
    text = explain_outcome(outcome(case), color=False, capture=None)
    assert "for freebsd-10: expect nothing" in text


def test_a_capture_holds_the_frames_and_what_each_is_for(case: Case, tmp_path: Path) -> None:
    events = [
        event(0.0, "sent", Segment(0, 0, SYN), step=None),
        event(0.5, "note", None, note="wait"),
        event(1.0, "sent", Segment(0, 0, RST), step=0),
        event(61.25, "received", Segment(0, 0, FIN), step=1),
    ]
    path = tmp_path / "captures" / "one.pcapng"
    write_capture(replace(outcome(case), transcript=Transcript(events, VARIABLES)), path, "a.rule")
    first, second, third = rdpcap(str(path))
    assert bytes(first) == b"\0" * 60
    assert float(third.time - first.time) == pytest.approx(61.25, abs=1e-5)
    assert [packet.comment.decode() for packet in (first, second, third)] == [
        "on the way to TIME-WAIT",
        "step 1: send RST",
        "step 2: expect nothing; FAIL: expected nothing, but ACK came; by a.rule",
    ]
    assert [file.name for file in path.parent.iterdir()] == ["one.pcapng"]


def test_a_capture_without_frames_can_be_opened_too(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "none.pcapng"
    write_capture(replace(outcome(case), transcript=Transcript()), path)
    assert len(rdpcap(str(path))) == 0


def test_where_a_profile_has_no_rule_nothing_is_expected_of_it(case: Case) -> None:
    answers = [unruled("freebsd-10"), unruled("linux-6.1"), answer("linux-6.18", same=True)]
    text = explain_outcome(outcome(case), color=False, capture=None, answers=answers)
    assert "freebsd-10: not ruled; nothing is expected of it here" in text
    assert "linux-6.1: not ruled" in text
    assert "by its own rules" not in text
    assert "look at the case again" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_an_explanation_is_no_wider_than_it_may_be(case: Case, width: int) -> None:
    long = replace(outcome(case), mismatches=(Mismatch("answer", "nothing " * 30, "ACK " * 30),))
    text = explain_outcome(long, color=False, capture=None, width=width)
    ladder_and_table = [line for line in text.splitlines() if "tmp" not in line]
    assert max(map(len, ladder_and_table)) <= width
