"""Expected beside seen: one segment against one answer, field by field, in relative numbers."""

from __future__ import annotations

from collections.abc import Mapping

from tw_conformance.model.case import NOTHING, Answer, OneAnswer
from tw_conformance.model.expressions import SequenceExpression
from tw_conformance.model.verdict import Mismatch
from tw_reference.segment import SYN, Packet, flag_names
from tw_reference.seqnum import distance

_KINDS = {0: "EOL", 1: "NOP", 2: "MSS", 3: "WS", 4: "SACK-OK", 5: "SACK", 8: "TS"}
"""Options by kind; one of another kind goes by its number."""
_NEAR = 1 << 20
"""A number further than this from every variable is printed as it is."""


def compare(expected: Answer, packet: Packet, variables: Mapping[str, int]) -> list[Mismatch]:
    """The fields of ``packet`` that are not as expected; none where it is the expected answer."""
    segment = packet.segment
    found: list[Mismatch] = []

    def number(field: str, wanted: SequenceExpression | None, seen: int, *names: str) -> None:
        if wanted is not None and wanted.evaluate(variables) != seen:
            found.append(Mismatch(field, wanted.text, nearest(seen, variables, *names)))

    def plain(field: str, wanted: object, seen: object) -> None:
        if wanted is not None and wanted != seen:
            found.append(Mismatch(field, _word(wanted), _word(seen)))

    if expected.flags is not None and expected.flags != segment.flags:
        found.append(Mismatch("flags", flag_names(expected.flags), flag_names(segment.flags)))
    number("seq", expected.seq, segment.seq, "snd_nxt", "iss", "seg_ack")
    number("ack", expected.ack, segment.ack, "rcv_nxt", "seg_seq", "irs")
    # A bare number is the header's own; what is said from the DUT's variables is in octets.
    scaled = expected.window is not None and expected.window.names and not segment.flags & SYN
    scale = variables.get("rcv_scale", 0) if scaled else 0
    number("window", expected.window, segment.window << scale, *(("rcv_wnd",) if scaled else ()))
    plain("length", expected.length, len(segment.payload))
    stamps = segment.timestamps
    plain("timestamps", expected.timestamps, "present" if stamps else "absent")
    if stamps is not None:
        number("tsval", expected.tsval, stamps.tsval)
        number("tsecr", expected.tsecr, stamps.tsecr, "ts_recent", "seg_tsval")
    elif expected.tsval is not None or expected.tsecr is not None:
        plain("timestamps", "present", "absent")
    plain("mss", expected.mss, "absent" if segment.mss is None else segment.mss)
    plain("wscale", expected.wscale, "absent" if segment.wscale is None else segment.wscale)
    plain("ttl", expected.ttl, packet.ttl)
    plain("tos", expected.tos, packet.tos)
    if not packet.flow.is_ipv6:
        plain("df", expected.df, packet.df)
        plain("ip_id", expected.ip_id, packet.ip_id)
    else:
        plain("flow_label", expected.flow_label, packet.flow_label)
    if expected.options is not None:
        plain("options", expected.options, option_kinds(segment.option_octets))
    return list(dict.fromkeys(found))


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
    seq = nearest(segment.seq, known, "snd_nxt", "iss", "seg_ack")
    ack = nearest(segment.ack, known, "rcv_nxt", "seg_seq", "irs")
    length = f" len={len(segment.payload)}" if segment.payload else ""
    return f"{flag_names(segment.flags)} seq={seq} ack={ack}{length}"


def nearest(value: int, variables: Mapping[str, int], *names: str) -> str:
    """``value`` as an offset from the first of the named variables that it is near to."""
    if value == 0 and not any(variables.get(name) == 0 for name in names):
        return "0"
    for name in names:
        if name in variables and abs(offset := distance(value, variables[name])) < _NEAR:
            return f"{name}{offset:+d}" if offset else name
    return str(value)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
