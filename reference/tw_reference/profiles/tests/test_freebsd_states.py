"""FreeBSD's lists for the states of a connection: each rule of each list is met by a segment whose
outcome is written here, and its mutants are noticed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND, SECOND
from tw_reference.profiles import PROFILES
from tw_reference.profiles.tests.test_rfc9293_states import (
    CL,
    CW,
    F1,
    F2,
    FIN_ACK,
    LA,
    PSH_ACK,
    WAYS,
    WINDOW,
    Bench,
    E,
    R,
    Row,
    S,
    crossing,
    fin_wait_1,
)
from tw_reference.rules import stages
from tw_reference.rules.actions import ConnectionAction
from tw_reference.rules.decision import AnyStage
from tw_reference.segment import Packet, Segment
from tw_reference.stack.tests.connection.ends import FLOW, Peer

Q = stages.SYN_RECEIVED_REQUEST
SENT, RECEIVED = "SYN-SENT; again", "SYN-RECEIVED; again"
SYN_ACK, RST_ACK = tcp.SYN | tcp.ACK, tcp.RST | tcp.ACK
OPENING = (S, Q, R)
STATES = (E, F1, F2, CW, CL, LA)
FIN_ON_ITS_WAY = (F1, CL, LA)
DUE = {E: "conn-due", F1: "conn-due", F2: "conn-due"} | dict.fromkeys(
    (CW, CL, LA), "conn-after-fin-due"
)
"""The rule of 14 that sends the ACK that is due, where nothing new is left of the segment."""


def crossing_text(bench: Bench) -> None:
    bench.open_actively()
    bench.arrives(tcp.SYN, text=b"abc")


def shut(bench: Bench) -> None:
    bench.open_actively()
    bench.connection.shut("write")


def twice(way: Callable[[Bench], None], text: bytes = b"") -> Callable[[Bench], None]:
    """Two duplicate ACKs behind ``way``, of a FIN, or of text that is sent then."""

    def arrive(bench: Bench) -> None:
        way(bench)
        bench.connection.send(text)
        for _ in range(2):
            bench.arrives(tcp.ACK, ack=-1)

    return arrive


def duplicate(kind: str) -> Iterator[Row]:
    """Duplicate ACKs: the first, and the third."""
    for stage in (E, CW, *FIN_ON_ITS_WAY):
        text = b"" if stage in FIN_ON_ITS_WAY else b"x"
        again, end = ("PSH|ACK", "; text again") if text else ("FIN|ACK", "; again")
        looked_at = stage in (E, F1)
        name = "" if looked_at else "-or-fin"
        yield Row(stage, f"conn-{kind}-ack{name}", f"nothing -> {stage.name}{end}", tcp.ACK,
                  ack=-1, window=WINDOW, queued=text)  # fmt: skip
        yield Row(stage, f"conn-{kind}-ack-third{name}", f"{again} -> {stage.name}{end}",
                  tcp.ACK, ack=-1, window=WINDOW, way=twice(WAYS[stage], text))  # fmt: skip


def answered() -> Iterator[Row]:
    """The first duplicate ACK where an ACK is due, since 14."""
    for stage in (E, CW, *FIN_ON_ITS_WAY):
        text, rule = (b"", "-due-fin") if stage in FIN_ON_ITS_WAY else (b"x", "-due")
        answer, end = ("ACK", "; text again") if text else ("FIN|ACK", "; again")
        name = "" if stage in (E, F1) else "-or-fin"
        yield Row(stage, f"conn-plain-duplicate-ack{name}{rule}", f"{answer} -> {stage.name}{end}",
                  tcp.ACK | tcp.CWR, ack=-1, window=WINDOW, queued=text, ecn=True)  # fmt: skip


def of_12(row: Row) -> Row:
    """A row under the name that its rule has until 12, where that asks whether an ACK is due."""
    asks = re.fullmatch(r"(.*-due|.*-text-delayed)(-fin|-owed|)", row.rule)
    return row if asks is None else replace(row, rule="{}-until-12{}".format(*asks.groups()))


def delayed() -> Iterator[Row]:
    """Text in order, whose ACK waits."""
    name = "conn-text-delayed"
    yield Row(E, "established-text-delayed", "nothing -> ESTABLISHED; again", PSH_ACK, text=b"x")
    # What is sent again is the text; before that comes the ACK.
    yield Row(F1, f"{name}-fin", "nothing -> FIN-WAIT-1; again", PSH_ACK, ack=-2, text=b"x",
              queued=b"x")  # fmt: skip
    yield Row(F2, name, "nothing -> FIN-WAIT-2; again", PSH_ACK, text=b"x")


def reduced() -> Iterator[Row]:
    """What has CWR, since 13."""
    for stage in STATES:
        outstanding = stage in FIN_ON_ITS_WAY
        end, answer = ("-fin", "FIN|ACK") if outstanding else ("", "ACK")
        same = f"{stage.name}{'; again' if outstanding else ''}"
        yield Row(stage, f"conn-no-ack-due{end}", f"{answer} -> {same}", tcp.CWR, ecn=True)
        yield Row(stage, f"{DUE[stage]}{end}", f"{answer} -> {same}", tcp.ACK | tcp.CWR,
                  ack=-1 if outstanding else 0,
                  ecn=True)  # fmt: skip
    yield Row(CL, "closing-ack-due", "ACK -> TIME-WAIT", tcp.ACK | tcp.CWR, ecn=True)


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
        yield Row(stage, f"conn-no-ack-due{end}", f"{answer} -> {same}", tcp.PSH, seq=-1)
        yield Row(stage, "conn-no-ack", f"nothing -> {same}", tcp.PSH)
        yield Row(stage, f"conn-ack-too-high{end}", f"{answer} -> {same}", tcp.ACK, ack=1)
        yield Row(stage, "conn-rst-drop", f"nothing -> {same}", tcp.RST, seq=-2,
                  settings=(("insecure_rst", 1),))  # fmt: skip
        if of_10:
            yield Row(stage, "conn-rst-about", "nothing -> gone", tcp.RST, seq=-1)
            yield Row(stage, f"conn-no-ack-due{end}", f"{answer} -> {same}", tcp.SYN, seq=-1)
            yield Row(stage, "conn-syn-in-window", "RST|ACK -> gone", tcp.SYN, seq=5)
            continue
        yield Row(stage, "conn-syn-fin", f"nothing -> {same}", tcp.SYN | tcp.FIN, seq=5,
                  settings=(("drop_synfin", 1),))  # fmt: skip
        yield Row(stage, "conn-missing-timestamp", f"nothing -> {same}", PSH_ACK, seq=-1, ack=-1,
                  tsval=None, timestamps=True,
                  settings=(("tolerate_missing_ts", 0),))  # fmt: skip
        yield Row(stage, "conn-rst", "nothing -> gone", tcp.RST)
        yield Row(stage, "conn-rst-challenge", f"ACK -> {same}", tcp.RST, seq=1)
        yield Row(stage, "conn-syn", "RST|ACK -> gone", tcp.SYN, seq=5,
                  settings=(("insecure_syn", 1),))  # fmt: skip
        yield Row(stage, "conn-syn-challenge", f"ACK -> {same}", tcp.SYN, seq=-5)


def opening(name: str) -> Iterator[Row]:
    """SYN-SENT, and SYN-RECEIVED of the syncache (Q) and of a connection (R)."""
    of_10, of_15 = name == "freebsd-10", name == "freebsd-15"
    secure = (("insecure_rst", 0),)
    but_rst = "" if of_10 else "-but-rst"
    yield Row(S, "syn-sent-bad-ack-rst", f"nothing -> {SENT}", RST_ACK, ack=1)
    yield Row(S, "syn-sent-bad-ack", f"RST -> {SENT}", SYN_ACK, ack=1)
    yield Row(S, "syn-sent-refused", "nothing -> gone", RST_ACK)
    yield Row(S, "syn-sent-rst", f"nothing -> {SENT}", tcp.RST)
    yield Row(S, "syn-sent-no-syn", f"nothing -> {SENT}", tcp.ACK)
    yield Row(S, "syn-sent-syn-ack-fin", "ACK -> CLOSE-WAIT", SYN_ACK | tcp.FIN, text=b"x")
    yield Row(S, "syn-sent-syn-ack", "ACK -> ESTABLISHED", SYN_ACK, text=b"x")
    yield Row(S, "syn-sent-syn", f"SYN|ACK -> {RECEIVED}", tcp.SYN)
    for row in (
        Row(S, "syn-sent-fin-acked", "ACK -> FIN-WAIT-2", SYN_ACK),
        Row(S, "syn-sent-fin-sent", "FIN|ACK -> FIN-WAIT-1; again", SYN_ACK, ack=-1),
        Row(S, "syn-sent-fins", "FIN|ACK -> CLOSING; again", SYN_ACK | tcp.FIN, ack=-1),
        Row(S, "syn-sent-fins-acked", "ACK -> TIME-WAIT", SYN_ACK | tcp.FIN),
    ):
        owed = "-owed" if of_10 and row.rule == "syn-sent-fins-acked" else ""
        yield replace(row, rule=f"{row.rule}{owed}", way=shut)
    if of_10:
        yield Row(Q, "request-rst-about", "nothing -> gone", tcp.RST, seq=-1)
        yield Row(Q, "request-timestamp", "RST -> gone", tcp.ACK, stamped=True)
        yield Row(Q, "request-tsecr", "RST -> gone", tcp.ACK, timestamps=True, tsecr=1)
    else:
        yield Row(Q, "request-paws", f"nothing -> {RECEIVED}", tcp.ACK, tsval=-1, timestamps=True)
        yield Row(Q, "request-missing-timestamp", f"nothing -> {RECEIVED}", tcp.ACK, tsval=None,
                  timestamps=True, settings=(("tolerate_missing_ts", 0),))  # fmt: skip
        yield Row(Q, "request-rst", "nothing -> gone", tcp.RST)
        yield Row(Q, "request-rst-challenge", f"ACK -> {RECEIVED}", tcp.RST, seq=1)
    if not of_15 and not name.startswith("freebsd-14"):
        yield Row(Q, "request-rst-beside", f"nothing -> {RECEIVED}", RST_ACK)
    yield Row(Q, "request-rst-drop", f"nothing -> {RECEIVED}", tcp.RST, seq=70_000)
    yield Row(Q, "request-outside", "RST -> gone", tcp.ACK, seq=-1)
    yield Row(Q, "request-ack", "ACK -> CLOSE-WAIT", FIN_ACK)
    yield Row(Q, "request-no-syn", f"nothing -> {RECEIVED}", tcp.FIN)
    if of_15:
        yield Row(Q, "request-bad-ack-kept", f"RST -> {RECEIVED}", tcp.ACK, ack=1)
        yield Row(Q, "request-syn-ack-kept", f"RST -> {RECEIVED}", SYN_ACK)
    else:
        yield Row(Q, "request-bad-ack", "RST -> gone", tcp.ACK, ack=1)
        yield Row(Q, "request-syn-ack", "RST -> gone", SYN_ACK)
    yield Row(Q, "request-syn-fin", f"nothing -> {RECEIVED}", tcp.SYN | tcp.FIN,
              settings=(("drop_synfin", 1),))  # fmt: skip
    yield Row(Q, "request-syn-timestamp", f"SYN|ACK tsecr+9 -> {RECEIVED}", tcp.SYN, tsval=9,
              timestamps=True)  # fmt: skip
    yield Row(Q, "request-syn-no-timestamp", f"SYN|ACK without timestamps -> {RECEIVED}",
              tcp.SYN, tsval=None, timestamps=True)  # fmt: skip
    yield Row(Q, "request-syn", f"SYN|ACK -> {RECEIVED}", tcp.SYN, seq=9)
    for row in (
        Row(R, f"syn-received-bad-ack{but_rst}", f"RST -> {RECEIVED}", tcp.ACK, ack=1),
        Row(
            R,
            "syn-received-paws-text",
            f"SYN|ACK -> {RECEIVED}",
            PSH_ACK,
            text=b"x",
            tsval=-1,
            timestamps=True,
        ),
        Row(R, "conn-paws", f"nothing -> {RECEIVED}", tcp.ACK, tsval=-1, timestamps=True),
        Row(R, "syn-received-left", f"RST -> {RECEIVED}", tcp.ACK, seq=-2),
        Row(R, "syn-received-beyond", f"SYN|ACK -> {RECEIVED}", tcp.ACK, seq=70_000),
        Row(
            R,
            "conn-timestamp",
            f"SYN|ACK tsecr+9 -> {RECEIVED}",
            tcp.PSH,
            text=b"x",
            tsval=9,
            timestamps=True,
        ),
        Row(R, "syn-received-again", f"SYN|ACK -> {RECEIVED}", tcp.SYN, seq=-1),
        Row(R, "conn-no-ack", f"nothing -> {RECEIVED}", tcp.PSH),
        Row(
            R,
            "syn-received-any-syn-ack" if of_10 else "syn-received-syn-ack",
            "ACK -> ESTABLISHED",
            SYN_ACK,
            seq=-1,
        ),
        Row(R, "syn-received-ack", "ACK -> CLOSE-WAIT", FIN_ACK),
        Row(R, "conn-rst-drop", f"nothing -> {RECEIVED}", tcp.RST, seq=-2),
    ):
        yield replace(row, way=crossing)
    yield Row(R, "syn-received-ack-held", "nothing -> ESTABLISHED", tcp.ACK, way=crossing_text)
    if of_10:
        yield Row(R, "syn-received-bad-ack-rst", f"nothing -> {RECEIVED}", RST_ACK, ack=1,
                  way=crossing)  # fmt: skip
        yield Row(R, "conn-rst-about", "nothing -> gone", tcp.RST, seq=1, way=crossing)
        yield Row(R, "conn-syn-in-window", "RST|ACK -> gone", SYN_ACK, seq=5, way=crossing)
        return
    for stage, same, way in ((S, SENT, None), (R, RECEIVED, crossing)):
        yield Row(stage, "conn-syn-fin", f"nothing -> {same}", tcp.SYN | tcp.FIN, way=way,
                  settings=(("drop_synfin", 1),))  # fmt: skip
    yield Row(R, "conn-missing-timestamp", f"nothing -> {RECEIVED}", tcp.ACK, tsval=None,
              timestamps=True, settings=(("tolerate_missing_ts", 0),), way=crossing)  # fmt: skip
    yield Row(R, "conn-rst", "nothing -> gone", tcp.RST, settings=secure, way=crossing)
    yield Row(R, "conn-rst-challenge", f"ACK -> {RECEIVED}", tcp.RST, seq=1, way=crossing)
    yield Row(R, "syn-received-text-joins", "ACK -> ESTABLISHED", FIN_ACK, seq=3, text=b"d",
              way=crossing_text)  # fmt: skip
    yield Row(R, "syn-received-syn", "nothing -> ESTABLISHED", SYN_ACK, seq=5, way=crossing)


# fmt: off
ROWS = (
    Row(E, "conn-timestamp", "ACK tsecr+9 -> ESTABLISHED", PSH_ACK, seq=-1, text=b"x", tsval=9,
        timestamps=True),
    Row(F1, "conn-timestamp", "FIN|ACK tsecr+9 -> FIN-WAIT-1; again", PSH_ACK, seq=-1, ack=-1,
        text=b"x", tsval=9, timestamps=True),
    Row(F2, "conn-timestamp", "ACK tsecr+9 -> FIN-WAIT-2", PSH_ACK, seq=-1, text=b"x", tsval=9,
        timestamps=True),
    Row(CW, "conn-timestamp", "ACK tsecr+9 -> CLOSE-WAIT", PSH_ACK, seq=-1, text=b"x", tsval=9,
        timestamps=True),
    Row(CL, "conn-timestamp", "FIN|ACK tsecr+9 -> CLOSING; again", PSH_ACK, seq=-1, ack=-1,
        text=b"x", tsval=9, timestamps=True),
    Row(LA, "conn-timestamp", "FIN|ACK tsecr+9 -> LAST-ACK; again", PSH_ACK, seq=-1, ack=-1,
        text=b"x", tsval=9, timestamps=True),
    Row(E, "conn-take-ack", "nothing -> ESTABLISHED", tcp.ACK, queued=b"x"),
    Row(F1, "conn-take-ack", "nothing -> FIN-WAIT-1; again", tcp.ACK, ack=-1, queued=b"x"),
    Row(CW, "conn-take-ack", "nothing -> CLOSE-WAIT", tcp.ACK, queued=b"x"),
    Row(F1, "conn-due-fin", "FIN|ACK -> FIN-WAIT-1; again", FIN_ACK, seq=-1, ack=-1),
    Row(F2, "conn-due", "ACK -> FIN-WAIT-2", FIN_ACK, seq=-1),
    Row(CW, "conn-after-fin-due", "ACK -> CLOSE-WAIT", FIN_ACK, seq=-1),
    Row(CL, "conn-after-fin-due-fin", "FIN|ACK -> CLOSING; again", FIN_ACK, seq=-1, ack=-1),
    Row(LA, "conn-after-fin-due-fin", "FIN|ACK -> LAST-ACK; again", FIN_ACK, seq=-1, ack=-1),
    Row(F1, "conn-after-close", "RST -> gone", PSH_ACK, ack=-1, text=b"x", orphan=True),
    Row(F2, "conn-after-close", "RST -> gone", PSH_ACK, text=b"x", orphan=True),
    Row(CL, "conn-after-close", "RST -> gone", PSH_ACK, ack=-1, text=b"x", orphan=True),
    Row(LA, "conn-after-close", "RST -> gone", PSH_ACK, ack=-1, text=b"x", orphan=True),
    Row(E, "conn-nothing-more", "nothing -> ESTABLISHED", tcp.ACK),
    Row(F1, "conn-nothing-more", "nothing -> FIN-WAIT-1; again", tcp.ACK, ack=-1),
    Row(F2, "conn-nothing-more", "nothing -> FIN-WAIT-2", tcp.ACK),
    Row(E, "conn-text", "ACK -> ESTABLISHED", PSH_ACK, seq=1, text=b"x"),
    Row(F1, "conn-text-fin", "FIN|ACK -> FIN-WAIT-1; again", PSH_ACK, seq=1, ack=-1, text=b"x"),
    Row(F2, "conn-text", "ACK -> FIN-WAIT-2", PSH_ACK, seq=1, text=b"x"),
    Row(CW, "conn-after-fin", "nothing -> CLOSE-WAIT", PSH_ACK, text=b"x"),
    Row(CL, "conn-after-fin", "nothing -> CLOSING; again", PSH_ACK, ack=-1, text=b"x"),
    Row(LA, "conn-after-fin", "nothing -> LAST-ACK; again", PSH_ACK, ack=-1, text=b"x"),
    Row(E, "established-fin", "ACK -> CLOSE-WAIT", FIN_ACK),
    Row(F1, "fin-wait-1-ack", "nothing -> FIN-WAIT-2", tcp.ACK),
    Row(F1, "fin-wait-1-fin", "FIN|ACK -> CLOSING; again", FIN_ACK, ack=-1),
    Row(CL, "closing-ack", "nothing -> TIME-WAIT", tcp.ACK),
    Row(LA, "last-ack-ack", "nothing -> gone", tcp.ACK),
)
OF_14_0 = (
    *opening("freebsd-14.0"), *everywhere(of_10=False), *delayed(), *reduced(), *ROWS,
    *duplicate("plain-duplicate"), *answered(),
    Row(F2, "fin-wait-2-fin", "ACK -> TIME-WAIT", FIN_ACK),
    Row(CL, "closing-ack-due", "ACK -> TIME-WAIT", FIN_ACK, seq=-1),
)
OF_10 = tuple(of_12(row) for row in (
    *opening("freebsd-10"), *everywhere(of_10=True), *delayed(), *ROWS,
    *duplicate("duplicate"),
    Row(E, "established-due", "ACK -> ESTABLISHED", FIN_ACK, seq=-1),
    Row(E, "conn-rst-far", "nothing -> ESTABLISHED", tcp.RST, seq=2),
    Row(F2, "fin-wait-2-fin-owed", "ACK -> TIME-WAIT", FIN_ACK),
    Row(CL, "closing-ack-due-owed", "ACK -> TIME-WAIT", FIN_ACK, seq=-1),
))
SINCE_14_2 = (
    *(row for row in OF_14_0
      if row.stage not in OPENING and (row.stage, row.rule) not in
      {(CL, "conn-after-close"), (LA, "conn-after-close")}),
    *(Row(stage, "conn-ghost-ack", f"ACK -> {stage.name}{again}", tcp.ACK, ack=-70_000)
      for stage in STATES for again in ("; again" if stage in FIN_ON_ITS_WAY else "",)),
)
# fmt: on

NEVER = {
    **{
        (stage, f"conn-due-{why}"): "what is due is sent with the same segment, or left: see below"
        for stage in STATES
        for why in ("cwr", "old", "old-sack")
    },
    **{(stage, "conn-syn-ecn"): "what comes marked CE later shows it" for stage in STATES},
    (Q, "request-syn-no-options"): "a listener takes up ECN where the SYN asks for it: see below",
    (Q, "request-syn-no-ecn"): "a listener takes up ECN where the SYN asks for it: tested below",
    (E, "conn-after-close"): "an orphan has sent its FIN, or waits to: it is in FIN-WAIT-1",
    (CW, "conn-after-close"): "an orphan is in LAST-ACK by then; 14.2 has no such rule there",
    (F2, "conn-take-ack"): "nothing of this side is left to be acknowledged",
    (CL, "conn-take-ack"): "the ACK of the FIN leads to TIME-WAIT, where nothing is sent again",
    (LA, "conn-take-ack"): "the ACK of the FIN ends the connection, with all that was sent",
}
"""Rules that a segment meets but that leave nothing to be seen in that state, and why."""

ROWS_OF = {
    "freebsd-10": OF_10,
    "freebsd-14.0": OF_14_0,
    **{name: (*opening(name), *SINCE_14_2) for name in ("freebsd-14", "freebsd-15")},
}
CHECKED = [(name, row) for name, rows in ROWS_OF.items() for row in rows]


@pytest.mark.parametrize(("name", "rows"), ROWS_OF.items())
def test_every_rule_of_every_state_has_a_row(name: str, rows: tuple[Row, ...]) -> None:
    met = {(row.stage.name, f"freebsd.{row.rule}") for row in rows}
    rules = {(stage.name, rule.id) for stage in OPENING + STATES for rule in PROFILES[name][stage]}
    never = {(stage.name, f"freebsd.{rule}") for stage, rule in NEVER} & rules
    assert met | never == rules
    assert not met & never


@pytest.mark.parametrize(
    ("name", "row"), CHECKED, ids=[f"{name}-{row.stage}-{row.rule}" for name, row in CHECKED]
)
def test_a_rule_decides_and_its_mutants_are_noticed(name: str, row: Row) -> None:
    profile = PROFILES[name]
    row = replace(row, way=Bench.open_passively) if row.stage is Q else row
    outcome, met = row.play(profile)
    assert f"freebsd.{row.rule}" in met
    assert outcome == row.outcome
    decisions = profile[row.stage]
    rule = decisions.rule(f"freebsd.{row.rule}")
    for then in (ConnectionAction.DROP, ConnectionAction.CLOSE):
        if not set(rule.then) <= {then, ConnectionAction.COUNT_DUPLICATE}:
            mutant = decisions.replacing(rule.id, replace(rule, then=(then,)))
            assert row.play(profile.with_list(mutant))[0] != outcome, f"nobody notices {then}"


@pytest.mark.parametrize("name", ["freebsd-10", "freebsd-13"])
@pytest.mark.parametrize("stage", FIN_ON_ITS_WAY, ids=str)
def test_an_ack_that_is_due_waits_for_the_next_segment(name: str, stage: AnyStage) -> None:
    bench = Bench(PROFILES[name])
    WAYS[stage](bench)
    bench.end.sent.clear()
    bench.arrives(PSH_ACK, seq=-1, ack=-1, text=b"x")
    assert not bench.end.sent, "a duplicate ACK"
    bench.arrives(tcp.PSH)
    bench.arrives(tcp.PSH)
    assert [packet.segment.flags for packet in bench.end.sent] == [FIN_ACK]


@pytest.mark.parametrize(
    ("flags", "due"), [(tcp.ACK | tcp.CWR, True), (tcp.ACK, False)], ids=["CWR", "no CWR"]
)
def test_what_fails_paws_leaves_its_cwr_to_be_acknowledged(flags: int, *, due: bool) -> None:
    bench = Bench(PROFILES["freebsd-13"], timestamps=True)
    bench.establish()
    bench.connection.marks.in_use = True
    bench.arrives(flags, tsval=-1)
    assert not bench.end.sent[1:]
    bench.arrives(tcp.PSH)
    assert [packet.segment.flags for packet in bench.end.sent[1:]] == [tcp.ACK] * due


def test_duplicate_acks_are_counted_anew_once_the_fin_was_sent_again() -> None:
    bench = Bench(PROFILES["freebsd-13"])
    twice(fin_wait_1)(bench)
    bench.end.clock.advance(bench.end.clock.now + SECOND)
    bench.end.sent.clear()
    sent = []
    for _ in range(5):
        bench.arrives(PSH_ACK, seq=-1, ack=-1, text=b"x")
        sent.append(len(bench.end.sent))
    assert sent == [0, 0, 1, 2, 3]


@pytest.mark.parametrize("name", ROWS_OF)
def test_text_of_a_crossing_syn_is_taken_with_the_ack(name: str) -> None:
    bench = Bench(PROFILES[name])
    crossing_text(bench)
    start = bench.rcv_nxt
    bench.arrives(tcp.ACK)
    assert bench.rcv_nxt - start == 3
    assert len(bench.end.sent) == 2, "nothing answers it"


def test_text_and_fin_that_come_with_the_syn_ack_are_taken() -> None:
    bench = Bench(PROFILES["freebsd-14"])
    bench.open_actively()
    start = bench.rcv_nxt
    bench.arrives(SYN_ACK | tcp.FIN, text=b"text")
    assert bench.rcv_nxt - start == len(b"text") + 2


@pytest.mark.parametrize("name", ["freebsd-10", "freebsd-13", "freebsd-15"])
@pytest.mark.parametrize("flags", [tcp.SYN, tcp.SYN | tcp.ECE, tcp.SYN | tcp.CWR])
def test_a_syn_again_that_does_not_ask_for_ecn_ends_it(name: str, flags: int) -> None:
    bench = Bench(PROFILES[name], settings={"ecn": 1})
    bench.open_passively(ecn=True)
    bench.arrives(tcp.SYN | tcp.ECE | tcp.CWR, -1)
    bench.arrives(flags, -1)
    bench.arrives(tcp.SYN | tcp.ECE | tcp.CWR, -1)
    took_up = [packet.segment.flags & tcp.ECE != 0 for packet in bench.end.sent]
    assert took_up == [True, True, False, False]


def ids(name: str) -> set[tuple[str, str]]:
    lists = (PROFILES[name][stage] for stage in OPENING + STATES)
    return {(str(rules.stage), rule.id) for rules in lists for rule in rules}


def test_13_owes_acks_and_minds_what_stands_beside_an_rst() -> None:
    of_13, of_14 = ids("freebsd-13"), ids("freebsd-14.0")
    assert {rule for _, rule in of_13 - of_14} == {
        "freebsd.established-due",
        "freebsd.fin-wait-2-fin-owed",
        "freebsd.closing-ack-due-owed",
        "freebsd.syn-sent-fins-acked-owed",
        "freebsd.request-rst-beside",
        "freebsd.syn-received-bad-ack-rst",
        "freebsd.syn-received-bad-ack",
    }
    assert {rule for _, rule in of_14 - of_13} == {
        "freebsd.conn-plain-duplicate-ack-due",
        "freebsd.conn-plain-duplicate-ack-due-fin",
        "freebsd.conn-plain-duplicate-ack-or-fin-due",
        "freebsd.conn-plain-duplicate-ack-or-fin-due-fin",
        "freebsd.conn-due",
        "freebsd.fin-wait-2-fin",
        "freebsd.closing-ack-due",
        "freebsd.syn-sent-fins-acked",
        "freebsd.conn-syn-ecn",
        "freebsd.syn-received-bad-ack-but-rst",
        "freebsd.request-syn-no-options",
    }


@pytest.mark.parametrize(
    ("settings", "acks"),
    [({}, 5), ({"ack_war_cnt": 2}, 2), ({"ack_war_cnt": 0}, 7), ({"ack_war_timewindow": 0}, 7)],
)
def test_15_counts_challenge_acks(settings: dict[str, int], acks: int) -> None:
    bench = Bench(PROFILES["freebsd-15"], settings=settings)
    bench.establish()
    bench.end.sent.clear()
    for _ in range(7):
        bench.arrives(tcp.SYN)
    assert len(bench.end.sent) == acks
    bench.end.clock.advance(bench.end.clock.now + SECOND)
    bench.arrives(tcp.RST, 1)
    assert len(bench.end.sent) == acks + (acks == 7), "the window is not over yet"
    bench.end.clock.advance(bench.end.clock.now + MILLISECOND)
    bench.arrives(tcp.RST, 1)
    assert len(bench.end.sent) == acks + (2 if acks == 7 else 1)


@pytest.mark.parametrize(
    ("length", "window"), [(1, 65535), (165, 65535), (166, 65534), (1400, 64300)]
)
def test_the_window_after_unread_text_is_the_room_that_is_left(length: int, window: int) -> None:
    """As a live 13.0 told it: 65,700 octets are 45 segments, of which a header can say 65,535."""
    peer = Peer(PROFILES["freebsd-13"])
    client = peer.client
    client.reads = False
    fin = Segment(client.rcv_nxt, client.snd_nxt, FIN_ACK, window=60000, payload=b"x" * length)
    client.segment_arrives(Packet(FLOW.reverse, fin))
    assert [packet.segment.window for packet in peer.end.sent] == [window]
