"""A closing connection of a capture as a case: what the judged end got is sent, what it sent is
expected, in numbers that count from its own variables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tw_conformance.captures.conversation import Closing
from tw_conformance.captures.reading import Sighting
from tw_conformance.captures.story import Origins, origin_of
from tw_conformance.model.case import (
    NOTHING,
    Answer,
    ByProfile,
    Call,
    Case,
    Expect,
    Expected,
    OneAnswer,
    Reach,
    Send,
    Step,
    Through,
    TimestampRelation,
    Wait,
)
from tw_conformance.model.expressions import SequenceExpression, TimeExpression
from tw_conformance.notation import answers
from tw_conformance.play.compare import answer_of, compare
from tw_conformance.play.numbers import relative
from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND, SECOND
from tw_reference.segment import Packet, Segment
from tw_reference.seqnum import add, distance
from tw_reference.ways import WINDOW

_PAUSE = 100 * MILLISECOND
"""A pause as long as this is one in the case, too; within less an answer may be on its way."""
_SOON = MILLISECOND
"""An answer that takes longer may be owed to a timer."""
_MOST_TEXT = 0xFFFF
"""Octets that a call sends at most; of more the segments are missing in the capture."""
_LONGEST = 1460
"""Octets of text in a segment that a case sends."""
_SAID = ("flags", "seq", "ack", "length")
"""What is said of an answer that no word is for."""
_CONTROL = tcp.FIN | tcp.SYN | tcp.RST | tcp.ACK
_RELATIONS: dict[int, TimestampRelation | None] = {0: "same", -1: "older", 1000: None}
"""TSval from TS.Recent, as a case has words for it; None: what is usual."""


@dataclass(frozen=True, slots=True)
class _Way:
    """How a case gets to its steps: how many of the segments are on the way, and how far the
    variables have moved by then."""

    reach: str
    through: Through
    taken: int
    rcv_nxt: int
    snd_nxt: int


def recorded(closing: Closing, name: str, capture: str) -> Case | None:
    """The case; None where a number that it would count from was not seen, or all that follows is
    behind segments that are missing.

    It expects what came, of every profile.
    """
    origin = origin_of(closing)
    if origin is None:
        return None
    way = _way(closing, origin)
    steps = _Steps(closing, origin, way).all()
    if not steps:
        return None
    syn = closing.peer.syn
    address, port = closing.dut.address
    number = closing.seen[0].number
    return Case(
        name=name,
        title=f"What {address} did on port {port} when a connection closed",
        cites=(f"{capture}, from frame {number} on",),
        reach=Reach(
            state=way.reach,
            through=way.through,
            family="ipv6" if closing.seen[0].packet.flow.is_ipv6 else "ipv4",
            timestamps=origin.ts_recent is not None,
            wscale=None if syn is None or syn.wscale is None else min(syn.wscale, 14),
            mss=1460 if syn is None else syn.mss,
            open="active" if closing.opened_by_dut else "passive",
            # The reference does not offer it, and nothing depends on it when a connection closes.
            sack=syn is not None and syn.sack_permitted and not closing.opened_by_dut,
        ),
        steps=tuple(steps),
    )


# -- the way -------------------------------------------------------------------------------------


def _way(closing: Closing, origin: Origins) -> _Way:
    seen = closing.seen
    fin = next((at for at, each in enumerate(seen) if _closes(closing, each)), None)
    if fin is None or any(not closing.by_dut(each) for each in seen[:fin]):
        return _Way("ESTABLISHED", Through.FIN_WAIT_2, 0, origin.rcv_nxt, origin.snd_nxt)
    is_answered = any(not closing.by_dut(each) for each in seen[fin:])
    if not is_answered or any(_is_text(closing, each) for each in seen[fin:]):
        return _Way("ESTABLISHED", Through.FIN_WAIT_2, 0, origin.rcv_nxt, origin.snd_nxt)
    snd_nxt = add(origin.snd_nxt, 1)
    entered = _to_time_wait(closing, origin, fin + 1)
    if entered is not None and any(not closing.by_dut(each) for each in seen[entered[1] :]):
        through, taken = entered
        return _Way("TIME-WAIT", through, taken, add(origin.rcv_nxt, 1), snd_nxt)
    return _Way("FIN-WAIT-1", Through.FIN_WAIT_2, fin + 1, origin.rcv_nxt, snd_nxt)


def _is_text(closing: Closing, each: Sighting) -> bool:
    """Whether the peer sends text."""
    segment = each.packet.segment
    return bool(segment.payload) and not (segment.flags & tcp.RST or closing.by_dut(each))


def _closes(closing: Closing, each: Sighting) -> bool:
    return closing.by_dut(each) and bool(each.packet.segment.flags & tcp.FIN)


_ACK_OF_FIN = (False, tcp.ACK, 0, 1)
_FIN_AFTER = (False, tcp.FIN | tcp.ACK, 0, 1)
_CROSSING = (False, tcp.FIN | tcp.ACK, 0, 0)
_ACK_OF_CROSSED = (False, tcp.ACK, 1, 1)
_ANSWER = (True, tcp.ACK, 1, 1)
_ANSWER_WITH_FIN = (True, tcp.FIN | tcp.ACK, 0, 1)
_WAYS: tuple[tuple[Through, tuple[tuple[bool, int, int, int], ...]], ...] = (
    (Through.FIN_WAIT_2, (_ACK_OF_FIN, _FIN_AFTER, _ANSWER)),
    (Through.FIN_WAIT_1, (_FIN_AFTER, _ANSWER)),
    (Through.CLOSING, (_CROSSING, _ANSWER, _ACK_OF_CROSSED)),
    (Through.CLOSING, (_CROSSING, _ANSWER_WITH_FIN, _ACK_OF_CROSSED)),
)
"""By whom, flags, SEG.SEQ and SEG.ACK, from the judged end's variables before it closed."""


