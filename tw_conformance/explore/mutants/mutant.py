"""A mutant: a profile with one fault, and how to tell in which cases it may be noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from tw_reference.profiles.profile import Profile
from tw_reference.rules.decision import AnyList
from tw_reference.segment import Packet

RulesOtherwise: TypeAlias = Callable[[Any, bool], bool]
"""Whether the mutant rules otherwise on a question, given whether the original rule holds."""
MutantKind: TypeAlias = Literal[
    "list", "condition", "bound", "action", "answer", "setting", "trait"
]
"""What is broken; the value is how a report counts it."""
Builder: TypeAlias = Literal["a block", "a connection", "no connection"]
"""What builds an answer (:func:`~tw_conformance.explore.mutants.answers.builder`)."""
KINDS: tuple[MutantKind, ...] = (
    "list",
    "condition",
    "bound",
    "action",
    "answer",
    "setting",
    "trait",
)


@dataclass(frozen=True, slots=True, eq=False)
class Mutant:
    """``place`` and ``change`` name it within its profile: ``TIME-WAIT: linux.rst-kill`` and
    ``without «RST is set»``."""

    kind: MutantKind
    place: str
    change: str

    def __str__(self) -> str:
        return f"{self.place}: {self.change}"

    def of(self, profile: Profile) -> Profile:
        """The profile with this fault."""
        return profile

    def sends(self, packet: Packet, origin: Builder) -> Packet:
        """What leaves a stack with this fault in the place of ``packet``, which ``origin``
        built."""
        return packet


@dataclass(frozen=True, slots=True, eq=False)
class ListMutant(Mutant):
    """A list with one fault, which shows where the rule at ``index`` is looked at; if it ``acts``,
    only where the original rule holds."""

    decisions: AnyList
    index: int
    rules_otherwise: RulesOtherwise
    acts: bool = False

    def of(self, profile: Profile) -> Profile:
        return profile.with_list(self.decisions)


@dataclass(frozen=True, slots=True, eq=False)
class ProfileMutant(Mutant):
    """A profile with another setting or trait, which may show wherever the trait ``reads`` is
    looked at; anywhere, where that is none."""

    profile: Profile
    reads: str = ""

    def of(self, profile: Profile) -> Profile:
        return self.profile


@dataclass(frozen=True, slots=True, eq=False)
class AnswerMutant(Mutant):
    """A stack that gets one field wrong of the answers with certain flags that one place builds."""

    origin: Builder
    flags: int
    wrong: Callable[[Packet], Packet]

    def sends(self, packet: Packet, origin: Builder) -> Packet:
        fits = origin == self.origin and packet.segment.flags == self.flags
        return self.wrong(packet) if fits else packet


AnyMutant: TypeAlias = ListMutant | ProfileMutant | AnswerMutant
