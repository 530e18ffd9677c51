"""What closing TIME-WAIT blocks costs a served host: time in which it does nothing else.

The host has one thread, so whoever uses it holds up all others, as the lock of FreeBSD 10's packet
input did (INP_INFO).  A block costs nothing to speak of here; with a price, what a reaper does to
packet input can be seen on a wire.
"""

from __future__ import annotations

import time
from dataclasses import replace

from tw_reference.clock import Clock
from tw_reference.profiles.profile import Profile, Settings
from tw_reference.reaping import Expire, FifoScan, Reaper
from tw_reference.rules.questions import TimeWaitBlock
from tw_reference.serve.errors import UnknownName


def with_price(profile: Profile, price: int, *, one_at_a_time: bool) -> Profile:
    """The same profile, where each block that is reaped costs ``price`` nanoseconds.

    ``one_at_a_time``: frames are taken between one and the next.

    :raises UnknownName: where that stack has no scan that could do so.
    """

    def reaper(clock: Clock, expire: Expire, settings: Settings) -> Reaper:
        made = profile.reaper(clock, _costly(expire, price), settings)
        if one_at_a_time:
            if not isinstance(made, FifoScan):
                raise UnknownName(f"--reaping one: {profile.name} scans no queue of blocks")
            # Behind all that was due before: so there is a frame's turn in between.
            made.again = lambda now: max(now, time.monotonic_ns())
        return made

    return replace(profile, reaper=reaper)


def _costly(expire: Expire, price: int) -> Expire:
    """Spends that much time on each block.  It spins, since a sleep is longer than that."""

    def pay(block: TimeWaitBlock) -> None:
        until = time.monotonic_ns() + price
        expire(block)
        while time.monotonic_ns() < until:
            pass

    return pay
