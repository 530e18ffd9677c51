"""A story performed by the reference under one profile: which rule answers each segment, and
whether the judged end did what that profile does.

The host of the reference gets what the judged end got.  What the judged end sent is taken as its
process's doing, or its timers', where that may be; as the answer that the profile gives, where it
gives that; or it is a deviation, with which the performance ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeAlias

from tw_conformance.captures.story import WINDOW, Heard, Story
from tw_conformance.play.compare import summary
from tw_reference import segment as tcp
from tw_reference.clock import MILLISECOND, SECOND, Clock
from tw_reference.profiles.profile import Profile
from tw_reference.rules import stages
from tw_reference.rules.actions import AckLimitAction
from tw_reference.rules.decision import Decision
from tw_reference.rules.rule import AnyRule
from tw_reference.segment import Flow, Packet, Segment, Timestamps
from tw_reference.seqnum import add, distance
from tw_reference.stack.host import Host
from tw_reference.state import State

_ADDRESSES: Mapping[str, tuple[str, str]] = {
    "ipv4": ("192.0.2.1", "192.0.2.2"),
    "ipv6": ("2001:db8::1", "2001:db8::2"),
}
_PORT, _PEER_PORT = 7, 40000
_PEER_ISN, _TS_RECENT = 1_000_000, 500_000
_MSS = 1460
PATIENCE = SECOND
"""How long an answer may take that a stack gives at once: the path is in between."""
_AROUND = 1500 * MILLISECOND
"""So close to the end of 2MSL a capture does not tell whether it is over."""
_LIMITS_LAST = 600 * MILLISECOND
"""For so long a limit on ACKs may still hold, by a clock that nobody has seen."""
_SETTLED = frozenset((State.TIME_WAIT, State.CLOSED))
"""States in which a stack says nothing unless it is asked."""
_SENDS = frozenset((State.ESTABLISHED, State.CLOSE_WAIT))
_JUDGED = tcp.FIN | tcp.SYN | tcp.RST | tcp.ACK

How: TypeAlias = Literal["close", "shutdown"]
"""By which call the process closed; a capture does not show it."""


class Response(NamedTuple):
    """What a profile does with one segment that it got: the rules that decided, the state before,
    and what it sends at once, in one line."""

    rules: tuple[AnyRule, ...]
    state: State
    answer: str


class Departure(NamedTuple):
    """Where a performance ends before the story does: at which segment, and why.

    ``deviates``: else nothing can be said from there on.
    """

    at: int
    why: str
    deviates: bool


@dataclass(frozen=True, slots=True)
class Told:
    """One profile's part: an answer for each segment that the judged end got, by its place in the
    story, as far as it goes."""

    profile: str
    how: How
    settings: Mapping[str, int]
    answered: Mapping[int, Response]
    end: Departure | None

    @property
    def reach(self) -> int | None:
        """How far it gets before it deviates; None: it does not."""
        return self.end.at if self.end is not None and self.end.deviates else None


def retell(
    story: Story, profile: Profile, how: How = "close", settings: Mapping[str, int] | None = None
) -> Told:
    """Have ``profile`` perform the story."""
    performance = _Performance(story, profile, how, settings or {})
    return Told(profile.name, how, settings or {}, *performance.run())


class _Over(Exception):
    """The performance ends here."""

    def __init__(self, at: int, why: str, deviates: bool = True) -> None:
        super().__init__(why)
        self.end = Departure(at, why, deviates)


class _Owed(NamedTuple):
    """An answer that the profile gives at once; ``by``: to which segment.  ``optional``: a limit
    may have held it back, or let it pass."""

    packet: Packet
    by: int
    time: int
    optional: bool


class _Performance:
    def __init__(
        self, story: Story, profile: Profile, how: How, settings: Mapping[str, int]
    ) -> None:
        self._story, self._how = story, how
        self._clock = Clock(SECOND)
        ours, theirs = _ADDRESSES[story.family]
        self._flow = Flow(ours, _PORT, theirs, _PEER_PORT)
        self._host = Host(profile, self._clock, addresses=frozenset((ours,)), settings=settings)
        self._lateness = profile.lateness(self._host.settings)
        self._answered: dict[int, Response] = {}
        self._owed: list[_Owed] = []
        self._limited: int | None = None
        """When a limit on ACKs was asked last."""
        self._expires: int | None = None
        """When the block falls due, or fell."""
        self._tsval = 0
        """Of what the host sent last."""
        self._end = 0
        """One past all that the host ever sent."""
        self._rcv_nxt = add(_PEER_ISN, 1)
        self._snd_nxt = 0

    def run(self) -> tuple[Mapping[int, Response], Departure | None]:
        try:
            self._open()
            self._snd_nxt = self._end
            for place, heard in enumerate(self._story.heard):
                self._let_pass(heard.wait)
                if heard.by_dut:
                    self._sends(place, heard)
                else:
                    self._gets(place, heard)
            self._let_pass(self._story.silence)
        except _Over as over:
            return self._answered, over.end
        return self._answered, None

    # -- the way there ---------------------------------------------------------------------------

    def _open(self) -> None:
        """The handshake; the story counts from where it leads."""
        story, host = self._story, self._host
        wscale = 7 if story.scaled else None
        syn = Segment(_PEER_ISN, 0, tcp.SYN, window=WINDOW, mss=_MSS, wscale=wscale)
        if story.opened_by_dut:
            host.connect(self._flow)
            self._hear()
            self._say(replace(syn, flags=tcp.SYN | tcp.ACK, ack=self._end))
        else:
            host.listen(_PORT, closes_first=False)
            self._say(syn)
            self._hear()
            self._say(Segment(self._rcv_nxt, self._end, tcp.ACK, window=WINDOW))
        self._hear()
        if self._state is not State.ESTABLISHED:
            raise _Over(0, "it does not come to ESTABLISHED")
        host.offer(self._flow, story.rcv_wnd)
        host.sockets.set_options(self._flow, nodelay=1)
        if story.acked:
            host.sockets.send(self._flow, bytes(story.acked))
            self._hear()
            self._say(Segment(self._rcv_nxt, self._end, tcp.ACK, window=WINDOW))
        if story.unacked:
            host.sockets.send(self._flow, bytes(story.unacked))
            self._hear()

    def _say(self, segment: Segment, stamp: int | None = 0) -> None:
        """The peer sends; ``stamp``: TSval from TS.Recent, where timestamps are in use."""
        if self._story.timestamps and stamp is not None:
            stamps = Timestamps(add(_TS_RECENT, stamp), self._tsval)
            segment = replace(segment, timestamps=stamps)
        self._host.receive(Packet(self._flow.reverse, segment))

    def _hear(self) -> list[Packet]:
        """What the host has sent since it was asked last."""
        sent = [packet for packet in self._host.outbox if isinstance(packet, Packet)]
        self._host.outbox.clear()
        for packet in sent:
            segment = packet.segment
            if not segment.flags & tcp.RST:
                self._end = segment.end
            if segment.timestamps is not None:
                self._tsval = segment.timestamps.tsval
        return sent

    @property
    def _state(self) -> State:
        return self._host.state(self._flow)

    # -- time ------------------------------------------------------------------------------------

    def _let_pass(self, wait: int) -> None:
        """What timers send meanwhile is nothing that is owed: nobody knows when another's fire."""
        self._clock.advance(self._clock.now + wait)
        self._hear()
        for owed in self._owed:
            if not owed.optional and owed.time + PATIENCE < self._clock.now:
                raise _Over(owed.by, f"it sends {self._summary(owed.packet)}; nothing came")

    def _is_near_the_end(self) -> bool:
        block = self._host.block(self._flow)
        if block is not None:
            self._expires = block.expires
        if self._expires is None or self._state not in _SETTLED:
            return False
        late = self._clock.now - self._expires
        return -_AROUND < late < _AROUND + self._lateness

    # -- what the judged end got -----------------------------------------------------------------

    def _gets(self, place: int, heard: Heard) -> None:
        if self._is_near_the_end():
            raise _Over(place, "2MSL ends about now", deviates=False)
        before = self._state
        self._host.trace.clear()
        self._say(self._segment(heard), heard.stamp)
        decisions, sent = list(self._host.trace), self._hear()
        rules = [d.rule for d in decisions if d.ruled and d.stage not in stages.LIMITS]
        if not all(decision.ruled for decision in decisions):
            self._answered[place] = Response(tuple(rules), before, "not ruled")
            raise _Over(place, "it has no rule for this", deviates=False)
        said = ", ".join(map(self._summary, sent)) or "nothing"
        self._answered[place] = Response(tuple(rules), before, said)
        optional = self._is_limited(decisions)
        now = self._clock.now
        self._owed += [_Owed(packet, place, now, optional) for packet in sent]
        if optional and not sent:
            self._owed.append(_Owed(self._plain_ack(), place, now, True))
        self._is_near_the_end()

    def _is_limited(self, decisions: Sequence[Decision]) -> bool:
        """Whether a limit on ACKs decided, and may have decided otherwise by another clock."""
        limits = [d for d in decisions if d.stage in stages.LIMITS]
        if not limits:
            return False
        before, self._limited = self._limited, self._clock.now
        suppressed = any(AckLimitAction.SUPPRESS in d.then for d in limits)
        recent = before is not None and self._clock.now - before < _LIMITS_LAST
        return suppressed or recent

    def _segment(self, heard: Heard) -> Segment:
        return Segment(
            seq=add(self._rcv_nxt, heard.seq),
            ack=0 if heard.ack is None else add(self._snd_nxt, heard.ack),
            flags=heard.flags,
            window=heard.window,
            payload=bytes(heard.length),
            reserved=heard.reserved,
            mss=heard.mss,
            wscale=heard.wscale,
            sack_permitted=heard.sack,
        )

    def _plain_ack(self) -> Packet:
        """The ACK that says where the connection stands."""
        connection = self._host.snapshot(self._flow)
        ack = connection.rcv_nxt or 0
        return Packet(self._flow, Segment(seq=self._end, ack=ack, flags=tcp.ACK))

    # -- what it sent ----------------------------------------------------------------------------

    def _sends(self, place: int, heard: Heard) -> None:
        if self._is_owed(heard):
            return
        if self._state in _SETTLED:
            if self._was_under_way(heard) or heard.flags & (tcp.SYN | tcp.ACK) == tcp.SYN:
                return
            if self._is_near_the_end():
                raise _Over(place, "2MSL ends about now", deviates=False)
            raise _Over(place, f"it says nothing here, being in {self._state}")
        if heard.flags & tcp.RST:
            self._host.destroy(self._flow)
            self._hear()
        else:
            self._says_of_its_own(place, heard)

    def _is_owed(self, heard: Heard) -> bool:
        """Whether it is an answer that the profile gives; earlier ACKs of less are in it, too."""
        for at in reversed(range(len(self._owed))):
            if self._is_like(self._owed[at].packet.segment, heard):
                self._owed[: at + 1] = [o for o in self._owed[:at] if not self._is_in(o, heard)]
                return True
        return False

    def _is_like(self, ours: Segment, heard: Heard) -> bool:
        is_syn = ours.flags & tcp.SYN
        return (
            ours.flags & _JUDGED == heard.flags & _JUDGED
            and (bool(is_syn) or ours.seq == add(self._snd_nxt, heard.seq))
            and (heard.ack is None or ours.ack == add(self._rcv_nxt, heard.ack))
            and len(ours.payload) == heard.length
        )

    def _is_in(self, owed: _Owed, heard: Heard) -> bool:
        segment = owed.packet.segment
        if segment.flags & _JUDGED != tcp.ACK or heard.ack is None:
            return False
        return distance(segment.ack, add(self._rcv_nxt, heard.ack)) < 0

    def _was_under_way(self, heard: Heard) -> bool:
        """Whether it may have been sent before what the judged end got last: it acknowledges less,
        and says nothing that was not said."""
        rcv_nxt = self._host.snapshot(self._flow).rcv_nxt
        if rcv_nxt is None or heard.ack is None or heard.flags & (tcp.RST | tcp.SYN):
            return False
        is_old = distance(add(self._rcv_nxt, heard.ack), rcv_nxt) < 0
        return is_old and distance(self._end_of(heard), self._end) <= 0

    def _end_of(self, heard: Heard) -> int:
        fin = 1 if heard.flags & tcp.FIN else 0
        return add(self._snd_nxt, heard.seq + heard.length + fin)

    def _says_of_its_own(self, place: int, heard: Heard) -> None:
        """Its process sends or closes, or a timer sends again what was said."""
        new = distance(self._end_of(heard), self._end)
        if new <= 0:
            return
        if self._state not in _SENDS:
            raise _Over(place, f"it sends nothing new in {self._state}")
        closes = bool(heard.flags & tcp.FIN)
        if new > WINDOW:
            raise _Over(place, "segments are missing in the capture", deviates=False)
        if text := new - closes:
            self._host.sockets.send(self._flow, bytes(text))
        if closes and self._how == "close":
            self._host.sockets.close(self._flow)
        elif closes:
            self._host.sockets.shutdown(self._flow)
        self._hear()

    # -- in words --------------------------------------------------------------------------------

    def _summary(self, packet: Packet) -> str:
        variables = {"rcv_nxt": self._rcv_nxt, "snd_nxt": self._snd_nxt}
        return summary(packet, variables)
