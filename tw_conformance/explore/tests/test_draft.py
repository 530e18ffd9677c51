"""Drafts: one segment becomes a case that every profile with a rule for it passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tw_conformance.explore.draft import draft
from tw_conformance.model.case import Case, Expect, ExpectState
from tw_conformance.model.errors import SuiteError
from tw_conformance.model.verdict import Verdict
from tw_conformance.notation.load import load_text
from tw_conformance.notation.stimulus import parse
from tw_conformance.notation.write import case_to_yaml
from tw_conformance.play.player import perform_once
from tw_conformance.targets.in_process import InProcessTarget
from tw_reference.profiles import PROFILES

SETTINGS = sorted({name for profile in PROFILES.values() for name in profile.settings})


def drafted(text: str) -> Case:
    return draft(parse(text, SETTINGS), list(PROFILES.values()))


@pytest.mark.parametrize(
    ("segment", "about"),
    [
        ("RST seq=rcv_nxt", ("*",)),
        ("SYN seq=rcv_nxt+1 tsval=newer", ("*",)),
        ("SYN seq=rcv_nxt+1 listener=no", ("*",)),
        ("SYN seq=rcv_nxt+1 listener=full", ("*",)),
        ("ACK seq=rcv_nxt length=10 state=FIN-WAIT-2", ("*",)),
        ("FIN|ACK seq=rcv_nxt-1 age=5s", ("*",)),
        ("RST seq=rcv_nxt rfc1337=1", ("linux-*", "rfc9293")),
        ("SYN|ACK state=SYN-SENT", ("*",)),
    ],
)
def test_a_draft_loads_and_passes_under_every_profile_that_it_is_about(
    segment: str, about: tuple[str, ...]
) -> None:
    case = drafted(segment)
    assert case.profiles == about
    (loaded,) = load_text(case_to_yaml(case), Path("draft.tw.yaml"))
    for profile in filter(loaded.applies_to, PROFILES):
        target = InProcessTarget(PROFILES[profile])
        outcome = target.start(perform_once(loaded, target)).result()
        assert outcome.verdict is Verdict.PASS, f"{profile}: {outcome.reason}"


def test_what_profiles_agree_on_is_said_once_in_a_word_and_the_rest_by_globs() -> None:
    case = drafted("RST seq=rcv_nxt")
    expect, state = case.steps[-2:]
    assert isinstance(expect, Expect)
    assert isinstance(state, ExpectState)
    assert [glob for glob, _ in expect.answer.choices] == ["*"]
    assert [glob for glob, _ in state.state.choices] == ["freebsd-*", "*"]
    assert case.name == "time-wait-rst-seq-rcv-nxt"
    assert "RFC 9293 section 3.10.7.4, second" in case.cites


def test_the_iss_that_time_wait_chose_is_said() -> None:
    text = case_to_yaml(drafted("SYN seq=rcv_nxt+1 tsval=newer"))
    assert "linux-*: {flags: SYN|ACK, seq: snd_nxt+65537, ack: seg_seq+1, length: 0}" in text
    assert "linux-6.1: syn-ack" in text


@pytest.mark.parametrize(
    ("segment", "says"),
    [
        ("ACK last_ack=1s", "a case sends a segment"),
        ("RST rfc1337=1 insecure_rst=1", "no profile has a rule"),
    ],
)
def test_what_no_case_can_say_is_refused(segment: str, says: str) -> None:
    with pytest.raises(SuiteError, match=says):
        drafted(segment)
