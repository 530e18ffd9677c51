"""Absolute numbers said relative to the DUT's variables, as a case says them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tw_reference.segment import ACK, RST, URG, IcmpError, Segment, Timestamps, flag_names
from tw_reference.seqnum import HALF, distance

_NEAR = 2
"""How close to the window's edge, or to half the space, an offset is said from there."""


def relative(number: int, origin: str, variables: Mapping[str, int]) -> str:
    """``number`` as an offset from the variable ``origin``; as it is where that is unknown.

    >>> relative(101, "rcv_nxt", {"rcv_nxt": 100})
    'rcv_nxt+1'
    """
    if origin not in variables:
        return str(number)
    offset = distance(number, variables[origin])
    window = variables.get("rcv_wnd", 0)
    if origin == "rcv_nxt" and window > 2 * _NEAR and abs(offset - window) <= _NEAR:
        return f"{origin}+rcv_wnd{_signed(offset - window)}"
    if HALF - abs(offset) <= _NEAR:
        sign, rest = ("-", HALF + offset) if offset < 0 else ("+", offset - HALF)
        return f"{origin}{sign}2^31{_signed(rest)}"
    return f"{origin}{_signed(offset)}"


def segment_fields(
    segment: Segment, *, sent: bool, reaching: bool, variables: Mapping[str, int]
) -> str:
    """Flags, numbers and options of one segment, in one line.

    The tester's SEQ and the DUT's ACK count from ``rcv_nxt``, the tester's ACK and the DUT's SEQ
    from ``snd_nxt``; from ``irs`` and ``iss`` while the state is being reached.  A SEQ of zero is
    printed as such where RFC 9293 section 3.10.7.1 prescribes it: resetting a segment without ACK.
    """
    theirs, ours = ("irs", "iss") if reaching else ("rcv_nxt", "snd_nxt")
    seq_origin, ack_origin = (theirs, ours) if sent else (ours, theirs)
    resets_no_ack = not sent and segment.flags & (RST | ACK) == RST | ACK and segment.seq == 0
    seq = "0" if resets_no_ack else relative(segment.seq, seq_origin, variables)
    parts = [flag_names(segment.flags), f"seq={seq}"]
    if segment.flags & ACK:
        parts.append(f"ack={relative(segment.ack, ack_origin, variables)}")
    elif segment.ack:
        parts.append(f"ack={segment.ack} (no ACK bit)")
    if segment.payload:
        parts.append(f"len={len(segment.payload)}")
    parts.append(f"win={segment.window}")
    parts += _options(segment, sent, variables)
    return " ".join(parts)


def error_fields(error: IcmpError, variables: Mapping[str, int]) -> str:
    """An ICMP error and the DUT's segment that it quotes, in one line."""
    mtu = f" mtu={error.mtu}" if error.mtu else ""
    return f"ICMP {error.kind} quotes={relative(error.seq, 'snd_nxt', variables)}{mtu}"


def _options(segment: Segment, sent: bool, variables: Mapping[str, int]) -> Iterator[str]:
    if segment.flags & URG or segment.urgent:
        yield f"urg={segment.urgent}"
    if segment.reserved:
        yield f"reserved={segment.reserved:#x}"
    if segment.mss is not None:
        yield f"mss={segment.mss}"
    if segment.wscale is not None:
        yield f"wscale={segment.wscale}"
    if segment.sack_permitted:
        yield "sackOK"
    if segment.timestamps is not None:
        yield _timestamps(segment.timestamps, sent, variables)
    for kind, value in segment.other_options:
        yield f"option{kind}={value.hex() or 'empty'}"


def _timestamps(stamps: Timestamps, sent: bool, variables: Mapping[str, int]) -> str:
    """The tester's clock is known to the DUT as ts_recent; of the DUT's own, there is no name."""
    tsval, tsecr = (str(value) for value in stamps)
    if sent:
        tsval = relative(stamps.tsval, "ts_recent", variables)
    elif stamps.tsecr or not variables.get("ts_recent"):
        tsecr = relative(stamps.tsecr, "ts_recent", variables)
    return f"TSval={tsval} TSecr={tsecr}"


def _signed(offset: int) -> str:
    return f"{offset:+d}" if offset else ""
