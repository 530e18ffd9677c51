"""Linux 2.6.32 on a whole connection: each rule that only it has, and its mutants."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tw_reference import segment as tcp
from tw_reference.profiles import PROFILES
from tw_reference.profiles.linux_2_6_states import STATES
from tw_reference.profiles.tests.test_rfc9293_states import (
    CL,
    CW,
    F1,
    F2,
    FIN_ACK,
    LA,
    PSH_ACK,
    SYN_ACK,
    E,
    R,
    Row,
    crossing,
)
from tw_reference.rules.actions import ConnectionAction

LINUX = PROFILES["linux-2.6.32"]
RECEIVED = "SYN-RECEIVED; again"

# fmt: off
ROWS = (
    Row(E, "old-paws", "ACK -> ESTABLISHED", PSH_ACK, text=b"x", tsval=-2, timestamps=True),
    Row(F1, "old-rst-outside", "nothing -> FIN-WAIT-1; again", tcp.RST, seq=-1),
    Row(E, "old-outside", "ACK -> ESTABLISHED", tcp.ACK, seq=70_000),
    Row(F2, "old-outside", "ACK -> FIN-WAIT-2", tcp.SYN, seq=-9),
    Row(CW, "old-rst", "nothing -> gone", tcp.RST, seq=1),
    Row(E, "old-timestamp", "ACK tsecr+9 -> ESTABLISHED", PSH_ACK, text=b"x", tsval=9,
        timestamps=True),
    Row(E, "old-syn", "RST|ACK ack+6 -> gone", tcp.SYN, seq=5),
    Row(F1, "old-no-ack", "nothing -> FIN-WAIT-1; again", tcp.FIN),
    Row(F1, "old-take-ack", "nothing -> FIN-WAIT-1; again", tcp.ACK, ack=-1, queued=b"x"),
    Row(E, "old-take-ack-established", "nothing -> ESTABLISHED", tcp.ACK, queued=b"x"),
    Row(R, "old-paws-syn-received", f"ACK -> {RECEIVED}", tcp.ACK, tsval=-2, timestamps=True,
        way=crossing),
    Row(E, "old-ack-unsent", "nothing -> ESTABLISHED", PSH_ACK, ack=1, text=b"x"),
    Row(R, "old-syn-received-bad-ack", f"RST -> {RECEIVED}", tcp.ACK, ack=1, way=crossing),
    Row(R, "old-syn-received-ack", "nothing -> ESTABLISHED", tcp.ACK, way=crossing),
    # what other versions have too
    Row(R, "old-syn-received-ack", "ACK -> ESTABLISHED", SYN_ACK, seq=-1, way=crossing),
    Row(F1, "fin-to-closing", "ACK -> CLOSING; again", FIN_ACK, ack=-1),
    Row(F1, "fin-acked", "ACK -> TIME-WAIT", FIN_ACK),
    Row(F2, "fin-to-time-wait", "ACK -> TIME-WAIT", FIN_ACK),
    Row(CL, "closing-acked", "nothing -> TIME-WAIT", FIN_ACK),
    Row(LA, "last-acked", "nothing -> gone", tcp.ACK),
    Row(F2, "text-after-close", "RST -> gone", PSH_ACK, text=b"x", orphan=True),
)
# fmt: on


def test_every_rule_that_only_this_version_has_has_a_row() -> None:
    own = {rule.id for rules in STATES for rule in rules if rule.id.startswith("linux.old-")}
    assert own == {f"linux.{row.rule}" for row in ROWS if row.rule.startswith("old-")}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.stage}-{row.rule}")
def test_a_rule_decides_and_its_mutants_are_noticed(row: Row) -> None:
    outcome, met = row.play(LINUX)
    assert f"linux.{row.rule}" in met
    assert outcome == row.outcome
    decisions = LINUX[row.stage]
    rule = decisions.rule(f"linux.{row.rule}")
    for then in (ConnectionAction.DROP, ConnectionAction.CLOSE):
        if rule.then != (then,):
            mutant = decisions.replacing(rule.id, replace(rule, then=(then,)))
            assert row.play(LINUX.with_list(mutant))[0] != outcome, f"nobody notices {then}"


def test_no_limit_holds_back_an_ack() -> None:
    for _ in range(3):
        assert Row(E, "old-outside", "", tcp.ACK, seq=70_000).play(LINUX)[0] == "ACK -> ESTABLISHED"


def test_a_fin_without_ack_is_taken_in_established() -> None:
    outcome, _ = Row(E, "", "", tcp.FIN).play(LINUX)
    assert outcome == "nothing -> CLOSE-WAIT; again"
