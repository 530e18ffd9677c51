"""What every test of a connection needs: a profile, its time-outs, a peer."""

from __future__ import annotations

import pytest

from tw_reference.clock import SECOND
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.stack.tests.connection.ends import Peer


@pytest.fixture(params=sorted(PROFILES))
def profile(request: pytest.FixtureRequest) -> Profile:
    found: Profile = PROFILES[request.param]
    return found


@pytest.fixture
def rto(profile: Profile) -> float:
    """The first retransmission time-out, in seconds."""
    return profile.traits.first_rto / SECOND


@pytest.fixture
def measured_rto(profile: Profile) -> float:
    """The time-out once a round trip has been measured, of no time at all, in seconds."""
    return profile.traits.least_rto / SECOND


@pytest.fixture
def peer(profile: Profile) -> Peer:
    made = Peer(profile)
    assert made.opened == ["ACK 0 0"]
    assert made.end.told == ["established"]
    return made
