"""Whatever a file holds, loading it gives cases or faults, and never anything else."""

from __future__ import annotations

from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tw_conformance.model.case import Case
from tw_conformance.model.errors import CaseError
from tw_conformance.notation.load import load_text
from tw_conformance.notation.schema import schema

FILE = Path("any.yaml")

GOOD = """\
case: a-case
title: A title
cites: [RFC 1337 section 3, "tcp_timewait.c:380-386"]
profiles: [freebsd-*, linux-*]
settings: {timestamps: $on}
matrix:
  family: [ipv4, ipv6]
  on: [0, 1]
  flags: [RST, RST|ACK]
reach: {state: TIME-WAIT, through: CLOSING, timestamps: on}
steps:
  - send: {flags: $flags, seq: rcv_nxt+$on, timestamps: newer}
  - expect:
      freebsd-*: nothing
      default: {flags: RST, seq: seg_ack, df: true}
    within: 500ms
  - wait: 2msl-1s
  - call: unlisten
  - call: {connect: {automatic: on}}
    gives: {linux-*: EADDRNOTAVAIL, default: refused}
  - state: {is: TIME-WAIT, timer: kept}
"""

SCRAPS = [
    "~", "{}", "[]", "[", "}", "'", "&a ", "*a", "!!int ", "$on", "$x", "on", "1", "-1", "+1",
    ": ", "- ", "\n", "\n---\n", "  ", "\t", "\0", "\ud800", "\x85", "default", "linux-*", "ack",
    "010", "flags", "expect", "send", "steps", "<<", "? ", "| ", "> ", "#", "9" * 20,
]  # fmt: skip


def load(text: str) -> list[Case]:
    """The cases, or none where it is refused, with at least one fault that stands in the file."""
    try:
        return load_text(text, FILE)
    except CaseError as error:
        lines = len(text.splitlines()) + 1
        places = [fault.place for fault in error.faults]
        if places and all(1 <= at.line <= lines and at.column >= 1 for at in places):
            return []
        raise


def test_the_document_to_spoil_is_good() -> None:
    assert len(load(GOOD)) == 8


@given(st.text(st.characters()))
@settings(deadline=None)
@example("\ufeffcase: x")
@example("? [a]\n: b")
@example("key\nb: 1")
def test_any_text(text: str) -> None:
    load(text)


@given(st.integers(0, len(GOOD)), st.integers(0, 30), st.sampled_from(SCRAPS))
@settings(max_examples=200, deadline=None)
def test_a_document_with_a_part_replaced(start: int, length: int, scrap: str) -> None:
    load(GOOD[:start] + scrap + GOOD[start + length :])


@given(st.permutations(GOOD.splitlines(keepends=True)))
@settings(max_examples=50, deadline=None)
def test_a_document_in_disorder(lines: list[str]) -> None:
    load("".join(lines))


scalars = st.one_of(
    st.sampled_from([*SCRAPS[4:12], "TIME-WAIT", "1s", "RST", "rcv_nxt", "ipv4", "true"]),
    st.integers(-1, 70000).map(str),
)
keys = st.sampled_from(
    [
        *schema()["properties"],
        *schema()["$defs"]["step"]["properties"],
        *schema()["$defs"]["send"]["properties"],
        *schema()["$defs"]["call_with_options"]["properties"],
        *schema()["$defs"]["set"]["properties"],
        *schema()["$defs"]["state_is"]["properties"],
        "default",
        "linux-*",
        "on",
        "nonsense",
    ]
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
        st.dictionaries(keys, inner, max_size=4).map(
            lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}"
        ),
    ),
    max_leaves=8,
)


@given(st.dictionaries(keys, values, max_size=8))
@settings(max_examples=200, deadline=None)
def test_known_words_in_any_shape(document: dict[str, str]) -> None:
    load("".join(f"{key}: {value}\n" for key, value in document.items()))


@given(values)
@settings(max_examples=200, deadline=None)
def test_a_step_of_any_shape(step: str) -> None:
    load(f"case: a\ntitle: t\ncites: [c]\nmatrix: {{on: [1, a]}}\nsteps: [{step}, wait: $on]")
