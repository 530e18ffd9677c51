"""The alphabet of a sweep, and the parts of it that can be walked."""

from __future__ import annotations

from itertools import combinations

import pytest

from tw_conformance.explore.sweep.alphabet import (
    DIMENSIONS,
    LENGTHS,
    STATES,
    SegmentClass,
    Selection,
    is_feasible,
    plainness,
)
from tw_conformance.explore.sweep.design import covering
from tw_conformance.explore.sweep.representatives import Representatives, SegmentMaker
from tw_conformance.model.errors import UsageError
from tw_reference import segment as tcp
from tw_reference.seqnum import distance

PLAINEST = "socket=closed scaling=off ecn=off"
ONE_PRECONDITION = f"family=ipv4 listener=yes way=FIN-WAIT-2 bits=none {PLAINEST}"
PLAIN = SegmentClass(
    flags="RST",
    seq="R",
    ack="-",
    length="0",
    timestamps="off",
    bits="none",
    family="ipv4",
    state="TIME-WAIT",
    way="FIN-WAIT-2",
    listener="yes",
    socket="closed",
    scaling="off",
    ecn="off",
)


def test_the_product_of_one_precondition_counts_ack_zones_only_where_ack_is_set() -> None:
    classes = list(Selection.of(ONE_PRECONDITION).product())
    assert len(classes) == len(set(classes)) == (32 + 32 * 5) * 11 * 4 * 6
    assert all((one.ack != "-") == bool(one.tcp_flags & tcp.ACK) for one in classes)


@pytest.mark.parametrize("strength", [2, 3])
def test_a_covering_array_has_every_feasible_combination(strength: int) -> None:
    dimensions = ("flags", "seq", "ack", "timestamps", "way")
    rows = covering(Selection.of(""), strength, seed=7)
    for names in combinations(dimensions, strength):
        seen = {tuple(getattr(row, name) for name in names) for row in rows}
        wanted = {
            tuple(getattr(one, name) for name in names)
            for one in Selection.of(
                f"bits=none length=0 family=ipv4 listener=yes {PLAINEST}"
            ).product()
        }
        assert seen == wanted
    assert all(is_feasible(row._asdict()) for row in rows)


def test_a_covering_array_is_the_same_for_the_same_seed() -> None:
    first, again, other = (covering(Selection.of(""), 2, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_covering_array_keeps_to_the_selection() -> None:
    rows = covering(Selection.of("flags=RST,SYN family=ipv6"), 2, seed=0)
    assert {row.flags for row in rows} == {"RST", "SYN"}
    assert {row.family for row in rows} == {"ipv6"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zone=R", "no dimension 'zone'"),
        ("seq", "no dimension 'seq'"),
        ("flags=RTS", "flags=RTS means nothing; did you mean 'RST'?"),
        ("seq=R+3", "seq=R.3 means nothing"),
        ("flags=SYN ack=S", "no segment is like"),
    ],
)
def test_a_selection_that_means_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Selection.of(text)


def test_flags_may_stand_in_any_order() -> None:
    assert Selection.of("flags=ACK|SYN").values["flags"] == ("SYN|ACK",)


@pytest.mark.parametrize("seed", range(5))
def test_every_zone_has_its_representative_in_it(seed: int) -> None:
    window, rcv_nxt = 5840, 2**32 - 5
    variables = {"rcv_nxt": rcv_nxt, "snd_nxt": 7, "rcv_wnd": window, "ts_recent": 2**32 - 2}
    segments = SegmentMaker(Representatives.drawn(seed))

    def offset(zone: str) -> int:
        return distance(segments.segment(PLAIN._replace(seq=zone), variables).seq, rcv_nxt)

    offsets = [offset(zone) for zone in DIMENSIONS["seq"][:-1]]
    assert offsets == sorted(set(offsets))
    assert offset("R+2^31") == -(2**31)
    assert -LENGTHS["straddling"] < offset("left") < -LENGTHS["many"] - 2
    assert 1 < offset("mid") < window - 1
    assert offset("right") > window


def test_a_class_becomes_the_segment_that_it_says() -> None:
    one = PLAIN._replace(
        flags="SYN|ACK", seq="R-1", ack="S+1", length="many", timestamps="older", bits="ECE|CWR"
    )
    variables = {"rcv_nxt": 1000, "snd_nxt": 2000, "rcv_wnd": 65535, "ts_recent": 3000}
    segment = SegmentMaker(Representatives.drawn(0)).segment(one, variables, tsecr=42)
    assert segment.flags == tcp.SYN | tcp.ACK | tcp.ECE | tcp.CWR
    assert (segment.seq, segment.ack, len(segment.payload)) == (999, 2001, 100)
    assert segment.timestamps == (2999, 42)


def test_without_negotiated_timestamps_no_segment_has_them() -> None:
    segments = SegmentMaker(Representatives.drawn(0))
    variables = {"rcv_nxt": 1, "snd_nxt": 2, "rcv_wnd": 3, "ts_recent": 9}
    assert segments.segment(PLAIN, variables).timestamps is None
    assert segments.segment(PLAIN._replace(timestamps="absent"), variables).timestamps is None


@pytest.mark.parametrize("state", STATES)
def test_in_each_state_a_dimension_has_a_value_where_it_has_a_meaning(state: str) -> None:
    rows = covering(Selection.of("", [state]), 2, seed=0)
    assert {row.state for row in rows} == {state}
    in_time_wait = state == "TIME-WAIT"
    assert {row.way == "-" for row in rows} == {row.listener == "-" for row in rows}
    assert {row.way == "-" for row in rows} == {not in_time_wait}
    assert {row.scaling == "-" for row in rows} == {state == "SYN-SENT"}
    sockets = {row.socket for row in rows}
    assert ("closed" in sockets) == (
        state not in ("ESTABLISHED", "CLOSE-WAIT") and "-" not in sockets
    )


def test_the_plainest_class_has_few_flags_and_nothing_odd() -> None:
    odd = PLAIN._replace(bits="reserved")
    busy = PLAIN._replace(flags="SYN|FIN|RST")
    assert min([busy, odd, PLAIN], key=plainness) == PLAIN
