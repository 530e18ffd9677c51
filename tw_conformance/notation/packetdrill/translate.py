"""A script to a case: the handshake becomes the state that the steps start from, and what follows
becomes steps, in the DUT's own variables.

packetdrill never writes that nothing comes; it is what has to be true until the next packet, and
becomes ``expect: nothing``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from tw_conformance.model.case import (
    NOTHING,
    Answer,
    AnyOf,
    ByProfile,
    Call,
    Case,
    Expect,
    ExpectState,
    OneAnswer,
    StateIs,
    Step,
    Wait,
)
from tw_conformance.model.errors import Place
from tw_conformance.model.expressions import TimeExpression
from tw_conformance.model.words import number_of, was
from tw_conformance.notation.packetdrill.bursts import pushed_or_not
from tw_conformance.notation.packetdrill.calls import translate_call
from tw_conformance.notation.packetdrill.commands import (
    AsksState,
    AsksTimer,
    EndsTimeWait,
    OtherSysctls,
    Setting,
    ShapesPath,
    Sleeps,
    Unknown,
    read_code,
    read_command,
)
from tw_conformance.notation.packetdrill.opening import Opening, read_opening
from tw_conformance.notation.packetdrill.packets import (
    one_option,
    translate_answers,
    translate_icmp,
    translate_injection,
)
from tw_conformance.notation.packetdrill.remarks import Remark, Remarks, Untranslatable
from tw_conformance.notation.packetdrill.script import (
    Clock,
    Code,
    Command,
    Event,
    Foreign,
    IcmpPacket,
    Script,
    SysCall,
    TcpPacket,
)
from tw_reference.segment import ACK, FIN, RST, SYN

_TOLERANCE = 0.004
"""Seconds by which a time may be off, unless ``--tolerance_usecs`` says otherwise."""
_NOTICEABLE = 0.001
"""Seconds; a shorter while is none."""
_DELAYED = 0.5
"""Seconds by which text must have been acknowledged (RFC 9293 section 3.8.6.3)."""
_TIME_OUT = 0.2
"""Seconds that a retransmission time-out has at least on Linux (``tcp.h, TCP_RTO_MIN``)."""
_EARLIEST = 0.05
"""Seconds; what may come sooner than that is not asked to be late."""
_SLACK = 0.1
"""Seconds more for what is late, since the case is played on a path and not in the stack."""
_WHENEVER = 3.0
"""Seconds for what may come at any time (``*``)."""
_LONGEST_TITLE = 120
_PROVOKING = frozenset(("close", "shutdown", "send", "abort", "destroy"))
"""Calls that a segment may be owed to."""
_FAMILIES = ("ipv4", "ipv6")


@dataclass(frozen=True, slots=True)
class Translation:
    """A script as a case, as far as that goes."""

    script: Script
    case: Case | None
    settings: tuple[Setting, ...]
    remarks: tuple[Remark, ...]


class _Timed(NamedTuple):
    event: Event
    gap: float
    """Seconds since the event before."""


def translate(script: Script, name: str) -> Translation:
    """The case that a script says, of that name, for all profiles and without settings; None where
    nothing of it can be said."""
    remarks = Remarks()
    try:
        opening, steps = _script(script, remarks)
    except Untranslatable as reason:
        return Translation(script, None, (), (*remarks.made, reason.remark))
    case = Case(
        name=name,
        title=_title(script, name),
        cites=(f"packetdrill, {script.file.name}",),
        reach=opening.connection(),
        steps=tuple(steps),
    )
    if not any(isinstance(step, Expect | ExpectState) for step in steps):
        place = script.events[0].place
        remarks.lost(place, "there is nothing in this script that a case could expect")
        return Translation(script, None, (), tuple(remarks.made))
    return Translation(script, case, tuple(opening.settings), tuple(remarks.made))


def _script(script: Script, remarks: Remarks) -> tuple[Opening, list[Step]]:
    family = script.option("ip_version") or "ipv4"
    if not script.events:
        raise Untranslatable(Place(script.file, 1, 1), "there is no event in this script")
    place = script.events[0].place
    if family not in _FAMILIES:
        raise Untranslatable(place, f"no case is about --ip_version={family}")
    opening = read_opening(script.events, family, remarks)
    steps = _Steps(script, opening, remarks)
    steps.take_all()
    if opening.reach.get("sack") and not steps.blocks:
        del opening.reach["sack"]
        remarks.note(place, "SACK is not offered: no segment that is left has blocks")
    calls = {step.verb for step in steps.made if isinstance(step, Call)}
    if opening.reach["state"] in ("LISTEN", "SYN-RECEIVED") and not calls - {"unlisten"}:
        # What a process that calls nothing has accepted is to the peer as what nobody accepts.
        opening.reach["accepts"] = opening.reach["state"] == "LISTEN"
    elif opening.reach.get("open") != "active" and opening.reach["state"] == "ESTABLISHED":
        opening.reach["accepts"] = opening.accepted
    return opening, steps.made


class _Steps:
    """The steps of a case, as the events behind the opening are taken one by one."""

    def __init__(self, script: Script, opening: Opening, remarks: Remarks) -> None:
        self.made: list[Step] = list(opening.steps)
        self.blocks = False
        """Whether the DUT is to send SACK blocks in what was taken."""
        self._script = script
        self._opening = opening
        self._remarks = remarks
        self._tolerance = _tolerance(script)
        self._owed = False
        """Whether something was done that the DUT may answer, and no expect followed it."""
        self._text = False
        """Whether text was sent that is to be acknowledged."""
        self._late = False
        """Whether the acknowledgment may be late: of text, and on Linux of a FIN that is first."""
        self._closes = False
        """Whether the DUT's process has closed."""
        self._seen = 0
        """Where the furthest ends of what was expected of the DUT."""
        self._sent = 0
        """Octets that the DUT's process has sent."""
        self._watched = True
        """Whether the script still looks at what the DUT sends: behind its last packet it does
        not, and text may well be acknowledged there."""

    def take_all(self) -> None:
        """Take them, up to one that can't be said and the rest depends on."""
        timed = _timed(self._script.events)[self._opening.taken :]
        end = _end(timed)
        for index, each in enumerate(timed[:end]):
            self._watched = any(_is_the_duts(later.event) for later in timed[index:end])
            try:
                self._take(each, _answers_at_once(timed[index:end]))
            except (Untranslatable, ValueError) as reason:
                self._remarks.lost(each.event.place, str(reason))
                if left := end - index - 1:
                    said = f"{number_of(left, 'more event')} {was(left)} left out"
                    self._remarks.lost(each.event.place, said)
                self._give_up_what_is_owed()
                break
        self._watched = False
        self._expect_silence()
        for each in timed[end:]:
            self._remarks.note(each.event.place, "what comes behind the last packet is left out")

    def _give_up_what_is_owed(self) -> None:
        """Leave out what was done last, since what answers it may be what can't be said, and the
        wait for what can't."""
        while self.made and (
            isinstance(self.made[-1], Wait)
            or (self._owed and not isinstance(self.made[-1], Expect | ExpectState))
        ):
            self.made.pop()
        self._owed = False

    def _take(self, timed: _Timed, answered: bool) -> None:
        """Take one event; ``answered``: whether a packet of the DUT's belongs to this moment."""
        event, action = timed.event, timed.event.action
        if isinstance(action, TcpPacket) and not action.inbound:
            self._expect(action, timed)
            return
        if timed.gap >= _NOTICEABLE or not answered:
            self._expect_silence()
        if timed.gap >= _NOTICEABLE:
            self.made.append(Wait(_time(timed.gap)))
        match action:
            case TcpPacket():
                self._inject(action, event.place)
            case IcmpPacket() if action.inbound:
                ipv6 = self._opening.reach["family"] == "ipv6"
                numbers = self._opening.numbers
                self.made.append(translate_icmp(action, numbers, ipv6, event.place))
                self._opening.text_at_most = None  # what it does to the MSS is the DUT's
                self._owed = True
            case SysCall():
                self._call(action, event.place)
            case Command():
                self._command(action, event.place)
            case Code():
                self._ask(read_code(action.text), event.place)
            case IcmpPacket():
                raise Untranslatable(event.place, "an ICMP message of the DUT's can't be expected")
            case Foreign():
                raise Untranslatable(event.place, f"{action.protocol} is not what cases are about")

    def _inject(self, packet: TcpPacket, place: Place) -> None:
        stamps = self._opening.reach.get("timestamps", False)
        numbers = self._opening.numbers
        self.made.append(translate_injection(packet, numbers, stamps, place, self._remarks))
        self._owed = True
        carries = packet.length > 0 and not packet.flags & (RST | SYN)
        self._text = self._text or carries
        first_fin = bool(packet.flags & FIN) and not self._closes
        self._late = self._late or carries or first_fin

    def _call(self, call: SysCall, place: Place) -> None:
        sockets = self._opening.sockets
        if call.name == "accept" and isinstance(call.returns, int) and call.returns >= 0:
            sockets.connection, self._opening.accepted = call.returns, True
            self._remarks.note(place, "the agent accepts as soon as it can")
            return
        if call.name == "close" and call.fd == sockets.connection:
            self._closed(place)
        made = translate_call(call, sockets, place, self._remarks)
        self.made += made
        self._closes = self._closes or any(step.verb in ("close", "shutdown") for step in made)
        self._owed = self._owed or any(step.verb in _PROVOKING for step in made)
        self._sent += sum(int(step.arguments["length"]) for step in made if step.verb == "send")

    def _closed(self, place: Place) -> None:
        if self._opening.reach["state"] == "SYN-RECEIVED" and not self._opening.accepted:
            raise Untranslatable(place, "the connection can't be closed: nobody has accepted it")

    def _command(self, command: Command, place: Place) -> None:
        for meaning in read_command(command.text):
            match meaning:
                case Setting():
                    raise Untranslatable(place, f"{meaning.name} can't change within a case")
                case OtherSysctls():
                    self._remarks.lost(place, f"{meaning.text} can't change within a case")
                case Sleeps():
                    self.made.append(Wait(_time(meaning.seconds)))
                case AsksTimer():
                    self._ask_timer(meaning, place)
                case ShapesPath():
                    raise Untranslatable(place, f"`{meaning.text}` makes another path")
                case EndsTimeWait():
                    self.made.append(Call("destroy"))
                    self._owed = True
                case _:
                    self._ask(meaning, place)

    def _ask(self, asked: AsksState | Unknown, place: Place) -> None:
        if isinstance(asked, Unknown):
            self._remarks.lost(place, "this is not run: no case can say what it asks")
            return
        self._expect_silence()
        state = asked.state if asked.there else "CLOSED"
        if not asked.there:
            self._remarks.note(place, f"no connection in {asked.state} is read as CLOSED")
        self.made.append(ExpectState(ByProfile((("*", StateIs(state)),))))

    def _ask_timer(self, asked: AsksTimer, place: Place) -> None:
        last = self.made[-1] if self.made else None
        if not isinstance(last, ExpectState):
            self._remarks.lost(place, "the timer is not asked for: no state was, before it")
            return
        timer: Literal["restarted", "kept"] = "restarted" if asked.restarted else "kept"
        choices = tuple((glob, replace(said, timer=timer)) for glob, said in last.state.choices)
        self.made[-1] = replace(last, state=ByProfile(choices))

    # -- what the DUT has to do ------------------------------------------------------------------

    def _expect(self, packet: TcpPacket, timed: _Timed) -> None:
        self._refuse_by_round_trip(packet, timed)
        answer, *rest = self._answers(packet, timed.event.place)
        self.blocks = self.blocks or one_option(packet.options or (), "sack") is not None
        time = timed.event.time
        earliest = timed.gap - self._tolerance
        latest = timed.gap + self._tolerance + _SLACK
        if time.until is not None:
            latest += time.until - time.start
        if time.clock is Clock.ANY:
            self._said(answer, _WHENEVER)
        elif earliest >= _EARLIEST:
            self.made.append(Wait(_time(earliest)))
            self._said(NOTHING, None)
            self._said(answer, latest - earliest)
        elif self._late:
            self._said(answer, max(_DELAYED, latest))
        else:
            self._said(answer, latest if timed.gap >= _NOTICEABLE else None)
        for each in rest:
            self._said(each, None)
        if packet.ack is not None:
            self._text = self._late = False

    def _refuse_by_round_trip(self, packet: TcpPacket, timed: _Timed) -> None:
        """:raises Untranslatable: where it comes again, or of itself, sooner than any time-out."""
        takes = packet.length + bool(packet.flags & FIN)
        if not takes or packet.seq is None or packet.flags & SYN:
            return
        end = packet.seq.value + takes
        if _NOTICEABLE <= timed.gap < _TIME_OUT and (end <= self._seen or not self._owed):
            reason = f"what comes by itself within {_TIME_OUT * 1000:.0f} ms is by the round trip"
            raise Untranslatable(timed.event.place, f"{reason} of the handshake, which no case has")
        self._seen = max(self._seen, end)

    def _answers(self, packet: TcpPacket, place: Place) -> list[OneAnswer | AnyOf]:
        """The packet as it is on the wire; of one that is cut there, PSH is asked alone where it
        ends what the process has sent."""
        opening = self._opening
        made = translate_answers(
            packet, opening.text_at_most, opening.numbers, place, self._remarks
        )
        if len(made) == 1 or packet.seq is None:
            return [*made]
        end = packet.seq.value + packet.length - (opening.numbers.snd_nxt or 0)
        last = made[-1] if end == self._sent else pushed_or_not(made[-1])
        self._remarks.note(place, f"{packet.length} octets are {len(made)} segments on the wire")
        return [*(pushed_or_not(each) for each in made[:-1]), last]

    def _said(self, answer: OneAnswer | AnyOf, within: float | None) -> None:
        limit = None if within is None else _time(within)
        self.made.append(Expect(ByProfile((("*", answer),)), limit))
        self._owed = False

    def _expect_silence(self) -> None:
        if not self._owed:
            return
        if self._text and not self._watched:
            self._said(AnyOf((Answer(flags=ACK), NOTHING)), _DELAYED)
            self._text = False
        else:
            self._said(NOTHING, None)


