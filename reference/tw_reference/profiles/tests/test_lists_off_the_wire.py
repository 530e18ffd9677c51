"""The lists that no case can reach: orphans, entry, bind(), connect() and user calls.

Each rule has a scenario.  It must meet the rule, see what the table expects, and see something else
when the rule answers wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fnmatch import fnmatch
from typing import NamedTuple

import pytest

from tw_reference import segment as tcp
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile, Settings
from tw_reference.rules import stages
from tw_reference.rules.actions import (
    Action,
    BindAction,
    CallAction,
    ConnectAction,
    ConnectionAction,
    EntryAction,
    OrphanAction,
)
from tw_reference.rules.decision import AnyList, AnyStage
from tw_reference.state import State
from tw_reference.tests.scenarios import (
    Outcome,
    Scenario,
    bind,
    bind_two,
    calls,
    connect,
    entry,
    let_go,
    orphan,
)

STAGES: tuple[AnyStage, ...] = (
    stages.ORPHAN,
    stages.ENTRY,
    stages.BIND,
    stages.CONNECT,
    stages.CALL,
)

# -- the table -----------------------------------------------------------------------------------


class Row(NamedTuple):
    """A rule of some profiles, the scenario that meets it, and what can be seen then."""

    profiles: str
    rule_id: str
    scenario: Scenario
    outcome: Outcome


FIN_ACK = tcp.FIN | tcp.ACK
ACK_OF_FIN = "ACK 0 1"
IN_TIME_WAIT = "0 s: TIME-WAIT, a block"
GONE_AT_ONCE = "0 s: CLOSED"
ABOVE = ("allowed", "SYN at SND.NXT + 65537, TSecr = TS.Recent + 0", "SYN-SENT")
IN_USE, NOT_AVAILABLE = ("EADDRINUSE", "TIME-WAIT"), ("EADDRNOTAVAIL", "TIME-WAIT")
EXISTS, LATE = "error: connection already exists", "error: connection closing"

ORPHANS = (
    Row(
        "freebsd-*",
        "freebsd.orphan-fast",
        orphan(fast_finwait2_recycle=1, finwait2_timeout=5000),
        ("0 s: FIN-WAIT-2", "5 s: CLOSED"),
    ),
    Row("freebsd-*", "freebsd.orphan", orphan(), ("0 s: FIN-WAIT-2", "675 s: CLOSED")),
    Row("linux-*", "linux.orphan-linger2", orphan(-1), ("RST 0 -", GONE_AT_ONCE)),
    Row("linux-*", "linux.orphan-linger2", orphan(-1, flags=FIN_ACK), ("RST 0 -", GONE_AT_ONCE)),
    Row(
        "linux-*",
        "linux.orphan-linger2-close",
        let_go(-1),
        ("FIN|ACK 0 0", "RST|ACK not zero 0", GONE_AT_ONCE),
    ),
    Row(
        "linux-[56].*",
        "linux.orphan-long",
        orphan(90),
        ("0 s: FIN-WAIT-2", "30 s: FIN-WAIT-2, a block", "60.44 s: CLOSED"),
    ),
    Row(
        "linux-[56].*",
        "linux.orphan-long",
        orphan(200),
        ("0 s: FIN-WAIT-2", "60 s: FIN-WAIT-2, a block", "121.88 s: CLOSED"),
    ),
    Row(
        "linux-2.6.32",
        "linux.orphan-long",
        orphan(fin_timeout=70),
        ("0 s: FIN-WAIT-2", "10 s: FIN-WAIT-2, a block", "32.5 s: CLOSED"),
    ),
    Row(
        "linux-*",
        "linux.orphan-fin",
        orphan(flags=FIN_ACK, old=1),
        ("ACK 0 0", "0 s: FIN-WAIT-2", "60 s: CLOSED", "RST|ACK not zero 0"),
    ),
    Row("linux-[56].*", "linux.orphan", orphan(5), ("0 s: FIN-WAIT-2, a block", "5.144 s: CLOSED")),
    Row(
        "linux-[56].*",
        "linux.orphan",
        orphan(fin_timeout=1),
        ("0 s: FIN-WAIT-2, a block", "1.016 s: CLOSED"),
    ),
    Row("linux-2.6.32", "linux.orphan", orphan(5), ("0 s: FIN-WAIT-2, a block", "15 s: CLOSED")),
    Row(
        "linux-2.6.32",
        "linux.orphan",
        orphan(90),
        ("0 s: FIN-WAIT-2, a block", "60 s: CLOSED"),
    ),
    Row("rfc9293", "rfc9293.orphan", orphan(), ("0 s: FIN-WAIT-2",)),
)

ENTRIES = (
    Row(
        "freebsd-10",
        "freebsd.entry-local",
        entry(local=True, nolocaltimewait=1),
        (GONE_AT_ONCE,),
    ),
    Row(
        "freebsd-10",
        "freebsd.entry-local",
        entry(on_link="ipv6", nolocaltimewait=1),
        (GONE_AT_ONCE,),
    ),
    Row(
        "freebsd-13*",
        "freebsd.entry-local-acked",
        entry(on_link="ipv6", nolocaltimewait=1),
        (ACK_OF_FIN, GONE_AT_ONCE),
    ),
    Row(
        "freebsd-13*",
        "freebsd.entry-local-acked",
        entry(local=True, nolocaltimewait=1),
        (ACK_OF_FIN, GONE_AT_ONCE),
    ),
    Row("freebsd-14*", "freebsd.entry-near", entry(local=True), (ACK_OF_FIN, GONE_AT_ONCE)),
    Row("freebsd-14*", "freebsd.entry-near", entry(on_link="ipv6"), (ACK_OF_FIN, GONE_AT_ONCE)),
    Row(
        "freebsd-14*",
        "freebsd.entry-tcpcb",
        entry(on_link="ipv4"),
        (ACK_OF_FIN, IN_TIME_WAIT, "60 s: CLOSED"),
    ),
    Row(
        "freebsd-14*",
        "freebsd.entry-tcpcb",
        entry(local=True, nolocaltimewait=0),
        (ACK_OF_FIN, IN_TIME_WAIT, "60 s: CLOSED"),
    ),
    Row(
        "freebsd-15",
        "freebsd.entry-tcpcb",
        entry(on_link="ipv6", nolocaltimewait=1),
        (ACK_OF_FIN, IN_TIME_WAIT, "60 s: CLOSED"),
    ),
    Row(
        "freebsd-15",
        "freebsd.entry-no-local",
        entry(local=True, nolocaltimewait=1),
        (ACK_OF_FIN, GONE_AT_ONCE),
    ),
    Row(
        "freebsd-15",
        "freebsd.entry-local-briefly",
        entry(local=True),
        (ACK_OF_FIN, IN_TIME_WAIT, "0.02 s: CLOSED"),
    ),
    Row(
        "freebsd-15",
        "freebsd.entry-local-briefly",
        entry(local=True, msl_local=3000),
        (ACK_OF_FIN, IN_TIME_WAIT, "6 s: CLOSED"),
    ),
    Row("freebsd-1[03]*", "freebsd.entry-full-empty", entry(maxsockets=0), (GONE_AT_ONCE,)),
    Row(
        "freebsd-1[03]*",
        "freebsd.entry-recycle",
        entry(others=2, maxtcptw=2),
        (
            ACK_OF_FIN,
            "the other: CLOSED",
            "the other: TIME-WAIT",
            IN_TIME_WAIT,
            "60 s: CLOSED",
        ),
    ),
    Row("freebsd-1[03]*", "freebsd.entry", entry(), (ACK_OF_FIN, IN_TIME_WAIT, "60 s: CLOSED")),
    Row(
        "freebsd-1[45]", "freebsd.entry-tcpcb", entry(), (ACK_OF_FIN, IN_TIME_WAIT, "60 s: CLOSED")
    ),
    Row(
        "linux-*",
        "linux.entry-overflow",
        entry(others=1, max_tw_buckets=1),
        ("RST 0 -", "the other: TIME-WAIT", GONE_AT_ONCE),
    ),
    Row(
        "linux-*",
        "linux.entry-overflow",
        entry(others=1, max_tw_buckets=1, with_ack=True),
        (ACK_OF_FIN, "the other: TIME-WAIT", GONE_AT_ONCE),
    ),
    Row(
        "linux-[56].*",
        "linux.entry",
        entry(with_ack=True),
        (ACK_OF_FIN, IN_TIME_WAIT, "60.44 s: CLOSED"),
    ),
    Row(
        "linux-2.6.32",
        "linux.entry",
        entry(with_ack=True),
        (ACK_OF_FIN, IN_TIME_WAIT, "60 s: CLOSED"),
    ),
    Row(
        "linux-2.6.32",
        "linux.entry-overflow-recycle",
        entry(others=1, max_tw_buckets=1, tw_recycle=1, timestamps=True),
        ("RST 0 -", "the other: TIME-WAIT", "the neighbour is shut out", GONE_AT_ONCE),
    ),
    Row(
        "linux-2.6.32",
        "linux.entry-recycle",
        entry(tw_recycle=1, timestamps=True, with_ack=True),
        (ACK_OF_FIN, "the neighbour is shut out", IN_TIME_WAIT, "0.8 s: CLOSED"),
    ),
    Row("rfc9293", "rfc9293.entry", entry(), (ACK_OF_FIN, IN_TIME_WAIT, "240 s: CLOSED")),
)

BINDS = (
    Row("freebsd-*", "freebsd.bind-reuse", bind(address=True), ("allowed",)),
    Row("freebsd-*", "freebsd.bind-reuse", bind(port=True, old_reuses=False), ("allowed",)),
    Row("freebsd-*", "freebsd.bind-in-use", bind(), ("EADDRINUSE",)),
    Row("linux-*", "linux.bind-reuse", bind(address=True), ("allowed",)),
    Row("linux-[56]*", "linux.bind-reuse-port", bind(old_port=True, port=True), ("allowed",)),
    Row("linux-*", "linux.bind-in-use", bind(old_port=True), ("EADDRINUSE",)),
    Row("linux-2*", "linux.bind-in-use", bind(old_port=True, port=True), ("EADDRINUSE",)),
    Row("linux-*", "linux.bind-in-use", bind_two(), ("EADDRINUSE",)),
    Row("linux-*", "linux.bind-in-use", bind(), ("EADDRINUSE",)),
    Row("linux-*", "linux.bind-in-use", bind(port=True), ("EADDRINUSE",)),
    Row("linux-*", "linux.bind-in-use", bind(address=True, old_reuses=False), ("EADDRINUSE",)),
)

BEFORE_6_14 = ("linux-5.*", "linux-6.1", "linux-6.12")
"""Globs of what has no tcp_tw_reuse_delay."""

CONNECTS = (
    Row("freebsd-*", "freebsd.connect", connect(), IN_USE),
    Row("freebsd-*", "freebsd.connect-automatic", connect(automatic=True), NOT_AVAILABLE),
    Row("linux-*", "linux.connect-no-timestamps", connect(timestamps=False), NOT_AVAILABLE),
    Row("linux-*", "linux.connect-chosen", connect(after=0), ABOVE),
    Row(
        "linux-*",
        "linux.connect-bound",
        connect(automatic=True, bound=True, tw_reuse=1),
        NOT_AVAILABLE,
    ),
    Row(
        "linux-*",
        "linux.connect-fin-wait-2",
        connect(automatic=True, stop="FIN-WAIT-2", tw_reuse=1),
        ("EADDRNOTAVAIL", "FIN-WAIT-2"),
    ),
    Row("linux-*", "linux.connect-no-reuse", connect(automatic=True, tw_reuse=0), NOT_AVAILABLE),
    Row("linux-*", "linux.connect-no-reuse", connect(automatic=True, tw_reuse=2), NOT_AVAILABLE),
    Row(
        "linux-6.1[48]",
        "linux.connect-too-young",
        connect(automatic=True, tw_reuse=1, after=1),
        NOT_AVAILABLE,
    ),
    Row(
        "linux-6.1[48]",
        "linux.connect-too-young",
        connect(automatic=True, tw_reuse=1, after=3, tw_reuse_delay=3000),
        NOT_AVAILABLE,
    ),
    *(
        Row(
            before_6_14,
            "linux.connect-same-second",
            connect(automatic=True, tw_reuse=1, after=0.999),
            NOT_AVAILABLE,
        )
        for before_6_14 in BEFORE_6_14
    ),
    Row(
        "linux-2.6.32",
        "linux.connect-within-a-second",
        connect(automatic=True, tw_reuse=1, after=1.999),
        NOT_AVAILABLE,
    ),
    Row(
        "linux-6.1[48]",
        "linux.connect-reuse",
        connect(automatic=True, tw_reuse=1, after=1.001),
        ABOVE,
    ),
    *(
        Row(before_6_14, "linux.connect-reuse", connect(automatic=True, tw_reuse=1, after=1), ABOVE)
        for before_6_14 in BEFORE_6_14
    ),
    Row(
        "linux-2.6.32",
        "linux.connect-reuse",
        connect(automatic=True, tw_reuse=1, after=2),
        ABOVE,
    ),
    Row(
        "linux-[56].*",
        "linux.connect-reuse",
        connect(automatic=True, tw_reuse=2, loopback=True),
        ABOVE,
    ),
    Row("rfc9293", "rfc9293.connect", connect(), (EXISTS, "TIME-WAIT")),
)

CALLS = (
    Row("*", "call.open", calls("open"), (EXISTS, "TIME-WAIT")),
    Row("*", "call.abort", calls("abort"), ("returned ", "CLOSED")),
    Row("*", "call.status", calls("status"), ("returned TIME-WAIT", "TIME-WAIT")),
    Row("*", "call.closing", calls("send", "receive", "close"), (LATE, LATE, LATE, "TIME-WAIT")),
)

ROWS = ORPHANS + ENTRIES + BINDS + CONNECTS + CALLS


def rows_of(profile: str) -> list[Row]:
    return [row for row in ROWS if fnmatch(profile, row.profiles)]


def list_of(profile: Profile, rule_id: str) -> AnyList:
    """The list of these stages that has the rule.

    :raises LookupError: where none has.
    """
    lists = [found for stage in STAGES if (found := profile.find(stage)) is not None]
    for decisions in lists:
        if any(rule.id == rule_id for rule in decisions):
            return decisions
    raise LookupError(f"{profile.name} has no rule {rule_id} in the lists off the wire")


# -- mutants -------------------------------------------------------------------------------------

WRONG: dict[AnyStage, tuple[Action, ...]] = {
    stages.ORPHAN: (OrphanAction.RESET_AND_CLOSE, OrphanAction.COMPRESS, OrphanAction.WAIT),
    stages.ENTRY: (EntryAction.CLOSE, EntryAction.ENTER, EntryAction.ENTER_BRIEFLY),
    stages.BIND: tuple(BindAction),
    stages.CONNECT: tuple(ConnectAction),
    stages.CALL: tuple(CallAction),
}
"""What a rule of a stage may do instead."""
IDLE = {
    stages.ORPHAN: OrphanAction.WAIT,
    stages.ENTRY: EntryAction.CLOSE,
}
"""What remains of a rule whose only action is taken away."""


def mutants(profile: Profile, rule_id: str) -> Iterator[Profile]:
    """The profile with one rule that does something else, or leaves one of its actions out."""
    decisions = list_of(profile, rule_id)
    rule = decisions.rule(rule_id)
    instead: set[tuple[Action, ...]] = {(action,) for action in WRONG[decisions.stage]}
    if decisions.stage in IDLE:
        idle = (IDLE[decisions.stage],)
        for action in rule.then:
            instead.add(tuple(other for other in rule.then if other is not action) or idle)
    brief = replace(profile.traits, short_lifetime=short_lifetime(profile))
    for then in sorted(instead, key=str):
        if visible(then, profile) != visible(rule.then, profile):
            mutant = decisions.replacing(rule_id, replace(rule, then=then))
            yield replace(profile.with_list(mutant), traits=brief)


def short_lifetime(profile: Profile) -> Callable[[Settings, int], int]:
    """The profile's own, or one for a mutant that enters briefly."""
    return profile.traits.short_lifetime or (lambda settings, rto: 3 * rto)


