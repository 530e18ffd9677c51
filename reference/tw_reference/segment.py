"""What crosses the reference's border: TCP segments, echo probes, ICMP errors, and the flow that
they belong to.

Flags are plain integers, not an enumeration: a segment is judged against a dozen rules, and a
sweep judges a hundred thousand segments.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from tw_reference.icmp_numbers import IcmpKind, Number, kind_of, name_of

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))

SACK = 5
"""The option of the blocks that arrived ahead of their turn (RFC 2018 section 3)."""

FLAG_BITS: dict[str, int] = {
    "FIN": FIN,
    "SYN": SYN,
    "RST": RST,
    "PSH": PSH,
    "ACK": ACK,
    "URG": URG,
    "ECE": ECE,
    "CWR": CWR,
}

_PRINT_ORDER = ("SYN", "FIN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")


def flag_names(flags: int) -> str:
    """Flags as a case file writes them, ``FIN|ACK``; ``none`` where no bit is set."""
    return "|".join(name for name in _PRINT_ORDER if flags & FLAG_BITS[name]) or "none"


def flag_bits(names: Iterable[str]) -> int:
    """The bits of the named flags.

    :raises KeyError: with the name that is no TCP flag.
    """
    bits = 0
    for name in names:
        bits |= FLAG_BITS[name]
    return bits


class Flow(NamedTuple):
    """The 4-tuple in the direction in which a packet travels.  Addresses are canonical text."""

    src: str
    sport: int
    dst: str
    dport: int

    @property
    def reverse(self) -> Flow:
        return Flow(self.dst, self.dport, self.src, self.sport)

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.src


class Timestamps(NamedTuple):
    """The Timestamps option (RFC 7323 section 3.2): two 32-bit clock values."""

    tsval: int
    tsecr: int


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment in absolute numbers; an option that is absent is ``None``.

    ``window`` is SEG.WND as in the header, unscaled.  ``other_options`` are options of other
    kinds as (kind, value) pairs, in order.  ``reserved`` are the four bits between the data
    offset and CWR.
    """

    seq: int
    ack: int
    flags: int
    window: int = 0
    payload: bytes = b""
    mss: int | None = None
    wscale: int | None = None
    sack_permitted: bool = False
    timestamps: Timestamps | None = None
    urgent: int = 0
    reserved: int = 0
    other_options: tuple[tuple[int, bytes], ...] = ()
    option_octets: bytes = field(default=b"", compare=False)
    """The options as they lie on the wire, in whole words, instead of all that the fields make;
    empty in a segment that was never there and says them by its fields."""

    @property
    def length(self) -> int:
        """SEG.LEN: octets of sequence space, SYN and FIN counted (RFC 9293 section 3.4)."""
        flags = self.flags
        return len(self.payload) + (1 if flags & SYN else 0) + (1 if flags & FIN else 0)

    @property
    def end(self) -> int:
        """The sequence number one past this segment, modulo 2^32."""
        return (self.seq + self.length) & 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Packet:
    """A segment and the parts of the IP header that a stack is judged by."""

    flow: Flow
    segment: Segment
    ttl: int = 64
    tos: int = 0
    df: bool = True
    ip_id: int = 0
    """IPv4's Identification; 0 over IPv6, which has none."""
    flow_label: int = 0
    """IPv6's (RFC 6437); 0 over IPv4, which has none."""
    window_is_ruled: bool = field(default=True, compare=False)
    """Whether SEG.WND follows from what is known of the stack that sends it; where not, it is as
    good as any, and nothing is to be expected of another's."""
    push_is_ruled: bool = field(default=True, compare=False)
    """The same of PSH."""

    @property
    def ecn_field(self) -> int:
        """The bits of the type of service that are ECN's (RFC 3168 section 5)."""
        return self.tos & 3


@dataclass(frozen=True, slots=True)
class Echo:
    """An ICMP or ICMPv6 echo request or reply; ``ident`` and ``sequence`` are 16 bits wide.

    A reply returns the ``data`` of its request (RFC 1122 section 3.2.2.6, RFC 4443 section 4.2).
    """

    src: str
    dst: str
    ident: int
    sequence: int
    reply: bool = False
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An ICMP or ICMPv6 error message about a TCP segment that the receiver is said to have sent.

    ``src`` reports it, which may be any router, to ``dst``.  ``quoted`` and ``seq`` are the flow
    and the SEG.SEQ of the segment that it quotes.  ``mtu`` is the next hop's, in octets, where the
    error says one, else 0.
    """

    src: str
    dst: str
    number: Number
    quoted: Flow
    seq: int
    mtu: int = 0

    @property
    def name(self) -> str:
        """``port-unreachable``; ``3/77`` for what has no name."""
        return name_of(self.number, ipv6=self.quoted.is_ipv6)

    @property
    def kind(self) -> IcmpKind | None:
        """What it is about, whatever its code."""
        return kind_of(self.number, ipv6=self.quoted.is_ipv6)


Datagram: TypeAlias = Packet | Echo | IcmpError
"""Whatever a frame may carry that a host here looks at."""

Damage: TypeAlias = Literal["tcp-checksum", "ip-checksum", "short-data-offset", "long-data-offset"]
"""What may be wrong with a segment on the wire: a checksum is off, or the data offset points into
the header (below 5 words) or beyond the segment."""
