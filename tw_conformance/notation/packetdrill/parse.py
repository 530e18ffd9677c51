"""The text of a script to its events.

The grammar is that of google's ``parser.y`` and of nplab's, as far as TCP, its ICMP, socket calls,
commands and code go.  What they have for other protocols is recognised, and not read.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import replace
from pathlib import Path

from tw_conformance.model.errors import Place
from tw_conformance.model.words import joined
from tw_conformance.notation.packetdrill.arguments import read_arguments, read_value
from tw_conformance.notation.packetdrill.ifdef import reading, symbols_of
from tw_conformance.notation.packetdrill.options import read_options
from tw_conformance.notation.packetdrill.scan import LARGEST, Scanner, fault
from tw_conformance.notation.packetdrill.script import (
    Action,
    Clock,
    Code,
    Command,
    Event,
    Foreign,
    IcmpPacket,
    IpFields,
    Number,
    Script,
    SysCall,
    TcpPacket,
    Time,
)
from tw_reference import segment as tcp

FLAGS = {
    ".": tcp.ACK,
    "F": tcp.FIN,
    "S": tcp.SYN,
    "R": tcp.RST,
    "P": tcp.PSH,
    "U": tcp.URG,
    "E": tcp.ECE,
    "W": tcp.CWR,
}
"""The letters of a segment's flags that all have."""

AE = "A"
"""AccECN's flag beside them (RFC 9768)."""

CALLS = (
    "accept", "bind", "close", "connect", "fcntl", "getsockopt", "ioctl", "listen", "poll", "read",
    "recv", "recvfrom", "recvmsg", "send", "sendmsg", "sendto", "setsockopt", "shutdown", "socket",
    "write", "writev", "readv",
)  # fmt: skip
"""The calls that the nearest word is looked for in."""

_COUNTERS = "01234567"
_ECN = {"noecn": 0, "ect1": 1, "ect0": 2, "ce": 3}
_FOREIGN = ("sctp", "udp", "udplite", "ipv4", "ipv6", "gre", "mpls")
_SECONDS = r"[0-9]*\.[0-9]+|[0-9]+"
_U32, _U16, _U8 = (1 << 32) - 1, (1 << 16) - 1, (1 << 8) - 1
_LONGEST = 1e6
"""Seconds that a script may say."""
_ACTIONS = "a packet (< or >), a socket call, a `command` or %{ code }%"


def read_script(text: str, file: Path, defined: Set[str] = frozenset()) -> Script:
    """What a script says where those names are defined for its ``#ifdef``.

    :raises CaseError: with the line and column of what is wrong, and what was expected there.
    """
    if len(text) > LARGEST:
        raise fault(Place(file, 1, 1), "this script is larger than 256 KiB")
    scanner = Scanner(reading(text, file, defined), file)
    options = _read_options(scanner)
    scanner.define(dict(_definition(value) for name, value in options if name == "define"))
    events = []
    if scanner.sees("`"):  # google's: a command before all events
        place = scanner.place
        events.append(Event(Time(Clock.ABSOLUTE), _command(scanner), place))
    while not scanner.at_end:
        events.append(_event(scanner))
    return Script(file, _first_comment(text), options, tuple(events), symbols_of(text, file))


def _first_comment(text: str) -> str:
    """The comment nearest above the first thing that is none, on one line; licences stand before
    it, behind an empty line."""
    head = re.match(r"(?:[ \t]*(?://[^\n]*)?\n)*", text)
    blocks = re.split(r"\n[ \t]*\n", head[0].strip()) if head else []
    lines = [line.strip().lstrip("/").strip() for line in blocks[-1].split("\n")] if blocks else []
    return " ".join(line for line in lines if line)


def _read_options(scanner: Scanner) -> tuple[tuple[str, str], ...]:
    options = []
    while (name := scanner.take(r"--([A-Za-z0-9_]+)")) is not None:
        value = ""
        if scanner.take("=") is not None:
            value = scanner.expect(r"\"[^\"\n]*\"|`[^`]*`|[^\s`\"]+", f"a value of --{name}")
            value += scanner.take(r"\"[^\"\n]*\"|`[^`]*`") or "" if value.endswith("=") else ""
        options.append((name, value.strip('"')))
    return tuple(options)


def _definition(value: str) -> tuple[str, str]:
    """The name and the text of ``--define=NAME=TEXT``."""
    name, _, text = value.partition("=")
    return name, text