def visible(then: tuple[Action, ...], profile: Profile) -> tuple[Action, ...]:
    """The actions without those that do nothing: CLOSE, and the ACK that is not owed any more."""
    idle: set[Action] = {EntryAction.CLOSE}
    fin_wait_2, _ = profile.on_connection(State.FIN_WAIT_2)
    if not any(ConnectionAction.OWE_ACK in rule.then for rule in fin_wait_2):
        idle.add(EntryAction.ACK_OWED)
    return tuple(action for action in then if action not in idle)


# -- the tests -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROFILES)
def test_every_rule_off_the_wire_has_a_scenario_and_every_scenario_a_rule(name: str) -> None:
    lists = [found for stage in STAGES if (found := PROFILES[name].find(stage)) is not None]
    assert {row.rule_id for row in rows_of(name)} == {rule.id for d in lists for rule in d}


@pytest.mark.parametrize(
    ("name", "row"),
    [pytest.param(n, row, id=f"{n}-{row.rule_id}") for n in PROFILES for row in rows_of(n)],
)
def test_a_rule_decides_and_its_mutants_are_noticed(name: str, row: Row) -> None:
    profile = PROFILES[name]
    seen = row.scenario(profile)
    assert row.rule_id in {decision.rule.id for decision in seen.host.trace}
    assert seen.outcome == row.outcome
    broken = list(mutants(profile, row.rule_id))
    assert broken
    for mutant in broken:
        then = list_of(mutant, row.rule_id).rule(row.rule_id).then
        assert row.scenario(mutant).outcome != row.outcome, f"nobody notices {then}"
