"""A Linux kernel, and the documented profile that stands for it."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass

from tw_conformance.dut.agent import kernel_hz
from tw_reference.profiles import PROFILES
from tw_reference.profiles.linux_changes import first_like
from tw_reference.reaping import wheel_slot

MSL = 30.0
"""Seconds; Linux has TCP_TIMEWAIT_LEN, 60 s, for 2MSL."""

_COMMON_HZ = (100, 250, 300, 1000)
_RUN_DELAY = 0.1
"""Seconds that the softirq which runs a due timer may be late on a busy machine."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A Linux kernel.

    ``profile`` is the newest documented one all of whose changes the kernel has, else the oldest;
    ``because`` says how it was found.  ``hz`` is CONFIG_HZ, None where unknown.
    """

    release: str
    profile: str
    because: str
    hz: int | None


def running_kernel() -> Kernel:
    """The kernel of this machine."""
    return kernel_of(platform.release(), kernel_hz())


def kernel_of(release: str, hz: int | None = None) -> Kernel:
    """The kernel with that release, as uname writes it (``6.18.44-generic``)."""
    documented = {name: _version(name) for name in PROFILES if name.startswith("linux-")}
    first = {first_like(exact): name for name, exact in documented.items()}
    version = _version(release)
    past = [known for known in first if known <= version[: len(known)]]
    if not past:
        return Kernel(release, first[min(first)], "the oldest documented Linux, which is newer", hz)
    profile = first[max(past)]
    exact = documented[profile]
    if version[: len(exact)] == exact:
        because = "its version"
    elif version < exact:
        because = "nothing documented changed between them"
    else:
        because = "the newest documented Linux that is not newer"
    return Kernel(release, profile, because, hz)


def timer_lateness(hz: int | None) -> float:
    """Seconds by which a 2MSL timer may fire late, since the timer wheel rounds up to a slot.

    ``hz`` is CONFIG_HZ; None: unknown, so the worst of the usual ones counts.
    """
    candidates = _COMMON_HZ if hz is None else (hz,)
    return max(wheel_slot(round(2 * MSL * ticks)) / ticks for ticks in candidates) + _RUN_DELAY


def _version(text: str) -> tuple[int, ...]:
    found = re.search(r"\d+(\.\d+)*", text)
    return tuple(int(number) for number in found.group().split(".")) if found else ()
