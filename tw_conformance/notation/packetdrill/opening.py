"""How a script begins: what it sets up, and the handshake, of which a case says the state alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tw_conformance.model.case import Call, Reach, Step
from tw_conformance.notation.packetdrill.bursts import LARGEST, text_at_most
from tw_conformance.notation.packetdrill.calls import (
    BEFORE_LISTENING,
    Sockets,
    matters,
    option_set,
)
from tw_conformance.notation.packetdrill.commands import (
    OtherSysctls,
    Setting,
    ShapesPath,
    Unknown,
    is_default,
    read_command,
)
from tw_conformance.notation.packetdrill.numbers import Numbers
from tw_conformance.notation.packetdrill.packets import one_number, one_option
from tw_conformance.notation.packetdrill.remarks import Remarks, Untranslatable
from tw_conformance.notation.packetdrill.script import (
    Code,
    Command,
    Event,
    Foreign,
    IcmpPacket,
    SysCall,
    TcpPacket,
)
from tw_reference.segment import ACK, CWR, ECE, SYN

_OFFERS = frozenset(("mss", "wscale", "sackOK", "TS", "nop", "eol"))
_OF_ECN = ECE | CWR
_HARMLESS = frozenset(("accept", "fcntl", "getsockopt", "poll", "epoll_ctl", "epoll_wait"))
"""Calls that may stand within the handshake."""
_AT_ONCE = frozenset(("accept", "fcntl", "getsockopt"))
"""Calls right behind the handshake that belong to it."""
_OF_LINUX = re.compile(r"net\.ipv[46]\.(\w+)")
_ABOUT_FLOW = re.compile(
    r"tcp_(?:min_tso_segs|tso_win_divisor|early_retrans|recovery|congestion_control|reordering"
    r"|slow_start_after_idle|pacing_\w+|fack|notsent_lowat|no_metrics_save|fastopen_key|wmem)"
)
"""Linux's sysctls of how much text is sent at a time, and when again: what a case doesn't look
at."""
_AT_A_TIME = frozenset(("tcp_wmem", "tcp_min_tso_segs", "tcp_tso_win_divisor"))
"""Of these, those that more than one segment shows."""
_UNOFFERED = ("LISTEN", "SYN-SENT")
"""States in which the tester has not said yet what it offers."""


@dataclass(slots=True)
class Opening:
    """What the events before the first step come to."""

    reach: dict[str, Any] = field(default_factory=dict)
    """Fields of :class:`Reach`."""
    settings: list[Setting] = field(default_factory=list)
    other_sysctls: dict[str, str] = field(default_factory=dict)
    """Those that no case knows, as the script found or made them."""
    sockets: Sockets = field(default_factory=Sockets)
    numbers: Numbers = field(default_factory=lambda: Numbers(rcv_nxt=0, snd_nxt=None))
    steps: list[Step] = field(default_factory=list)
    """What has to be done besides, to begin where the script does."""
    taken: int = 0
    """Events that belong to it."""
    accepted: bool = False
    flows: bool = True
    """Whether how much text is sent at a time is as it is by itself."""
    text_at_most: int | None = None
    """Octets of text in a full segment of the DUT's; None where that is not known."""

    def connection(self) -> Reach:
        return Reach(**self.reach)


class _Handshake(NamedTuple):
    """The first packets, each with its place among the events."""

    packets: list[tuple[int, TcpPacket]]

    def nth(self, number: int) -> TcpPacket | None:
        return self.packets[number][1] if number < len(self.packets) else None

    def end(self, count: int) -> int:
        """How many events there are to the end of so many packets."""
        return self.packets[count - 1][0] + 1


