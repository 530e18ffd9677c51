"""A kind of target is one file and one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tw_conformance.model.errors import SuiteError, UsageError
from tw_conformance.targets.kinds import BY_NAME, BY_SCHEME, TargetKind, kind, locate
from tw_conformance.targets.registry import default_profiles, open_target
from tw_reference.profiles import PROFILES

NO_KINDS = {
    *("command_setup", "last_words", "one_dut", "way"),
    *("release", "uml_guest", "uml_init", "uml_start", "world", "world_setup", "worlds"),
}
"""Modules beside them."""


@pytest.mark.parametrize("name", [*BY_NAME, *BY_SCHEME])
def test_each_line_leads_to_a_kind(name: str) -> None:
    found = kind(name)
    assert isinstance(found, TargetKind)
    assert (found.place is not None) == (name in BY_SCHEME)
    assert (found.profiles is not None) == (name in BY_NAME)


def test_each_file_has_its_line() -> None:
    rooms = [Path(__file__).parents[1] / room for room in ("kernel", "network")]
    files = {file.stem for room in rooms for file in room.glob("[a-z]*.py")} - NO_KINDS
    listed = {module.rpartition(".")[2] for module in {**BY_NAME, **BY_SCHEME}.values()}
    assert files == listed - {"in_process"}


def test_what_the_suite_makes_itself_is_held_to_a_profile_of_its_own() -> None:
    for name in BY_NAME:
        assert set(default_profiles(name)) <= set(PROFILES)
    with pytest.raises(UsageError, match=r"which documented stack is 192\.0\.2\.1"):
        default_profiles("192.0.2.1")


def test_a_word_that_is_no_target_has_a_nearest() -> None:
    assert locate("netnss") is None
    with pytest.raises(SuiteError, match="netns"):
        open_target("netnss")
