"""What the reference played of a case as a script that google's packetdrill runs on Linux.

packetdrill counts from ISNs of 0, has one connection, and sees a silence only where a later packet
is expected: what that can't say is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from tw_conformance.model.case import (
    Call,
    Case,
    Counters,
    ExpectState,
    Open,
    Send,
    Step,
)
from tw_conformance.model.errors import SuiteError
from tw_conformance.model.sysctls import LINUX
from tw_conformance.model.verdict import Event, Transcript
from tw_conformance.notation.packetdrill.export_calls import SAYABLE, calls_of, set_option
from tw_conformance.notation.packetdrill.packets import icmp_words
from tw_conformance.notation.packetdrill.script import (
    ELLIPSIS,
    Action,
    Clock,
    Command,
    IcmpPacket,
    IpFields,
    Number,
    Option,
    SysCall,
    TcpPacket,
    Time,
)
from tw_conformance.notation.packetdrill.write import event_line, option_lines
from tw_reference.segment import ACK, FIN, PSH, RST, SYN, URG, IcmpError, Packet, Segment
from tw_reference.seqnum import add

_TOLERANCE = 150_000
"""Microseconds by which a kernel may be late: the reference's clock is virtual."""
_LISTENER, _CONNECTION, _OPENED = 3, 4, 3
"""Descriptors: of the listener, of what it accepts, and of a socket that connects."""
_PINNED: Mapping[str, str] = {
    "net.ipv4.tcp_ecn": "2",
    "net.ipv4.tcp_sack": "0",
    "net.ipv4.tcp_timestamps": "1",
    "net.ipv4.tcp_window_scaling": "1",
    "net.ipv4.tcp_rmem": '"4096 131072 6291456"',
    "net.ipv4.tcp_syncookies": "0",
}
"""What the reference goes by, whatever this machine has; packetdrill's device has the MSS."""
_SS = {
    "ESTABLISHED": "established",
    "SYN-SENT": "syn-sent",
    "SYN-RECEIVED": "syn-recv",
    "FIN-WAIT-1": "fin-wait-1",
    "FIN-WAIT-2": "fin-wait-2",
    "CLOSE-WAIT": "close-wait",
    "LAST-ACK": "last-ack",
    "CLOSING": "closing",
    "TIME-WAIT": "time-wait",
}
_ENDS = "'( sport = :8080 or dport = :8080 )'"
"""The ports of packetdrill's connection."""
_KINDS = {0: "eol", 1: "nop", 2: "mss", 3: "wscale", 4: "sackOK", 8: "TS"}
_LAST = (1 << 32) - 1
_LEAST_AGE = 0.1
"""Seconds; what a kernel takes to answer and to be asked is less."""
_REINCARNATION = 65537
"""How far above SND.NXT Linux puts the ISS of what opens anew out of TIME-WAIT
(``tcp_minisocks.c, tcp_timewait_state_process()``)."""


class Refused(SuiteError):
    """packetdrill can't say what a case does; the message says what."""


def refuse_what_cant_be_said(case: Case) -> None:
    """Look at the steps of a case before it is played.

    :raises Refused: where one of them can't be said.
    """
    for step in case.steps:
        if (reason := _unsayable(step)) is not None:
            raise Refused(f"{case.id} can't be said in packetdrill: {reason}")
    if unknown := sorted(case.settings.keys() - LINUX.keys()):
        raise Refused(f"{case.id} can't be said in packetdrill: Linux has no {unknown[0]}")
    if case.reach.sack:
        raise Refused(f"{case.id} can't be said in packetdrill: SACK is switched off there")


def _unsayable(step: Step) -> str | None:
    match step:
        case Open():
            return "it knows one connection"
        case Counters():
            return "it reads no counters"
        case Send(corrupt=damage) if damage is not None:
            return f"it can't damage a segment ({damage})"
        case Send(reserved=reserved) if reserved:
            return "it can't set reserved bits"
        case Send(options=octets) if octets is not None:
            return "it has no options as they lie on the wire"
        case Send(tos=tos, ttl=ttl) if tos and ttl is not None:
            return "it has TOS or TTL, not both"
        case Call(verb=verb) if verb not in SAYABLE and verb != "unlisten":
            return f"it has no {verb}() of this connection"
    return None


def is_silent_at_the_end(case: Case, transcript: Transcript) -> bool:
    """Whether something was done behind the last packet of the DUT's, so that nothing would tell
    whether the DUT stayed silent."""
    silent = False
    for event in _of_connection(transcript):
        if event.direction == "received":
            silent = False
        elif event.direction == "sent":
            silent = True
        elif event.step is not None and event.step < len(case.steps):
            silent = silent or isinstance(case.steps[event.step], Call)
    return silent


