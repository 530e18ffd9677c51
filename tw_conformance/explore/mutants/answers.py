"""Stacks that get one field of an answer wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from tw_conformance.explore.mutants.mutant import AnswerMutant, Builder
from tw_reference import segment as tcp
from tw_reference.rules import stages
from tw_reference.rules.decision import AnyStage
from tw_reference.segment import Packet, Segment, Timestamps, flag_names
from tw_reference.seqnum import add

ChangePacket: TypeAlias = Callable[[Packet], Packet]


class Origin(NamedTuple):
    """What built an answer, and the flags of the answer."""

    builder: Builder
    flags: int


def builder(stage: AnyStage) -> Builder:
    """What builds the answer that a list has sent.

    A stack builds the answers of a connection in one place, whatever its state (Linux:
    tcp_send_ack(); FreeBSD: tcp_output(), tcp_respond()), those of a block in another
    (tcp_timewait_ack(); tcp_twrespond()), and in a third what finds no connection or only asks for
    one (tcp_v4_send_reset(), tcp_v4_reqsk_send_ack(); syncache_respond()).
    """
    if stage in _OF_A_BLOCK:
        return "a block"
    return "no connection" if stage in _OF_NOBODY else "a connection"


_OF_A_BLOCK = (stages.TIME_WAIT, stages.FIN_WAIT_2_BLOCK)
_OF_NOBODY = (stages.LISTEN, stages.CLOSED, stages.SYN_RECEIVED_REQUEST)


def answer_mutants(sent: Iterable[tuple[Origin, Packet]]) -> Iterator[AnswerMutant]:
    """Every field that an answer of each kind was seen to have, one wrong at a time."""
    found = defaultdict[Origin, set[str]](set)
    for origin, packet in sent:
        left = WRONG.keys() - found[origin]
        found[origin].update(change for change in left if WRONG[change](packet) != packet)
    for origin in sorted(found):
        place = f"{origin.builder}: {flag_names(origin.flags)}"
        for change, wrong in WRONG.items():
            if change in found[origin]:
                yield AnswerMutant("answer", place, change, *origin, wrong)


def _segment(change: Callable[[Segment], Segment]) -> ChangePacket:
    return lambda packet: replace(packet, segment=change(packet.segment))


def _stamped(change: Callable[[Timestamps], Timestamps]) -> ChangePacket:
    def changed(segment: Segment) -> Segment:
        stamps = segment.timestamps
        return segment if stamps is None else replace(segment, timestamps=change(stamps))

    return _segment(changed)


def _with_or_without_stamps(segment: Segment) -> Segment:
    return replace(segment, timestamps=None if segment.timestamps else Timestamps(1, 0))


def _another_ack(segment: Segment) -> Segment:
    if not segment.flags & tcp.ACK:
        return segment
    return replace(segment, ack=add(segment.ack, 1))


def _another_window(packet: Packet) -> Packet:
    segment = packet.segment
    window = segment.window - 1 if segment.window else 1
    return replace(packet, segment=replace(segment, window=window))


def _another_id(packet: Packet) -> Packet:
    return packet if packet.flow.is_ipv6 else replace(packet, ip_id=packet.ip_id ^ 1)


def _another_label(packet: Packet) -> Packet:
    return replace(packet, flow_label=packet.flow_label ^ 1) if packet.flow.is_ipv6 else packet


WRONG: Mapping[str, ChangePacket] = MappingProxyType(
    {
        "URG set": _segment(lambda s: replace(s, flags=s.flags ^ tcp.URG)),
        "SEG.SEQ one higher": _segment(lambda s: replace(s, seq=add(s.seq, 1))),
        "SEG.ACK one higher": _segment(_another_ack),
        "a smaller window": _another_window,
        "an octet of text": _segment(lambda s: replace(s, payload=s.payload + b"t")),
        "timestamps, or none": _segment(_with_or_without_stamps),
        "TSecr one higher": _stamped(lambda t: t._replace(tsecr=add(t.tsecr, 1))),
        "TSval of another clock": _stamped(lambda t: t._replace(tsval=add(t.tsval, 1 << 30))),
        "another MSS": _segment(lambda s: replace(s, mss=536 if s.mss != 536 else None)),
        "a window scale, or none": _segment(
            lambda s: replace(s, wscale=None if s.wscale is not None else 3)
        ),
        "an urgent pointer": _segment(lambda s: replace(s, urgent=1)),
        "a reserved bit": _segment(lambda s: replace(s, reserved=s.reserved ^ 1)),
        "another TTL": lambda packet: replace(packet, ttl=packet.ttl - 1),
        "another TOS": lambda packet: replace(packet, tos=packet.tos ^ 4),
        "DF, or not": lambda packet: replace(packet, df=not packet.df),
        "another IP ID": _another_id,
        "another flow label": _another_label,
    }
)
"""What may be wrong.  A field that a packet does not have is left alone."""
