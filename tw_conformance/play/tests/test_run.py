"""Run and judge together, on a link that plays what a test says."""

from __future__ import annotations

from dataclasses import fields

import pytest

from tw_conformance.link.path import perfect_path
from tw_conformance.model.case import Send
from tw_conformance.model.verdict import Verdict
from tw_conformance.play.tests.scripted import (
    ANSWERED,
    EACH_FIELD,
    IRS,
    RIGHT,
    SEND,
    SILENT,
    SYN_ACK,
    ScriptedLink,
    at,
    bad_path,
    performed,
    reading,
    script,
    segment,
    verdict,
)
from tw_reference.segment import ACK, FIN, RST, Echo, Packet, Segment

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


# -- answers and silence --------------------------------------------------------------------------


def test_the_expected_answer_passes() -> None:
    outcome = performed(ANSWERED, at((0.0005, RIGHT)))
    assert verdict(outcome) == (PASS, "")
    assert (outcome.step, outcome.late, outcome.by_absence) == (None, False, False)


def test_a_proven_silence_passes_where_nothing_is_expected() -> None:
    assert verdict(performed(SILENT, at())) == (PASS, "")


def test_a_proven_silence_fails_where_an_answer_is_owed() -> None:
    outcome = performed(ANSWERED, at())
    assert outcome.verdict is FAIL
    assert outcome.by_absence
    assert "nothing came: the probe sent after it was answered" in outcome.reason
    assert outcome.step is outcome.case.steps[1]


def test_an_answer_fails_where_nothing_is_expected() -> None:
    outcome = performed(SILENT, at((0.0005, RIGHT)))
    assert verdict(outcome) == (FAIL, "expected nothing, but ACK seq=snd_nxt+1 ack=rcv_nxt came")
    assert not outcome.by_absence


def test_another_answer_fails_and_says_in_what() -> None:
    outcome = performed(ANSWERED, at((0.0005, segment(ACK, 1, IRS + 1))))
    assert outcome.verdict is FAIL
    assert outcome.reason.endswith("came: ack")
    assert [m.field for m in outcome.mismatches] == ["ack"]


@pytest.mark.parametrize("steps", [SILENT, ANSWERED, f"{SEND}  - wait: 1s\n", SEND])
def test_a_silence_that_nothing_proves_decides_nothing(steps: str) -> None:
    outcome = performed(steps, ScriptedLink(echoes=[None] * 6))
    assert outcome.verdict is INCONCLUSIVE
    assert "no probe was answered" in outcome.reason
    assert not outcome.late


def test_a_call_and_a_state_need_proof_too() -> None:
    for step in ("call: unlisten", "state: LISTEN"):
        link = ScriptedLink(echoes=[None] * 6, readings=[reading("LISTEN")])
        outcome = performed(f"{SEND}  - {step}\n", link)
        assert outcome.verdict is INCONCLUSIVE
        assert "can't be shown to have arrived" in outcome.reason


def test_a_sentinel_is_sent_again_five_times() -> None:
    link, path = ScriptedLink(echoes=[None] * 5), perfect_path()
    assert performed(SILENT, link, path=path).verdict is PASS
    probes = [packet for packet in link.sent if isinstance(packet, Echo)]
    assert [probe.sequence for probe in probes] == [1, 2, 3, 4, 5, 6]
    assert path.lost == 5


def test_an_answer_counts_even_where_no_sentinel_comes_back() -> None:
    link = ScriptedLink([(0.0005, RIGHT)], echoes=[None] * 6)
    assert performed(ANSWERED, link).verdict is PASS
    link = ScriptedLink([(0.0005, RIGHT)], echoes=[None] * 12)
    assert performed(ANSWERED, link).verdict is INCONCLUSIVE, "the end has yet to be proven"


def test_what_was_sent_last_is_known_by_name() -> None:
    link = at()
    outcome = performed("  - send: {flags: FIN|ACK, length: 3}\n  - expect: nothing\n", link)
    sent = link.sent[0]
    assert isinstance(sent, Packet)
    assert sent.segment == Segment(IRS, 0, FIN | ACK, 65535, b"ttt")
    known = outcome.transcript.variables
    assert [known[f"seg_{name}"] for name in ("seq", "ack", "len", "tsval")] == [IRS, 0, 4, 0]


