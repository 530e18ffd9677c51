"""Expected beside seen: the fields of an answer, and the one comparison of them.

Every comparison of a packet with what a case, the oracle or another stack says goes through
:data:`FIELDS`, so none knows a field that the others don't.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal, TypeAlias

from tw_conformance.model.case import NOTHING, Answer, OneAnswer
from tw_conformance.model.expressions import SequenceExpression
from tw_conformance.model.verdict import Mismatch
from tw_conformance.play.numbers import relative
from tw_reference import segment as tcp
from tw_reference.profiles import PROFILES
from tw_reference.segment import Packet, Segment, flag_names

_KINDS = {0: "EOL", 1: "NOP", 2: "MSS", 3: "WS", 4: "SACK-OK", 5: "SACK", 8: "TS"}
"""Options by kind; one of another kind goes by its number."""
_ABSENT = "absent"

FieldValue: TypeAlias = int | str | bool

_ABOVE_SND_NXT = tuple(
    sorted({f"snd_nxt+{profile.traits.iss_step}" for profile in PROFILES.values()})
)
"""Where the ISS of a new incarnation may lie that TIME-WAIT chose."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that two answers may differ in.

    ``near`` are the variables from which a number of it is said; none where it is said as it is.
    """

    name: str
    read: Callable[[Packet], FieldValue]
    """What a packet has there, ``absent`` included."""
    near: tuple[str, ...] = ()
    only: Literal["ipv4", "ipv6"] | None = None

    def said(self, value: FieldValue, variables: Mapping[str, int]) -> str:
        """A value of it as a person reads it."""
        if self.name == "flags":
            return flag_names(int(value))
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, str) or not self.near:
            return str(value)
        return relative(value, variables, *self.near)


def _of_segment(name: str) -> Callable[[Packet], FieldValue]:
    read = attrgetter(f"segment.{name}")

    def value(packet: Packet) -> FieldValue:
        found: FieldValue | None = read(packet)
        return _ABSENT if found is None else found

    return value


def _tsval(packet: Packet) -> FieldValue:
    stamps = packet.segment.timestamps
    return _ABSENT if stamps is None else stamps.tsval


def _tsecr(packet: Packet) -> FieldValue:
    stamps = packet.segment.timestamps
    return _ABSENT if stamps is None else stamps.tsecr


FIELDS: tuple[Field, ...] = (
    Field("flags", _of_segment("flags")),
    Field("seq", _of_segment("seq"), ("snd_nxt", "iss", "seg_ack")),
    Field("ack", _of_segment("ack"), ("rcv_nxt", "seg_seq", "irs")),
    Field("window", _of_segment("window"), ("rcv_wnd",)),
    Field("length", lambda packet: len(packet.segment.payload)),
    Field("timestamps", lambda packet: "present" if packet.segment.timestamps else _ABSENT),
    Field("tsval", _tsval),
    Field("tsecr", _tsecr, ("ts_recent", "seg_tsval")),
    Field("mss", _of_segment("mss")),
    Field("wscale", _of_segment("wscale")),
    Field("urgent", _of_segment("urgent")),
    Field("reserved", _of_segment("reserved")),
    Field("options", lambda packet: option_kinds(packet.segment.option_octets)),
    Field("ttl", attrgetter("ttl")),
    Field("tos", attrgetter("tos")),
    Field("df", attrgetter("df"), only="ipv4"),
    Field("ip_id", attrgetter("ip_id"), only="ipv4"),
    Field("flow_label", attrgetter("flow_label"), only="ipv6"),
)
"""All that an :class:`Answer` may ask for, in the order in which differences are told."""


def compare(expected: Answer, packet: Packet, variables: Mapping[str, int]) -> list[Mismatch]:
    """The fields of ``packet`` that are not as expected; none where it is the expected answer.

    A window that is a sum over variables is in octets, a mere number as in the header.
    """
    mismatches = (
        _mismatch(field, wanted, packet, variables)
        for field in _fields(packet)
        if (wanted := getattr(expected, field.name)) is not None
    )
    return [mismatch for mismatch in mismatches if mismatch is not None]


def _mismatch(
    field: Field,
    wanted: FieldValue | SequenceExpression,
    packet: Packet,
    variables: Mapping[str, int],
) -> Mismatch | None:
    seen = field.read(packet)
    if wanted == "kept":
        wanted = variables["flow_label"]
    if not isinstance(wanted, SequenceExpression):
        if wanted == seen:
            return None
        return Mismatch(field.name, field.said(wanted, variables), field.said(seen, variables))
    of_header = field.name == "window" and (not wanted.names or packet.segment.flags & tcp.SYN)
    if field.name == "window" and not of_header:
        seen = window_octets(packet.segment, variables)
    if wanted.evaluate(variables) == seen:
        return None
    return Mismatch(
        field.name, wanted.text, str(seen) if of_header else field.said(seen, variables)
    )


def _fields(packet: Packet) -> Iterator[Field]:
    family = "ipv6" if packet.flow.is_ipv6 else "ipv4"
    return (field for field in FIELDS if field.only in (None, family))


def window_octets(segment: Segment, variables: Mapping[str, int]) -> int:
    """SEG.WND in octets; that of a SYN is never scaled (RFC 7323 section 2.2)."""
    scale = 0 if segment.flags & tcp.SYN else variables.get("rcv_scale", 0)
    return segment.window << scale


def option_kinds(octets: bytes) -> str:
    """The kinds of the options in the order in which they lie, as a case writes them."""
    kinds: list[str] = []
    at = 0
    while at < len(octets):
        kind = octets[at]
        kinds.append(_KINDS.get(kind, str(kind)))
        if kind == 0:
            break
        at += 1 if kind == 1 else max(int.from_bytes(octets[at + 1 : at + 2], "big"), 2)
    return " ".join(kinds) or "none"


# -- in words, and in words of a case -------------------------------------------------------------


def summary(what: OneAnswer | Packet, variables: Mapping[str, int] | None = None) -> str:
    """One line: ``ACK seq=snd_nxt ack=rcv_nxt``."""
    if what is NOTHING:
        return "nothing"
    if isinstance(what, Answer):
        flags = "a segment" if what.flags is None else flag_names(what.flags)
        seq = "" if what.seq is None else f" seq={what.seq.text}"
        ack = "" if what.ack is None else f" ack={what.ack.text}"
        return f"{flags}{seq}{ack}"
    segment, known = what.segment, variables or {}
    seq = relative(segment.seq, known, "snd_nxt", "iss", "seg_ack")
    ack = relative(segment.ack, known, "rcv_nxt", "seg_seq", "irs")
    length = f" length={len(segment.payload)}" if segment.payload else ""
    return f"{flag_names(segment.flags)} seq={seq} ack={ack}{length}"


def answer_of(packet: Packet, variables: Mapping[str, int]) -> Answer:
    """The most that an expectation can say of this packet, relative to the DUT's variables.

    Left open: what is random (an ordinary ISS), what runs on with a clock (TSval), what routers
    change (TTL), what a new connection offers of itself (the options and window of a SYN-ACK), and
    a window, or flags with a PSH, that no rule of the sender decides.
    """
    segment = packet.segment
    is_syn = segment.flags & tcp.SYN
    stamps = segment.timestamps
    window = None
    if packet.window_is_ruled and not is_syn:
        window = _window(window_octets(segment, variables), variables)
    return Answer(
        flags=segment.flags if packet.push_is_ruled else None,
        seq=_seq(segment, variables),
        ack=_ack(segment, variables),
        window=window,
        length=len(segment.payload),
        timestamps="present" if stamps else "absent",
        tsecr=None if stamps is None else _tsecr_said(stamps.tsecr, variables),
        tos=None if is_syn else packet.tos,
        df=None if packet.flow.is_ipv6 else packet.df,
    )


def _seq(segment: Segment, variables: Mapping[str, int]) -> SequenceExpression | None:
    if segment.flags & tcp.SYN:
        # An ISS is random, or follows the old connection's numbers (RFC 9293 section 3.6.1).
        return _exact(segment.seq, variables, *_ABOVE_SND_NXT)
    if segment.flags & tcp.RST:
        # RFC 9293 section 3.10.7.1: SEQ=SEG.ACK for a segment with ACK, else SEQ=0.
        usual = "0" if segment.flags & tcp.ACK else "seg_ack"
        return _exact(segment.seq, variables, usual, "snd_nxt")
    return _offset(segment.seq, variables, "snd_nxt")


def _ack(segment: Segment, variables: Mapping[str, int]) -> SequenceExpression | None:
    if not segment.flags & tcp.ACK:
        return None
    if segment.flags & tcp.SYN:
        next_octet = _exact(segment.ack, variables, "seg_seq+1")
        return next_octet or _offset(segment.ack, variables, "rcv_nxt")
    if segment.flags & tcp.RST:
        return _exact(segment.ack, variables, "seg_seq+seg_len", "rcv_nxt")
    return _offset(segment.ack, variables, "rcv_nxt", "seg_seq")


def _window(window: int, variables: Mapping[str, int]) -> SequenceExpression | None:
    return _exact(window, variables, "rcv_wnd", "0") or _offset(window, variables, "rcv_wnd")


def _tsecr_said(tsecr: int, variables: Mapping[str, int]) -> SequenceExpression | None:
    usual = _exact(tsecr, variables, "ts_recent", "seg_tsval", "0")
    return usual or _offset(tsecr, variables, "ts_recent", "seg_tsval")


def _exact(value: int, variables: Mapping[str, int], *texts: str) -> SequenceExpression | None:
    """The first of the expressions that has that value."""
    for expression in map(SequenceExpression, texts):
        if expression.names <= variables.keys() and expression.evaluate(variables) == value:
            return expression
    return None


def _offset(value: int, variables: Mapping[str, int], *names: str) -> SequenceExpression | None:
    """An offset from the first of the variables that the value is near to."""
    text = relative(value, variables, *names)
    return None if text == str(value) else SequenceExpression(text)
