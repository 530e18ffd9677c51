"""A packet of text that packetdrill sees before it is cut: the segments that it is on the wire.

packetdrill listens in front of the device, where Linux has not cut yet what it sends at a time
(``tcp_output.c, tcp_write_xmit()``); a case is played behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tw_conformance.model.case import Answer, AnyOf, Reach
from tw_conformance.notation.packetdrill.script import Number, TcpPacket
from tw_reference.segment import CWR, FIN, PSH, SYN

LARGEST = {"ipv4": 1460, "ipv6": 1440}
"""Octets of text in one segment on Ethernet, by family (RFC 6691)."""
_UNSAID = {"ipv4": 536, "ipv6": 1220}
"""MSS of a peer that says none (RFC 9293 section 3.7.1)."""
_STAMPS = 12
"""Octets of the timestamps, which the MSS does not count (RFC 6691)."""


def text_at_most(reach: Reach, window: int) -> int | None:
    """Octets of text in a full segment of the DUT's on that connection; None where the ``window``
    of the tester, in octets, makes that less: Linux sends no more than half of it in one
    (``tcp.h, tcp_bound_to_half_wnd()``)."""
    said = _UNSAID[reach.family] if reach.mss is None else reach.mss
    most = min(said, LARGEST[reach.family]) - _STAMPS * reach.timestamps
    return most if most <= window // 2 else None


def segments(packet: TcpPacket, most: int) -> Sequence[TcpPacket] | None:
    """A packet of the DUT's as segments of ``most`` octets of text and a last one, as
    ``tcp_offload.c, tcp_gso_segment()`` cuts it: PSH and FIN are on the last alone, CWR on the
    first.  None where what each would have is not known: of a SYN, of urgent text, and beside
    SACK blocks, which take their room from the text."""
    if packet.length <= most:
        return (packet,)
    blocks = any(option.kind == "sack" for option in packet.options or ())
    if packet.seq is None or packet.flags & SYN or packet.urgent is not None or blocks:
        return None
    return [
        replace(
            packet,
            seq=Number(packet.seq.value + begin, packet.seq.absolute),
            length=min(most, packet.length - begin),
            flags=_flags(packet.flags, first=begin == 0, last=begin + most >= packet.length),
        )
        for begin in range(0, packet.length, most)
    ]


def _flags(flags: int, *, first: bool, last: bool) -> int:
    return flags & ~(0 if first else CWR) & ~(0 if last else PSH | FIN)


def pushed_or_not(answer: Answer) -> AnyOf:
    """The same with and without PSH: how much Linux cuts at a time is a matter of the round trip
    (``tcp_output.c, tcp_tso_autosize()``), and each such piece ends with PSH
    (``__tcp_transmit_skb()``)."""
    flags = 0 if answer.flags is None else answer.flags
    return AnyOf((replace(answer, flags=flags & ~PSH), replace(answer, flags=flags | PSH)))
