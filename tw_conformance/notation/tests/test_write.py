"""A case written as YAML is the same case when it is read again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tw_conformance.explore.fuzz.strategies import Space, scripts
from tw_conformance.explore.observe import held_to, held_to_both, observe
from tw_conformance.model.case import Case
from tw_conformance.notation.bundled import bundled_cases
from tw_conformance.notation.load import load_file, load_text
from tw_conformance.notation.write import case_to_yaml, save_case, script
from tw_conformance.targets.direct import DirectTarget
from tw_reference.profiles import PROFILES

FILE = Path("written.tw.yaml")
FIRST, SECOND = (DirectTarget(PROFILES[name]) for name in ("freebsd-10", "linux-6.18"))

texts = (
    st.text(min_size=1)
    .map(lambda text: text.rstrip("\n") or "x")
    .filter(lambda text: text.isprintable() or text.isascii())
)


def unplaced(case: Case) -> Case:
    """Without what is not written: its place in a matrix."""
    return replace(case, point={})


def read_again(case: Case) -> Case:
    (read,) = load_text(case_to_yaml(case), FILE)
    return unplaced(read)


@pytest.mark.parametrize("file", sorted(bundled_cases().rglob("*.tw.yaml")), ids=lambda f: f.stem)
def test_every_bundled_case(file: Path) -> None:
    by_name = {case.name: case for case in load_file(file)}
    for case in by_name.values():
        assert read_again(case) == unplaced(case)


@given(scripts(Space(longest_wait=1000)), texts, st.lists(texts, min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_what_a_stack_does_with_any_script(script: Case, title: str, cites: list[str]) -> None:
    turns = FIRST.start(observe(script, FIRST)).result()
    case = replace(held_to(script, turns, "freebsd-10"), title=title, cites=tuple(cites))
    if case.steps:
        assert read_again(case) == unplaced(case)


@given(scripts(Space()))
@settings(max_examples=60, deadline=None)
def test_what_two_stacks_do(script: Case) -> None:
    ours = FIRST.start(observe(script, FIRST)).result()
    theirs = SECOND.start(observe(script, SECOND)).result()
    case = held_to_both(script, ("freebsd-10", ours), ("linux-6.18", theirs))
    if case.steps:
        assert read_again(case) == unplaced(case)


@pytest.mark.parametrize(
    "text", ["on", "null", "010", "0x10", "1_0", "a: b", "a #b", "+1", "-", "'", '"\\', "~", "123"]
)
def test_text_that_yaml_takes_for_something_else(text: str) -> None:
    case = load_text("case: a\ntitle: b\ncites: [c]\nsteps: [send: {flags: RST, ack: 0}]", FILE)[0]
    assert read_again(replace(case, title=text)).title == text


def test_a_saved_case_says_where_it_comes_from(tmp_path: Path) -> None:
    (case,) = load_text("case: a\ntitle: b\ncites: [c]\nsteps: [send: {flags: RST}]", FILE)
    file = save_case(case, tmp_path / "new", "Found\nsomewhere.")
    assert file.name == "a.tw.yaml"
    assert file.read_text().startswith("# Found\n# somewhere.\ncase: a\n")
    assert [unplaced(read) for read in load_file(file)] == [unplaced(case)]


def test_calls_are_written_with_their_options_and_what_they_give() -> None:
    text = (
        "case: a\ntitle: b\ncites: [c]\nreach: {open: active, reuse_address: off}\n"
        "steps:\n"
        "  - call: close\n"
        "  - call: {set: {linger2: -1, reuse_address: on}}\n"
        "  - call: {connect: {automatic: off}}\n"
        "    gives: EADDRINUSE\n"
        "  - call: bind\n"
        "    gives:\n"
        "      linux-*: EADDRINUSE\n"
        "      default: refused\n"
    )
    (case,) = load_text(text, FILE)
    assert case_to_yaml(case) == text


EVERY_WORD = """\
case: a
title: b
cites: [c]
profiles: [linux-*]
settings: {rfc1337: 1}
reach: {state: CLOSE-WAIT, timestamps: on, reuse_port: on, sack: on, ecn: on, tsval: 0, \
accepts: off, options: {ttl: 6, nodelay: on}}
steps:
  - send: {flags: ACK, options: "01 01 05 0a", ttl: 3, flow_label: 7}
  - expect: {any: [ack, nothing, {flags: RST, df: true}]}
  - expect:
      linux-6.18: {not: rst}
      default: {not: {window: 0}}
    within: "1s"
  - send: {flags: none, seq: ans_ack, ack: ans_seq+ans_len, tsval: ans_tsval}
  - expect: {seq: 0, flow_label: 7}
  - call: {send: 100}
  - call: {receive: 100}
    gives: eof
  - call: {shutdown: both}
  - call: {bind: {port: 0, address: mapped, family: ipv6, v6only: off}}
  - call: destroy
  - counters: {PAWSTimewait: 1}
  - state: LAST-ACK
"""


def test_every_word_is_written_as_it_was_read() -> None:
    (case,) = load_text(EVERY_WORD, FILE)
    assert case_to_yaml(case) == EVERY_WORD
    assert script(case, "linux-6.18").splitlines() == [
        "  set    rfc1337=1",
        "  reach  CLOSE-WAIT over ipv4, with timestamps, MSS 1460, reuse port on, sack on, ecn on,"
        " tsval 0, never accepted, set ttl=6 nodelay=on",
        "  send   ACK options=01 01 05 0a ttl=3 flow_label=7",
        "  expect ACK seq=snd_nxt ack=rcv_nxt length=0 timestamps=present tsecr=ts_recent   (ack)"
        " or nothing or RST df",
        "  expect not RST seq=seg_ack length=0   (rst) within 1s",
        "  send   none seq=ans_ack ack=ans_seq+ans_len tsval=ans_tsval",
        "  expect seq=0 flow_label=7",
        "  call   send length=100",
        "  call   receive length=100 gives eof",
        "  call   shutdown how=both",
        "  call   bind port=0 address=mapped family=ipv6 v6only=off",
        "  call   destroy",
        "  counters PAWSTimewait=1",
        "  state  LAST-ACK",
    ]
