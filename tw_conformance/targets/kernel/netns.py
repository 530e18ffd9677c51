"""This machine's own kernel as the DUT, in a world made for the run.

A veth hands a frame to the backlog of the CPU that sends it, and every CPU works its own backlog
off by itself.  So frames stay in order, and an echo probe proves that what was sent before it has
been processed, as long as one CPU sends them all: the loop's thread and the DUT's process are
pinned to the same one.
"""

from __future__ import annotations

import os

from tw_conformance.model.errors import TargetError
from tw_conformance.targets.kernel.release import running_kernel
from tw_conformance.targets.kernel.world import World
from tw_conformance.targets.kernel.worlds import check_platform, kernel_target
from tw_conformance.targets.kinds import Order, TargetKind
from tw_conformance.targets.wire_target import WireTarget

NAME = "netns"


def open_netns(order: Order) -> WireTarget:
    """The running kernel.

    :raises TargetError: where this machine or this user can't have a world; says what to do.
    """
    check_platform(NAME)
    where = "of this machine in a network namespace of its own"
    kernel = running_kernel()
    return kernel_target(order, kernel, where, World.start)


def unavailable() -> str | None:
    """None where a world can be had, else a sentence that says why not.  Makes one to see."""
    try:
        check_platform(NAME)
        World.start(cpu=min(os.sched_getaffinity(0))).close()
    except TargetError as error:
        return str(error)
    return None


KIND = TargetKind(
    open_netns,
    profiles=lambda: (running_kernel().profile,),
    unavailable=unavailable,
    kernel=running_kernel,
)
