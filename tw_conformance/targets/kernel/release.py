"""A Linux kernel, and the documented profile that stands for it."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from tw_conformance.dut.agent import kernel_hz
from tw_reference.profiles.releases import STACKS, NoStandIn, stand_in
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
    try:
        held_to = stand_in("linux", release)
    except NoStandIn:
        oldest = next(iter(STACKS["linux"].profiles))
        return Kernel(release, oldest, "the oldest documented Linux, which is newer", hz)
    return Kernel(release, held_to.profile, held_to.because, hz)


def timer_lateness(hz: int | None) -> float:
    """Seconds by which a 2MSL timer may fire late, since the timer wheel rounds up to a slot.

    ``hz`` is CONFIG_HZ; None: unknown, so the worst of the usual ones counts.
    """
    candidates = _COMMON_HZ if hz is None else (hz,)
    return max(wheel_slot(round(2 * MSL * ticks)) / ticks for ticks in candidates) + _RUN_DELAY