def _to_time_wait(closing: Closing, origin: Origins, start: int) -> tuple[Through, int] | None:
    """The way into TIME-WAIT, where it is one that a case can take, and where it ends."""
    for through, turns in _WAYS:
        seen = closing.seen[start : start + len(turns)]
        if [_turn(closing, origin, each) for each in seen] == list(turns):
            return through, start + len(turns)
    return None


def _turn(closing: Closing, origin: Origins, each: Sighting) -> tuple[bool, int, int, int] | None:
    segment, by_dut = each.packet.segment, closing.by_dut(each)
    if segment.payload:
        return None
    own, other = origin.rcv_nxt, origin.snd_nxt
    if by_dut:
        own, other = other, own
    seq, ack = distance(segment.seq, own), distance(segment.ack, other)
    return by_dut, segment.flags & (_CONTROL | tcp.URG), seq, ack


# -- the steps -----------------------------------------------------------------------------------


class _Steps:
    """The segments behind the way, as steps."""

    def __init__(self, closing: Closing, origin: Origins, way: _Way) -> None:
        self._closing, self._way = closing, way
        self._seen = closing.seen[way.taken :]
        self._timestamps = origin.ts_recent is not None
        self._variables = {
            "rcv_nxt": way.rcv_nxt,
            "snd_nxt": way.snd_nxt,
            "rcv_wnd": closing.dut.window,
            "ts_recent": _ts_recent(closing, origin, way.taken),
        }
        self._top = way.snd_nxt
        """One past all that the judged end has sent."""
        later = {self._ago(each) for each in self._seen if not closing.by_dut(each)}
        self._has_one_stamp = len(later) == 1
        """Whether all that the peer sends has one TSval."""
        before = [each for each in closing.seen[: way.taken] if not closing.by_dut(each)]
        self._window = before[-1].packet.segment.window if before else closing.peer.window
        self._window_said = WINDOW
        self._last = 0
        """The flags of the peer's last segment."""
        fin = next((at for at, each in enumerate(self._seen) if _closes(closing, each)), 0)
        takes_text = any(_is_text(closing, each) for each in self._seen[fin:])
        # Who is not to be reset for text has not closed its socket.
        self._closing_call = "shutdown" if takes_text else "close"

    def all(self) -> list[Step]:
        steps: list[Step] = []
        taken = self._way.taken
        before = self._closing.seen[taken - 1] if taken else None
        for at, each in enumerate(self._seen):
            if self._is_beyond(each):
                break
            if self._closing.by_dut(each):
                waited = 0 if before is None else each.time - before.time
                steps += self._sent(each, waited)
            else:
                steps += self._pause(before, each)
                steps.append(self._got(each))
                if self._is_silent_behind(at):
                    steps.append(Expect(_for_all(NOTHING)))
            before = each
        return steps

    def _is_beyond(self, each: Sighting) -> bool:
        """Whether no case says this: segments are missing before it, or a card has yet to cut it
        into segments."""
        segment = each.packet.segment
        if not self._closing.by_dut(each):
            return len(segment.payload) > _LONGEST
        new = 0 if segment.flags & tcp.SYN else distance(segment.end, self._top)
        return new > _MOST_TEXT

    def _pause(self, before: Sighting | None, each: Sighting) -> Iterator[Step]:
        paused = 0 if before is None else each.time - before.time
        if paused >= _PAUSE:
            yield Wait(TimeExpression(f"{-(-paused // MILLISECOND)}ms"))

    def _is_silent_behind(self, at: int) -> bool:
        """Whether nothing answers this segment, nor may be under way when the next one comes."""
        if at + 1 == len(self._seen):
            return True
        following = self._seen[at + 1]
        waited = following.time - self._seen[at].time
        return waited >= _PAUSE and not (self._closing.by_dut(following) and waited < SECOND)

    def _ago(self, each: Sighting) -> int | None:
        """TSval from TS.Recent."""
        stamps = each.packet.segment.timestamps
        return None if stamps is None else distance(stamps.tsval, self._variables["ts_recent"])

    def _got(self, each: Sighting) -> Send:
        segment, variables = each.packet.segment, self._variables
        stamps = segment.timestamps
        relation, tsval = self._stamp(self._ago(each))
        is_syn = bool(segment.flags & tcp.SYN)
        send = Send(
            flags=segment.flags,
            seq=_number(segment.seq, variables, "rcv_nxt"),
            ack=_number(segment.ack, variables, "snd_nxt") if segment.flags & tcp.ACK else None,
            window=self._window_of(segment),
            length=len(segment.payload),
            urgent=segment.urgent if segment.flags & tcp.URG else 0,
            reserved=segment.reserved,
            timestamps=relation,
            tsval=tsval,
            mss=segment.mss if is_syn else None,
            wscale=segment.wscale if is_syn else None,
            sack_permitted=segment.sack_permitted and is_syn,
        )
        variables.update(
            seg_seq=segment.seq,
            seg_ack=segment.ack,
            seg_len=segment.length,
            seg_tsval=0 if stamps is None else stamps.tsval,
        )
        self._last = segment.flags
        return send

    def _window_of(self, segment: Segment) -> int | None:
        """Shut, or as the one before, or another: FreeBSD takes a FIN with an unchanged window for
        a duplicate ACK.  None: the tester's own."""
        if segment.flags & (tcp.RST | tcp.SYN):
            return None
        if segment.window != self._window:
            self._window, self._window_said = segment.window, self._window_said - 1
        said = self._window_said if segment.window else 0
        return None if said == WINDOW else said

    def _stamp(self, ago: int | None) -> tuple[TimestampRelation | None, SequenceExpression | None]:
        """TSval in a word where there is one for it, else as a sum."""
        if ago is None:
            return ("absent" if self._timestamps else None), None
        if not self._timestamps:
            return "newer", None
        if ago > 0 and self._has_one_stamp:
            return None, None
        if ago in _RELATIONS:
            return _RELATIONS[ago], None
        return None, SequenceExpression(f"ts_recent{ago:+d}")

    def _sent(self, each: Sighting, waited: int) -> Iterator[Step]:
        """What the judged end's process does has a call before it; what its timers send again is
        left out, which is what comes again, and not soon behind something else."""
        segment = each.packet.segment
        new = distance(segment.end, self._top)
        if segment.length and not segment.flags & tcp.SYN:
            if new <= 0 and waited >= _PAUSE:
                return
            text = new - bool(segment.flags & tcp.FIN)
            if text > 0:
                yield Call("send", {"length": text})
            if new > 0 and segment.flags & tcp.FIN:
                yield Call(self._closing_call)
            self._top = add(self._top, max(new, 0))
        elif segment.flags & tcp.RST and not self._last:
            yield Call("abort")
        within = TimeExpression("1s") if waited >= _SOON else None
        yield Expect(_for_all(self._answer(each.packet)), within)
        self._variables.update(ans_seq=segment.seq, ans_ack=segment.ack, ans_len=segment.length)

    def _answer(self, packet: Packet) -> OneAnswer:
        words = [answers.ack(timestamps=self._timestamps)]
        if self._last:
            words += [answers.rst(to_ack=bool(self._last & tcp.ACK)), answers.syn_ack()]
        for word in words:
            if not compare(word, packet, self._variables):
                return word
        said = answer_of(packet, self._variables)
        return Answer(**{name: getattr(said, name) for name in _SAID})


def _ts_recent(closing: Closing, origin: Origins, taken: int) -> int:
    """TSval of the last segment on the way."""
    stamps = [
        each.packet.segment.timestamps for each in closing.seen[:taken] if not closing.by_dut(each)
    ]
    last = next((each.tsval for each in reversed(stamps) if each is not None), None)
    return (origin.ts_recent or 0) if last is None else last


def _number(number: int, variables: dict[str, int], name: str) -> SequenceExpression | None:
    text = relative(number, variables, name, however_far=True)
    return None if text == name else SequenceExpression(text)


def _for_all(answer: Expected) -> ByProfile[Expected]:
    return ByProfile((("*", answer),))
