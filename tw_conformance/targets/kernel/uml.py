"""A second kernel as the DUT: user-mode Linux, booted for the run.

An echo probe proves that what was sent before it has been processed, since its whole way is first
in, first out: the veth, since one CPU sends all that goes one way (see
:mod:`~tw_conformance.targets.kernel.netns`); the packet socket's queue; the guest's only receive
queue, worked off by its only CPU; and its only transmit queue, a plain FIFO.

Times are read on the tester's clock, and the guest's runs with it: user-mode Linux takes its time
from the host's monotonic clock.  But it counts ticks only while it runs, so a busy tester should
not be on its CPU.
"""

from __future__ import annotations

import os

from tw_conformance.model.errors import TargetError
from tw_conformance.targets.kernel.uml_guest import (
    expected_kernel,
    guest_kernel,
    guest_program,
    start_guest,
)
from tw_conformance.targets.kernel.world import World
from tw_conformance.targets.kernel.worlds import check_platform, kernel_target
from tw_conformance.targets.kinds import Order, TargetKind
from tw_conformance.targets.wire_target import WireTarget

NAME = "uml"


def open_uml(order: Order) -> WireTarget:
    """User-mode Linux.  Every combination of settings has a guest of its own, which boots in some
    two seconds.

    :raises TargetError: where this machine or this user can't have a guest; says what to do.
    """
    check_platform(NAME)
    linux = guest_program()
    where = "as a guest of this machine (user-mode Linux)"

    def start(cpu: int) -> World:
        return start_guest(linux, _another(cpu))

    return kernel_target(order, guest_kernel(linux), where, start)


def unavailable() -> str | None:
    """None where a guest can be had, else a sentence that says why not.  Boots one to see."""
    try:
        check_platform(NAME)
        start_guest(guest_program(), min(os.sched_getaffinity(0))).close()
    except TargetError as error:
        return str(error)
    return None


def _another(cpu: int) -> int:
    """A CPU for the guest beside the one that the tester is on, if there is any."""
    return next((other for other in os.sched_getaffinity(0) if other != cpu), cpu)


KIND = TargetKind(
    open_uml,
    profiles=lambda: (expected_kernel().profile,),
    unavailable=unavailable,
    kernel=expected_kernel,
)
