"""Dated changes: a release has every change up to it, so that a profile is its version."""

from __future__ import annotations

from collections.abc import Set
from enum import Enum
from typing import TypeAlias, TypeVar

Version: TypeAlias = tuple[int, ...]
"""A release as numbers, ``(6, 12)``."""


class DatedChange(Enum):
    """A change of a stack, the release that had it first, and what it comes to; the oldest first.

    It has no members: each stack has changes of its own.
    """

    def __init__(self, since: Version, says: str) -> None:
        self.since = since
        self.says = says


C = TypeVar("C", bound=DatedChange)


def up_to(version: Version, changes: type[C]) -> Set[C]:
    """What a release has of a stack's changes."""
    return {change for change in changes if change.since <= version}


def first_like(version: Version, changes: type[DatedChange]) -> Version:
    """The first release with the changes that this one has; itself where it has none."""
    return max((change.since for change in up_to(version, changes)), default=version)
