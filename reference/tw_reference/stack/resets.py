"""Answers that a host gives where it holds no connection."""

from __future__ import annotations

from tw_reference import segment as tcp
from tw_reference.profiles.profile import StackTraits
from tw_reference.segment import Packet, Segment
from tw_reference.stack.labels import label_of


def reset_for(packet: Packet, traits: StackTraits) -> Packet:
    """The reset that answers a segment for nobody (RFC 9293 section 3.10.7.1)."""
    segment = packet.segment
    if segment.flags & tcp.ACK:
        reset = Segment(seq=segment.ack, ack=0, flags=tcp.RST)
    else:
        reset = Segment(seq=0, ack=segment.end, flags=tcp.RST | tcp.ACK)
    flow = packet.flow.reverse
    mask = traits.reset_tos_mask_ipv6 if flow.is_ipv6 else traits.reset_tos_mask
    label = label_of(flow, "reset") if traits.labels_resets else 0
    return Packet(flow, reset, ttl=traits.ttl, tos=packet.tos & mask, flow_label=label)
