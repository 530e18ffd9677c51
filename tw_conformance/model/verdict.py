"""Transcripts and verdicts: what happened, as data, and what it means.

The three verdicts are those of ISO/IEC 9646: PASS and FAIL were each seen on the wire; all else
is INCONCLUSIVE and says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from tw_conformance.model.case import Case, Step
from tw_reference.segment import Datagram


class Verdict(Enum):
    """PASS, FAIL or INCONCLUSIVE (ISO/IEC 9646-1)."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a transcript.

    ``time`` is in seconds since the case began.  ``frame`` is the Ethernet frame as it crossed
    the link, where one did; ``packet`` what it says.  ``note`` is for events without a packet
    (a wait, a call, a state read) or what is remarkable about one.
    """

    time: float
    direction: Literal["sent", "received", "note"]
    packet: Datagram | None = None
    frame: bytes = b""
    note: str = ""
    step: int | None = None
    """Index into the case's steps; None while the state is being reached."""
    connection: str = ""
    """Which one it is about: the case's own, or another by its name."""
    probe: int | None = None
    """The number of the probe that the packet is, or answers; None for all else."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One field of a segment or state, expected beside seen, both as a person reads them."""

    field: str
    expected: str
    seen: str


@dataclass(slots=True)
class Transcript:
    """All that happened in one case, in order, and the DUT's variables as the tester knew them.

    ``variables`` holds the values that a case's expressions are over (``rcv_nxt``, ``snd_nxt``,
    ``iss``, ``irs``, ``rcv_wnd``, ``ts_recent``, ``seg_seq`` …) when the case ended, so that a view
    can print relative numbers; ``beside`` those of the other connections, by name.  ``began`` is
    when, on the link's clock.
    """

    events: list[Event] = field(default_factory=list)
    variables: dict[str, int] = field(default_factory=dict)
    beside: dict[str, dict[str, int]] = field(default_factory=dict)
    began: float = 0.0

    def variables_of(self, connection: str) -> dict[str, int]:
        """Those of one connection, which are to be filled in."""
        return self.beside.setdefault(connection, {}) if connection else self.variables


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one case, and everything needed to explain it."""

    case: Case
    target: str
    profile: str
    verdict: Verdict
    transcript: Transcript
    reason: str = ""
    """One sentence; empty for PASS."""
    step: Step | None = None
    """The step that decided."""
    mismatches: Sequence[Mismatch] = ()
    duration: float = 0.0
    """Seconds on the target's own clock."""
    inferred: bool = False
    """Whether the state was told by the DUT's answer to a question, not read on it."""
    unseen: Sequence[str] = ()
    """Why steps of the case could not be seen on the target."""
    late: bool = False
    """Whether an INCONCLUSIVE is the fault of this machine, which was too slow."""
    overtaken: bool = False
    """Whether it is because a timer of the DUT did not wait for the case."""
    by_absence: bool = False
    """Whether a path that loses segments could have brought this FAIL about."""
    doubted: bool = False
    """Whether this INCONCLUSIVE would be a FAIL, had the path not perhaps repeated what came; of a
    FAIL, whether it is none where the path may have reordered that."""

    @property
    def step_index(self) -> int | None:
        """That of the step that decided; None where none did."""
        # Steps are equal by value; the deciding one is found by identity.
        steps = enumerate(self.case.steps)
        return next((index for index, step in steps if step is self.step), None)
