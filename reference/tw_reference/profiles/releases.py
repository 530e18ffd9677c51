"""The profile that stands for a release of a stack: the newest all of whose changes it has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tw_reference.profiles import ALIASES, PROFILES, freebsd_changes, linux_changes
from tw_reference.profiles.changes import DatedChange, Version, first_like

_LATEST = 1 << 16
"""A number above those of all releases."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack with releases: its name, what changed in it, and the release that each profile is
    of, the oldest first."""

    name: str
    changes: type[DatedChange]
    profiles: Mapping[str, Version]


@dataclass(frozen=True, slots=True)
class StandIn:
    """The profile that a release is held to, and how it was found."""

    profile: str
    because: str


STACKS: Mapping[str, Stack] = {
    "freebsd": Stack(
        "FreeBSD",
        freebsd_changes.Change,
        {
            "freebsd-10": (10, 0),
            "freebsd-13.0": (13, 0),
            "freebsd-13": (13, 5),
            "freebsd-14.0": (14, 0),
            "freebsd-14": (14, 3),
            "freebsd-15": (15, 0),
        },
    ),
    "linux": Stack(
        "Linux",
        linux_changes.Change,
        {
            "linux-2.6.32": (2, 6, 32),
            "linux-5.10": (5, 10),
            "linux-5.15": (5, 15),
            "linux-6.1": (6, 1),
            "linux-6.12": (6, 12),
            "linux-6.14": (6, 14),
            "linux-6.18": (6, 18),
        },
    ),
}
"""By what the names of their profiles begin with."""


class NoStandIn(ValueError):
    """No profile stands for a release; says why not."""


def stand_in(family: str, release: str) -> StandIn:
    """What stands for a release of a stack, as ``uname -r`` writes it (``14.3-RELEASE-p2``).

    :raises NoStandIn: where it is older than all that is documented, or several are meant, or
        nothing is documented of that stack.
    """
    if family not in STACKS:
        raise NoStandIn(f"nothing of {family} is documented")
    stack, version = STACKS[family], _version(release)
    if len(version) == 1 and _profile_of(stack, (*version, 0)) != _profile_of(
        stack, (*version, _LATEST)
    ):
        raise NoStandIn(f"the releases {release}.x of {stack.name} differ: say which it is")
    profile = _profile_of(stack, version)
    if profile is None:
        oldest = next(iter(stack.profiles))
        raise NoStandIn(f"{release} is older than {oldest}, the oldest documented {stack.name}")
    own = stack.profiles[profile]
    if version[: len(own)] == own:
        because = "its version"
    elif version < own:
        because = "nothing documented changed between them"
    else:
        because = f"the newest documented {stack.name} that is not newer"
    return StandIn(profile, because)


def named(name: str) -> StandIn | None:
    """The profile that a name means: its own, an alias, or a release (``freebsd-14.3``); None where
    it means none.

    :raises NoStandIn: as :func:`stand_in`.
    """
    known = ALIASES.get(name, name)
    if known in PROFILES:
        return StandIn(known, "its name")
    form = re.fullmatch(rf"({'|'.join(STACKS)})-(\d+(?:\.\d+)*)", name, re.ASCII)
    return None if form is None else stand_in(*form.groups())


def _profile_of(stack: Stack, version: Version) -> str | None:
    """The newest profile that is like a release not newer than this one."""
    found = None
    for profile, own in stack.profiles.items():
        first = first_like(own, stack.changes)
        if first <= (version if len(version) > 1 else (*version, 0)):
            found = profile
    return found


def _version(release: str) -> Version:
    found = re.search(r"\d+(\.\d+)*", release, re.ASCII)
    return tuple(map(int, found.group().split("."))) if found else ()
