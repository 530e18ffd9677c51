"""One class, tried once."""

from __future__ import annotations

from typing import NamedTuple

from tw_conformance.explore.sweep.alphabet import SegmentClass
from tw_conformance.explore.sweep.reaction import Block, Reaction
from tw_reference.segment import Flow, Segment


class Trial(NamedTuple):
    """One class on one fresh block: ``reaction`` is None where nothing can be said, for
    ``reason``."""

    of: SegmentClass
    flow: Flow
    block: Block
    stimulus: Segment
    reaction: Reaction | None
    reason: str = ""
