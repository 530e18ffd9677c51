"""Events as the text of a script, which reads to equal events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tw_conformance.notation.packetdrill.parse import AE, FLAGS
from tw_conformance.notation.packetdrill.script import (
    ELLIPSIS,
    Action,
    Clock,
    Code,
    Command,
    Foreign,
    IcmpPacket,
    IpFields,
    Number,
    Option,
    Struct,
    SysCall,
    TcpPacket,
    Time,
    Value,
)

_ORDER = "SFRPUEW."
"""Of the letters of a segment's flags."""
_ECN = {0: "noecn", 1: "ect1", 2: "ect0", 3: "ce"}


def event_line(time: Time, action: Action) -> str:
    """One event."""
    return f"{_time(time)} {_action(action)}"


def option_lines(options: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The options that a script begins with."""
    for name, value in options:
        yield f"--{name}={value}" if value else f"--{name}"


def _time(time: Time) -> str:
    if time.clock is Clock.ANY:
        return "*"
    text = f"{time.clock.value}{_seconds(time.start)}"
    return text if time.until is None else f"{text}~{time.clock.value}{_seconds(time.until)}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.6f}".rstrip("0").rstrip(".") or "0"


def _action(action: Action) -> str:
    match action:
        case TcpPacket():
            return " ".join(_segment(action))
        case IcmpPacket():
            return " ".join(_icmp(action))
        case SysCall():
            arguments = ", ".join(map(_value, action.arguments))
            errno = f" {action.errno} (an error)" if action.errno else ""
            return f"{action.name}({arguments}) = {_value(action.returns)}{errno}"
        case Command():
            return f"`{action.text}`"
        case Code():
            return f"%{{ {action.text} }}%"
        case Foreign():
            return f"{_direction(action.inbound)} {action.protocol}"


def _segment(packet: TcpPacket) -> Iterator[str]:
    yield _direction(packet.inbound)
    if packet.ip != IpFields():
        yield f"[{', '.join(_ip(packet.ip))}]"
    letters = "".join(letter for letter in _ORDER if packet.flags & FLAGS[letter])
    yield AE * (packet.reserved & 1) + letters or "-"
    if packet.seq is None:
        yield f"{ELLIPSIS}({packet.length})"
    else:
        end = (packet.seq.value + packet.length) % (1 << 32)
        yield f"{packet.seq.value}:{end}({packet.length})" + "!" * packet.seq.absolute
    if packet.ack is not None:
        yield f"ack {_number(packet.ack)}"
    if packet.window is not None:
        yield f"win {packet.window}"
    if packet.urgent is not None:
        yield f"urg {packet.urgent}"
    if packet.options is None:
        yield f"<{ELLIPSIS}>"
    elif packet.options:
        yield f"<{','.join(map(_option, packet.options))}>"


def _icmp(packet: IcmpPacket) -> Iterator[str]:
    yield _direction(packet.inbound)
    yield "icmp"
    yield packet.kind
    if packet.code:
        yield packet.code
    if packet.mtu is not None:
        yield f"mtu {packet.mtu}"
    yield f"[{packet.quoted}:{packet.quoted}(0)]"


def _direction(inbound: bool) -> str:
    return "<" if inbound else ">"


def _number(number: Number) -> str:
    return f"{number.value}" + "!" * number.absolute


def _ip(ip: IpFields) -> Iterator[str]:
    if ip.tos is not None:
        yield f"tos {ip.tos:#04x}"
    if ip.ecn is not None:
        yield _ECN[ip.ecn]
    if ip.any_ect:
        yield "ect01"
    if ip.ttl is not None:
        yield f"ttl {ip.ttl}"
    if ip.flow_label is not None:
        yield f"flowlabel {ip.flow_label:#x}"


def _option(option: Option) -> str:
    if option.kind == "TS":
        tsval, tsecr = option.numbers
        return f"TS val {tsval} ecr {tsecr}" + "!" * option.absolute
    if option.kind == "sack":
        edges = zip(option.numbers[::2], option.numbers[1::2], strict=True)
        return " ".join(["sack", *(f"{left}:{right}" for left, right in edges)])
    return " ".join([option.kind, *map(str, option.numbers)])


def _value(value: Value) -> str:
    match value:
        case int():
            return str(value)
        case tuple():
            return f"[{', '.join(map(_value, value))}]"
        case Struct():
            return f"{{{', '.join(f'{name}={_value(each)}' for name, each in value.fields)}}}"
        case _:
            return value
