"""FreeBSD's lists for the states of a connection: each rule of each list is met by a segment whose
outcome is written here, and its mutants are noticed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tw_reference import segment as tcp
from tw_reference.profiles import PROFILES
from tw_reference.profiles.tests.test_rfc9293_states import (
    CL,
    CW,
    F1,
    F2,
    FIN_ACK,
    LA,
    PSH_ACK,
    WINDOW,
    E,
    Row,
)
from tw_reference.rules.actions import ConnectionAction

STATES = (E, F1, F2, CW, CL, LA)
FIN_ON_ITS_WAY = (F1, CL, LA)


def everywhere(*, of_10: bool) -> Iterator[Row]:
    """The steps before the ACK field."""
    for stage in STATES:
        outstanding = stage in FIN_ON_ITS_WAY
        end, answer = ("-fin", "FIN|ACK") if outstanding else ("", "ACK")
        state = stage.name.removesuffix(" connection")
        same = f"{state}; again" if outstanding else state
        yield Row(stage, f"conn-paws-text{end}", f"{answer} -> {same}", PSH_ACK, ack=-1, text=b"x",
                  tsval=-1, timestamps=True)  # fmt: skip
        yield Row(stage, "conn-paws", f"nothing -> {same}", tcp.ACK, seq=-1, ack=-1, tsval=-1,
                  timestamps=True)  # fmt: skip
        yield Row(stage, f"conn-beyond{end}", f"{answer} -> {same}", tcp.ACK, seq=70_000, ack=-1)
        yield Row(stage, f"conn-no-ack-old{end}", f"{answer} -> {same}", tcp.PSH, seq=-1)
        yield Row(stage, "conn-no-ack", f"nothing -> {same}", tcp.PSH)
        yield Row(stage, f"conn-ack-too-high{end}", f"{answer} -> {same}", tcp.ACK, ack=1)
        yield Row(stage, "conn-rst-drop", f"nothing -> {same}", tcp.RST, seq=-2,
                  settings=(("insecure_rst", 1),))  # fmt: skip
        if of_10:
            yield Row(stage, "conn-rst-about", "nothing -> gone", tcp.RST, seq=-1)
            yield Row(stage, f"conn-syn-left{end}", f"{answer} -> {same}", tcp.SYN, seq=-5)
            yield Row(stage, "conn-syn-in-window", "RST|ACK -> gone", tcp.SYN, seq=5)
            continue
        yield Row(stage, "conn-missing-timestamp", f"nothing -> {same}", PSH_ACK, seq=-1, ack=-1,
                  tsval=None, timestamps=True,
                  settings=(("tolerate_missing_ts", 0),))  # fmt: skip
        yield Row(stage, "conn-rst", "nothing -> gone", tcp.RST)
        yield Row(stage, "conn-rst-challenge", f"ACK -> {same}", tcp.RST, seq=1)
        yield Row(stage, "conn-syn", "RST|ACK -> gone", tcp.SYN, seq=5,
                  settings=(("insecure_syn", 1),))  # fmt: skip
        yield Row(stage, "conn-syn-challenge", f"ACK -> {same}", tcp.SYN, seq=-5)


# fmt: off
ROWS = (
    Row(E, "conn-timestamp", "ACK tsecr+9 -> ESTABLISHED", PSH_ACK, text=b"x", tsval=9,
        timestamps=True),
    Row(F1, "conn-timestamp", "FIN|ACK tsecr+9 -> FIN-WAIT-1; again", PSH_ACK, ack=-1, text=b"x",
        tsval=9, timestamps=True),
    Row(F2, "conn-timestamp", "ACK tsecr+9 -> FIN-WAIT-2", PSH_ACK, text=b"x", tsval=9,
        timestamps=True),
    Row(CW, "conn-timestamp", "ACK tsecr+9 -> CLOSE-WAIT", PSH_ACK, seq=-1, text=b"x", tsval=9,
        timestamps=True),
    Row(CL, "conn-timestamp", "FIN|ACK tsecr+9 -> CLOSING; again", PSH_ACK, seq=-1, ack=-1,
        text=b"x", tsval=9, timestamps=True, window=WINDOW),
    Row(LA, "conn-timestamp", "FIN|ACK tsecr+9 -> LAST-ACK; again", PSH_ACK, seq=-1, ack=-1,
        text=b"x", tsval=9, timestamps=True),
    Row(E, "conn-take-ack", "nothing -> ESTABLISHED", tcp.ACK, queued=b"x"),
    Row(F1, "conn-take-ack", "nothing -> FIN-WAIT-1; again", tcp.ACK, ack=-1, queued=b"x"),
    Row(CW, "conn-take-ack", "nothing -> CLOSE-WAIT", tcp.ACK, queued=b"x"),
    Row(E, "conn-old", "ACK -> ESTABLISHED", FIN_ACK, seq=-1),
    Row(F1, "conn-old-fin", "FIN|ACK -> FIN-WAIT-1; again", FIN_ACK, seq=-1, ack=-1),
    Row(F2, "conn-old", "ACK -> FIN-WAIT-2", FIN_ACK, seq=-1),
    Row(CW, "conn-old", "ACK -> CLOSE-WAIT", FIN_ACK, seq=-1),
    Row(CL, "conn-old-fin", "FIN|ACK -> CLOSING; again", FIN_ACK, seq=-1, ack=-1, window=WINDOW),
    Row(LA, "conn-old-fin", "FIN|ACK -> LAST-ACK; again", FIN_ACK, seq=-1, ack=-1),
    Row(F1, "conn-after-close", "RST -> gone", PSH_ACK, ack=-1, text=b"x", orphan=True),
    Row(F2, "conn-after-close", "RST -> gone", PSH_ACK, text=b"x", orphan=True),
    Row(CL, "conn-after-close", "RST -> gone", PSH_ACK, ack=-1, text=b"x", orphan=True),
    Row(LA, "conn-after-close", "RST -> gone", PSH_ACK, ack=-1, text=b"x", orphan=True),
    Row(E, "conn-nothing-more", "nothing -> ESTABLISHED", tcp.ACK),
    Row(F1, "conn-nothing-more", "nothing -> FIN-WAIT-1; again", tcp.ACK, ack=-1),
    Row(F2, "conn-nothing-more", "nothing -> FIN-WAIT-2", tcp.ACK),
    Row(E, "conn-text", "ACK -> ESTABLISHED", PSH_ACK, text=b"x"),
    Row(F1, "conn-text-fin", "FIN|ACK -> FIN-WAIT-1; again", PSH_ACK, ack=-1, text=b"x"),
    Row(F2, "conn-text", "ACK -> FIN-WAIT-2", PSH_ACK, text=b"x"),
    Row(CW, "conn-after-fin", "nothing -> CLOSE-WAIT", PSH_ACK, text=b"x"),
    Row(CL, "conn-after-fin", "nothing -> CLOSING; again", PSH_ACK, ack=-1, text=b"x"),
    Row(LA, "conn-after-fin", "nothing -> LAST-ACK; again", PSH_ACK, ack=-1, text=b"x"),
    Row(E, "established-fin", "ACK -> CLOSE-WAIT", FIN_ACK),
    Row(F1, "fin-wait-1-ack", "nothing -> FIN-WAIT-2", tcp.ACK),
    Row(F1, "fin-wait-1-fin", "FIN|ACK -> CLOSING; again", FIN_ACK, ack=-1),
    Row(CL, "closing-ack", "nothing -> TIME-WAIT", tcp.ACK),
    Row(LA, "last-ack-ack", "nothing -> gone", tcp.ACK),
    Row(CL, "conn-duplicate-ack-or-fin", "nothing -> CLOSING; again", FIN_ACK, seq=-1, ack=-1),
    Row(LA, "conn-duplicate-ack-or-fin", "nothing -> LAST-ACK; again", FIN_ACK, seq=-1, ack=-1,
        window=WINDOW),
)
OF_14 = (
    *everywhere(of_10=False), *ROWS,
    Row(F1, "conn-duplicate-ack", "nothing -> FIN-WAIT-1; again", FIN_ACK, seq=-1, ack=-1,
        window=WINDOW),
    Row(F2, "fin-wait-2-fin", "ACK -> TIME-WAIT", FIN_ACK),
    Row(CL, "closing-ack-old", "ACK -> TIME-WAIT", FIN_ACK, seq=-1),
)
OF_10 = (
    *everywhere(of_10=True), *ROWS,
    Row(E, "conn-rst-far", "nothing -> ESTABLISHED", tcp.RST, seq=2),
    Row(F1, "conn-duplicate-ack-or-fin", "nothing -> FIN-WAIT-1; again", FIN_ACK, ack=-1,
        window=WINDOW),
    Row(F2, "fin-wait-2-fin-owed", "ACK -> TIME-WAIT", FIN_ACK),
    Row(CL, "closing-ack-old-owed", "ACK -> TIME-WAIT", FIN_ACK, seq=-1),
)
# fmt: on

NEVER = {
    (E, "conn-after-close"): "an orphan has sent its FIN, or waits to: it is in FIN-WAIT-1",
    (CW, "conn-after-close"): "an orphan is in LAST-ACK by then",
    (F2, "conn-take-ack"): "nothing of this side is left to be acknowledged",
    (CL, "conn-take-ack"): "the ACK of the FIN leads to TIME-WAIT, where nothing is sent again",
    (LA, "conn-take-ack"): "the ACK of the FIN ends the connection, with all that was sent",
}
"""Rules that a segment meets but that leave nothing to be seen in that state, and why."""

CHECKED = [("freebsd-14", row) for row in OF_14] + [("freebsd-10", row) for row in OF_10]


@pytest.mark.parametrize(("name", "rows"), [("freebsd-10", OF_10), ("freebsd-14", OF_14)])
def test_every_rule_of_every_state_has_a_row(name: str, rows: tuple[Row, ...]) -> None:
    met = {(row.stage.name, f"freebsd.{row.rule}") for row in rows}
    never = {(stage.name, f"freebsd.{rule}") for stage, rule in NEVER}
    rules = {(stage.name, rule.id) for stage in STATES for rule in PROFILES[name][stage]}
    assert met | never == rules
    assert not met & never


@pytest.mark.parametrize(
    ("name", "row"), CHECKED, ids=[f"{name}-{row.stage}-{row.rule}" for name, row in CHECKED]
)
def test_a_rule_decides_and_its_mutants_are_noticed(name: str, row: Row) -> None:
    profile = PROFILES[name]
    outcome, met = row.play(profile)
    assert f"freebsd.{row.rule}" in met
    assert outcome == row.outcome
    decisions = profile[row.stage]
    rule = decisions.rule(f"freebsd.{row.rule}")
    for then in (ConnectionAction.DROP, ConnectionAction.CLOSE):
        if rule.then != (then,):
            mutant = decisions.replacing(rule.id, replace(rule, then=(then,)))
            assert row.play(profile.with_list(mutant))[0] != outcome, f"nobody notices {then}"


@pytest.mark.parametrize("name", ["freebsd-13", "freebsd-15"])
def test_13_owes_the_ack_of_the_fin_and_15_is_as_14(name: str) -> None:
    lists = {stage: [rule.id for rule in PROFILES[name][stage]] for stage in STATES}
    of_14 = {stage: [rule.id for rule in PROFILES["freebsd-14"][stage]] for stage in STATES}
    owed = {rule for stage in STATES for rule in set(lists[stage]) - set(of_14[stage])}
    in_13 = {"freebsd.fin-wait-2-fin-owed", "freebsd.closing-ack-old-owed"}
    assert owed == (in_13 if name == "freebsd-13" else set())
