"""What is known of a target without asking it."""

from __future__ import annotations

from tw_conformance.targets.in_process import InProcessTarget
from tw_conformance.targets.target import unlike_the_profile
from tw_reference.profiles import PROFILES


def test_the_reference_has_the_defaults_of_its_profile() -> None:
    for profile in PROFILES.values():
        target = InProcessTarget(profile)
        assert target.settings == profile.defaults()
        assert unlike_the_profile(target) == {}


def test_what_differs_from_the_profile_is_named_with_the_default() -> None:
    target = InProcessTarget(PROFILES["linux-6.18"])
    target.settings = {"rfc1337": 1, "tw_reuse": 2, "of_no_profile": 7}
    assert unlike_the_profile(target) == {"rfc1337": (1, 0)}
