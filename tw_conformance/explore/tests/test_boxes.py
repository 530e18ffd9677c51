"""Divergences in few words: the boxes hold what diverges, nothing else, and say so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tw_conformance.explore.sweep.alphabet import SegmentClass, Selection
from tw_conformance.explore.sweep.boxes import Box, boxes, masks

ALL = list(
    Selection.of(
        "family=ipv4 listener=yes way=FIN-WAIT-2 bits=none socket=closed scaling=off ecn=off"
    ).product()
)
FEW = list(
    Selection.of(
        "flags=SYN,RST,ACK,SYN|ACK family=ipv4 way=CLOSING bits=none length=0 socket=closed"
        " scaling=off ecn=off"
    ).product()
)


def found(classes: list[SegmentClass], diverges: Callable[[SegmentClass], bool]) -> list[Box]:
    return boxes([one for one in classes if diverges(one)], masks(classes))


def test_all_that_diverges_is_one_box_without_a_condition() -> None:
    assert [box.text for box in found(FEW, lambda one: True)] == ["every segment"]


def test_nothing_diverges_nothing_is_said() -> None:
    assert found(FEW, lambda one: False) == []


def test_a_product_of_values_is_one_box_that_names_only_what_matters() -> None:
    right = ("R+1", "mid", "R+W-1", "R+W", "right", "R+2^31-1")
    (box,) = found(
        ALL,
        lambda one: {"SYN", "FIN"} <= set(one.flags.split("|")) and one.seq in right,
    )
    assert box.text == "SYN and FIN set, SEG.SEQ R+1 to R+2^31-1"
    assert len(box.classes) == (8 + 8 * 5) * 6 * 4 * 6


def test_an_ack_zone_matters_only_to_segments_with_ack() -> None:
    (box,) = found(ALL, lambda one: one.ack in ("-", "S") and "RST" in one.flags.split("|"))
    assert box.text == "RST set, SEG.ACK S"


def test_one_value_that_is_missing_is_named() -> None:
    (box,) = found(ALL, lambda one: one.timestamps != "older")
    assert box.text == "timestamps not older"


def test_the_plainest_class_of_a_box_comes_first() -> None:
    (box,) = found(ALL, lambda one: "SYN" in one.flags.split("|"))
    assert box.classes[0].flags == "SYN"
    assert box.classes[0].length == "0"


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_boxes_hold_every_diverging_class_and_no_other(data: st.DataObject) -> None:
    walked = data.draw(st.lists(st.sampled_from(FEW), min_size=1, max_size=40, unique=True))
    diverging = data.draw(st.lists(st.sampled_from(walked), unique=True))
    held = [set(box.classes) for box in boxes(diverging, masks(walked))]
    assert set().union(*held) == set(diverging)


@pytest.mark.parametrize("seq", ["R", "left"])
def test_a_single_class_is_told_from_its_neighbours(seq: str) -> None:
    (box,) = found(FEW, lambda one: one == FEW[0]._replace(seq=seq))
    assert f"SEG.SEQ {seq}" in box.text
    assert len(box.classes) == 1
