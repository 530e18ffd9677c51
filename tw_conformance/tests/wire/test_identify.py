"""The running kernel is known by its answers."""

from __future__ import annotations

import pytest

from tw_conformance.explore.identify.inquiry import identify
from tw_conformance.explore.identify.predictions import documented
from tw_conformance.explore.tests.alike import alike
from tw_conformance.targets.wire_target import WireTarget


@pytest.mark.parametrize("rfc1337", [0, 1])
def test_the_kernel_and_a_setting(target: WireTarget, rfc1337: int) -> None:
    predictions = documented()
    settings = {"rfc1337": rfc1337}
    identity = identify(target, predictions, settings=settings, tell=lambda answered: None)
    assert [profile.name for profile in identity.profiles] == alike(target.profile)
    assert identity.settings["rfc1337"] == rfc1337
    assert identity.settings["timestamps"] == 1
    assert identity.settings["invalid_ratelimit"] == 500
    assert identity.deviations == ()
    assert identity.left_out == ()
    assert identity.telling <= 9
