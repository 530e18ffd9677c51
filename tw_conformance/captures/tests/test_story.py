"""Stories: numbers that keep their order and their small gaps, and nothing else."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tw_conformance.captures import conversation
from tw_conformance.captures.conversation import Conversations
from tw_conformance.captures.reading import CaptureReader
from tw_conformance.captures.story import Gaps, story_of
from tw_conformance.captures.tests.made import case_of, frames_of, written
from tw_reference.segment import FIN
from tw_reference.wire.ip import TCP

NARROW, WIDE = 8, 1 << 15
numbers = st.lists(st.integers(-3, 3) | st.integers(-40, 40) | st.integers(-(2**31), 2**31 - 1))


@given(numbers)
def test_the_order_of_all_numbers_is_kept_and_each_small_gap(said: list[int]) -> None:
    gaps = Gaps(said)
    assert gaps[0] == 0
    for one, other in combinations({0, *said}, 2):
        assert (one < other) == (gaps[one] < gaps[other])
        if abs(one - other) <= NARROW:
            assert gaps[one] - gaps[other] == one - other


@given(numbers)
def test_a_gap_is_never_widened_and_a_wide_one_is_kept(said: list[int]) -> None:
    gaps, ordered = Gaps(said), sorted({0, *said})
    for below, above in pairwise(ordered):
        made = gaps[above] - gaps[below]
        assert made <= above - below
        assert made == above - below or above - below < WIDE


def test_what_is_kept_of_a_connection_is_bounded(tmp_path: Path) -> None:
    """A peer that sends its FIN again and again."""
    frames = frames_of(case_of(tmp_path, "[{send: {flags: RST}}, {expect: nothing}]"), "linux-6.18")
    segments = [frame for frame in frames if frame[1][23] == TCP]
    fin = [frame for frame in segments if frame[1][34:36] != b"\0\7" and frame[1][47] & FIN][-1]
    again = [(fin[0] + n / 1000, fin[1]) for n in range(2 * conversation.KEPT)]
    following = Conversations()
    (closing,) = following.closings(CaptureReader(written(tmp_path / "x.pcap", [*frames, *again])))
    assert len(closing.seen) == conversation.KEPT
    assert not closing.is_over
    assert story_of(closing) is not None


def test_the_4_tuple_may_open_again(tmp_path: Path) -> None:
    """A SYN in TIME-WAIT belongs to the connection that it ends, and to the next one."""
    steps = (
        "[{send: {flags: SYN, seq: rcv_nxt+1, mss: 1460}}, {expect: syn-ack},"
        " {send: {flags: ACK, seq: ans_ack, ack: ans_seq+1}},"
        " {expect: {flags: FIN|ACK}, within: 1s},"
        " {send: {flags: FIN|ACK, seq: ans_ack, ack: ans_seq+1}}, {expect: {flags: ACK}}]"
    )
    frames = frames_of(case_of(tmp_path, steps), "linux-6.18")
    following = Conversations()
    closings = list(following.closings(CaptureReader(written(tmp_path / "x.pcap", frames))))
    assert following.connections == 2
    first, second = closings
    assert [each.packet.segment.flags for each in first.seen[-2:]] == [2, 18]
    assert second.opened_by_dut is False
    assert second.peer.syn == first.seen[-2].packet.segment
