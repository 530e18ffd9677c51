"""A connection of a capture as a case, and the case as a connection again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tw_conformance.captures.conversation import Conversations
from tw_conformance.captures.opinions import opinion
from tw_conformance.captures.reading import CaptureReader
from tw_conformance.captures.recording import recorded
from tw_conformance.captures.tests.made import DUTS, captured, case_of
from tw_conformance.model.case import Case
from tw_conformance.notation.write import case_to_yaml
from tw_reference import segment as tcp
from tw_reference.profiles import PROFILES

RST = "[{send: {flags: RST}}, {expect: nothing}]"
OLD_RST = "[{send: {flags: RST|ACK, seq: rcv_nxt-7, timestamps: older}}, {expect: nothing}]"
FIN = "[{send: {flags: FIN|ACK, seq: rcv_nxt-1}}, {expect: ack}]"
SYN = "[{send: {flags: SYN, seq: rcv_nxt+1, mss: 1400}}, {expect: syn-ack}]"
CROSSING = (
    "[{send: {flags: FIN|ACK, ack: snd_nxt-1}},"
    " {expect: {flags: ACK, seq: snd_nxt, ack: rcv_nxt+1, length: 0}}]"
)
CLOSED_UPON = (
    "[{send: {flags: FIN|ACK}},"
    " {expect: {flags: ACK, seq: snd_nxt, ack: rcv_nxt+1, length: 0}, within: 1s}, {call: close},"
    " {expect: {flags: FIN|ACK, seq: snd_nxt, ack: rcv_nxt+1, length: 0}},"
    " {send: {flags: ACK, seq: rcv_nxt+1, ack: snd_nxt+1}}, {expect: nothing}]"
)
HALF_CLOSED = (
    "[{call: shutdown}, {expect: {flags: FIN|ACK, seq: snd_nxt, ack: rcv_nxt, length: 0}},"
    " {send: {flags: PSH|ACK, ack: snd_nxt+1, length: 10}},"
    " {expect: {flags: ACK, seq: snd_nxt+1, ack: rcv_nxt+10, length: 0}}]"
)
ABORTED = (
    "[{call: abort}, {expect: {flags: RST|ACK, seq: snd_nxt, ack: rcv_nxt, length: 0}},"
    " {send: {flags: FIN|ACK}}, {expect: rst}]"
)


NOTHING = "  - expect: nothing\n"
RESET = "  - send: {flags: RST}\n" + NOTHING


def record(folder: Path, case: Case, profile: str) -> Case:
    """What the capture of a play is recorded as."""
    seen = Conversations(DUTS[case.reach.family]).closings(
        CaptureReader(captured(folder, case, profile))
    )
    made = recorded(next(iter(seen)), "played", "x.pcap")
    assert made is not None
    return made


def steps_of(case: Case) -> str:
    return case_to_yaml(case).partition("steps:")[2]


@pytest.mark.parametrize("through", ["FIN-WAIT-2", "FIN-WAIT-1", "CLOSING"])
@pytest.mark.parametrize("steps", [RST, FIN, SYN])
def test_a_case_in_time_wait_comes_back_as_it_was(steps: str, through: str, tmp_path: Path) -> None:
    case = case_of(tmp_path, steps, f"{{through: {through}, timestamps: on}}")
    made = record(tmp_path, case, "linux-6.18")
    assert made.reach == case.reach
    assert steps_of(made) == steps_of(case)


@pytest.mark.parametrize(
    ("reach", "steps"),
    [
        ("{family: ipv6, timestamps: on}", OLD_RST),
        ("{state: FIN-WAIT-1}", CROSSING),
        ("{state: FIN-WAIT-1, wscale: 7}", CROSSING),
        ("{state: ESTABLISHED}", CLOSED_UPON),
        ("{state: ESTABLISHED}", HALF_CLOSED),
        ("{state: ESTABLISHED}", ABORTED),
    ],
)
def test_a_case_in_another_state_comes_back(reach: str, steps: str, tmp_path: Path) -> None:
    case = case_of(tmp_path, steps, reach)
    made = record(tmp_path, case, "linux-6.18")
    assert made.reach == case.reach
    assert opinion(made, [PROFILES["linux-6.18"]]).holds == ("linux-6.18",)
    # What is left of the connection at its end the suite resets.
    # That reset may come before the silence behind the last step is proven.
    whole = steps_of(case)
    assert steps_of(made) in (whole, whole + RESET, whole.removesuffix(NOTHING) + RESET)


def test_a_fin_that_nobody_answers_is_a_case_too(tmp_path: Path) -> None:
    case = case_of(tmp_path, CROSSING, "{state: FIN-WAIT-1}")
    seen = list(CaptureReader(captured(tmp_path, case, "linux-6.18")))
    fin = next(n for n, each in enumerate(seen) if each.packet.segment.flags & tcp.FIN)
    (closing,) = Conversations(DUTS["ipv4"]).closings(seen[: fin + 1])
    made = recorded(closing, "played", "x.pcap")
    assert made is not None
    assert made.reach.state == "ESTABLISHED"
    assert steps_of(made).startswith("\n  - call: close\n  - expect: {flags: FIN|ACK")


def test_what_other_profiles_answer_is_said_where_they_differ(tmp_path: Path) -> None:
    steps = (
        "[{send: {flags: RST}}, {expect: nothing}, {wait: 200ms},"
        " {send: {flags: ACK, seq: rcv_nxt+70000}}, {expect: rst}]"
    )
    made = record(tmp_path, case_of(tmp_path, steps), "linux-6.18")
    said = opinion(made, [PROFILES[name] for name in ("freebsd-15", "linux-6.18")])
    assert said.holds == ("linux-6.18",)
    assert said.beside == {
        4: [
            "freebsd-15: ACK seq=snd_nxt ack=rcv_nxt   [freebsd.ack-of-twelve-bits]",
            "linux-6.18: RST seq=snd_nxt ack=0   [linux.listen-ack]",
        ]
    }
    text = case_to_yaml(made, beside=said.beside)
    assert "  - expect: rst\n    # freebsd-15: ACK" in text
