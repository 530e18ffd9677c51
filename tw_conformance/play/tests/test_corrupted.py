"""One field of one answer is another than the DUT sent: that fails the case which says that field,
and no case which does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

import pytest

from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Verdict
from tw_conformance.notation.load import load_text
from tw_conformance.play.player import perform_once
from tw_conformance.play.tests.scripted import IRS, at, performed, segment
from tw_conformance.targets.in_process import (
    FrameQueue,
    HostOfCase,
    InProcessTarget,
    encoder_of,
)
from tw_reference.profiles import PROFILES
from tw_reference.segment import ACK, FIN, FLAG_BITS, RST, Packet, Timestamps
from tw_reference.seqnum import add
from tw_reference.wire.decode import decode

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE

Alter = Callable[[Packet], Packet]
Deliver = Callable[[FrameQueue, tuple[int, bytes], tuple[int, bytes]], None]

ALL = (
    "flags: ACK, seq: snd_nxt, ack: rcv_nxt, window: rcv_wnd, length: 0, tsecr: ts_recent,"
    " timestamps: present, options: NOP NOP TS, ttl: 64, tos: 0, urgent: 0, reserved: 0"
)
_STEPS = "  - send: {{flags: FIN|ACK, seq: rcv_nxt-1}}\n  - expect: {{{}}}\n  - state: TIME-WAIT\n"


def case(said: str) -> Case:
    text = (
        "case: corrupted\ntitle: A title\ncites: [RFC 9293]\n"
        f"reach: {{state: TIME-WAIT, timestamps: on}}\nsteps:\n{_STEPS.format(said)}"
    )
    (made,) = load_text(text, FilePath("corrupted.tw.yaml"))
    return made


class CorruptedDut(HostOfCase):
    """The answer to the first step is altered on its way, and delivered in another way."""

    def __init__(self, target: BehindCorruption, of: Case, seed: str) -> None:
        super().__init__(target, of, seed)
        self._target = target
        self._held: tuple[FrameQueue, tuple[int, bytes]] | None = None

    def deliver(self, frame: bytes, mailbox: FrameQueue) -> None:
        target, now = self._target, self.clock.now
        packet = decode(frame)
        if self._held is not None:
            held, self._held = self._held, None
            target.delivery(held[0], held[1], (now, frame))
        elif isinstance(packet, Packet) and self.host.trace[-1].stage.name == "TIME-WAIT":
            altered = encoder_of(target.stack)(target.alter(packet))
            if target.delivery is in_order:
                mailbox.append((now, altered))
            else:
                self._held = mailbox, (now, altered)
        else:
            mailbox.append((now, frame))


class BehindCorruption(InProcessTarget):
    def __init__(self, alter: Alter, delivery: Deliver) -> None:
        super().__init__(PROFILES["linux-6.18"])
        self.alter, self.delivery = alter, delivery

    def dut_for(self, case: Case, seed: str) -> HostOfCase:
        return CorruptedDut(self, case, seed)


def in_order(mailbox: FrameQueue, answer: tuple[int, bytes], probed: tuple[int, bytes]) -> None:
    mailbox.extend((answer, probed))


def twice(mailbox: FrameQueue, answer: tuple[int, bytes], probed: tuple[int, bytes]) -> None:
    mailbox.extend((answer, answer, probed))


def never(mailbox: FrameQueue, answer: tuple[int, bytes], probed: tuple[int, bytes]) -> None:
    mailbox.append(probed)


def behind(mailbox: FrameQueue, answer: tuple[int, bytes], probed: tuple[int, bytes]) -> None:
    mailbox.extend((probed, answer))


def as_sent(packet: Packet) -> Packet:
    return packet


def of_segment(**changes: Any) -> Alter:
    """With other fields, so that its options are laid anew."""
    return lambda packet: replace(
        packet, segment=replace(packet.segment, option_octets=b"", **changes)
    )


def moved(field: str, by: int) -> Alter:
    def alter(packet: Packet) -> Packet:
        value = add(getattr(packet.segment, field), by)
        return of_segment(**{field: value})(packet)

    return alter


def flipped(bit: int) -> Alter:
    return lambda packet: of_segment(flags=packet.segment.flags ^ bit)(packet)


def stamped(tsval: int, tsecr: int) -> Alter:
    def alter(packet: Packet) -> Packet:
        stamps = packet.segment.timestamps
        assert stamps is not None
        other = Timestamps(add(stamps.tsval, tsval), add(stamps.tsecr, tsecr))
        return of_segment(timestamps=other)(packet)

    return alter


def nops_behind(packet: Packet) -> Packet:
    octets = packet.segment.option_octets
    return replace(packet, segment=replace(packet.segment, option_octets=octets[2:] + octets[:2]))


FIELDS: list[tuple[str, str, Alter]] = [
    ("seq", "seq: snd_nxt", moved("seq", 1)),
    ("seq", "seq: snd_nxt", moved("seq", -1)),
    ("ack", "ack: rcv_nxt", moved("ack", 1)),
    ("ack", "ack: rcv_nxt", moved("ack", -1)),
    ("window", "window: rcv_wnd", moved("window", 1)),
    ("window", "window: rcv_wnd", moved("window", -1)),
    *((f"flags {name}", "flags: ACK", flipped(bit)) for name, bit in FLAG_BITS.items()),
    ("tsecr", "tsecr: ts_recent", stamped(0, 1)),
    ("tsecr", "tsecr: ts_recent", stamped(0, -1)),
    ("timestamps", "timestamps: present", of_segment(timestamps=None)),
    ("options", "options: NOP NOP TS", nops_behind),
    ("length", "length: 0", of_segment(payload=b"t")),
    ("urgent", "urgent: 0", of_segment(urgent=1)),
    ("reserved", "reserved: 0", of_segment(reserved=1)),
    ("ttl", "ttl: 64", lambda packet: replace(packet, ttl=63)),
    ("tos", "tos: 0", lambda packet: replace(packet, tos=2)),
]


def verdict(said: str, alter: Alter = as_sent, delivery: Deliver = in_order) -> Verdict:
    target = BehindCorruption(alter, delivery)
    return target.start(perform_once(case(said), target)).result().verdict


def test_uncorrupted_it_passes() -> None:
    assert verdict(ALL) is PASS


@pytest.mark.parametrize(("field", "said", "alter"), FIELDS, ids=[f"{f[0]}" for f in FIELDS])
def test_a_field_fails_the_case_that_says_it_and_no_other(
    field: str, said: str, alter: Alter
) -> None:
    assert verdict(said, alter) is FAIL, field
    assert verdict(ALL, alter) is FAIL
    free = [part.strip() for part in ALL.split(", ")]
    free = [part for part in free if part != said]
    if field == "timestamps":  # what is not there has no TSecr, and no place among the options
        free = [part for part in free if not part.startswith(("tsecr", "options"))]
    assert verdict(", ".join(free), alter) is PASS


def test_no_case_says_what_the_clock_of_the_dut_has_to_be() -> None:
    assert verdict(ALL, stamped(1, 0)) is verdict(ALL, stamped(-1, 0)) is PASS


@pytest.mark.parametrize("delivery", [twice, never])
@pytest.mark.parametrize("said", [ALL, "flags: ACK"])
def test_an_answer_that_is_missing_or_too_many_fails_whatever_is_said(
    said: str, delivery: Deliver
) -> None:
    assert verdict(said, as_sent, delivery) is FAIL


@pytest.mark.parametrize("said", [ALL, "flags: ACK"])
def test_an_answer_behind_that_of_the_probe_is_held_to_all_that_is_said(said: str) -> None:
    assert verdict(said, as_sent, behind) is PASS
    assert verdict(said, of_segment(flags=RST), behind) is FAIL


FIN_HEARD = "  - send: {flags: ACK, seq: rcv_nxt-1}\n  - expect: {flags: FIN|ACK}\n"


def test_what_a_timer_sends_is_no_answer_of_a_dut_that_was_silent() -> None:
    """It fits: the case expects the FIN again, and the retransmission timer sends it again."""
    again = segment(FIN | ACK, 1, IRS)
    answered = performed(FIN_HEARD + FIN_HEARD, at((0.0005, again), (0.0025, again)))
    assert answered.verdict is PASS
    by_timer = performed(FIN_HEARD + FIN_HEARD, at((0.0005, again), (0.3, again)))
    assert by_timer.verdict is INCONCLUSIVE
    assert by_timer.overtaken, "it is played again, with more time for the timer"
    assert "was retransmitted by the DUT" in by_timer.reason


def test_where_no_tester_is_late_nor_is_it_one() -> None:
    again = segment(FIN | ACK, 1, IRS)
    for time, told in ((0.0025, PASS), (0.3, FAIL)):
        link = at((0.0005, again), (time, again))
        assert performed(FIN_HEARD + FIN_HEARD, link, realtime=False).verdict is told


def test_a_late_answer_that_was_not_there_before_is_one() -> None:
    late = segment(FIN | ACK, 1, IRS)
    assert performed(FIN_HEARD, at((0.3, late))).verdict is PASS
    assert performed(FIN_HEARD, at((0.3, segment(ACK)))).verdict is FAIL