def script_of(case: Case, profile: str, transcript: Transcript, lifetime: float) -> str:
    """The script of what was played; ``lifetime`` is that of a block in TIME-WAIT, seconds.

    :raises Refused: where something of it can't be said.
    """
    writer = _Writer(case, profile, transcript, lifetime)
    head = [
        f"// {case.id} as {profile}: {case.title}",
        *(f"// {source}" for source in case.cites),
        *option_lines([("ip_version", case.reach.family), ("tolerance_usecs", str(_TOLERANCE))]),
        "",
    ]
    return "\n".join([*head, *writer.lines()]) + "\n"


def _of_connection(transcript: Transcript) -> Iterator[Event]:
    """What happened, probes and the reset at the end left out."""
    events = [event for event in transcript.events if event.probe is None]
    ended = next(
        (i for i, event in enumerate(events) if event.note.startswith("the tester resets")),
        len(events),
    )
    yield from sorted(events[:ended], key=lambda event: event.time)


def _bursts(events: Iterable[Event]) -> list[Event]:
    """With the segments of one burst as one packet: so the kernel hands them to packetdrill's
    device, which would cut them itself."""
    found: list[Event] = []
    for event in events:
        joined = _joined(found[-1], event) if found else None
        if joined is None:
            found.append(event)
        else:
            found[-1] = joined
    return found


def _joined(before: Event, event: Event) -> Event | None:
    """Both as one, where they are text of the DUT's that goes on without PSH between."""
    one, other = before.packet, event.packet
    if not (isinstance(one, Packet) and isinstance(other, Packet) and before.time == event.time):
        return None
    first, second = one.segment, other.segment
    goes_on = one.flow == other.flow and first.end == second.seq and not first.flags & PSH
    if not (goes_on and event.direction == "received" and first.payload and second.payload):
        return None
    text = first.payload + second.payload
    whole = replace(second, seq=first.seq, payload=text)
    return replace(event, packet=replace(other, segment=whole))


