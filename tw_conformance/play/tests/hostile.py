"""The reference behind a network that loses, repeats, delays and reorders: all in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from tw_conformance.link.path import Path
from tw_conformance.link.probes import survey_link
from tw_conformance.model.case import Case, Reach
from tw_conformance.targets.in_process import (
    FrameQueue,
    HostOfCase,
    InProcessLink,
    InProcessTarget,
    Played,
)
from tw_reference.clock import MILLISECOND
from tw_reference.profiles import PROFILES


@dataclass(frozen=True)
class Weather:
    """What becomes of packets, one way: the shares that are lost and that come twice, and the
    longest delay in milliseconds, drawn for each copy anew."""

    loss: float = 0.0
    repeats: float = 0.0
    jitter: float = 0.0

    def delays(self, random: Random) -> Iterator[int]:
        """Those of the copies that arrive, in nanoseconds."""
        if random.random() >= self.loss:
            yield self._delay(random)
            if random.random() < self.repeats:
                yield self._delay(random)

    def _delay(self, random: Random) -> int:
        return round((0.1 + random.uniform(0.0, self.jitter)) * MILLISECOND)


class FarDut(HostOfCase):
    """One on the other side of that weather."""

    def __init__(self, target: BehindBadNetwork, case: Case, seed: str) -> None:
        super().__init__(target, case, seed)
        self._weather = target.weather
        self._random = Random(f"{seed}:{target.opened}")

    def take(self, frame: bytes) -> None:
        for delay in self._weather.delays(self._random):
            self.clock.call_at(self.clock.now + delay, lambda: super(FarDut, self).take(frame))

    def deliver(self, frame: bytes, mailbox: FrameQueue) -> None:
        for delay in self._weather.delays(self._random):
            at = self.clock.now + delay
            self.clock.call_at(at, lambda: mailbox.append((self.clock.now, frame)))


class BehindBadNetwork(InProcessTarget):
    """A stack that does as the profile ``does``, held to the profile ``held_to``.  The weather is
    another on each link, and the same in each run with that seed."""

    realtime = True

    def __init__(self, does: str, held_to: str, weather: Weather, seed: int) -> None:
        super().__init__(PROFILES[does], seed=seed)
        self.profile = held_to
        self.weather = weather
        self.path = Path()
        self.opened = 0
        listener = Case("survey", "", (), Reach(state="LISTEN"), ())
        Played(survey_link(InProcessLink.open(self, listener), self.path)).result()

    def dut_for(self, case: Case, seed: str) -> HostOfCase:
        self.opened += 1
        return FarDut(self, case, seed)
