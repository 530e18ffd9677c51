"""The kinds of target: a module each, and a line each.

A module has a ``KIND``.  It is imported when somebody names such a target, and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module

from tw_conformance.link.access import Access
from tw_conformance.targets.kernel.release import Kernel
from tw_conformance.targets.locator import Locator, looks_like_a_host
from tw_conformance.targets.target import Target

BY_NAME: Mapping[str, str] = {
    "reference": "tw_conformance.targets.in_process",
    "netns": "tw_conformance.targets.kernel.netns",
    "uml": "tw_conformance.targets.kernel.uml",
}
"""Targets that the suite makes itself, by their names."""

BY_SCHEME: Mapping[str, str] = {
    "host": "tw_conformance.targets.network.host",
    "ssh": "tw_conformance.targets.network.ssh",
    "tap": "tw_conformance.targets.network.tap",
    "cmd": "tw_conformance.targets.network.cmd",
}
"""Targets that are somewhere, by what stands before the colon; a host is written without."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a target is to be: its name as the user wrote it, the profile that it is held to (None:
    that of its version), the seed of the tester's ISNs; where it is, and how it may be reached."""

    name: str
    profile: str | None = None
    seed: int = 0
    locator: Locator | None = None
    access: Access = field(default_factory=Access)

    @property
    def place(self) -> Locator:
        """Where it is; only of a kind that is somewhere."""
        assert self.locator is not None, f"{self.name} is a name, not a place"
        return self.locator


@dataclass(frozen=True, slots=True)
class TargetKind:
    """One kind of target.

    ``open`` makes one ready, and raises a :class:`TargetError` where it can't be had.
    ``profiles`` are those that it is held to unless told otherwise; None: only the user knows.
    ``unavailable`` is why this machine can't offer it, None where it can.  ``kernel`` is what it
    stands for.  ``place`` reads what stands behind the colon, and raises a :class:`UsageError`.
    ``realtime``: whether its waits are the user's own time, as they are but where time is virtual.
    ``one_worker``: settings of its one DUT are changed, so all its cases have to be one process's.
    """

    open: Callable[[Order], Target]
    profiles: Callable[[], tuple[str, ...]] | None = None
    unavailable: Callable[[], str | None] = lambda: None
    kernel: Callable[[], Kernel] | None = None
    place: Callable[[str], Locator] | None = None
    realtime: bool = True
    one_worker: bool = False


def kind(name: str) -> TargetKind:
    """The kind of that name or scheme.

    :raises KeyError: where there is none.
    """
    found: TargetKind = import_module({**BY_NAME, **BY_SCHEME}[name]).KIND
    return found


def locate(text: str) -> Locator | None:
    """The place that ``text`` names; None where it looks like no place, but like a bare word.

    :raises UsageError: where it begins like a place and is none.
    """
    scheme, colon, rest = text.partition(":")
    if not colon or scheme not in BY_SCHEME or scheme == "host":
        if not looks_like_a_host(text):
            return None
        scheme, rest = "host", text
    place = kind(scheme).place
    assert place is not None, "what has a scheme is a place"
    return place(rest)
