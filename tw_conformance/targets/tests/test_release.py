"""Which documented profile stands for a kernel, and how late its timers are."""

from __future__ import annotations

import pytest

from tw_conformance.targets.kernel.release import kernel_of, timer_lateness
from tw_reference.profiles import PROFILES

NEWEST = [name for name in PROFILES if name.startswith("linux-")][-1]
OLDEST = next(name for name in PROFILES if name.startswith("linux-"))


def test_a_documented_version_is_held_to_itself() -> None:
    kernel = kernel_of("6.18.44-generic")
    assert (kernel.profile, kernel.because) == ("linux-6.18", "its version")


def test_a_newer_kernel_is_held_to_the_newest_before_it() -> None:
    kernel = kernel_of("99.1.0")
    assert kernel.profile == NEWEST
    assert kernel.because == "the newest documented Linux that is not newer"


def test_an_older_kernel_is_held_to_the_oldest() -> None:
    kernel = kernel_of("2.4.37")
    assert kernel.profile == OLDEST
    assert "newer" in kernel.because


@pytest.mark.parametrize(
    ("release", "profile"),
    [
        ("5.10.0-32-amd64", "linux-5.10"),
        ("5.14.0-503.el9", "linux-5.10"),
        ("5.15.0-122-generic", "linux-5.15"),
        ("6.1.0-28-amd64", "linux-6.1"),
        ("6.8.0-45-generic", "linux-6.1"),
        ("6.9.12", "linux-6.1"),
        ("6.10.0", "linux-6.12"),
        ("6.11.0-29-generic", "linux-6.12"),
        ("6.12.48+deb13-amd64", "linux-6.12"),
        ("6.13.7", "linux-6.12"),
        ("6.14.0-37-generic", "linux-6.14"),
        ("6.17.0-8-generic", "linux-6.14"),
        ("6.18.44", "linux-6.18"),
    ],
)
def test_a_release_has_the_changes_up_to_it(release: str, profile: str) -> None:
    assert kernel_of(release).profile == profile


@pytest.mark.parametrize("release", ["6.2.0", "6.180.1"])
def test_versions_are_numbers_not_text(release: str) -> None:
    """As text, 6.2 lies after 6.18, and 6.180 begins with it."""
    assert kernel_of(release).because != "its version"


@pytest.mark.parametrize(("hz", "seconds"), [(100, 5.22), (250, 2.148), (1000, 4.196)])
def test_lateness_is_one_slot_of_the_timer_wheel(hz: int, seconds: float) -> None:
    assert timer_lateness(hz) == pytest.approx(seconds)


def test_an_unknown_tick_rate_is_taken_for_the_worst() -> None:
    assert timer_lateness(None) == pytest.approx(5.22)
