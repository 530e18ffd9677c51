"""The documented stacks, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tw_reference.profiles.freebsd import (
    FREEBSD_10,
    FREEBSD_13,
    FREEBSD_13_0,
    FREEBSD_14,
    FREEBSD_14_0,
    FREEBSD_15,
)
from tw_reference.profiles.linux import (
    LINUX_5_10,
    LINUX_5_15,
    LINUX_6_1,
    LINUX_6_12,
    LINUX_6_14,
    LINUX_6_18,
)
from tw_reference.profiles.linux_2_6 import LINUX_2_6_32
from tw_reference.profiles.profile import Profile
from tw_reference.profiles.rfc9293 import RFC_9293

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            FREEBSD_10,
            FREEBSD_13_0,
            FREEBSD_13,
            FREEBSD_14_0,
            FREEBSD_14,
            FREEBSD_15,
            LINUX_2_6_32,
            LINUX_5_10,
            LINUX_5_15,
            LINUX_6_1,
            LINUX_6_12,
            LINUX_6_14,
            LINUX_6_18,
            RFC_9293,
        )
    }
)
"""Every profile that the reference can play, the oldest of a family first."""

ALIASES: Mapping[str, str] = MappingProxyType({"freebsd": "freebsd-15", "linux": "linux-6.18"})
"""The newest profile of each family."""
