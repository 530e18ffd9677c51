"""A packet in one line, with its numbers said from the DUT's variables."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from tw_conformance.play.numbers import relative
from tw_reference.segment import ACK, SACK, URG, IcmpError, Segment, Timestamps, flag_names


def segment_fields(
    segment: Segment, *, sent: bool, reaching: bool, variables: Mapping[str, int]
) -> str:
    """Flags, numbers and options of one segment, in one line.

    The tester's SEQ and the DUT's ACK count from ``rcv_nxt``, the tester's ACK and the DUT's SEQ
    from ``snd_nxt``; from ``irs`` and ``iss`` while the state is being reached.  A SEQ of zero is
    printed as such: RFC 9293 section 3.10.7.1 prescribes it for resetting a segment without ACK.
    """
    theirs, ours = ("irs", "iss") if reaching else ("rcv_nxt", "snd_nxt")
    seq_origin, ack_origin = (theirs, ours) if sent else (ours, theirs)
    seq = relative(segment.seq, variables, seq_origin, however_far=True)
    parts = [flag_names(segment.flags), f"seq={seq}"]
    if segment.flags & ACK:
        parts.append(f"ack={relative(segment.ack, variables, ack_origin, however_far=True)}")
    elif segment.ack:
        parts.append(f"ack={segment.ack} (no ACK bit)")
    if segment.payload:
        parts.append(f"length={len(segment.payload)}")
    parts.append(f"win={segment.window}")
    parts += _options(segment, sent, variables)
    parts += (
        _blocks(value, variables, ack_origin)
        if kind == SACK and value and len(value) % 8 == 0
        else f"option{kind}={value.hex() or 'empty'}"
        for kind, value in segment.other_options
    )
    return " ".join(parts)


def error_fields(error: IcmpError, variables: Mapping[str, int]) -> str:
    """An ICMP error and the DUT's segment that it quotes, in one line."""
    quotes = relative(error.seq, variables, "snd_nxt", however_far=True)
    mtu = f" mtu={error.mtu}" if error.mtu else ""
    return f"ICMP {error.name} quotes={quotes}{mtu}"


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


def _blocks(octets: bytes, variables: Mapping[str, int], origin: str) -> str:
    """The edges of SACK blocks, from where the ACK number beside them counts."""
    edges = (
        relative(edge, variables, origin, however_far=True)
        for (edge,) in struct.iter_unpack("!I", octets)
    )
    return "sack=" + ",".join(f"{left}:{right}" for left, right in zip(edges, edges, strict=True))


def _timestamps(stamps: Timestamps, sent: bool, variables: Mapping[str, int]) -> str:
    """The tester's clock is known to the DUT as ts_recent; of the DUT's own, there is no name."""
    tsval, tsecr = str(stamps.tsval), str(stamps.tsecr)
    if sent:
        tsval = relative(stamps.tsval, variables, "ts_recent", however_far=True)
    else:
        tsecr = relative(stamps.tsecr, variables, "ts_recent", however_far=True)
    return f"TSval={tsval} TSecr={tsecr}"
