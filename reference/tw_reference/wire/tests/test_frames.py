"""Twenty thousand frames, half of them spoilt: nothing but WireError, whatever comes.

``ci/fuzz/frames.py`` sends as many as one likes, and prints what became of them.
"""

from __future__ import annotations

import struct
from random import Random

import pytest

from tw_reference.profiles import PROFILES
from tw_reference.tests.frame_fuzz import FrameFailure, Session
from tw_reference.tests.frame_mutations import MUTATIONS, Mutation, fix_checksums
from tw_reference.wire.ip import internet_checksum

FRAMES = 20_000


@pytest.mark.parametrize("name", PROFILES)
def test_no_frame_breaks_the_wire_or_the_host(name: str) -> None:
    outcomes = Session(PROFILES[name], "unit").run(FRAMES // len(PROFILES)).outcomes
    decoded = sum(count for words, count in outcomes.items() if words.startswith("decoded"))
    answered = sum(count for words, count in outcomes.items() if "answered" in words)
    assert decoded > FRAMES // len(PROFILES) // 2
    assert answered > FRAMES // len(PROFILES) // 5


def test_a_session_repeats_bit_for_bit() -> None:
    first, second = (Session(PROFILES["linux-6.18"], "again").run(500) for _ in range(2))
    assert first == second


def test_a_failure_names_the_seed_and_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(PROFILES["rfc9293"], "broken")

    def fails(packet: object) -> None:
        raise OverflowError

    monkeypatch.setattr(session.host, "receive", fails)
    with pytest.raises(FrameFailure, match=r"^rfc9293, seed broken, frame \d+: ([0-9a-f]{2})+$"):
        session.run(100)


@pytest.mark.parametrize("mutation", dict.fromkeys(MUTATIONS))
def test_a_mutation_takes_any_bytes(mutation: Mutation) -> None:
    random = Random(1)
    for kind in (b"\x08\x00", b"\x86\xdd", b"\x08\x06"):
        for size in range(80):
            frame = bytearray(12) + kind + random.randbytes(size)
            for short in (frame[:size], frame):
                mutation(random, short)
                fix_checksums(short)


def test_checksums_are_fixed() -> None:
    frame = bytearray(12) + struct.pack(
        "!HBBHIBBH4s4s", 0x0800, 0x45, 0, 41, 0, 64, 6, 0, *2 * [b"abcd"]
    )
    frame += bytes(range(21))
    fix_checksums(frame)
    assert internet_checksum(0, frame[14:34]) == 0
    pseudo = 2 * sum(struct.unpack("!2H", b"abcd")) + 6 + 21
    assert internet_checksum(pseudo, frame[34:]) == 0