@pytest.mark.parametrize(
    ("said", "sent"),
    [("01", "01000000"), ("0101", "01010000"), ("010101", "01010100"), ("01" * 4, "01" * 4)],
)
def test_options_are_filled_up_to_what_a_data_offset_can_say(said: str, sent: str) -> None:
    link = at()
    performed(f"  - send: {{flags: ACK, options: '{said}'}}\n  - expect: nothing\n", link)
    packet = link.sent[0]
    assert isinstance(packet, Packet)
    assert packet.segment.option_octets.hex() == sent


def what_left(said: str) -> tuple[str, str]:
    """The packet of a ``send`` with these fields, in all that it is made of, and its damage."""
    link = at()
    reach = "{state: LISTEN, family: ipv6, timestamps: on}"
    outcome = performed(script(f"  - send: {{{said}}}\n", reach), link)
    return repr(link.sent[0]), outcome.transcript.events[0].note


def test_every_field_of_a_send_is_in_the_table() -> None:
    on_the_packet = {field.name for field in fields(Send)} - {"on", "within"}
    assert EACH_FIELD.keys() == on_the_packet


@pytest.mark.parametrize(("field", "value"), EACH_FIELD.items())
def test_every_field_of_a_send_is_put_on_the_packet(field: str, value: str) -> None:
    flags = "" if field == "flags" else "flags: ACK, "
    assert what_left(f"{flags}{field}: {value}") != what_left("flags: ACK")


def test_what_came_last_is_known_by_name() -> None:
    known = performed(ANSWERED, at((0.0005, RIGHT))).transcript.variables
    assert [known[f"ans_{name}"] for name in ("seq", "ack", "len", "tsval")] == [1, IRS, 0, 0]


# -- what no step accounts for --------------------------------------------------------------------


@pytest.mark.parametrize("more", ["", SEND, "  - wait: 1s\n", "  - call: unlisten\n"])
def test_a_second_answer_that_no_step_expects_fails(more: str) -> None:
    other = segment(ACK, 1, IRS + 7)
    outcome = performed(ANSWERED + more, at((0.0004, RIGHT), (0.0005, other)))
    assert verdict(outcome) == (FAIL, "ACK seq=snd_nxt+1 ack=rcv_nxt+7 came, which no step expects")


def test_what_comes_during_a_wait_fails() -> None:
    outcome = performed(f"{SILENT}  - wait: 1s\n", at((0.5, RIGHT)))
    assert outcome.verdict is FAIL
    assert "which no step expects" in outcome.reason


def test_what_comes_before_a_state_is_read_fails() -> None:
    link = ScriptedLink([(0.0005, RIGHT)], readings=[reading("LISTEN")])
    outcome = performed(f"{SEND}  - state: LISTEN\n", link)
    assert verdict(outcome) == (FAIL, "ACK seq=snd_nxt+1 ack=rcv_nxt came, which no step expects")
    assert not any(event.note for event in outcome.transcript.events), "the state is not read"


def test_nothing_is_sent_after_a_step_that_failed() -> None:
    link = at((0.0005, RIGHT))
    performed(SILENT + SEND, link)
    assert sum(isinstance(packet, Packet) for packet in link.sent) == 1


def test_of_two_strays_the_first_is_named_and_nothing_is_done_after_it() -> None:
    for more in (SEND, "  - call: unlisten\n", "  - wait: 1s\n"):
        link = at((0.0003, RIGHT), (0.0004, segment(ACK, 1, IRS + 7)), (0.0005, segment(RST)))
        outcome = performed(ANSWERED + more, link)
        assert verdict(outcome) == (
            FAIL,
            "ACK seq=snd_nxt+1 ack=rcv_nxt+7 came, which no step expects",
        )
        assert outcome.step is outcome.case.steps[2]
        assert sum(isinstance(packet, Packet) for packet in link.sent) == 1
        assert not any(event.note for event in outcome.transcript.events)


def test_each_expect_takes_one_answer_in_order() -> None:
    steps = f"{ANSWERED}  - expect: {{flags: RST}}\n"
    assert performed(steps, at((0.0004, RIGHT), (0.0005, segment(RST)))).verdict is PASS
    assert performed(steps, at((0.0004, segment(RST)), (0.0005, RIGHT))).verdict is FAIL


# -- time -----------------------------------------------------------------------------------------


def test_within_waits_for_what_a_timer_owes() -> None:
    steps = f"{ANSWERED}    within: 2s\n"
    assert performed(steps, at((2.0, RIGHT))).verdict is PASS
    late = performed(steps, at((2.5, RIGHT)))
    assert late.verdict is FAIL
    assert late.by_absence


