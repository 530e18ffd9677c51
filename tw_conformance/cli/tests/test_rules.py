"""``tw-conformance rules``: what it prints, in which form, and what it says of a wrong word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tw_reference
from tw_conformance.cli.main import main
from tw_conformance.model.errors import ExitCode
from tw_conformance.notation.stimulus import parse
from tw_conformance.report.rules_page import rules_page
from tw_conformance.report.stimuli import LEGEND, STIMULI, answer
from tw_reference.profiles import PROFILES

KILL = "RST seq=rcv_nxt"
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def printed(capsys: Capture, *arguments: str) -> str:
    assert main(["rules", *arguments]) == ExitCode.CONFORMS
    return capsys.readouterr().out


def value(capsys: Capture, *arguments: str) -> Any:
    return json.loads(printed(capsys, *arguments, "--format", "json"))


@pytest.mark.parametrize("name", PROFILES)
def test_every_rule_is_printed_within_the_terminals_width(name: str, capsys: Capture) -> None:
    text = printed(capsys, name)
    assert max(map(len, text.splitlines())) <= 80
    for rules in PROFILES[name].lists():
        for rule in rules:
            assert rule.id in text


def test_one_list(capsys: Capture) -> None:
    text = printed(capsys, "linux", "--list", "time-wait")
    assert "linux.rst-kill" in text
    assert "linux.listen-rst" not in text
    assert "tcp_rfc1337 is set" in text


def test_json_has_every_rule_in_order(capsys: Capture) -> None:
    (linux,) = value(capsys, "linux-6.18")
    profile = PROFILES["linux-6.18"]
    assert [entry["list"] for entry in linux["lists"]] == [str(r.stage) for r in profile.lists()]
    ids = [rule["id"] for entry in linux["lists"] for rule in entry["rules"]]
    assert ids == [rule.id for rules in profile.lists() for rule in rules]
    keys = {"id", "when", "then", "counts", "decides", "says", "source"}
    assert set(linux["lists"][0]["rules"][0]) == keys
    assert [s["name"] for s in linux["settings"]] == list(profile.settings)


def test_a_note_is_told_from_a_rule_that_decides(capsys: Capture) -> None:
    text = printed(capsys, "rfc9293", "--list", "CLOSE-WAIT")
    assert "take the ACK; go on" in " ".join(text.split())
    (rfc,) = value(capsys, "rfc9293", "--list", "CLOSE-WAIT")
    (close_wait,) = rfc["lists"]
    notes = [rule["id"] for rule in close_wait["rules"] if not rule["decides"]]
    assert notes == ["rfc9293.conn-timestamp", "rfc9293.conn-take-ack"]


def test_an_explanation_has_the_notes_that_acted(capsys: Capture) -> None:
    (rfc,) = value(capsys, "--explain", "ACK state=CLOSE-WAIT", "--profile", "rfc9293")
    (decision,) = rfc["decisions"]
    assert [note["id"] for note in decision["notes"]] == ["rfc9293.conn-take-ack"]
    assert decision["fired"]["id"] == "rfc9293.conn-nothing-more"
    assert "rfc9293.conn-take-ack" not in [rule["rule"] for rule in decision["passed"]]
    assert rfc["ruled"]


def test_two_profiles_side_by_side(capsys: Capture) -> None:
    text = printed(capsys, "--diff", "freebsd-10", "linux-6.18", "--list", "TIME-WAIT")
    assert "freebsd.rst-drop" in text
    assert "linux.rst-kill" in text
    difference = value(capsys, "--diff", "freebsd-10", "freebsd-10")
    kinds = {rule["kind"] for entry in difference["lists"] for rule in entry["rules"]}
    assert kinds == {"same"}


def test_a_segment_explained_by_every_profile(capsys: Capture) -> None:
    explained = value(capsys, "--explain", KILL)
    assert [entry["profile"] for entry in explained] == list(PROFILES)
    by_profile = {entry["profile"]: entry for entry in explained}
    linux = by_profile["linux-6.18"]
    assert linux["decisions"][0]["fired"]["id"] == "linux.rst-kill"
    assert (linux["sent"], linux["after"]["state"]) == ([], "CLOSED")
    assert by_profile["freebsd-10"]["after"]["state"] == "TIME-WAIT"


def test_an_explanation_names_the_false_part_of_each_earlier_rule(capsys: Capture) -> None:
    text = printed(capsys, "--explain", "ACK seq=rcv_nxt+1", "--profile", "freebsd-10")
    assert "needs: RST is set" in text
    assert "Whatever is not the exact duplicate ACK is acknowledged." in text
    assert "Sent: ACK seq=snd_nxt ack=rcv_nxt" in text


def test_profiles_without_the_setting_are_left_out_unless_named(capsys: Capture) -> None:
    explained = value(capsys, "--explain", f"{KILL} rfc1337=1")
    assert {entry["profile"] for entry in explained} == {
        name for name, profile in PROFILES.items() if "rfc1337" in profile.settings
    }
    assert main(["rules", "--explain", f"{KILL} rfc1337=1", "linux", "freebsd"]) == ExitCode.USAGE
    assert "has no setting 'rfc1337'" in capsys.readouterr().err


def test_markdown_keeps_its_columns_where_a_cell_has_a_pipe(capsys: Capture) -> None:
    text = printed(capsys, "--explain", "RST|ACK", "linux", "--format", "markdown")
    assert r"# linux-6.18: RST\|ACK" in text
    tables = [line.replace(r"\|", "") for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} <= {4, 7}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["linx"], "did you mean 'linux'?"),
        (["--profile", "freebds"], "did you mean 'freebsd'?"),
        (["linux", "--list", "TIME-WIAT"], "did you mean 'TIME-WAIT'?"),
        (["--diff", "linux", "freebds"], "did you mean 'freebsd'?"),
        (["linux", "--diff", "linux", "freebsd"], "leave out linux"),
        (["--explain", "RTS"], "did you mean 'RST'?"),
        (["--explain", "RST", "--list", "TIME-WAIT"], "leave out --list and --diff"),
        (["--explain", "RST hz=0"], "no clock of linux-"),
        (["--explain", "RST rfc1337=1 nolocaltimewait=1"], "leave one out"),
        (["--format", "jsn"], "did you mean 'json'?"),
    ],
)
def test_a_wrong_word_is_one_sentence(arguments: list[str], said: str, capsys: Capture) -> None:
    assert main(["rules", *arguments]) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "profile", "signs"),
    [
        (KILL, "linux-6.18", "\N{EN DASH} †"),
        (KILL, "freebsd-10", "\N{EN DASH}"),
        (f"{KILL} rfc1337=1", "freebsd-10", ""),
        ("FIN|ACK seq=rcv_nxt-1", "linux-6.18", "A ↻"),
        ("ACK seq=rcv_nxt-1", "linux-6.18", "(A) ↻"),
        ("ACK seq=rcv_nxt tsval=newer", "linux-6.18", "\N{EN DASH} ↻ t"),
        ("SYN seq=rcv_nxt+1", "linux-6.18", "SA+"),
        ("SYN seq=rcv_nxt+1", "freebsd-10", "SA"),
        ("SYN|ACK seq=rcv_nxt+1", "freebsd-10", "R †"),
    ],
)
def test_answers_in_signs(text: str, profile: str, signs: str) -> None:
    stack = PROFILES[profile]
    assert answer(parse(text, {"rfc1337"}), stack) == signs


def test_every_sign_is_in_the_legend_and_every_stimulus_has_an_answer() -> None:
    settings = {name for profile in PROFILES.values() for name in profile.settings}
    seen: set[str] = set()
    for text in (text for texts in STIMULI.values() for text in texts):
        answers = [answer(parse(text, settings), profile) for profile in PROFILES.values()]
        assert any(answers), text
        seen.update(sign for signs in answers for sign in signs.split() or [""])
    assert seen == set(LEGEND)


def test_the_page_of_the_profiles_is_fresh() -> None:
    page = Path(tw_reference.__file__).parents[1].joinpath("RULES.md").read_text(encoding="utf-8")
    assert page == rules_page(PROFILES), "reference/RULES.md is stale; run ci/rules-page"
