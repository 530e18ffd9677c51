"""What is read of capture files: of every link, cut, offloaded, torn."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tw_conformance.captures.judging import judge_capture
from tw_conformance.captures.reading import CaptureReader
from tw_conformance.captures.tests.made import LINKS, captured, case_of, frames_of, written
from tw_conformance.model.case import Case
from tw_conformance.model.errors import UsageError
from tw_reference.profiles import PROFILES
from tw_reference.segment import FIN, Packet

CASE = "[{send: {flags: RST}}, {expect: nothing}]"


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return case_of(tmp_path_factory.mktemp("case"), CASE, "{timestamps: on}")


@pytest.fixture(scope="module")
def frames(case: Case) -> list[tuple[float, bytes]]:
    return frames_of(case, "linux-6.18")


@pytest.fixture(scope="module")
def kinds(
    case: Case, frames: list[tuple[float, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> list[bytes]:
    """Sound files of several forms."""
    folder = tmp_path_factory.mktemp("kinds")
    files = (
        captured(folder, case, "linux-6.18"),
        written(folder / "x.pcap", frames),
        written(folder / "sll.pcap", frames, link=113, dressed=LINKS["SLL"][1]),
    )
    return [file.read_bytes() for file in files]


def packets(file: Path) -> list[Packet]:
    return [each.packet for each in CaptureReader(file)]


@pytest.mark.parametrize("name", LINKS)
def test_a_link_does_not_change_what_is_read(
    name: str, frames: list[tuple[float, bytes]], tmp_path: Path
) -> None:
    link, dressed = LINKS[name]
    usual = packets(written(tmp_path / "usual.pcap", frames))
    assert len(usual) == 8
    assert packets(written(tmp_path / "x.pcap", frames, link=link, dressed=dressed)) == usual


def test_pcapng_and_gzip_are_read_and_times_are_kept(case: Case, tmp_path: Path) -> None:
    file = captured(tmp_path, case, "linux-6.18")
    zipped = tmp_path / "x.pcapng.gz"
    zipped.write_bytes(gzip.compress(file.read_bytes()))
    assert list(CaptureReader(zipped)) == list(CaptureReader(file))
    assert len(packets(file)) == 8


@pytest.mark.parametrize(
    ("link", "dressed", "reason"),
    [
        (105, bytes, "link type 105 (IEEE 802.11)"),
        (147, bytes, "link type 147"),
        (1, lambda f: f[:12] + b"\x88\x47" + f[14:], "MPLS"),
        (1, lambda f: f[:12] + b"\x81\0\0\1\x88\x64" + f[14:], "PPPoE"),
    ],
)
def test_what_is_not_handled_is_named(
    link: int,
    dressed: Callable[[bytes], bytes],
    reason: str,
    frames: list[tuple[float, bytes]],
    tmp_path: Path,
) -> None:
    file = written(tmp_path / "x.pcap", frames, link=link, dressed=dressed)
    reading = CaptureReader(file)
    assert not list(reading)
    assert dict(reading.left_out) == {reason: len(frames)}


def test_text_that_was_not_kept_counts_all_the_same(tmp_path: Path) -> None:
    steps = "[{send: {flags: PSH|ACK, length: 1000}}, {expect: rst}]"
    frames = frames_of(case_of(tmp_path, steps), "linux-6.18")
    cut = written(tmp_path / "x.pcap", frames, kept=66)
    whole = written(tmp_path / "y.pcap", frames)
    lengths = [packet.segment.length for packet in packets(cut)]
    assert lengths == [packet.segment.length for packet in packets(whole)]
    assert 1000 in lengths


@pytest.mark.parametrize("kept", [40, 60])
def test_a_header_that_was_not_kept_is_named(
    frames: list[tuple[float, bytes]], tmp_path: Path, kept: int
) -> None:
    reading = CaptureReader(written(tmp_path / "x.pcap", frames, kept=kept))
    assert not list(reading)
    assert reading.left_out["TCP header is cut short"] == 8


def test_a_checksum_that_a_card_was_to_make_is_right_and_a_wrong_one_is_named(
    frames: list[tuple[float, bytes]], tmp_path: Path
) -> None:
    """What Linux leaves to a card is the sum of the pseudo header."""
    time, frame = frames[0]
    length = len(frame) - 34
    words = int.from_bytes(frame[26:30]) + int.from_bytes(frame[30:34])
    pseudo = (words + 6 + length) % 0xFFFF
    yet_to_be_made = frame[:50] + pseudo.to_bytes(2) + frame[52:]
    spoilt = frame[:50] + (pseudo ^ 0x55).to_bytes(2) + frame[52:]
    reading = CaptureReader(written(tmp_path / "x.pcap", [(time, yet_to_be_made), (time, spoilt)]))
    assert len(list(reading)) == 1
    assert dict(reading.left_out) == {"TCP checksum is wrong": 1}


def test_a_length_of_0_is_that_of_the_frame(
    frames: list[tuple[float, bytes]], tmp_path: Path
) -> None:
    """What a card cuts into segments has none yet."""
    spared = [(t, f[:16] + bytes(2) + f[18:24] + bytes(2) + f[26:]) for t, f in frames]
    usual = packets(written(tmp_path / "x.pcap", frames))
    assert packets(written(tmp_path / "y.pcap", spared)) == usual


def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    file = tmp_path / "x.pcap"
    with pytest.raises(UsageError, match="can't be read: No such file"):
        CaptureReader(file)
    file.write_bytes(b"GIF89a, and no capture")
    with pytest.raises(UsageError, match="neither pcap nor pcapng"):
        CaptureReader(file)


@pytest.mark.parametrize("suffix", ["pcap", "pcapng"])
def test_a_torn_file_is_read_as_far_as_it_goes(
    suffix: str, case: Case, frames: list[tuple[float, bytes]], tmp_path: Path
) -> None:
    whole = written(tmp_path / "x.pcap", frames) if suffix == "pcap" else None
    whole = whole or captured(tmp_path, case, "linux-6.18")
    reading = CaptureReader(whole)
    assert len(list(reading)) == 8
    assert not reading.fault
    torn = tmp_path / "torn"
    torn.write_bytes(whole.read_bytes()[:-20])
    reading = CaptureReader(torn)
    assert len(list(reading)) <= 8
    assert "is torn or spoilt behind frame" in reading.fault


@given(data=st.data())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whatever_the_octets_nothing_is_raised_but_that_it_is_no_capture(
    data: st.DataObject, kinds: list[bytes], tmp_path: Path
) -> None:
    octets = bytearray(data.draw(st.sampled_from(kinds)))
    for at in data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=12)):
        octets[at] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(octets)))
    file = tmp_path / "torn"
    file.write_bytes(octets[: end or None])
    with suppress(UsageError):
        judge_capture(CaptureReader(file), [PROFILES["linux-6.18"]])


def test_a_file_is_not_read_before_it_is_asked_for(
    frames: list[tuple[float, bytes]], tmp_path: Path
) -> None:
    reading = CaptureReader(written(tmp_path / "x.pcap", frames))
    first = list(islice(reading, 3))
    assert len(first) == 3
    assert reading.frames <= 4
    assert not any(each.packet.segment.flags & FIN for each in first[:2])
