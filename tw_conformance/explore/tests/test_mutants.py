"""Mutants: which faults are made, which cases may notice them, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tw_conformance.explore.mutants.actions import instead
from tw_conformance.explore.mutants.answers import Origin, answer_mutants
from tw_conformance.explore.mutants.conditions import broken, what_is_read
from tw_conformance.explore.mutants.enumeration import witnesses
from tw_conformance.explore.mutants.equivalent import equivalence
from tw_conformance.explore.mutants.hunt import Fate, Sample, hunt
from tw_conformance.explore.mutants.lists import list_mutants
from tw_conformance.explore.mutants.mutant import ListMutant, MutantKind
from tw_conformance.explore.mutants.stack import reading_traits, stack_mutants
from tw_conformance.explore.mutants.why import Equivalent
from tw_conformance.explore.sweep.alphabet import Selection
from tw_conformance.notation.load import load_text
from tw_reference.icmp_numbers import ICMP
from tw_reference.profiles import PROFILES
from tw_reference.profiles.linux_words import TSVAL_NEWER
from tw_reference.rules import stages
from tw_reference.rules.actions import BlockAction, ConnectionErrorAction
from tw_reference.rules.condition import ALWAYS, Condition, all_of, any_of
from tw_reference.rules.questions import ConnectionTcb, ErrorOnConnection, SegmentArrives
from tw_reference.rules.vocabulary import ACCEPTABLE, QUOTES_ISS, RST, SEQ_IS_RCV_NXT
from tw_reference.segment import ACK, Flow, IcmpError, Packet, Segment

LINUX = PROFILES["linux-6.18"]
FLOW = Flow("192.0.2.1", 7, "192.0.2.2", 9)
KILL = "TIME-WAIT: linux.rst-kill"
CASES = """\
case: rst
title: An RST at RCV.NXT ends TIME-WAIT
cites: [RFC 1337 section 3]
profiles: [linux-6.18]
steps:
  - send: {flags: RST, seq: rcv_nxt}
  - expect: nothing
  - state: CLOSED
---
case: ack
title: An ACK elsewhere is acknowledged
cites: [RFC 9293 section 3.10.7.4]
profiles: [linux-6.18]
reach: {through: FIN-WAIT-1}
steps:
  - send: {flags: ACK, seq: rcv_nxt+1}
  - expect: {flags: ACK, ttl: 64}