def _tolerance(script: Script) -> float:
    said = script.option("tolerance_usecs")
    return int(said) / 1e6 if said is not None and re.fullmatch("[0-9]{1,9}", said) else _TOLERANCE


def _timed(events: Sequence[Event]) -> list[_Timed]:
    """Each event, and how long after the one before."""
    now, timed = 0.0, []
    for event in events:
        match event.time.clock:
            case Clock.RELATIVE:
                at = now + event.time.start
            case Clock.ABSOLUTE:
                at = max(now, event.time.start)
            case Clock.ANY:
                at = now
        timed.append(_Timed(event, round(at - now, 6)))
        now = at
    return timed


def _answers_at_once(timed: Sequence[_Timed]) -> bool:
    """Whether a packet of the DUT's is among the events that begin here and leave no time
    between."""
    for index, each in enumerate(timed):
        if index and each.gap >= _NOTICEABLE:
            return False
        if _is_the_duts(each.event):
            return True
    return False


def _is_the_duts(event: Event) -> bool:
    return isinstance(event.action, TcpPacket) and not event.action.inbound


def _end(timed: Sequence[_Timed]) -> int:
    """How many events there are up to the last that asks or does something: what is behind it only
    cleans up."""
    for index in range(len(timed), 0, -1):
        match timed[index - 1].event.action:
            case SysCall(name="close" | "socket" | "fcntl" | "epoll_ctl"):
                continue
            case Command(text=text) if not _asks(text):
                continue
            case _:
                return index
    return 0


def _asks(command: str) -> bool:
    return any(
        isinstance(meaning, AsksState | AsksTimer | Sleeps) for meaning in read_command(command)
    )


def _time(seconds: float) -> TimeExpression:
    milliseconds = round(seconds * 1000)
    if milliseconds % 1000 == 0 and milliseconds:
        return TimeExpression(f"{milliseconds // 1000}s")
    return TimeExpression(f"{milliseconds}ms")


def _title(script: Script, name: str) -> str:
    """The script's own first sentence, where it has one."""
    sentence = re.split(r"(?<=\w)[.:](?:\s|$)", script.remark, maxsplit=1)[0].strip()
    words = sentence.replace("$", "").strip()
    if not words:
        words = name.replace("-", " ")
    words = " ".join(words.split())
    return words if len(words) <= _LONGEST_TITLE else words[: _LONGEST_TITLE - 3].rstrip() + "..."
