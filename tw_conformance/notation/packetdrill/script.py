"""A packetdrill script as values: what its text says, and nothing of what it means."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeAlias

from tw_conformance.model.errors import Place

ELLIPSIS = "..."
"""What packetdrill is to fill in, or not to look at."""

Value: TypeAlias = "int | str | tuple[Value, ...] | Struct"
"""An argument of a call: a number, a word or ``A|B`` of words, a list, a structure."""


@dataclass(frozen=True, slots=True)
class Struct:
    """``{onoff=1, linger=0}``."""

    fields: tuple[tuple[str, Value], ...]

    def get(self, name: str) -> Value | None:
        return next((value for key, value in self.fields if key == name), None)


class Clock(Enum):
    """From when a time counts."""

    RELATIVE = "+"
    """From the event before."""
    ABSOLUTE = ""
    """From the beginning of the script."""
    ANY = "*"
    """Whenever it comes; of a packet of the DUT's alone."""


@dataclass(frozen=True, slots=True)
class Time:
    """When something happens, seconds.  ``until``: the end of the range in which a packet of the
    DUT's may come (``~``), or of a call that blocks (``...``)."""

    clock: Clock
    start: float = 0.0
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A sequence or acknowledgment number, counted from the sender's ISN; ``absolute``, which is
    nplab's ``!``: as it is in the header."""

    value: int
    absolute: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """One TCP option: ``mss 1460``, ``TS val 100 ecr 0``, ``nop``."""

    kind: str
    numbers: tuple[int, ...] = ()
    absolute: bool = False
    """Whether the TSecr is as it is in the header (nplab's ``!``)."""


@dataclass(frozen=True, slots=True)
class IpFields:
    """What a script says of the IP header; None: nothing."""

    tos: int | None = None
    ecn: int | None = None
    """The two bits alone."""
    any_ect: bool = False
    """``ect01``: ECT(0) or ECT(1)."""
    ttl: int | None = None
    flow_label: int | None = None


@dataclass(frozen=True, slots=True)
class TcpPacket:
    """A segment: ``< S. 0:0(0) ack 1 win 1000 <mss 1460>``."""

    inbound: bool
    """Whether it goes to the DUT."""
    flags: int
    seq: Number | None
    """None: ``...``, any."""
    length: int
    ack: Number | None = None
    window: int | None = None
    urgent: int | None = None
    options: tuple[Option, ...] | None = ()
    """None: ``<...>``, any."""
    ip: IpFields = IpFields()
    reserved: int = 0
    """The bits beside the flags, of which the last is AccECN's AE (RFC 9768)."""


@dataclass(frozen=True, slots=True)
class IcmpPacket:
    """``< icmp unreachable port_unreachable [1:1(0)]``."""

    inbound: bool
    kind: str
    code: str
    mtu: int | None
    quoted: int
    """SEG.SEQ of the segment that it quotes, counted from the ISN."""


@dataclass(frozen=True, slots=True)
class SysCall:
    """``close(3) = 0``."""

    name: str
    arguments: tuple[Value, ...]
    returns: Value
    errno: str = ""

    @property
    def fd(self) -> int | None:
        """The socket that it is about."""
        first = self.arguments[0] if self.arguments else None
        return first if isinstance(first, int) else None

    def argument(self, index: int) -> Value:
        """One of them; ``...`` where there are not so many."""
        return self.arguments[index] if index < len(self.arguments) else ELLIPSIS


@dataclass(frozen=True, slots=True)
class Command:
    """A shell's command, in backticks."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Python about tcp_info, between ``%{`` and ``}%``."""

    text: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """A packet of another protocol than TCP and its ICMP."""

    inbound: bool
    protocol: str


Action: TypeAlias = TcpPacket | IcmpPacket | SysCall | Command | Code | Foreign


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens, when, and where the script says so."""

    time: Time
    action: Action
    place: Place


@dataclass(frozen=True, slots=True)
class Script:
    """All that one reading of a script says."""

    file: Path
    remark: str
    """The comment that it begins with."""
    options: tuple[tuple[str, str], ...] = ()
    events: tuple[Event, ...] = ()
    symbols: frozenset[str] = frozenset()
    """The names after its ``#ifdef``."""

    def option(self, name: str) -> str | None:
        """The last value of ``--name=value``, None where it is not given."""
        return dict(self.options).get(name)
