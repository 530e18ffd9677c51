"""The oracle's «that is what this stack does» looks at all that an answer says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tw_conformance.model.verdict import Mismatch, Outcome, Verdict
from tw_conformance.play import oracle
from tw_conformance.play.oracle import OracleAnswer
from tw_conformance.play.player import play
from tw_conformance.play.tests.scripted import script
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES
from tw_reference.rules import stages
from tw_reference.segment import RST, Packet, Timestamps

REACH = "{state: TIME-WAIT, timestamps: on}"
FIN_AGAIN = "  - send: {flags: FIN|ACK, seq: rcv_nxt-1}\n"


def played(steps: str, profile: str = "linux-6.18", about: str = "*") -> Outcome:
    target = InProcessTarget(PROFILES[profile])
    return target.start(play(script(steps, REACH, f"['{about}']"), target)).result()


def explained(outcome: Outcome) -> dict[str, OracleAnswer]:
    """By profile, with the settings that the case gives it."""
    return {a.profile: a for a in oracle.explain(outcome, {}) if not a.settings}


def beside(change: Callable[[Packet], Packet]) -> bool:
    """Whether linux-6.18 is said to do what a DUT did that answered as it does but for that."""
    outcome = played(f"{FIN_AGAIN}  - expect: nothing\n", about="linux-6.18")
    events = outcome.transcript.events
    for number, event in enumerate(events):
        if event.direction == "received" and event.step == 1 and isinstance(event.packet, Packet):
            events[number] = replace(event, packet=change(event.packet))
    return explained(outcome)["linux-6.18"].same_as_seen


def segment_with(packet: Packet, **changes: Any) -> Packet:
    return replace(packet, segment=replace(packet.segment, **changes))


def test_the_same_answer_is_the_same() -> None:
    assert beside(lambda packet: packet)


@pytest.mark.parametrize(
    "change",
    [
        lambda packet: segment_with(packet, flags=packet.segment.flags | RST),
        lambda packet: segment_with(packet, seq=packet.segment.seq + 1),
        lambda packet: segment_with(packet, ack=packet.segment.ack + 1),
        lambda packet: segment_with(packet, payload=b"t"),
        lambda packet: segment_with(packet, window=packet.segment.window + 1),
        lambda packet: segment_with(packet, timestamps=None),
        lambda packet: segment_with(packet, timestamps=Timestamps(1, 99)),
        lambda packet: replace(packet, tos=4),
        lambda packet: replace(packet, df=False),
    ],
)
def test_an_answer_that_differs_in_one_thing_is_another(
    change: Callable[[Packet], Packet],
) -> None:
    assert not beside(change)


@pytest.mark.parametrize(
    "change",
    [
        lambda packet: segment_with(packet, timestamps=packet.segment.timestamps._replace(tsval=5)),
        lambda packet: replace(packet, ttl=3),
        lambda packet: replace(packet, ip_id=9),
    ],
)
def test_clocks_routers_and_counters_make_no_other_answer(
    change: Callable[[Packet], Packet],
) -> None:
    assert beside(change)


def test_one_answer_is_not_two() -> None:
    outcome = played(f"{FIN_AGAIN}  - expect: nothing\n")
    events = outcome.transcript.events
    events.append(next(e for e in events if isinstance(e.packet, Packet) and e.step == 1))
    assert not explained(outcome)["linux-6.18"].same_as_seen


def test_every_profile_that_the_case_is_about_is_asked() -> None:
    outcome = played(f"{FIN_AGAIN}  - expect: nothing\n")
    assert explained(outcome).keys() == PROFILES.keys()
    told = explained(outcome)["linux-6.18"]
    assert told.answer == "ACK seq=snd_nxt ack=rcv_nxt"
    assert told.state == "TIME-WAIT"
    assert told.rule is not None


def test_without_a_deciding_step_nobody_is_asked() -> None:
    assert oracle.explain(played(f"{FIN_AGAIN}  - expect: ack\n"), {}) == []


def test_a_state_is_the_same_where_the_dut_was_seen_in_it() -> None:
    outcome = played("  - send: {flags: RST}\n  - expect: nothing\n  - state: TIME-WAIT\n")
    told = explained(outcome)
    assert told["linux-6.18"].state == "CLOSED"
    assert told["linux-6.18"].same_as_seen
    assert told["freebsd-10"].state == "TIME-WAIT"
    assert not told["freebsd-10"].same_as_seen


def test_no_step_after_the_deciding_one_is_played() -> None:
    steps = "  - send: {flags: ACK}\n  - expect: ack\n  - send: {flags: RST}\n"
    told = explained(played(steps))["linux-6.18"]
    assert (told.answer, told.state) == ("nothing", "TIME-WAIT")


def test_what_no_list_is_about_has_no_rule() -> None:
    steps = "  - call: unlisten\n    gives: EINVAL\n"
    told = explained(played(steps))["linux-6.18"]
    assert (told.rule, told.answer) == (None, "ok")


def test_what_no_list_of_the_profile_decides_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = PROFILES["linux-6.18"]
    unknown = profile.derive("linux-6.18", "", without=(stages.ESTABLISHED,))
    monkeypatch.setattr(oracle, "PROFILES", {"linux-6.18": unknown})
    steps = "  - send: {flags: ACK, length: 1}\n  - expect: rst\n"
    target = InProcessTarget(profile)
    told = target.start(play(script(steps, "{state: ESTABLISHED}"), target)).result()
    (answer,) = oracle.explain(told, {})
    assert (answer.rule, answer.answer) == (None, "ACK seq=snd_nxt ack=rcv_nxt+1")


def test_a_call_is_the_same_where_it_gives_the_same() -> None:
    steps = "  - call: unlisten\n  - call: {bind: {reuse_port: on}}\n    gives: EINVAL\n"
    told = explained(played(steps))
    assert (told["linux-6.18"].answer, told["linux-6.18"].same_as_seen) == ("EADDRINUSE", True)
    assert (told["freebsd-15"].answer, told["freebsd-15"].same_as_seen) == ("ok", False)


def test_what_a_call_gives_is_held_against_what_it_gave() -> None:
    outcome = played("  - call: unlisten\n    gives: EINVAL\n")
    other = replace(outcome, mismatches=[Mismatch("state", "EINVAL", "ok")])
    assert not explained(other)["linux-6.18"].same_as_seen


# -- settings that the DUT may have ---------------------------------------------------------------


OF_A_SYN = [("window_scaling", 0), ("sack", 0), ("ecn", 0), ("ecn", 1), ("syncookies", 0)]


@pytest.mark.parametrize(
    ("profile", "said", "known", "suspected"),
    [
        (
            "linux-6.1",
            {},
            {},
            [("timestamps", 0), ("rfc1337", 1), ("tw_reuse", 0), ("tw_reuse", 1), *OF_A_SYN],
        ),
        (
            "linux-6.1",
            {"rfc1337": 0, "timestamps": 1},
            {},
            [("tw_reuse", 0), ("tw_reuse", 1), *OF_A_SYN],
        ),
        (
            "linux-6.1",
            {"timestamps": 1},
            {
                "rfc1337": 0,
                "tw_reuse": 1,
                "fin_timeout": 5,
                "hz": 250,
                "window_scaling": 1,
                "sack": 1,
                "ecn": 2,
                "syncookies": 1,
            },
            [("fin_timeout", 5), ("tw_reuse", 1)],
        ),
    ],
)
def test_settings_that_the_dut_may_have_are_suspected_one_at_a_time(
    profile: str,
    said: Mapping[str, int],
    known: Mapping[str, int],
    suspected: list[tuple[str, int]],
) -> None:
    outcome = played(f"{FIN_AGAIN}  - expect: nothing\n", profile)
    asked = replace(outcome, case=replace(outcome.case, settings=said))
    found = list(oracle.suspects(asked, known))
    assert found == [{name: value} for name, value in suspected]


def test_no_setting_is_blamed_where_the_profile_itself_does_what_was_seen() -> None:
    outcome = played("  - send: {flags: RST}\n  - expect: nothing\n  - state: TIME-WAIT\n")
    told = oracle.explain(outcome, {"fin_timeout": 5})
    assert {answer.same_as_seen for answer in told} == {True, False}
    assert [answer for answer in told if answer.settings] == []


def test_a_setting_is_blamed_under_the_cases_own_profile_alone() -> None:
    """The DUT keeps the block, as it does with rfc1337; what FreeBSD does anyway is no matter."""
    outcome = played("  - send: {flags: RST}\n  - expect: nothing\n  - state: FIN-WAIT-2\n")
    (mismatch,) = outcome.mismatches
    kept = replace(outcome, mismatches=[replace(mismatch, seen="TIME-WAIT")])
    blamed = [answer for answer in oracle.explain(kept, {}) if answer.settings]
    assert [(answer.profile, answer.settings) for answer in blamed] == [
        ("linux-6.18", {"rfc1337": 1})
    ]


def test_a_stray_is_explained_by_what_came_before_the_deciding_step() -> None:
    outcome = played(f"{FIN_AGAIN}  - wait: 1s\n")
    assert outcome.verdict is Verdict.FAIL
    assert explained(outcome)["linux-6.18"].same_as_seen


@pytest.mark.parametrize(
    ("wait", "decides"), [("2msl-1s", "linux.ack-restart"), ("2msl+1s+tick", "timer-expired")]
)
def test_what_time_alone_brought_about_is_the_timers(wait: str, decides: str) -> None:
    outcome = played(f"{FIN_AGAIN}  - expect: ack\n  - wait: {wait}\n  - state: LISTEN\n")
    rule = explained(outcome)["linux-6.18"].rule
    assert rule is not None
    assert rule.id == decides
    by_step = oracle.rules_by_step(outcome.case, "linux-6.18")
    assert [each.id for each in by_step if each] == [*["linux.ack-restart"] * 2, *[decides] * 2]


def test_a_timer_ends_a_connection_at_its_moment() -> None:
    """RFC 9293's has no tick."""
    case = script(f"{FIN_AGAIN}  - expect: ack\n  - wait: 2msl\n  - state: CLOSED\n", REACH)
    by_step = oracle.rules_by_step(case, "rfc9293")
    fin, expired = "rfc9293.fin-again", "timer-expired"
    assert [each and each.id for each in by_step] == [fin, fin, expired, expired]


def test_where_no_list_was_asked_there_is_no_rule_and_one_place_a_step() -> None:
    case = script("  - wait: 1s\n  - state: LISTEN\n")
    assert oracle.rules_by_step(case, "linux-6.18") == [None, None]
    refused = script("  - wait: 1s\n  - state: LISTEN\n", "{state: TIME-WAIT, sack: on, ecn: on}")
    assert oracle.rules_by_step(refused, "rfc9293") == [None, None]


def test_a_connection_that_a_call_ended_is_not_the_timers() -> None:
    outcome = played("  - call: destroy\n  - wait: 1s\n  - state: LISTEN\n", about="linux-6.18")
    rule = explained(outcome)["linux-6.18"].rule
    assert rule is not None
    assert rule.id != oracle.EXPIRED.id
