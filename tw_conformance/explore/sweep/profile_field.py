"""A documented stack in the place of a target: profile against profile, without a byte sent.

Blocks are put together from the same variables on both sides, so the way into TIME-WAIT plays no
part here: it shows in the variables alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import cycle
from random import Random

from tw_conformance.explore.sweep.alphabet import Scene, SegmentClass
from tw_conformance.explore.sweep.block_oracle import BlockOracle
from tw_conformance.explore.sweep.reaction import Block
from tw_conformance.explore.sweep.stimuli import Stimuli
from tw_conformance.explore.sweep.trial import Trial
from tw_reference.profiles.profile import Profile
from tw_reference.segment import Flow

_ADDRESSES: Mapping[str, tuple[str, str]] = {
    "ipv4": ("192.0.2.2", "192.0.2.1"),
    "ipv6": ("2001:db8::2", "2001:db8::1"),
}
_PORT = 7
_WINDOW = 64240
_PORTS = range(20000, 61000)
"""More than blocks can be alive at once: the oracle's clock goes on with each."""


class ProfileField:
    """The reference under ``profile``, which has ``settings``."""

    certain = True
    batch = 2000

    def __init__(
        self, profile: Profile, settings: Mapping[str, int], stimuli: Stimuli, *, seed: int
    ) -> None:
        self._stack = BlockOracle(profile, settings)
        self._stimuli = stimuli
        self._random = Random(f"profile:{seed}")
        self._ports = cycle(_PORTS)

    async def play(self, scene: Scene, classes: Sequence[SegmentClass]) -> list[Trial]:
        """Each class on a fresh block of that scene."""
        await asyncio.sleep(0)  # an interrupt has its turn
        return [self._play(scene, one) for one in classes]

    def _play(self, scene: Scene, one: SegmentClass) -> Trial:
        bits = self._random.getrandbits
        ts_recent = bits(32) or 1 if scene.timestamps else None
        block = Block(bits(32), bits(32), _WINDOW, ts_recent)
        tester, dut = _ADDRESSES[scene.family]
        flow = Flow(tester, next(self._ports), dut, _PORT)
        stimulus = self._stimuli.segment(one, block)
        reaction = self._stack.predict(flow, stimulus, block, listener=scene.listener).reaction
        return Trial(one, flow, block, stimulus, reaction)
