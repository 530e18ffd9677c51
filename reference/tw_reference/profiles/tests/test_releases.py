"""A release is held to the newest profile all of whose changes it has."""

from __future__ import annotations

import pytest

from tw_reference.profiles import PROFILES
from tw_reference.profiles.releases import STACKS, NoStandIn, named, stand_in


def test_every_profile_of_a_stack_with_releases_is_listed_in_order() -> None:
    listed = [name for stack in STACKS.values() for name in stack.profiles]
    assert listed == [name for name in PROFILES if name.partition("-")[0] in STACKS]
    for stack in STACKS.values():
        assert list(stack.profiles.values()) == sorted(stack.profiles.values())


@pytest.mark.parametrize(
    ("name", "profile", "because"),
    [
        ("rfc9293", "rfc9293", "its name"),
        ("freebsd", "freebsd-15", "its name"),
        ("freebsd-13", "freebsd-13", "its name"),
        ("freebsd-10.4", "freebsd-10", "the newest documented FreeBSD that is not newer"),
        ("freebsd-12", "freebsd-10", "the newest documented FreeBSD that is not newer"),
        ("freebsd-13.1", "freebsd-13", "nothing documented changed between them"),
        ("freebsd-13.5", "freebsd-13", "its version"),
        ("freebsd-14.1", "freebsd-14.0", "the newest documented FreeBSD that is not newer"),
        ("freebsd-14.2", "freebsd-14", "nothing documented changed between them"),
        ("freebsd-14.3", "freebsd-14", "its version"),
        ("freebsd-15.1", "freebsd-15", "the newest documented FreeBSD that is not newer"),
        ("linux-5.4", "linux-2.6.32", "the newest documented Linux that is not newer"),
        ("linux-6.8", "linux-6.1", "the newest documented Linux that is not newer"),
        ("linux-6.11", "linux-6.12", "nothing documented changed between them"),
        ("linux-6.18.44", "linux-6.18", "its version"),
        ("linux-7", "linux-6.18", "the newest documented Linux that is not newer"),
    ],
)
def test_a_name_means_a_profile(name: str, profile: str, because: str) -> None:
    meant = named(name)
    assert meant is not None
    assert (meant.profile, meant.because) == (profile, because)


@pytest.mark.parametrize("name", ["freebsd-14.x", "linux-", "linux-6.8-generic", "solaris-11", ""])
def test_a_name_of_another_form_means_none(name: str) -> None:
    assert named(name) is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("linux-2.4", "2.4 is older than linux-2.6.32, the oldest documented Linux"),
        ("freebsd-9.3", "9.3 is older than freebsd-10, the oldest documented FreeBSD"),
        ("linux-6", "the releases 6.x of Linux differ: say which it is"),
    ],
)
def test_why_nothing_stands_for_a_release(name: str, why: str) -> None:
    with pytest.raises(NoStandIn) as refused:
        named(name)
    assert str(refused.value) == why


@pytest.mark.parametrize(
    ("release", "profile"),
    [("14.3-RELEASE-p2", "freebsd-14"), ("14.1-STABLE", "freebsd-14.0"), ("15.0", "freebsd-15")],
)
def test_a_release_may_be_as_uname_writes_it(release: str, profile: str) -> None:
    assert stand_in("freebsd", release).profile == profile


def test_of_a_stack_that_nobody_documents_nothing_stands_for_a_release() -> None:
    with pytest.raises(NoStandIn, match="nothing of darwin is documented"):
        stand_in("darwin", "23.1.0")