@dataclass(slots=True)
class _Writer:
    """The events of a script, from those of a transcript."""

    case: Case
    profile: str
    transcript: Transcript
    lifetime: float
    _now: float = 0.0
    _made: list[str] = field(default_factory=list)
    _iss: int | None = None
    _irs: int = 0
    _tsvals: set[int] = field(default_factory=set)
    """Those of the DUT's."""
    _crossed: bool = False
    """Whether the tester has answered the DUT's SYN with one that has no ACK."""
    _fd: int = _CONNECTION
    _accepted: bool = False
    _reopened: bool = False
    """Whether the connection took the place of another."""
    _closes: bool = False
    _noted: set[int] = field(default_factory=set)
    """Steps of which the transcript has a note."""
    _sent: float = 0.0
    """When the tester sent its last segment."""
    _before: float = 0.0
    """When the last thing before that happened."""

    def lines(self) -> list[str]:
        events = _bursts(_of_connection(self.transcript))
        self._irs = self.transcript.variables["irs"]
        self._set_up()
        for event in events:
            if isinstance(event.packet, Packet):
                self._segment(event, event.packet)
            elif isinstance(event.packet, IcmpError):
                self._icmp(event, event.packet)
            elif event.direction == "note" and event.step is not None:
                self._note(event, event.step)
        return self._made

    def _add(self, time: float, action: Action) -> None:
        if isinstance(action, TcpPacket | IcmpPacket) and action.inbound:
            self._sent, self._before = time, self._now
        gap = max(0.0, round(time - self._now, 6))
        self._now = max(self._now, time)
        self._made.append(event_line(Time(Clock.RELATIVE, gap), action))

    def _do(self, action: Action) -> None:
        self._add(self._now, action)

    def _refuse(self, reason: str) -> Refused:
        return Refused(f"{self.case.id} can't be said in packetdrill: {reason}")

    # -- setting up ------------------------------------------------------------------------------

    def _set_up(self) -> None:
        settings = {LINUX[name]: str(value) for name, value in self.case.settings.items()}
        for name, value in {**_PINNED, **settings}.items():
            self._do(Command(f"sysctl -q -w {name}={value}"))
        reach = self.case.reach
        closed = reach.state == "LISTEN" and self.case.steps[:1] == (Call("unlisten"),)
        if closed:
            return
        self._do(SysCall("socket", (ELLIPSIS, "SOCK_STREAM", "IPPROTO_TCP"), 3))
        if reach.reuse_address:
            self._set("reuse_address", 1)
        if reach.reuse_port:
            self._set("reuse_port", 1)
        for option, number in reach.options.items():
            self._set(option, number)
        if reach.open == "active":
            self._do(SysCall("fcntl", (3, "F_SETFL", "O_RDWR|O_NONBLOCK"), 0))
            self._do(SysCall("connect", (3, ELLIPSIS, ELLIPSIS), -1, "EINPROGRESS"))
            self._accepted, self._fd = True, _OPENED
        else:
            self._do(SysCall("bind", (3, ELLIPSIS, ELLIPSIS), 0))
            self._do(SysCall("listen", (3, 5), 0))

    def _set(self, name: str, value: int) -> None:
        if name in ("ttl", "tos") and self._ipv6:
            raise self._refuse(f"it has no socket option {name} over IPv6")
        self._do(set_option(_LISTENER, name, value))

    @property
    def _ipv6(self) -> bool:
        return self.case.reach.family == "ipv6"

    def _accept(self) -> None:
        if self._reopened:
            raise self._refuse("it knows no socket of a connection that took the place of another")
        if self._accepted:
            return
        self._accepted = True
        self._do(SysCall("accept", (3, ELLIPSIS, ELLIPSIS), self._fd))
        self._do(SysCall("fcntl", (self._fd, "F_SETFL", "O_RDWR|O_NONBLOCK"), 0))

    # -- packets ---------------------------------------------------------------------------------

    def _segment(self, event: Event, packet: Packet) -> None:
        segment, inbound = packet.segment, event.direction == "sent"
        if inbound:
            self._must_be_known(segment)
        else:
            self._learn(segment)
            if segment.flags & FIN and not self._closes:
                # The service closes as soon as it has accepted.
                self._now = max(self._now, event.time)
                self._close()
        self._add(event.time, self._tcp(event, packet, inbound))

    def _learn(self, segment: Segment) -> None:
        """Take the ISS from the DUT's SYN; that of a new incarnation has to be known beforehand."""
        if segment.timestamps is not None:
            self._tsvals.add(segment.timestamps.tsval)
        if not segment.flags & SYN:
            return
        if self._iss is None:
            self._iss = segment.seq
        elif segment.seq == add(self._latest, _REINCARNATION):
            self._reopened, self._closes = True, False
        elif segment.seq != self._iss:
            raise self._refuse("it knows one ISS of the DUT's, and here is another")

    def _must_be_known(self, segment: Segment) -> None:
        """:raises Refused: where the tester sends what packetdrill has no number for."""
        stamps = segment.timestamps
        if stamps is not None and stamps.tsecr not in (0, *self._tsvals):
            raise self._refuse("it echoes no TSval that the DUT never sent")
        if self.case.reach.open == "active" and segment.flags & SYN:
            if self._crossed and segment.flags & ACK:
                raise self._refuse("it takes the tester's ISN from a SYN-ACK, and here a SYN came")
            self._crossed = self._crossed or not segment.flags & ACK

    @property
    def _latest(self) -> int:
        return self.transcript.variables["snd_nxt"]

    def _close(self) -> None:
        self._accept()
        self._closes = True
        self._do(SysCall("close", (self._fd,), 0))

    def _tcp(self, event: Event, packet: Packet, inbound: bool) -> TcpPacket:
        segment = packet.segment
        peer, dut = self._irs, self._iss or 0
        mine, others = (peer, dut) if inbound else (dut, peer)
        if not inbound and segment.flags & RST and segment.seq == 0 and self._iss is not None:
            raise self._refuse("its numbers count from the ISS, and this reset has SEG.SEQ 0")
        first = add(segment.seq, -mine)
        if first + len(segment.payload) > _LAST:
            raise self._refuse("text that lies across the ISN has numbers that wrap")
        return TcpPacket(
            inbound=inbound,
            flags=segment.flags,
            seq=Number(first),
            length=len(segment.payload),
            ack=self._ack(segment, others),
            window=segment.window if inbound else None,
            urgent=segment.urgent if segment.flags & URG or segment.urgent else None,
            options=self._options(segment, inbound),
            ip=self._ip(event, packet, inbound),
        )

    def _ack(self, segment: Segment, others: int) -> Number | None:
        if segment.flags & ACK:
            return Number(add(segment.ack, -others))
        return None

    def _ip(self, event: Event, packet: Packet, inbound: bool) -> IpFields:
        if not inbound or event.step is None:
            return IpFields()
        step = self.case.steps[event.step] if event.step < len(self.case.steps) else None
        if not isinstance(step, Send):
            return IpFields()
        return IpFields(tos=step.tos or None, ttl=step.ttl, flow_label=step.flow_label or None)

    def _options(self, segment: Segment, inbound: bool) -> tuple[Option, ...]:
        if inbound:
            return tuple(_padded(self._said_options(segment)))
        return tuple(self._option_list(segment))

    def _said_options(self, segment: Segment) -> Iterator[Option]:
        if segment.mss is not None:
            yield Option("mss", (segment.mss,))
        if segment.sack_permitted:
            yield Option("sackOK")
        if segment.timestamps is not None:
            yield Option("TS", (segment.timestamps.tsval, segment.timestamps.tsecr))
        if segment.wscale is not None:
            yield Option("wscale", (segment.wscale,))

    def _option_list(self, segment: Segment) -> Iterator[Option]:
        """The options of the DUT's segment as they lie, padding included."""
        octets, said = segment.option_octets, list(self._said_options(segment))
        by_kind = {option.kind: option for option in said}
        at = 0
        while at < len(octets):
            kind = _KINDS.get(octets[at])
            if kind is None:
                raise self._refuse(f"the DUT answers with an option of kind {octets[at]}")
            yield by_kind.get(kind, Option(kind))
            at += 1 if octets[at] < 2 else max(octets[at + 1], 2)

    def _icmp(self, event: Event, error: IcmpError) -> None:
        words = icmp_words(error)
        if words is None:
            raise self._refuse(f"it has no name for the ICMP error {error.name}")
        kind, code = words
        quoted = add(error.seq, -(self._iss or 0))
        self._add(event.time, IcmpPacket(True, kind, code, error.mtu or None, quoted))

    # -- calls and states ------------------------------------------------------------------------

    def _note(self, event: Event, index: int) -> None:
        if index in self._noted or index >= len(self.case.steps):
            return
        match self.case.steps[index]:
            case Call() as call:
                self._noted.add(index)
                self._call(call, event)
            case ExpectState(state=asked):
                self._noted.add(index)
                self._state(event)
                said = asked.choose(self.profile)
                if said is not None and said.timer is not None:
                    self._timer(event, restarted=said.timer == "restarted")

    def _call(self, call: Call, event: Event) -> None:
        given = event.note.rpartition(" gives ")[2]
        if call.verb == "unlisten":
            if self._made and any("listen(" in line for line in self._made):
                self._add(event.time, SysCall("close", (_LISTENER,), 0))
            return
        self._accept()
        self._closes = self._closes or call.verb in ("close", "shutdown", "abort")
        for action in calls_of(call, self._fd, given):
            self._add(event.time, action)
        if given == "EBADF":
            raise self._refuse(f"it has no {call.verb}() of a socket that is closed")

    def _state(self, event: Event) -> None:
        state = event.note.removeprefix("state ").partition(",")[0]
        if state in _SS:
            self._add(event.time, Command(f"ss -Htan state {_SS[state]} {_ENDS} | grep -q ."))
        elif state == "CLOSED":
            self._add(event.time, Command(f"! ss -Htan state connected {_ENDS} | grep -q ."))
        else:
            raise self._refuse(f"ss can't be asked for {state}")

    def _timer(self, event: Event, *, restarted: bool) -> None:
        """Ask /proc/net/tcp how long the block has to live, in hundredths of a second: more than
        all but three quarters of the age at which the last segment found it, or no more."""
        age = self._sent - self._before
        if age < _LEAST_AGE:
            raise self._refuse("whether the timer was restarted shows on an older block alone")
        left = round((self.lifetime - (event.time - self._sent) - age * 3 / 4) * 100)
        table = "/proc/net/tcp6" if self._ipv6 else "/proc/net/tcp"
        sign = ">" if restarted else "<="
        block, only = "$4 ~ /^0[56]$/ { n++; left = substr($6, 4) }", "n == 1"
        test = f'{block} END {{ exit !({only} && left {sign} "{left:08X}") }}'
        self._add(event.time, Command(f"awk '{test}' {table}"))


def _padded(options: Iterable[Option]) -> Iterator[Option]:
    """In whole words, as Linux lays them out (``tcp_output.c, tcp_options_write()``)."""
    by_kind = {option.kind: option for option in options}
    for kind in ("mss", "sackOK", "TS", "wscale"):
        if kind not in by_kind:
            continue
        beside = (kind == "TS" and "sackOK" in by_kind) or (kind == "sackOK" and "TS" in by_kind)
        nops = 0 if beside else {"mss": 0, "sackOK": 2, "TS": 2, "wscale": 1}[kind]
        yield from [Option("nop")] * nops
        yield by_kind[kind]