def test_what_comes_during_a_wait_is_known_before_the_next_step() -> None:
    link = at((0.5, RIGHT))
    outcome = performed(f"{SILENT}  - wait: 1s\n{SEND}", link)
    assert outcome.verdict is FAIL
    assert sum(isinstance(packet, Packet) for packet in link.sent) == 1


def test_what_crosses_is_told_by_its_step_and_time() -> None:
    link = ScriptedLink([(8.0005, RIGHT), (8.25, segment(RST))], clock=8.0)
    transcript = performed(f"{ANSWERED}  - wait: 1s\n", link).transcript
    told = [
        (event.step, event.direction, round(event.time, 4))
        for event in transcript.events
        if isinstance(event.packet, Packet)
    ]
    assert told == [(0, "sent", 0.0), (1, "received", 0.0005), (2, "received", 0.25)]


def test_a_step_that_leaves_within_its_time_is_played() -> None:
    steps = f"{SILENT}  - wait: 300ms\n  - send: {{flags: ACK, within: 400ms}}\n"
    assert performed(steps, at()).verdict is PASS


def test_a_step_that_leaves_too_late_decides_nothing() -> None:
    steps = f"{SILENT}  - wait: 500ms\n  - send: {{flags: ACK, within: 400ms}}\n"
    link = at()
    outcome = performed(steps, link)
    assert outcome.verdict is INCONCLUSIVE
    assert outcome.late
    assert "passed since the last segment, and 400ms may" in outcome.reason
    assert sum(isinstance(packet, Packet) for packet in link.sent) == 1


def test_the_time_that_a_step_may_take_is_a_part_of_it() -> None:
    """The sentinel is back after 0.25 s, and 0.25 s more are waited."""
    steps = f"{SILENT}  - wait: 250ms\n  - send: {{flags: ACK, within: 500ms}}\n"
    assert performed(steps, ScriptedLink(echoes=[0.25], clock=8.0)).verdict is PASS
    late = performed(steps.replace("500ms", "499ms"), ScriptedLink(echoes=[0.25], clock=8.0))
    assert late.reason.startswith("0.500 s passed since the last segment, and 499ms may")


@pytest.mark.parametrize(("overrun", "expected"), [(0.3, PASS), (0.4, PASS), (0.5, INCONCLUSIVE)])
def test_a_wait_may_overrun_a_little(overrun: float, expected: Verdict) -> None:
    for before in ("", SILENT):
        outcome = performed(f"{before}  - wait: 500ms\n", ScriptedLink(oversleeps=overrun))
        assert outcome.verdict is expected
        assert outcome.late is (expected is INCONCLUSIVE)


@pytest.mark.parametrize(("calling", "expected"), [(0.3, PASS), (0.5, INCONCLUSIVE)])
def test_what_a_call_took_counts_as_waited(calling: float, expected: Verdict) -> None:
    """When the DUT made it nobody knows but the DUT."""
    link = ScriptedLink(calling=calling, clock=8.0)
    outcome = performed("  - call: bind\n  - wait: 500ms\n", link)
    assert outcome.verdict is expected
    assert outcome.late is (expected is INCONCLUSIVE)
    sent = performed(f"  - call: bind\n{SILENT}  - wait: 1s\n", ScriptedLink(calling=calling))
    assert sent.verdict is PASS, "what is waited for then begins with what was sent"


def test_a_wait_begins_when_the_sentinel_came_back() -> None:
    link = ScriptedLink(echoes=[0.2])
    performed(f"{SEND}  - wait: 1s\n  - call: unlisten\n", link)
    assert link.clock == pytest.approx(1.2 + 0.001)


def test_a_run_takes_as_long_as_its_own_clock_says() -> None:
    outcome = performed(f"{SILENT}  - wait: 500ms\n", ScriptedLink(clock=8.0))
    assert outcome.duration == pytest.approx(0.501)


def test_waits_follow_one_another_without_a_gap() -> None:
    link = ScriptedLink(oversleeps=0.1)
    performed(f"{SILENT}  - wait: 1s\n  - wait: 1s\n", link)
    assert link.clock == pytest.approx(2.001 + 0.1)


# -- captures and paths ---------------------------------------------------------------------------


@pytest.mark.parametrize("arrivals", [[], [(0.0005, RIGHT)]], ids=["would-pass", "would-fail"])
def test_a_torn_capture_decides_nothing(arrivals: list[tuple[float, Packet]]) -> None:
    outcome = performed(SILENT, ScriptedLink([*arrivals], losses=3))
    assert outcome.verdict is INCONCLUSIVE
    assert outcome.reason == "3 frames were lost in capture: the transcript has holes"
    assert outcome.mismatches == ()


