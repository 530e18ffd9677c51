"""A script's packets as what a case sends and expects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tw_conformance.model.case import Answer, Send, SendIcmp
from tw_conformance.model.errors import Place
from tw_conformance.model.expressions import SequenceExpression
from tw_conformance.notation.packetdrill.bursts import LARGEST, segments
from tw_conformance.notation.packetdrill.numbers import Numbers, offset
from tw_conformance.notation.packetdrill.options import KINDS
from tw_conformance.notation.packetdrill.remarks import Remarks, Untranslatable
from tw_conformance.notation.packetdrill.script import (
    IcmpPacket,
    IpFields,
    Number,
    Option,
    TcpPacket,
)
from tw_reference.icmp_numbers import Number as IcmpNumber
from tw_reference.icmp_numbers import name_of, number_of
from tw_reference.segment import ACK, SYN, IcmpError

_ICMP: Mapping[tuple[str, str], str] = {
    ("unreachable", "net_unreachable"): "net-unreachable",
    ("unreachable", "host_unreachable"): "host-unreachable",
    ("unreachable", "protocol_unreachable"): "protocol-unreachable",
    ("unreachable", "port_unreachable"): "port-unreachable",
    ("unreachable", "frag_needed"): "fragmentation-needed",
    ("unreachable", "source_route_failed"): "source-route-failed",
    ("unreachable", "net_unknown"): "net-unknown",
    ("unreachable", "host_unknown"): "host-unknown",
    ("unreachable", "source_host_isolated"): "source-host-isolated",
    ("unreachable", "net_prohibited"): "net-prohibited",
    ("unreachable", "host_prohibited"): "host-prohibited",
    ("unreachable", "net_unreachable_for_tos"): "net-unreachable-for-tos",
    ("unreachable", "host_unreachable_for_tos"): "host-unreachable-for-tos",
    ("unreachable", "packet_filtered"): "admin-prohibited",
    ("unreachable", "precedence_violation"): "precedence-violation",
    ("unreachable", "precedence_cutoff"): "precedence-cutoff",
    ("source_quench", ""): "source-quench",
    ("redirect", ""): "redirect-net",
    ("time_exceeded", ""): "time-exceeded",
    ("time_exceeded", "ttl_exceeded_in_transit"): "time-exceeded",
    ("parameter_problem", ""): "parameter-problem",
}
_ICMPV6: Mapping[tuple[str, str], str] = {
    ("unreachable", "no_route"): "net-unreachable",
    ("unreachable", "admin_prohibited"): "admin-prohibited",
    ("unreachable", "not_neighbour"): "beyond-scope",
    ("unreachable", "address_unreachable"): "host-unreachable",
    ("unreachable", "port_unreachable"): "port-unreachable",
    ("packet_too_big", ""): "packet-too-big",
    ("time_exceeded", ""): "time-exceeded",
    ("time_exceeded", "exceeded_hop_limit"): "time-exceeded",
    ("parameter_problem", ""): "parameter-problem",
}
_SENDABLE = frozenset(("mss", "wscale", "sackOK", "TS", "nop", "eol"))
_LARGEST = LARGEST["ipv4"]


def translate_injection(
    packet: TcpPacket, numbers: Numbers, timestamps: bool, place: Place, remarks: Remarks
) -> Send:
    """What the tester sends; ``timestamps``: whether the connection has them.

    :raises Untranslatable: where it has what no case can say.
    """
    options = packet.options or ()
    if odd := [option.kind for option in options if option.kind not in _SENDABLE]:
        raise Untranslatable(place, f"a segment with the option {odd[0]} can't be said")
    if packet.seq is None:
        raise Untranslatable(place, "... for numbers is for what the DUT sends alone")
    if packet.length > _LARGEST:
        raise Untranslatable(place, f"{packet.length} octets are several segments on the wire")
    stamps = one_option(options, "TS")
    seq = numbers.of_peer(packet.seq)
    return Send(
        flags=packet.flags,
        seq=None if seq.text == "rcv_nxt" else seq,
        ack=_acknowledges(packet, numbers),
        window=packet.window,
        length=packet.length,
        urgent=packet.urgent or 0,
        reserved=packet.reserved,
        timestamps="absent" if timestamps and stamps is None else None,
        tsval=None if stamps is None else numbers.stamp_of_peer(stamps.numbers[0]),
        tsecr=None if stamps is None else _echo(stamps, numbers, place, remarks),
        mss=one_number(options, "mss"),
        wscale=one_number(options, "wscale"),
        sack_permitted=one_option(options, "sackOK") is not None,
        tos=_tos(packet.ip, place, remarks),
        ttl=packet.ip.ttl,
        flow_label=packet.ip.flow_label or 0,
    )


def _acknowledges(packet: TcpPacket, numbers: Numbers) -> SequenceExpression | None:
    if packet.ack is None:
        return SequenceExpression("0") if packet.flags & ACK else None
    expression = numbers.of_dut(packet.ack)
    return None if expression.text == "snd_nxt" and packet.flags & ACK else expression


def _echo(
    stamps: Option, numbers: Numbers, place: Place, remarks: Remarks
) -> SequenceExpression | None:
    """TSecr of a segment to the DUT; None where it is what a peer would echo."""
    tsecr = stamps.numbers[1]
    if stamps.absolute or tsecr == 0:
        return SequenceExpression(str(tsecr))
    if numbers.tsval is None or tsecr == numbers.tsval:
        return None
    if numbers.answered is not None:
        return offset("ans_tsval", tsecr - numbers.tsval)
    remarks.lost(place, f"ecr {tsecr} is not the DUT's latest TSval, and can't be said from it")
    return None


def translate_icmp(packet: IcmpPacket, numbers: Numbers, ipv6: bool, place: Place) -> SendIcmp:
    """The ICMP error that the tester sends.

    :raises Untranslatable: where no case has that error.
    """
    name = _icmp_name(packet.kind, packet.code, ipv6)
    if name is None:
        words = f"{packet.kind} {packet.code}".strip()
        raise Untranslatable(place, f"no case has the ICMP error {words}")
    quotes = numbers.of_dut(Number(packet.quoted))
    return SendIcmp(name, None if quotes.text == "snd_nxt-1" else quotes, packet.mtu)


def icmp_words(error: IcmpError) -> tuple[str, str] | None:
    """Type and code of an error as a script has them; None where it has no word for the type."""
    ipv6 = error.quoted.is_ipv6
    for words, name in (_ICMPV6 if ipv6 else _ICMP).items():
        if name == error.name:
            return words
    kind = {number: kind for kind, number in _icmp_types(ipv6)}.get(error.number.type)
    return None if kind is None else (kind, f"code_{error.number.code}")


def _icmp_name(kind: str, code: str, ipv6: bool) -> str | None:
    number = re.fullmatch(r"code_(\d{1,3})", code, re.ASCII)
    if number is None:
        return (_ICMPV6 if ipv6 else _ICMP).get((kind, code))
    type_ = dict(_icmp_types(ipv6)).get(kind)
    if type_ is None or int(number.group(1)) > 255:
        return None
    return name_of(IcmpNumber(type_, int(number.group(1))), ipv6=ipv6)


def _icmp_types(ipv6: bool) -> Iterator[tuple[str, int]]:
    """The words for types, and the types."""
    for (kind, _), name in (_ICMPV6 if ipv6 else _ICMP).items():
        number = number_of(name, ipv6=ipv6)
        assert number is not None, "each of these has a number"
        yield kind, number.type


def translate_answers(
    packet: TcpPacket, most: int | None, numbers: Numbers, place: Place, remarks: Remarks
) -> list[Answer]:
    """What the DUT has to send: segments of at most that much text; None: that is not known.

    :raises Untranslatable: where it is several segments and what they are is not known.
    """
    cut = segments(packet, _LARGEST if most is None else most)
    if cut is None or (most is None and len(cut) > 1):
        raise Untranslatable(place, f"{packet.length} octets are several segments on the wire")
    return [_translate_answer(each, numbers, place, remarks) for each in cut]


def _translate_answer(
    packet: TcpPacket, numbers: Numbers, place: Place, remarks: Remarks
) -> Answer:
    # A segment with ACK and SYN that is said by ... is another ISS's.
    known = packet.seq is not None and not (packet.flags & SYN and numbers.snd_nxt is None)
    seq = numbers.of_dut(packet.seq) if known and packet.seq is not None else None
    ack = None if packet.ack is None else numbers.of_peer(packet.ack)
    answer = Answer(
        flags=packet.flags,
        seq=seq,
        ack=ack,
        window=None if packet.window is None else SequenceExpression(str(packet.window)),
        length=packet.length,
        urgent=packet.urgent,
        reserved=packet.reserved or None,
        ttl=packet.ip.ttl,
        tos=_expected_tos(packet.ip, place, remarks),
        flow_label=packet.ip.flow_label,
        **_expected_options(packet.options, numbers, place, remarks),
    )
    _remember(packet, numbers)
    return answer


def _expected_options(
    options: Sequence[Option] | None, numbers: Numbers, place: Place, remarks: Remarks
) -> dict[str, Any]:
    """Fields of an answer; without a list there are to be none, and ``<...>`` asks nothing."""
    if options is None:
        return {}
    kinds: str | None = " ".join(_kinds(options)) or "none"
    if odd := [option.kind for option in options if option.kind not in KINDS]:
        remarks.lost(place, f"the options are not asked for: no case knows {odd[0]}")
        kinds = None
    elif any(option.kind == "sack" for option in options):
        remarks.lost(place, "the edges of the SACK blocks are not asked for")
    stamps = one_option(options, "TS")
    return {
        "options": kinds,
        "mss": one_number(options, "mss"),
        "wscale": one_number(options, "wscale"),
        "tsecr": None if stamps is None else _expected_echo(stamps, numbers),
    }


def _kinds(options: Sequence[Option]) -> Iterator[str]:
    """As a case writes them: what stands behind the end of the list is padding (RFC 9293 section
    3.2), also where it is a zero."""
    for option in options:
        yield KINDS.get(option.kind, "")
        if option.kind == "eol":
            return


def _expected_echo(stamps: Option, numbers: Numbers) -> SequenceExpression:
    tsecr = stamps.numbers[1]
    return SequenceExpression("0") if tsecr == 0 else numbers.stamp_of_peer(tsecr)


def _remember(packet: TcpPacket, numbers: Numbers) -> None:
    if packet.seq is not None:
        numbers.answered = packet.seq.value
    stamps = one_option(packet.options or (), "TS")
    if stamps is not None:
        numbers.tsval = stamps.numbers[0]


def one_option(options: Sequence[Option], kind: str) -> Option | None:
    """The first of that kind."""
    return next((option for option in options if option.kind == kind), None)


def one_number(options: Sequence[Option], kind: str) -> int | None:
    """The number of the first of that kind."""
    found = one_option(options, kind)
    return None if found is None else found.numbers[0]


def _tos(ip: IpFields, place: Place, remarks: Remarks) -> int:
    return ip.tos if ip.tos is not None else ip.ecn or 0


def _expected_tos(ip: IpFields, place: Place, remarks: Remarks) -> int | None:
    if ip.any_ect:
        remarks.lost(place, "whether it is ECT(0) or ECT(1) is not asked")
    return ip.tos if ip.tos is not None else ip.ecn
