"""A profile: one documented stack's rules, settings and manners, as a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tw_reference.clock import MILLISECOND, Clock
from tw_reference.reaping import Expire, Reaper
from tw_reference.rules.rule import DecisionList, Stage


@dataclass(frozen=True, slots=True)
class Setting:
    """A switch of the stack: its default, what it does, where that is written.

    ``least``: a lower value that is written at run time is accepted and changes nothing.
    """

    default: int
    says: str
    source: str
    least: int | None = None


@dataclass(frozen=True, slots=True)
class Manners:
    """How the stack behaves on the way into TIME-WAIT, as far as the wire shows it.

    ``receive_window`` gives the window in octets offered for a given MSS (of payload, options
    taken off).  ``reopens_window`` tells whether the right edge of the window moves with a FIN
    that was received; ``aligns_scaled_window`` that a scaled window is opened anew with every
    segment and rounded up to its scale (Linux, ``__tcp_select_window()``);
    ``acknowledges_before_entry`` whether the connection sends the ACK of the FIN that leads to
    TIME-WAIT, or leaves it to the block; ``resets_early_fin`` whether an orphan resets a FIN that
    lies ahead of RCV.NXT, as it does text (``tcp_rcv_state_process()``), or keeps it for later as
    any segment out of order; ``ecn`` whether a listener takes up ECN (RFC 3168 section
    6.1.1).  ``longest_linger2`` is the most that TCP_LINGER2 may ask for.
    """

    receive_window: Callable[[int], int]
    reopens_window: bool
    aligns_scaled_window: bool
    acknowledges_before_entry: bool
    resets_early_fin: bool
    ecn: bool
    first_rto: int
    """Initial retransmission time-out, nanoseconds."""
    least_rto: int
    """Retransmission time-out on a path without delay, nanoseconds."""
    longest_linger2: int | None = None
    """Nanoseconds; None: the setting ``fin_timeout``, beyond which the wish is ignored."""
    resets_unread: bool = True
    """Whether close() sends an RST where text was not read (RFC 1122 section 4.2.2.13)."""
    reset_tos_mask: int = 0
    """The bits of a segment's TOS that the RST which answers it has too."""
    ttl: int = 64


MakeReaper = Callable[[Clock, Expire, Mapping[str, int]], Reaper]


@dataclass(frozen=True, slots=True)
class Profile:
    """A documented stack.  Everything that sets it apart in TIME-WAIT is in its decision lists.

    A new one is made from another by :meth:`derive`; it states only what is different.
    """

    name: str
    title: str
    settings: Mapping[str, Setting]
    msl: int
    """Nanoseconds, where no setting ``msl`` (milliseconds) says otherwise."""
    lateness: Callable[[Mapping[str, int]], int]
    """Nanoseconds by which an expired block may outlive its timer, by settings."""
    manners: Manners
    reaper: MakeReaper
    decisions: tuple[DecisionList, ...]
    """At most one list for each stage."""
    parent: str | None = None
    """The profile that this one was derived from."""

    def lists(self) -> Iterator[DecisionList]:
        """Every decision list of this profile, in the order in which a connection meets them."""
        return iter(
            sorted(self.decisions, key=lambda decisions: list(Stage).index(decisions.stage))
        )

    def find(self, stage: Stage) -> DecisionList | None:
        """The list for a stage; None where the stack has nothing to decide there."""
        return next((decisions for decisions in self.decisions if decisions.stage is stage), None)

    def __getitem__(self, stage: Stage) -> DecisionList:
        """:raises KeyError: where this profile has no list for that stage."""
        decisions = self.find(stage)
        if decisions is None:
            raise KeyError(stage)
        return decisions

    def defaults(self) -> dict[str, int]:
        return {name: setting.default for name, setting in self.settings.items()}

    def lifetime(self, settings: Mapping[str, int]) -> int:
        """2MSL in nanoseconds under these settings."""
        return 2 * (settings["msl"] * MILLISECOND if "msl" in settings else self.msl)

    def derive(
        self,
        name: str,
        title: str,
        *changed: DecisionList,
        without: tuple[Stage, ...] = (),
        settings: Mapping[str, Setting] | None = None,
        dropped_settings: tuple[str, ...] = (),
        **changes: Any,
    ) -> Profile:
        """A profile that differs in the lists given (for their stages), and in ``changes``.

        ``without`` drops lists, ``dropped_settings`` settings; ``settings`` adds or replaces.
        """
        gone = {decisions.stage for decisions in changed} | set(without)
        kept = tuple(d for d in self.decisions if d.stage not in gone)
        merged = {n: s for n, s in self.settings.items() if n not in dropped_settings}
        return replace(
            self,
            name=name,
            title=title,
            decisions=kept + changed,
            settings=merged | dict(settings or {}),
            parent=self.name,
            **changes,
        )

    def with_list(self, decisions: DecisionList) -> Profile:
        """The same profile with one list exchanged: how mutants are made."""
        others = tuple(d for d in self.decisions if d.stage is not decisions.stage)
        return replace(self, decisions=(*others, decisions))
