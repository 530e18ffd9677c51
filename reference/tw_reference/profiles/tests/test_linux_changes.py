"""A release has the changes up to it."""

from __future__ import annotations

import pytest

from tw_reference.profiles.changes import Version, first_like
from tw_reference.profiles.linux_changes import Change, changes_until


def test_changes_are_listed_in_order() -> None:
    dates = [change.since for change in Change]
    assert dates == sorted(dates)


@pytest.mark.parametrize("change", Change)
def test_a_change_is_there_from_its_release_on(change: Change) -> None:
    major, minor = change.since
    assert change not in changes_until((major, minor - 1, 99))
    assert change in changes_until(change.since)
    assert change in changes_until((major, minor + 1))
    assert change in changes_until((major + 1, 0))


@pytest.mark.parametrize(
    ("version", "first"),
    [((5, 10), (5, 10)), ((6, 1), (6, 1)), ((6, 9), (6, 7)), ((6, 12), (6, 10)), ((7, 0), (6, 18))],
)
def test_the_first_release_that_is_alike(version: Version, first: Version) -> None:
    assert first_like(version, Change) == first
    assert changes_until(first) == changes_until(version)
