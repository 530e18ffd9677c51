"""The design by the rules' own conditions."""

from __future__ import annotations

from tw_conformance.explore.coverage.gaps import Gap, wanted
from tw_conformance.explore.coverage.survey import Witness
from tw_conformance.explore.sweep.alphabet import SegmentClass, Selection
from tw_conformance.explore.sweep.design import nearly_acceptable
from tw_conformance.explore.sweep.reference_stack import ReferenceStack
from tw_conformance.explore.sweep.representatives import Representatives, SegmentMaker
from tw_conformance.explore.sweep.rule_classes import where_conditions_decide
from tw_reference.profiles import PROFILES

PROFILE = PROFILES["linux-6.18"]
SEGMENTS = SegmentMaker(Representatives.drawn(3))
SELECTION = Selection.of(
    "flags=RST,SYN,ACK,FIN|ACK,SYN|ACK,FIN family=ipv4 bits=none length=0,1 scaling=off ecn=off",
    ["SYN-RECEIVED"],
)


def designed(selection: Selection) -> list[SegmentClass]:
    return where_conditions_decide(selection, PROFILE, {}, SEGMENTS, seed=1)


def test_each_part_of_each_condition_decides_alone_that_any_other_design_shows() -> None:
    few, near = designed(SELECTION), nearly_acceptable(SELECTION)
    assert _parts(few) >= _parts(near)
    assert len(few) < len(near) / 2


def test_it_is_the_same_for_the_same_seed_and_stays_in_the_selection() -> None:
    selection = Selection.of("flags=RST,RST|ACK family=ipv6 bits=ECE", ["SYN-RECEIVED"])
    found = designed(selection)
    assert found == designed(selection)
    for name, values in selection.values.items():
        assert {getattr(one, name) for one in found} <= {*values}
    assert found


def _parts(classes: list[SegmentClass]) -> set[Gap]:
    """What decides, of the list for what a listener keeps of a SYN."""
    witness = Witness(PROFILE)
    oracle = ReferenceStack(PROFILE.watched(witness.tell), {}, SEGMENTS, seed=1)
    for one in classes:
        oracle.predict(one)
    met = {Gap(rule, part) for rule, part in witness.decided}
    return met & {gap for gap in wanted(PROFILE) if gap.rule.stage.startswith("SYN-RECEIVED")}
