"""Captures of the reference under one profile, judged: it is known again, others are told from it,
and what nobody does is found."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tw_conformance.captures.judging import Judged, judge_capture
from tw_conformance.captures.reading import CaptureReader
from tw_conformance.captures.tests.made import DUT, case_of, frames_of, written
from tw_reference.profiles import PROFILES
from tw_reference.segment import ACK, FIN, RST, Packet
from tw_reference.wire.decode import decode

LATER = 10.0
"""Seconds after which no answer is on its way any more."""

Frames = list[tuple[float, bytes]]


def judged(folder: Path, frames: Iterable[tuple[float, bytes]], dut: str | None = None) -> Judged:
    file = written(folder / "x.pcap", frames)
    return judge_capture(CaptureReader(file), list(PROFILES.values()), dut)


def played(folder: Path, steps: str, profile: str, reach: str = "{}") -> Frames:
    return frames_of(case_of(folder, steps, reach), profile)


def of_dut(frame: bytes) -> bool:
    packet = decode(frame)
    return isinstance(packet, Packet) and packet.flow.src == DUT


def with_time_after(frames: Frames) -> Frames:
    """The capture goes on: the first frame, of another connection."""
    time = frames[-1][0]
    syn = bytearray(frames[0][1])
    syn[34:36] = (9).to_bytes(2)
    syn[50:52] = bytes(2)
    return [*frames, (time + LATER, bytes(syn))]


RST_THEN_ACK = (
    "[{send: {flags: RST}}, {expect: nothing}, {wait: 200ms},"
    " {send: {flags: ACK, seq: rcv_nxt+70000}}, {expect: rst}]"
)
SYN = "[{wait: 200ms}, {send: {flags: SYN, seq: rcv_nxt+1, mss: 1460}}, {expect: syn-ack}]"
FIN_AGAIN = "[{wait: 200ms}, {send: {flags: FIN|ACK, seq: rcv_nxt-1}}, {expect: ack}]"


@pytest.mark.parametrize("reach", ["{}", "{timestamps: on}", "{family: ipv6}"])
@pytest.mark.parametrize("steps", [RST_THEN_ACK, SYN, FIN_AGAIN])
@pytest.mark.parametrize("profile", ["freebsd-10", "freebsd-15", "linux-2.6.32", "linux-6.18"])
def test_what_a_profile_did_it_explains(
    profile: str, steps: str, reach: str, tmp_path: Path
) -> None:
    found = judged(tmp_path, with_time_after(played(tmp_path, steps, profile, reach)))
    assert found.connections == 1
    assert found.fits[profile].explained == 1
    assert profile in found.best()
    assert not found.undocumented


@pytest.mark.parametrize(
    ("profile", "best", "otherwise"),
    [("freebsd-15", "freebsd", "linux-6.18"), ("linux-6.18", "linux", "freebsd-15")],
)
def test_what_another_does_not_do_tells_them_apart(
    profile: str, best: str, otherwise: str, tmp_path: Path
) -> None:
    found = judged(tmp_path, played(tmp_path, RST_THEN_ACK, profile))
    assert {name.partition("-")[0] for name in found.best()} >= {best}
    assert otherwise not in found.best()


def test_a_setting_may_be_what_explains_a_capture(tmp_path: Path) -> None:
    found = judged(tmp_path, played(tmp_path, RST_THEN_ACK, "freebsd-15"))
    assert found.fits["linux-6.18"].otherwise == 1
    (met,) = found.met.values()
    told = {told.profile: told for told in met.tellings.told}
    assert told["linux-6.18"].settings == {"rfc1337": 1}


def test_silence_that_no_stack_keeps_is_found(tmp_path: Path) -> None:
    frames = played(tmp_path, FIN_AGAIN, "linux-6.18")
    last = max(n for n, (_, frame) in enumerate(frames) if of_dut(frame))
    found = judged(tmp_path, with_time_after(frames[:last] + frames[last + 1 :]))
    assert found.undocumented == 1
    (met,) = found.met.values()
    seen = met.first.seen[met.tellings.undocumented or 0].packet
    assert seen.segment.flags == FIN | ACK
    assert seen.flow.dst == DUT
    assert {told.end.why for told in met.tellings.told if told.end} == {
        "it sends ACK seq=snd_nxt+1 ack=rcv_nxt+1; nothing came"
    }


def test_nothing_is_made_of_silence_where_the_capture_ends(tmp_path: Path) -> None:
    frames = played(tmp_path, FIN_AGAIN, "linux-6.18")
    last = max(n for n, (_, frame) in enumerate(frames) if of_dut(frame))
    assert not judged(tmp_path, frames[:last]).undocumented


def test_a_segment_that_no_stack_sends_is_found(tmp_path: Path) -> None:
    """An ACK of TIME-WAIT comes once more, and nobody asked."""
    frames = played(tmp_path, FIN_AGAIN, "linux-6.18")
    last = [frame for _, frame in frames if of_dut(frame)][-1]
    found = judged(tmp_path, [*frames, (frames[-1][0] + 0.5, last)])
    assert found.undocumented == 1
    assert all(fit.deviates == 1 for fit in found.fits.values())


def test_one_direction_is_named(tmp_path: Path) -> None:
    frames = played(tmp_path, FIN_AGAIN, "linux-6.18")
    found = judged(tmp_path, [each for each in frames if of_dut(each[1])])
    assert found.connections == 0
    assert dict(found.untold) == {"one direction is missing: its peer's segments": 1}


def test_a_capture_may_begin_in_the_middle(tmp_path: Path) -> None:
    frames = played(tmp_path, RST_THEN_ACK, "linux-6.18", "{wscale: 7, timestamps: on}")
    fin = next(n for n, (_, f) in enumerate(frames) if _flags(f) & FIN)
    found = judged(tmp_path, frames[fin:])
    assert found.connections == 1
    assert found.fits["linux-6.18"].explained == 1


def _flags(frame: bytes) -> int:
    packet = decode(frame)
    return packet.segment.flags if isinstance(packet, Packet) else 0


@pytest.mark.parametrize("profile", ["freebsd-15", "linux-6.18"])
def test_the_end_that_is_closed_upon_is_judged_where_it_is_asked_for(
    profile: str, tmp_path: Path
) -> None:
    steps = (
        "[{wait: 200ms}, {call: close}, {expect: {flags: FIN|ACK}},"
        " {send: {flags: ACK, ack: snd_nxt+1}}, {expect: nothing},"
        " {send: {flags: ACK, ack: snd_nxt+1}}, {expect: rst}]"
    )
    frames = played(tmp_path, steps, profile, "{state: CLOSE-WAIT}")
    found = judged(tmp_path, with_time_after(frames), DUT)
    (met,) = found.met.values()
    assert met.first.dut.address == (DUT, 7)
    assert found.fits[profile].explained == 1
    states = {answered.state.value for answered in met.tellings.told[0].answered.values()}
    assert states == {"ESTABLISHED", "LAST-ACK", "CLOSED"}
    assert judged(tmp_path, frames, "198.51.100.9").connections == 0


def test_a_reset_of_the_process_ends_a_connection(tmp_path: Path) -> None:
    steps = "[{call: abort}, {expect: {flags: RST|ACK}}, {send: {flags: ACK}}, {expect: rst}]"
    frames = played(tmp_path, steps, "linux-6.18", "{state: ESTABLISHED}")
    found = judged(tmp_path, frames)
    assert found.connections == 1
    assert found.fits["linux-6.18"].explained == 1
    (met,) = found.met.values()
    assert met.first.seen[0].packet.segment.flags & RST


def test_connections_that_differ_in_numbers_alone_are_judged_once(tmp_path: Path) -> None:
    """Other ports, other sequence numbers, text of another length."""
    one = played(tmp_path, FIN_AGAIN, "linux-6.18", "{timestamps: on}")
    frames = [frame for frame in one if isinstance(decode(frame[1]), Packet)]
    others = [(time + 20.0, _moved(frame)) for time, frame in frames]
    found = judged(tmp_path, with_time_after([*frames, *others]))
    assert found.connections == 2
    assert len(found.met) == 1


def _moved(frame: bytes) -> bytes:
    """Another port of the peer's, and numbers that are further by 1,000,000 on either side."""
    moved, by_dut = bytearray(frame), of_dut(frame)
    port = slice(36, 38) if by_dut else slice(34, 36)
    moved[port] = (4321).to_bytes(2)
    flags = frame[47]
    for at, is_said in ((38, True), (42, bool(flags & ACK))):
        number = int.from_bytes(frame[at : at + 4])
        moved[at : at + 4] = ((number + 1_000_000) % 2**32 if is_said else 0).to_bytes(4)
    moved[50:52] = bytes(2)
    return bytes(moved)