def read_opening(events: Sequence[Event], family: str, remarks: Remarks) -> Opening:
    """What the script sets up, and how far its handshake goes.

    :raises Untranslatable: where it opens nothing that a case can begin with.
    """
    first = _first_packet(events)
    opening = Opening({"family": family, "reuse_address": False}, taken=first)
    for event in events[:first]:
        _set_up(event, opening, remarks)
    handshake = _handshake(events, first)
    if opening.sockets.connection is not None:
        _actively(opening, handshake, events)
    elif opening.sockets.listener is not None:
        _passively(opening, handshake)
    elif not getattr(events[first].action, "inbound", True):
        raise Untranslatable(events[first].place, "no connect() here opens this, and no listener")
    else:
        opening.reach |= {"state": "LISTEN", "reuse_address": True}
        opening.steps.append(Call("unlisten"))
    _between(opening, events, first, remarks)
    _offer_sack(opening, events, remarks)
    if not opening.flows:
        opening.text_at_most = None
    if family == "ipv6" and opening.reach.get("mss") == LARGEST["ipv6"]:
        opening.reach["mss"] = LARGEST["ipv4"]  # the tester's usual one, whatever the family
        remarks.note(events[first].place, "mss 1440, usual over IPv6, is the tester's usual 1460")
    return opening


def _first_packet(events: Sequence[Event]) -> int:
    """Where it stands.

    :raises Untranslatable: where there is none, or it is no cases' business.
    """
    for index, event in enumerate(events):
        match event.action:
            case TcpPacket() | IcmpPacket():
                return index
            case Foreign(protocol=protocol):
                raise Untranslatable(event.place, f"{protocol} is not what cases are about")
    raise Untranslatable(events[0].place, "there is no packet in this script")


# -- setting up ----------------------------------------------------------------------------------


def _set_up(event: Event, opening: Opening, remarks: Remarks) -> None:
    """Take an event before the first packet."""
    match event.action:
        case SysCall():
            _call(event.action, opening, event, remarks)
        case Command():
            _command(event.action, opening, event, remarks)
        case Code():
            remarks.lost(event.place, "code before the first packet is not run")


def _call(call: SysCall, opening: Opening, event: Event, remarks: Remarks) -> None:
    sockets = opening.sockets
    match call.name:
        case "listen":
            sockets.listener = call.fd
        case "connect":
            sockets.connection = call.fd
            if call.errno not in ("", "EINPROGRESS"):
                remarks.lost(event.place, f"that connect() gives {call.errno} is not asked for")
        case "close" if call.fd is not None and call.fd == sockets.listener:
            sockets.listener = None
        case "setsockopt":
            _option(call, opening, event, remarks)
        case "socket" | "bind" | "fcntl":
            pass
        case _:
            remarks.note(event.place, f"{call.name}() before the first packet is not made")


def _option(call: SysCall, opening: Opening, event: Event, remarks: Remarks) -> None:
    found = option_set(call)
    if found is None:
        reason = f"{call.argument(2)} is not set: no case has it"
        if matters(call.argument(2)) and not call.errno:
            raise Untranslatable(event.place, reason)
        remarks.lost(event.place, reason)
        return
    name, value = found
    if name in BEFORE_LISTENING:
        opening.reach[name] = value
    else:
        opening.reach["options"] = {**opening.reach.get("options", {}), name: value}


def _command(command: Command, opening: Opening, event: Event, remarks: Remarks) -> None:
    for meaning in read_command(command.text):
        match meaning:
            case Setting():
                opening.settings.append(meaning)
            case OtherSysctls():
                _other_sysctl(meaning.text, opening, event, remarks)
            case ShapesPath():
                reason = f"prologue: `{meaning.text}` is not run, and makes another path"
                raise Untranslatable(event.place, reason)
            case Unknown():
                remarks.note(event.place, f"prologue: `{meaning.text}` is not run")
            case _:
                remarks.note(event.place, f"prologue: `{command.text}` is not run")


def _other_sysctl(text: str, opening: Opening, event: Event, remarks: Remarks) -> None:
    """What is set once is what the script finds anyway, as its comment says; what is set again, to
    something else, is what it is about.

    :raises Untranslatable: where it is that, or Linux has another value by itself and segments
        show it.
    """
    name, _, value = text.partition("=")
    if found := _OF_LINUX.match(name):
        if not _ABOUT_FLOW.fullmatch(found[1]) and not is_default(found[1], value):
            raise Untranslatable(event.place, f"prologue: {text} can't be had: no case knows it")
        opening.flows = opening.flows and found[1] not in _AT_A_TIME
        remarks.note(event.place, f"prologue: {text} is left to the DUT")
        return
    if opening.other_sysctls.setdefault(name, value) == value:
        remarks.note(event.place, f"prologue: {text} is left to the DUT")
    else:
        raise Untranslatable(event.place, f"prologue: {text} can't be had: no case knows it")


