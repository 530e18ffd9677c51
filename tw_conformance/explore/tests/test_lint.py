"""Remarks: what is doubtful about a case that loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tw_conformance.explore.lint import remarks
from tw_conformance.notation.load import read_text

HEAD = "case: x\ntitle: A title\ncites: [RFC 1337 section 3]\n"
KILL = "steps:\n  - send: {flags: RST, seq: rcv_nxt}\n  - expect: nothing\n"
OPENED = """\
reach: {state: LISTEN}
steps:
  - send: {flags: SYN, seq: irs}
  - expect: syn-ack
  - send: {flags: ACK, seq: irs+1, ack: ans_seq+1}
  - expect: {flags: FIN|ACK}
"""


def said(text: str) -> list[str]:
    return [str(remark) for remark in remarks(read_text(HEAD + text, Path("x.yaml")).cases)]


@pytest.mark.parametrize(
    "text",
    [
        KILL + "  - state: {freebsd-*: TIME-WAIT, default: CLOSED}\n",
        "profiles: [linux-*]\n" + KILL + "  - state: {linux-6.*: CLOSED, default: CLOSED}\n",
        OPENED + "    within: 1s\n",
    ],
)
def test_nothing_is_said_of_a_case_that_is_right(text: str) -> None:
    assert said(text) == []


def test_an_expectation_that_no_profile_meets() -> None:
    (remark,) = said(KILL + "  - state: LISTEN\n")
    assert remark.startswith("x.yaml:7:5: remark: no profile meets this (x, freebsd-10: expected ")


def test_one_that_no_profile_of_its_glob_meets() -> None:
    (remark,) = said(KILL + "  - state: {freebsd-*: CLOSED, default: CLOSED}\n")
    assert "remark: no profile of 'freebsd-*' meets this (x, freebsd-10: expected state" in remark


def test_waits_that_outlast_a_run() -> None:
    (remark,) = said("steps:\n  - wait: 2msl\n  - wait: 100000s\n  - state: CLOSED\n")
    assert remark.startswith("x.yaml:6:5: remark: the waits of this case are longer than")


def test_steps_that_are_never_reached() -> None:
    (remark,) = said(
        "steps:\n  - send: {flags: RST, seq: rcv_nxt}\n  - expect: ack\n  - state: CLOSED\n"
    )
    assert "no profile meets this; no step behind it is reached" in remark


def test_a_case_about_a_profile_that_nobody_knows() -> None:
    (remark,) = said("profiles: [linux-6.18, linux-7]\n" + KILL)
    assert remark.startswith(
        "x.yaml:4:24: remark: 'linux-7' names no known profile: the reference plays none"
    )


def test_a_choice_for_profiles_that_the_case_is_not_about() -> None:
    (remark,) = said(
        "profiles: [linux-*]\n" + KILL + "  - state: {freebsd-*: TIME-WAIT, default: CLOSED}\n"
    )
    assert remark == "x.yaml:8:5: remark: 'freebsd-*' names no profile that the case is about"


def test_profiles_that_a_choice_says_nothing_of_are_named() -> None:
    state = "  - state: {linux-6.1: CLOSED, linux-6.81: CLOSED}\n"
    unknown, silent = said("profiles: [linux-6.*]\n" + KILL + state)
    assert unknown == (
        "x.yaml:8:5: remark: 'linux-6.81' names no known profile; did you mean 'linux-6.18'?"
    )
    assert silent == (
        "x.yaml:8:5: remark: nothing is said of linux-6.12, linux-6.14 and linux-6.18, where the"
        " case is left out: add default"
    )


def test_what_a_title_names_in_vain_is_a_remark() -> None:
    text = HEAD.replace("A title", "A $flag") + KILL
    (remark,) = remarks(read_text(text, Path("x.yaml")).cases)
    assert str(remark).startswith("x.yaml:2:10: remark: no matrix name is 'flag': there is no")


def test_a_process_that_is_given_no_time_to_close() -> None:
    (remark,) = said(OPENED)
    assert "x.yaml:9:5: remark: a FIN behind a handshake is a process's doing" in remark


def test_what_many_points_of_a_matrix_have_is_said_once() -> None:
    text = "matrix:\n  family: [ipv4, ipv6]\n" + KILL + "  - state: LISTEN\n"
    assert len(said(text)) == 1


def test_remarks_are_in_the_order_of_their_places() -> None:
    twice = HEAD + KILL + "  - state: LISTEN\n"
    text = f"{twice}---\n{twice.replace('case: x', 'case: y')}"
    both = remarks(read_text(text, Path("x.yaml")).cases)
    assert [remark.place.line for remark in both] == [7, 15]
