"""Address resolution as a host of one's own: ARP (RFC 826) and neighbour discovery (RFC 4861).

Both are rare beside the segments, so Scapy builds and reads every packet here.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

from scapy.layers.inet6 import (
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import ARP, Ether
from scapy.utils6 import in6_getnsma, in6_getnsmac

_BROADCAST = "ff:ff:ff:ff:ff:ff"
_ALL_NODES, _ALL_NODES_MAC = "ff02::1", "33:33:00:00:00:01"
_UNSPECIFIED = ("0.0.0.0", "::")
_ETHER_TYPE = slice(12, 14)
_ARP = b"\x08\x06"
_IPV6 = b"\x86\xdd"
_IPV6_NEXT_HEADER, _ICMPV6 = 20, 58
_ICMPV6_TYPE, _SOLICITATION, _ADVERTISEMENT = 54, 135, 136
_REQUEST, _REPLY = 1, 2
_MOST_KNOWN = 4096
"""Neighbours that are remembered: anybody on the link can make up more."""


def is_resolution(frame: bytes) -> bool:
    """Whether ``frame`` is ARP, a neighbour solicitation or an advertisement."""
    if frame[_ETHER_TYPE] == _ARP:
        return True
    return (
        frame[_ETHER_TYPE] == _IPV6
        and len(frame) > _ICMPV6_TYPE
        and frame[_IPV6_NEXT_HEADER] == _ICMPV6
        and frame[_ICMPV6_TYPE] in (_SOLICITATION, _ADVERTISEMENT)
    )


class Neighbours:
    """One host's side of address resolution.

    ``mac`` answers for every one of ``addresses``, also where somebody probes whether an address
    is free (RFC 5227, RFC 4862 section 5.4).  ``known`` are the link-layer addresses that others
    gave for theirs, by IP address.
    """

    def __init__(self, mac: str, addresses: Iterable[str]) -> None:
        self.known: dict[str, str] = {}
        self.contested: tuple[str, str] | None = None
        """One of ``addresses`` that somebody else says is theirs, and who."""
        self._mac = mac
        self._addresses = frozenset(addresses)

    def ask(self, source: str, target: str) -> bytes:
        """The frame that asks who has ``target``, and tells it who has ``source``."""
        if ":" not in target:
            request = ARP(op=_REQUEST, hwsrc=self._mac, psrc=source, pdst=target)
            return bytes(Ether(src=self._mac, dst=_BROADCAST) / request)
        return bytes(
            self._to_solicited(target, source)
            / ICMPv6ND_NS(tgt=target)
            / ICMPv6NDOptSrcLLAddr(lladdr=self._mac)
        )

    def probe(self, address: str) -> bytes:
        """The frame that asks whether anybody has one of ``addresses`` already."""
        if ":" not in address:
            request = ARP(op=_REQUEST, hwsrc=self._mac, psrc="0.0.0.0", pdst=address)
            return bytes(Ether(src=self._mac, dst=_BROADCAST) / request)
        return bytes(self._to_solicited(address, "::") / ICMPv6ND_NS(tgt=address))

    def hear(self, frame: bytes) -> bytes | None:
        """Learn from a frame of :func:`is_resolution`; the frame that answers it, if one is due."""
        packet = Ether(frame)
        if ARP in packet:
            return self._hear_arp(packet)
        if ICMPv6ND_NS in packet:
            return self._hear_solicitation(packet)
        if ICMPv6ND_NA in packet:
            self._hear_advertisement(packet)
        return None

    def _hear_arp(self, packet: Ether) -> bytes | None:
        arp = packet[ARP]
        self._learn(arp.psrc, arp.hwsrc)
        if arp.op != _REQUEST or arp.pdst not in self._addresses:
            return None
        answer = ARP(op=_REPLY, hwsrc=self._mac, psrc=arp.pdst, hwdst=arp.hwsrc, pdst=arp.psrc)
        return bytes(Ether(src=self._mac, dst=packet.src) / answer)

    def _hear_advertisement(self, packet: Ether) -> None:
        # A solicited advertisement may leave its option out (RFC 4861 section 4.4).
        option = packet.getlayer(ICMPv6NDOptDstLLAddr)
        self._learn(packet[ICMPv6ND_NA].tgt, option.lladdr if option else packet.src)

    def _hear_solicitation(self, packet: Ether) -> bytes | None:
        target, asker = packet[ICMPv6ND_NS].tgt, packet[IPv6].src
        option = packet.getlayer(ICMPv6NDOptSrcLLAddr)
        if option:
            self._learn(asker, option.lladdr)
        if target not in self._addresses:
            return None
        probe = asker in _UNSPECIFIED
        to, to_mac = (_ALL_NODES, _ALL_NODES_MAC) if probe else (asker, packet.src)
        return bytes(
            Ether(src=self._mac, dst=to_mac)
            / IPv6(src=target, dst=to, hlim=255)
            / ICMPv6ND_NA(tgt=target, R=0, S=not probe, O=1)
            / ICMPv6NDOptDstLLAddr(lladdr=self._mac)
        )

    def _learn(self, address: str, mac: str) -> None:
        if address in self._addresses and mac != self._mac:
            self.contested = address, mac
        elif address not in _UNSPECIFIED and (
            address in self.known or len(self.known) < _MOST_KNOWN
        ):
            self.known[address] = mac

    def _to_solicited(self, target: str, source: str) -> Ether:
        group = in6_getnsma(socket.inet_pton(socket.AF_INET6, target))
        to = socket.inet_ntop(socket.AF_INET6, group)
        return Ether(src=self._mac, dst=in6_getnsmac(group)) / IPv6(src=source, dst=to, hlim=255)