# -- the handshake -------------------------------------------------------------------------------


def _handshake(events: Sequence[Event], first: int) -> _Handshake:
    """At most three packets, as long as they are plain segments."""
    packets: list[tuple[int, TcpPacket]] = []
    for index, event in enumerate(events[first:], first):
        if isinstance(event.action, TcpPacket):
            packets.append((index, event.action))
        elif (
            isinstance(event.action, IcmpPacket | Foreign | Code)
            or (isinstance(event.action, SysCall) and event.action.name not in _HARMLESS)
            or (isinstance(event.action, Command) and _asks(event.action))
        ):
            break
        if len(packets) == 3:
            break
    return _Handshake(packets)


def _asks(command: Command) -> bool:
    return not all(isinstance(each, OtherSysctls) for each in read_command(command.text))


def _passively(opening: Opening, handshake: _Handshake) -> None:
    syn, syn_ack, ack = (handshake.nth(number) for number in range(3))
    opening.reach["state"] = "LISTEN"
    if syn is None or not _is_opening(syn, inbound=True, flags=SYN):
        return
    assert syn.seq is not None
    opening.numbers.rcv_nxt = syn.seq.value
    if syn_ack is None or not _is_opening(syn_ack, inbound=False, flags=SYN | ACK):
        return
    if syn_ack.ack is None or syn_ack.ack.value != syn.seq.value + 1 or syn_ack.seq is None:
        return
    opening.reach |= {"state": "SYN-RECEIVED", **_offer(syn, syn_ack)}
    opening.numbers = _after(syn, syn_ack)
    opening.taken = handshake.end(2)
    if ack is not None and ack.inbound and _completes(ack, opening.numbers):
        opening.reach["state"] = "ESTABLISHED"
        opening.taken = handshake.end(3)
        _stamped(ack, opening.numbers)
        shift = opening.reach["wscale"] or 0
        opening.text_at_most = text_at_most(opening.connection(), (ack.window or 0) << shift)


def _actively(opening: Opening, handshake: _Handshake, events: Sequence[Event]) -> None:
    syn, syn_ack, ack = (handshake.nth(number) for number in range(3))
    opening.reach |= {"state": "SYN-SENT", "open": "active"}
    if syn is not None and syn.reserved:
        raise Untranslatable(events[opening.taken].place, "no connection here asks for AccECN")
    if syn is None or not _is_opening(syn, inbound=False, flags=SYN) or syn.seq is None:
        raise Untranslatable(events[opening.taken].place, "expected the DUT's SYN after connect()")
    opening.taken = handshake.end(1)
    opening.numbers = Numbers(rcv_nxt=0, snd_nxt=1)
    if (stamps := one_option(syn.options or (), "TS")) is not None:
        opening.numbers.tsval = stamps.numbers[0]
    if syn_ack is None or not syn_ack.inbound or syn_ack.seq is None:
        return
    opening.numbers.rcv_nxt = syn_ack.seq.value if syn_ack.flags & SYN else 0
    if ack is None or ack.inbound or not _is_opening(syn_ack, inbound=True, flags=SYN | ACK):
        return
    if syn_ack.window == 0:
        return  # the handshake before a case offers a window, so this one is a step
    after = _after(syn_ack, syn)
    if syn_ack.ack is None or syn_ack.ack.value != after.snd_nxt or not _acknowledges(ack, after):
        return
    opening.reach |= {"state": "ESTABLISHED", **_offer(syn_ack, syn)}
    opening.numbers = after
    opening.text_at_most = text_at_most(opening.connection(), syn_ack.window or 0)
    opening.taken = handshake.end(3)
    stamps = one_option(ack.options or (), "TS")
    if stamps is not None:
        after.tsval = stamps.numbers[0]


