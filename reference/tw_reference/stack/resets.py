"""Answers that a host gives where it holds no connection."""

from __future__ import annotations

from tw_reference import segment as tcp
from tw_reference.profiles.profile import StackTraits
from tw_reference.segment import Packet, Segment


def reset_for(packet: Packet, traits: StackTraits) -> Packet:
    """The reset that answers a segment for nobody (RFC 9293 section 3.10.7.1)."""
    segment = packet.segment
    if segment.flags & tcp.ACK:
        reset = Segment(seq=segment.ack, ack=0, flags=tcp.RST)
    else:
        reset = Segment(seq=0, ack=segment.end, flags=tcp.RST | tcp.ACK)
    tos = packet.tos & traits.reset_tos_mask
    return Packet(packet.flow.reverse, reset, ttl=traits.ttl, tos=tos)
