"""One class, tried once."""

from __future__ import annotations

from typing import NamedTuple

from reference.segment import Flow, Segment
from tw_conformance.explore.alphabet import SegmentClass
from tw_conformance.explore.reaction import Block, Reaction


class Trial(NamedTuple):
    """One class on one fresh block: ``reaction`` is None where nothing can be said, for
    ``reason``."""

    of: SegmentClass
    flow: Flow
    block: Block
    stimulus: Segment
    reaction: Reaction | None
    reason: str = ""