# -- events --------------------------------------------------------------------------------------


def _event(scanner: Scanner) -> Event:
    place = scanner.place
    if scanner.sees("`") and scanner.rest.count("`"):
        # A command behind the last event needs no time (google's cleanup).
        return Event(Time(Clock.RELATIVE), _command(scanner), place)
    time = _time(scanner)
    action = _action(scanner)
    inbound = getattr(action, "inbound", True)
    if time.clock is Clock.ANY and inbound:
        raise fault(place, "expected a time: * is for what the DUT sends alone")
    return Event(time, action, place)


def _time(scanner: Scanner) -> Time:
    if scanner.take(r"\*") is not None:
        return Time(Clock.ANY)
    clock = Clock.RELATIVE if scanner.take(r"\+") is not None else Clock.ABSOLUTE
    start = _seconds(scanner, "the time of an event, as in +.1, 0.5 or *")
    if scanner.take(r"~|\.\.\.") is None:
        return Time(clock, start)
    scanner.take(r"\+")
    place = scanner.place
    until = _seconds(scanner, "the end of a range of times")
    if until < start:
        raise fault(place, "expected the end of a range of times, which comes before its beginning")
    return Time(clock, start, until)


def _seconds(scanner: Scanner, what: str) -> float:
    place = scanner.place
    text = scanner.expect(_SECONDS, what)
    if (seconds := float(text)) > _LONGEST:
        raise fault(place, f"expected {what} of at most {_LONGEST:.0f} s")
    return seconds


def _action(scanner: Scanner) -> Action:
    if (direction := scanner.take("[<>]")) is not None:
        return _packet(scanner, inbound=direction == "<")
    if scanner.sees("`"):
        return _command(scanner)
    if scanner.sees("%"):
        return Code(scanner.expect(r"%\{(.*?)\}%", "%{ code }%").strip())
    return _call(scanner)


def _command(scanner: Scanner) -> Command:
    return Command(scanner.expect(r"`((?:\\.|[^`\\])*)`", "a command between backticks").strip())


def _call(scanner: Scanner) -> SysCall:
    if not scanner.sees("[A-Za-z_]"):
        scanner.fail(_ACTIONS)
    if not scanner.sees(r"[A-Za-z_][A-Za-z0-9_]*\s*\("):
        scanner.fail(_ACTIONS, CALLS)
    name = scanner.expect(r"[A-Za-z_][A-Za-z0-9_]*", "a socket call")
    arguments = read_arguments(scanner)
    scanner.expect("=", f"= and what {name}() returns")
    returns = read_value(scanner)
    errno = scanner.take(r"E[A-Z0-9]+") or ""
    if scanner.sees(r"\("):
        scanner.expect(r"\([^()\n]*\)", "a note in parentheses")
    return SysCall(name, arguments, returns, errno)


# -- packets -------------------------------------------------------------------------------------


def _packet(scanner: Scanner, *, inbound: bool) -> TcpPacket | IcmpPacket | Foreign:
    ip = _ip_fields(scanner)
    foreign = scanner.take(rf"({'|'.join(_FOREIGN)})\b")
    if foreign is not None:
        scanner.take(r"[^\n]*(?:\n(?![ \t]*(?:[+*`%]|[0-9.]+[ \t]))[^\n]*)*")
        return Foreign(inbound, foreign)
    if scanner.take(r"icmp\b") is not None:
        return _icmp(scanner, inbound)
    scanner.take(r"[0-9]+\s*>\s*[0-9]+")  # ports
    flags, reserved = _flags(scanner)
    seq, length = _sequence(scanner)
    ack = _number_after(scanner, "ack")
    window = scanner.number("a window", _U16) if scanner.take(r"win\b") is not None else None
    urgent = scanner.number("an urgent pointer", _U16) if scanner.take(r"urg\b") else None
    options = read_options(scanner)
    if options is None and inbound:
        raise fault(scanner.place, "expected the options: <...> is for what the DUT sends alone")
    if scanner.take(r"/\s*udp\s*\([^)\n]*\)") is not None:
        return Foreign(inbound, "TCP over UDP")
    return TcpPacket(inbound, flags, seq, length, ack, window, urgent, options, ip, reserved)


