"""What is known of a DUT's settings, in words."""

from __future__ import annotations

from tw_conformance.play.switches import SHOULDS, STANDARD
from tw_conformance.targets.target import Target, unlike_the_profile


def settings_line(target: Target) -> str:
    """What is known of a DUT's settings, and which of them its profile has otherwise."""
    if not target.settings:
        return f"settings of {target.name}: none can be read; taken for {target.profile}'s defaults"
    shoulds = SHOULDS if target.profile == STANDARD else frozenset()
    differing = [
        f"{name}={value} ({target.profile}: {default}{', a SHOULD' if name in shoulds else ''})"
        for name, (value, default) in unlike_the_profile(target).items()
    ]
    says = "differ: " + ", ".join(differing) if differing else f"those of {target.profile}"
    return f"settings of {target.name}: {says}"
