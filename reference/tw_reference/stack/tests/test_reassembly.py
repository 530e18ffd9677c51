from __future__ import annotations

import pytest

from tw_reference.stack.reassembly import Reassembly

_END = 1 << 32


@pytest.mark.parametrize(
    ("segments", "blocks"),
    [
        ([], []),
        ([(10, 5)], [(10, 15)]),
        ([(10, 5), (30, 5)], [(30, 35), (10, 15)]),
        ([(30, 5), (10, 5)], [(10, 15), (30, 35)]),
        ([(10, 5), (30, 5), (15, 5)], [(10, 20), (30, 35)]),
        ([(10, 5), (20, 5), (15, 5)], [(10, 25)]),
        ([(10, 9), (12, 2)], [(10, 19)]),
        ([(10, 5), (30, 5), (10, 5)], [(10, 15), (30, 35)]),
        ([(_END - 5, 5), (0, 5)], [(_END - 5, 5)]),
    ],
)
def test_blocks_are_the_pieces_held_that_of_the_latest_segment_first(
    segments: list[tuple[int, int]], blocks: list[tuple[int, int]]
) -> None:
    held = Reassembly()
    for seq, length in segments:
        held.put(seq, bytes(length), False)
    assert held.blocks() == blocks


def test_a_fin_that_is_held_counts_in_its_block() -> None:
    held = Reassembly()
    held.put(10, b"text", True)
    assert held.blocks() == [(10, 15)]