def test_a_doubt_is_told_before_a_torn_capture() -> None:
    outcome = performed(SILENT, ScriptedLink(echoes=[None] * 6, losses=3))
    assert "no probe was answered" in outcome.reason


TWICE = f"{ANSWERED}{SEND}  - expect: nothing\n"


def test_a_repeated_answer_is_doubted_on_a_path_that_repeats() -> None:
    link = at((0.1, RIGHT), (0.11, RIGHT))
    case = f"{ANSWERED}    within: 1s\n"
    outcome = performed(case, link, path=bad_path(repeated=3))
    assert verdict(outcome) == (
        INCONCLUSIVE,
        "ACK seq=snd_nxt+1 ack=rcv_nxt came once more; the path may repeat",
    )
    assert not outcome.late


def test_a_repeated_answer_fails_on_a_perfect_path() -> None:
    outcome = performed(ANSWERED, at((0.0004, RIGHT), (0.0005, RIGHT)))
    assert outcome.verdict is FAIL


@pytest.mark.parametrize(("seq", "expected"), [(2, FAIL), (3, INCONCLUSIVE)])
def test_text_whose_beginning_is_lost_is_doubted_on_a_path_that_loses(
    seq: int, expected: Verdict
) -> None:
    """The first step takes an octet at 1, whatever it is; the second expects something else."""
    link = at((0.1, segment(ACK, 1, IRS, b"x")), (0.11, segment(ACK, seq, IRS, b"y")))
    octet, reset = (f"  - expect: {each}\n    within: 1s\n" for each in ("{length: 1}", "rst"))
    case = f"{SEND}{octet}{reset}"
    assert performed(case, link, path=bad_path()).verdict is expected


def test_another_answer_is_not_doubted_on_a_path_that_repeats() -> None:
    link = at((0.1, segment(ACK, 1, IRS + 1)))
    assert performed(f"{ANSWERED}    within: 1s\n", link, path=bad_path()).verdict is FAIL


def test_what_was_under_way_before_the_first_step_is_forgotten() -> None:
    link = at((0.0005, segment(RST)))
    assert performed(SILENT, link, path=bad_path()).verdict is PASS
    assert performed(SILENT, at((0.0005, segment(RST)))).verdict is FAIL


@pytest.mark.parametrize(("after", "expected"), [(0.02, PASS), (0.04, PASS), (0.6, FAIL)])
def test_on_a_path_that_reorders_an_answer_may_come_behind_the_echo(
    after: float, expected: Verdict
) -> None:
    """Round trips of 1 to 20 ms: 28.5 ms after the echo all is there, most likely.  What would fail
    the case by its absence has half a second more."""
    path = bad_path(lost=0, reordered=1)
    begun = 0.001 + path.settling
    link = at((begun + 0.001 + after, RIGHT))
    assert performed(ANSWERED, link, path=path).verdict is expected
    assert path.overtaken == 0, "it may be the path's doing"


def test_echoes_that_come_back_out_of_order_are_counted() -> None:
    path = bad_path(lost=0, reordered=1)
    link = ScriptedLink(echoes=[0.001, 0.25, 0.06])
    assert performed(SILENT, link, path=path).verdict is PASS
    assert path.reordered == 1, "the first came before the second was sent"


def test_a_failing_packet_after_two_sends_may_be_the_paths_fault() -> None:
    outcome = performed(f"{SEND}{SILENT}", at((0.0005, RIGHT)))
    assert outcome.verdict is FAIL
    assert outcome.by_absence


# -- which profile --------------------------------------------------------------------------------


@pytest.mark.parametrize("arrivals", [[], [(0.0005, RIGHT)]])
def test_a_case_that_says_nothing_of_a_profile_decides_nothing(
    arrivals: list[tuple[float, Packet]],
) -> None:
    steps = f"{SEND}  - expect: {{linux-*: nothing}}\n"
    case = script(steps, profiles="[linux-*]")
    outcome = performed(case, at(*arrivals), profile="other")
    assert verdict(outcome) == (INCONCLUSIVE, "the case says nothing about other")


def test_the_record_ends_with_a_reset_of_what_is_half_open() -> None:
    link = at((0.0005, SYN_ACK))
    performed("  - send: {flags: SYN}\n  - expect: {flags: SYN|ACK}\n", link)
    *_, last = (packet for packet in link.sent if isinstance(packet, Packet))
    assert last.segment == Segment(IRS + 1, 0, RST)