def _flags(scanner: Scanner) -> tuple[int, int]:
    """Those of the octet, and the bits beside it; a digit is AccECN's counter of three bits."""
    place = scanner.place
    word = scanner.expect(
        r"-|[A-Z0-9]+[ \t]*\.(?!\.)|[A-Z0-9.]+(?![A-Za-z0-9_])",
        f"the flags of a segment: letters of {joined([*FLAGS, AE])}",
    )
    if word == "-":
        return 0, 0
    flags = reserved = 0
    for letter in word.replace(" ", "").replace("\t", ""):
        counter = int(letter) if letter in _COUNTERS else 0
        if letter == AE or counter & 4:
            reserved = 1
        elif letter not in FLAGS and letter not in _COUNTERS:
            known = joined([*FLAGS, AE])
            raise fault(place, f"expected the flags of a segment, letters of {known}, not {word!r}")
        flags |= FLAGS.get(letter, 0)
        flags |= (tcp.CWR if counter & 2 else 0) | (tcp.ECE if counter & 1 else 0)
    return flags, reserved


def _sequence(scanner: Scanner) -> tuple[Number | None, int]:
    form = "sequence numbers, as in 1:1001(1000) or ...(0)"
    if scanner.take(r"\.\.\.") is not None:
        return None, _length(scanner, form)
    place = scanner.place
    start = scanner.number(form, _U32)
    scanner.expect(":", form)
    end = scanner.number(form, _U32)
    length = _length(scanner, form)
    if (start + length) & _U32 != end:
        raise fault(
            place, f"expected {start}:{(start + length) & _U32}({length}): they don't add up"
        )
    return Number(start, scanner.take("!") is not None), length


def _length(scanner: Scanner, form: str) -> int:
    scanner.expect(r"\(", form)
    length = scanner.number(form, _U16)
    scanner.expect(r"\)", form)
    return length


def _number_after(scanner: Scanner, word: str) -> Number | None:
    if scanner.take(rf"{word}\b") is None:
        return None
    value = scanner.number(f"a number after {word}", _U32)
    return Number(value, scanner.take("!") is not None)


def _icmp(scanner: Scanner, inbound: bool) -> IcmpPacket | Foreign:
    kind = scanner.expect(r"[a-z_0-9]+", "the type of an ICMP message")
    code = scanner.take(r"(?!mtu\b|id\b)[A-Za-z_0-9]+") or ""
    mtu = scanner.number("an MTU", _U32) if scanner.take(r"mtu\b") is not None else None
    if scanner.take("id") is not None:
        scanner.number("an ident", _U16)
    quoted = 0
    if scanner.sees(r"\[\s*(?:udp|sctp|raw)|\[[^\]\n]*/"):
        scanner.expect(r"\[[^\]\n]*\]", "what the ICMP message quotes")
        return Foreign(inbound, "ICMP about another protocol")
    if scanner.take(r"\[") is not None:
        number, _ = _sequence(scanner)
        quoted = number.value if number else 0
        scanner.expect(r"\]", "] behind what the ICMP message quotes")
    return IcmpPacket(inbound, kind, code, mtu, quoted)


def _ip_fields(scanner: Scanner) -> IpFields:
    closing = {"(": r"\)", "[": r"\]"}
    opened = scanner.take(r"[(\[]")
    fields = IpFields()
    if opened is None:
        return fields
    while True:
        fields = _with_field(scanner, fields)
        if scanner.take(",") is None:
            break
    scanner.expect(closing[opened], "the end of the IP header's fields")
    return fields


def _with_field(scanner: Scanner, fields: IpFields) -> IpFields:
    words = ("tos", "class", "ttl", "hlim", "flowlabel", "ecn", "ect01", *_ECN)
    what = "a field of the IP header: " + joined(words)
    word = scanner.expect(rf"(?:{'|'.join(words)})\b", what, words)
    match word:
        case "tos" | "class":
            return replace(fields, tos=scanner.number("an octet", _U8))
        case "ttl" | "hlim":
            return replace(fields, ttl=scanner.number("an octet", _U8))
        case "flowlabel":
            return replace(fields, flow_label=scanner.number("a flow label", (1 << 20) - 1))
        case "ect01":
            return replace(fields, any_ect=True)
        case "ecn":
            return replace(fields, ecn=scanner.number("two bits", 3))
        case _:
            return replace(fields, ecn=_ECN[word])