def _is_opening(packet: TcpPacket, *, inbound: bool, flags: int) -> bool:
    """Whether it is a SYN, or a SYN-ACK, and nothing odd about it."""
    return (
        packet.inbound == inbound
        and packet.flags & ~_OF_ECN == flags
        and packet.length == 0
        and not packet.reserved
        and all(option.kind in _OFFERS for option in packet.options or ())
    )


def _offer(peer: TcpPacket, dut: TcpPacket) -> dict[str, Any]:
    """What the tester's SYN offers, and, where both have to, the DUT's takes up."""
    options = peer.options or ()
    stamps = one_option(options, "TS") is not None
    taken_up = dut.options is None or one_option(dut.options, "TS") is not None
    fields: dict[str, Any] = {
        "mss": one_number(options, "mss"),
        "wscale": one_number(options, "wscale"),
        "timestamps": stamps and taken_up,
        "ecn": bool(peer.flags & _OF_ECN) and bool(dut.flags & _OF_ECN),
    }
    if stamps and taken_up and (one_option(options, "TS") or options[0]).numbers[0] == 0:
        fields["tsval"] = 0
    return fields


def _offer_sack(opening: Opening, events: Sequence[Event], remarks: Remarks) -> None:
    """Offer SACK where the script does and has blocks; where it has none, it makes no difference,
    and the case can be played on what doesn't know SACK."""
    kinds: dict[str, Event] = {}
    for event in events:
        if isinstance(event.action, TcpPacket) and opening.reach["state"] not in _UNOFFERED:
            kinds |= {option.kind: event for option in event.action.options or ()}
    if "sack" in kinds:
        opening.reach["sack"] = True
    elif "sackOK" in kinds:
        remarks.note(kinds["sackOK"].place, "SACK is not offered: no segment here has blocks")


def _after(peer: TcpPacket, dut: TcpPacket) -> Numbers:
    """Where the numbers stand behind both SYNs: packetdrill counts from there, whatever the SYNs'
    own are."""
    numbers = Numbers(rcv_nxt=1, snd_nxt=1)
    _stamped(peer, numbers)
    stamps = one_option(dut.options or (), "TS")
    numbers.tsval = stamps.numbers[0] if stamps else None
    return numbers


def _stamped(packet: TcpPacket, numbers: Numbers) -> None:
    stamps = one_option(packet.options or (), "TS")
    if stamps is not None:
        numbers.ts_recent = stamps.numbers[0]


def _completes(packet: TcpPacket, numbers: Numbers) -> bool:
    """Whether it is the third of a handshake, and no more."""
    return (
        packet.flags & ~_OF_ECN == ACK
        and packet.length == 0
        and not packet.reserved
        and packet.seq is not None
        and packet.seq.value == numbers.rcv_nxt
        and packet.ack is not None
        and packet.ack.value == numbers.snd_nxt
    )


def _acknowledges(packet: TcpPacket, numbers: Numbers) -> bool:
    return (
        packet.flags == ACK
        and packet.length == 0
        and packet.seq is not None
        and packet.seq.value == numbers.snd_nxt
        and packet.ack is not None
        and packet.ack.value == numbers.rcv_nxt
    )


def _between(opening: Opening, events: Sequence[Event], first: int, remarks: Remarks) -> None:
    """Calls between the packets of the handshake, and accept() and what is asked right after it."""
    index = first
    while index < len(events):
        event = events[index]
        call = event.action if isinstance(event.action, SysCall) else None
        if index >= opening.taken and (call is None or call.name not in _AT_ONCE):
            break
        if call is not None and _is_about_error(call):
            break
        if call is not None and call.name == "accept" and isinstance(call.returns, int):
            if call.returns >= 0:
                opening.sockets.connection, opening.accepted = call.returns, True
        elif call is not None:
            remarks.note(event.place, f"{call.name}() during the handshake is not made")
        elif isinstance(event.action, Command):
            remarks.note(event.place, f"prologue: `{event.action.text}` is not run")
        index += 1
    opening.taken = max(opening.taken, index)


def _is_about_error(call: SysCall) -> bool:
    return call.name == "getsockopt" and call.argument(2) == "SO_ERROR"