"""


def kinds(*chosen: MutantKind) -> Sample:
    return Sample(kinds=chosen)


def has(letter: str) -> Condition[str]:
    return Condition(letter, lambda word: letter in word)


A, B, C = has("a"), has("b"), has("c")


def bounds(condition: Condition[Any], question: type[Any]) -> list[str]:
    return [fault.change for fault in broken(condition, question) if fault.kind == "bound"]


def changes(condition: Condition[str]) -> dict[str, Callable[[str], bool]]:
    return {fault.change: fault.condition.test for fault in broken(condition, str)}


def test_a_condition_is_negated_loses_each_part_and_has_each_atom_negated() -> None:
    found = changes(all_of(A, any_of(B, ~C)))
    assert set(found) == {
        "negated",
        "without «a»",
        "without «b or not c»",
        "without «b»",
        "without «not c»",
        "with «not a»",
        "with «not b»",
        "with «not c»",
    }
    assert found["without «a»"]("b")
    assert found["without «b»"]("a")
    assert not found["without «b»"]("abc")
    assert found["with «not a»"]("b")
    assert found["with «not c»"]("ac")


def test_an_atom_alone_is_only_negated_and_what_always_holds_has_no_fault() -> None:
    assert set(changes(A)) == {"negated"}
    assert set(changes(~A)) == {"negated"}
    assert list(broken(ALWAYS, SegmentArrives)) == []


def test_a_bound_is_shifted_in_what_the_atom_reads() -> None:
    assert bounds(SEQ_IS_RCV_NXT, SegmentArrives) == [
        f"«SEG.SEQ = RCV.NXT», the bound of SEG.SEQ one {way}" for way in ("lower", "higher")
    ]
    assert bounds(RST, SegmentArrives) == []


def test_a_bound_of_an_error_is_shifted_in_the_number_that_it_quotes() -> None:
    faults = {f.change: f.condition for f in broken(QUOTES_ISS, ErrorOnConnection)}
    (higher,) = (faults[name] for name in faults if name.endswith("one higher"))
    assert len(faults) == 3
    error = IcmpError("192.0.2.1", "192.0.2.2", ICMP["port-unreachable"], FLOW, seq=7)
    tcb = SimpleNamespace(iss=6)
    question = ErrorOnConnection(error, cast(ConnectionTcb, tcb), {})
    assert higher.test(question)
    assert not QUOTES_ISS.test(question)


def test_what_an_atom_reads_includes_what_its_helpers_and_properties_read() -> None:
    assert {"seq", "rcv_wnd"} <= what_is_read(ACCEPTABLE.test)
    assert {"tsval", "timestamps"} <= what_is_read(TSVAL_NEWER.test)


def test_an_action_is_exchanged_left_out_or_joined_by_another() -> None:
    rule = LINUX[stages.TIME_WAIT].rule("linux.bare-ack")
    found = dict(instead(rule, stages.TIME_WAIT, LINUX))
    assert found["without «restart 2MSL»"] == (BlockAction.UPDATE_TS, BlockAction.DROP)
    assert found["«ACK» for «drop»"] == (*rule.then[:2], BlockAction.ACK)
    assert found["«delete the block» too"] == (*rule.then, BlockAction.DELETE)
    assert "without «drop»" not in found  # nothing that shows


def test_no_limit_is_taken_away_that_a_stack_does_not_have() -> None:
    old, new = PROFILES["freebsd-10"], PROFILES["linux-6.18"]
    limited = "«ACK, rate-limited» for «ACK»"
    assert not any(limited in str(mutant) for mutant in list_mutants(old))
    assert any(limited in str(mutant) for mutant in list_mutants(new))


def test_neighbours_change_places_where_that_can_show() -> None:
    linux = {str(mutant) for mutant in list_mutants(LINUX)}
    assert "ESTABLISHED: linux.rst-sack: behind linux.rst-challenge" in linux
    assert "ESTABLISHED: linux.no-control-bit: behind linux.paws-syn" not in linux  # SYN, or none
    freebsd = {str(mutant) for mutant in list_mutants(PROFILES["freebsd-15"])}
    assert "ESTABLISHED: freebsd.conn-rst-drop: behind freebsd.conn-syn" in freebsd
    assert "ESTABLISHED: freebsd.conn-beyond: behind freebsd.conn-timestamp" in freebsd
    assert "ESTABLISHED: freebsd.conn-no-ack-due: behind freebsd.conn-no-ack" in freebsd


def test_every_profile_has_mutants_of_every_rule_and_every_setting() -> None:
    for profile in PROFILES.values():
        places = {mutant.place for mutant in list_mutants(profile)}
        claimed = {
            f"{decisions.stage}: {rule.id}"
            for decisions in profile.lists()
            for rule in decisions
            if ConnectionErrorAction.NOT_RULED not in rule.then
        }
        assert places == claimed
        settings = {m.change.split()[0] for m in stack_mutants(profile) if m.kind == "setting"}
        assert settings == set(profile.settings)


def test_a_trait_of_several_fields_is_broken_field_by_field() -> None:
    others = {m.change: m.profile.traits for m in stack_mutants(LINUX)}
    assert {"ecn.quick_acks", "congestion.initial", "ttl"} <= others.keys()
    assert not {"ecn", "congestion"} & others.keys()
    ways = LINUX.traits.ecn
    assert ways is not None
    assert others["ecn.quick_acks"].ecn == ways._replace(quick_acks=3)


def test_each_field_that_is_looked_at_is_known() -> None:
    read = set[str]()
    ways = reading_traits(LINUX, read).traits.ecn
    assert ways is not None
    assert ways == LINUX.traits.ecn
    assert ways.quick_acks == 2
    assert read == {"ecn", "ecn.quick_acks"}


@pytest.fixture(scope="module")
def found() -> dict[str, Fate]:
    cases = load_text(CASES, Path("cases.tw.yaml"))
    return {fate.mutant: fate for fate in hunt(LINUX, cases).fates}


def test_a_mutant_is_killed_by_the_first_case_that_fails_on_it(found: dict[str, Fate]) -> None:
    assert found[f"{KILL}: negated"].killer == 0
    assert found[f"{KILL}: without «delete the block»"].killer == 0
    assert found["TIME-WAIT: linux.ack-restart: «drop» for «ACK, rate-limited»"].killer == 1
    assert found["a block: ACK: another TTL"].killer == 1


def test_a_mutant_survives_where_no_case_rules_otherwise(found: dict[str, Fate]) -> None:
    assert found[f"{KILL}: without «RST is set»"].end == "survives"
    assert found["traits: end_before_error"].plays == 0  # nobody looks at it


def test_a_timer_that_is_not_restarted_shows_only_where_it_has_run(found: dict[str, Fate]) -> None:
    fin_again = "TIME-WAIT: linux.ack-restart: without «restart 2MSL»"
    assert (found[fin_again].end, found[fin_again].plays) == ("survives", 1)


@pytest.mark.parametrize("field", ["TOS", "IP ID"])
def test_what_no_case_asks_for_the_oracle_sees(found: dict[str, Fate], field: str) -> None:
    assert found[f"a block: ACK: another {field}"].end == "seen"


def test_a_mutant_that_goes_round_in_circles_is_killed(found: dict[str, Fate]) -> None:
    circle = "FIN-WAIT-1: linux.fin-acked: without «enter FIN-WAIT-2»"
    assert found[circle].end == "failed"


def test_a_sample_is_the_same_for_the_same_seed() -> None:
    cases = load_text(CASES, Path("cases.tw.yaml"))
    one, again, other = (
        [fate.mutant for fate in hunt(LINUX, cases, Sample(20, seed)).fates] for seed in (1, 1, 2)
    )
    assert len(one) == 20
    assert one == again != other


def test_a_sample_is_of_some_kinds_where_they_are_said() -> None:
    cases = load_text(CASES, Path("cases.tw.yaml"))
    assert {fate.kind for fate in hunt(LINUX, cases, Sample(20, 0, ("setting",))).fates} == {
        "setting"
    }


def test_an_answer_has_every_field_wrong_once_that_it_has() -> None:
    packet = Packet(FLOW, Segment(seq=1, ack=1, flags=ACK))
    mutants = list(answer_mutants([(Origin("a block", ACK), packet)] * 2))
    assert len({str(mutant) for mutant in mutants}) == len(mutants) > 10
    assert str(mutants[0]) == "a block: ACK: URG set"
    assert not {"TSecr one higher", "another flow label"} & {m.change for m in mutants}


def test_what_is_written_about_mutants_goes_by_globs() -> None:
    written = [Equivalent("linux-6.*", "TIME-WAIT: *: «ACK» for «drop»", "why")]
    assert equivalence("linux-6.1", "TIME-WAIT: linux.x: «ACK» for «drop»", written) is written[0]
    assert equivalence("linux-5.10", "TIME-WAIT: linux.x: «ACK» for «drop»", written) is None
    assert equivalence("linux-6.1", "TIME-WAIT: linux.x: negated", written) is None


def test_of_a_mutant_that_is_written_about_the_end_is_what_is_written() -> None:
    ends = {fate.mutant: fate.end for fate in hunt(LINUX, [], kinds("setting", "trait")).fates}
    assert ends["settings: syncookies = 0 by default"] == "out of reach"
    assert ends["traits: ttl"] == "survives"


@pytest.mark.parametrize(
    ("change", "shown"), [("negated", True), ("«ACK» for «ACK, rate-limited»", False)]
)
def test_a_class_of_segment_that_shows_a_mutant_is_found(change: str, shown: bool) -> None:
    (mutant,) = [
        m for m in list_mutants(LINUX) if str(m) == f"TIME-WAIT: linux.ack-restart: {change}"
    ]
    assert isinstance(mutant, ListMutant)
    words = "flags=ACK seq=R,R+1 ack=S length=0 timestamps=off bits=none family=ipv4 scaling=off"
    classes = list(Selection.of(f"{words} way=FIN-WAIT-2 ecn=off socket=closed").product())
    assert (witnesses(LINUX, [mutant], classes)[mutant] is not None) is shown
