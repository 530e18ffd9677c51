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
from tw_conformance.targets.kernel.target import KernelTarget, check_platform
from tw_conformance.targets.kernel.world import World


class NetnsTarget(KernelTarget):
    """The running kernel, held to ``profile``; None: to the documented one of its version.

    :raises TargetError: where this machine or this user can't have a world; says what to do.
    """

    name = "netns"

    def __init__(self, profile: str | None = None, seed: int = 0) -> None:
        check_platform(self.name)
        where = "of this machine in a network namespace of its own"
        super().__init__(running_kernel(), where, World.start, profile, seed)

    @classmethod
    def available(cls) -> str | None:
        """None where a world can be had, else a sentence that says why not.  Makes one to see."""
        try:
            check_platform(cls.name)
            World.start(cpu=min(os.sched_getaffinity(0))).close()
        except TargetError as error:
            return str(error)
        return None
