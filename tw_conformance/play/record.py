"""What a run of a script saw, as values: facts in their order, and the transcript behind them.

Nothing here knows what the case expects.  A fact carries all that a judge needs of the moment at
which it was seen, so that a record can be judged at any time, under any profile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeAlias

from tw_conformance.model.case import Case
from tw_conformance.model.verdict import Transcript
from tw_reference.segment import IcmpError, Packet

TimerEffect: TypeAlias = Literal["restarted", "kept"]


class Again(Enum):
    """What a segment may be that is no answer to what was sent last."""

    RETRANSMITTED = "retransmitted"
    """The DUT sent it again: nothing had acknowledged it for an RTO."""
    PROBED = "probed"
    """The DUT asked whether the window is open again, since this tester was too slow to open it."""
    RESENT = "resent"
    """An RTO has passed, and the path has faults: retransmitted or repeated."""
    REPEATED = "repeated"
    """The path repeated it, or held it up, or repeated what it answers."""
    AHEAD = "ahead"
    """What the DUT sent before it has not come, and the path has faults."""


@dataclass(frozen=True, slots=True)
class Came:
    """At an expect: the next segment of the DUT, and the connection's variables at that moment."""

    packet: Packet
    variables: Mapping[str, int]
    again: Again | None = None
    behind_silence: bool = False
    """It came where a sentinel had proven already that the DUT was silent."""


@dataclass(frozen=True, slots=True)
class Stray:
    """A segment of the DUT that no step has accounted for."""

    packet: Packet
    variables: Mapping[str, int]
    again: Again | None = None


@dataclass(frozen=True, slots=True)
class ProvenSilence:
    """At an expect: nothing came, though the answer to a sentinel did.

    ``served``: the DUT's service is known to have done all that it owes, too.  A sentinel proves
    the kernel's work alone.
    """

    served: bool = True


@dataclass(frozen=True, slots=True)
class Gave:
    """What a call gave: ``ok``, or an errno by name."""

    what: str


@dataclass(frozen=True, slots=True)
class Counted:
    """By how much each counter in question has moved since the steps began."""

    moved: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StateSeen:
    """The DUT's state; ``how`` completes the sentence «the DUT is in CLOSED» where it was told by
    an answer on the wire.

    ``effect`` is what the last send did to the 2MSL timer, None where the reading can't tell;
    ``has_timer``: whether a timer could be read at all.
    """

    state: str
    how: str = ""
    effect: TimerEffect | None = None
    has_timer: bool = False
    apart: bool = False
    """Whether another performance looks at the timer."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why nothing can be said of the DUT from here on.

    ``late``: this machine was too slow, and may be quicker another time.
    """

    reason: str
    late: bool = False


Seen: TypeAlias = Came | Stray | ProvenSilence | Gave | Counted | StateSeen | Doubt


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was seen at a step; ``step`` is its index, None while the state is reached.
    ``on`` is the connection's name."""

    step: int | None
    seen: Seen
    on: str = ""


@dataclass(slots=True)
class Record:
    """All that one run saw.  ``duration``: seconds on the target's own clock."""

    case: Case
    target: str
    profile: str
    transcript: Transcript
    facts: list[Fact] = field(default_factory=list)
    left_out: Collection[int] = ()
    """The steps that another performance is to take."""
    ended: bool = False
    """Whether the run came to its end, and all that it sent was shown to have arrived."""
    last_step: int | None = None
    """The step that was taken last; None where the first state was not reached."""
    inferred: bool = False
    """Whether the DUT's state was asked for on the wire."""
    capture_losses: int = 0
    duration: float = 0.0


def answers(transcript: Transcript, *, until: int | None = None, on: str = "") -> list[Packet]:
    """The DUT's segments since the last packet that was sent to that connection, in a step no later
    than ``until``."""
    found: list[Packet] = []
    for direction, packet in _exchanged(transcript, until, on):
        if direction == "sent":
            found.clear()
        elif isinstance(packet, Packet):
            found.append(packet)
    return found


def came_at(transcript: Transcript, step: int) -> list[Packet]:
    """The DUT's segments that came during a step."""
    return [
        event.packet
        for event in transcript.events
        if event.step == step
        and event.direction == "received"
        and event.probe is None
        and isinstance(event.packet, Packet)
    ]


def _exchanged(
    transcript: Transcript, until: int | None, on: str
) -> Iterator[tuple[str, Packet | IcmpError]]:
    for event in transcript.events:
        if event.step is None or (until is not None and event.step > until):
            continue
        if event.connection != on or event.probe is not None:
            continue
        if isinstance(event.packet, Packet | IcmpError):
            yield event.direction, event.packet
