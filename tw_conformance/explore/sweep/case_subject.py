"""Any target at all as a field: each class is a script for the player, and scripts overlap.

Slower than lockstep by far, but it asks no more of a target than a case does: a host across a
network, a stack on a TAP device.  Where the DUT's state can't be read, answers alone are compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from tw_conformance.explore.sweep.alphabet import BITS, LENGTHS, SegmentClass, Selection
from tw_conformance.explore.sweep.reaction import Reaction, Trial
from tw_conformance.explore.sweep.representatives import SegmentMaker, mss_of
from tw_conformance.explore.sweep.tester_end import SHIFT
from tw_conformance.model.case import Call, Case, Reach, Send, Step, Through, Wait
from tw_conformance.model.expressions import SequenceExpression, TimeExpression
from tw_conformance.play.record import Doubt, answers
from tw_conformance.play.run import Run
from tw_conformance.play.tester import NotReached
from tw_conformance.targets.target import Target

AGE = TimeExpression("200ms")
"""How long a block waits for its segment, so that a restart can be seen."""


def script_of(
    one: SegmentClass, segments: SegmentMaker, settings: Mapping[str, int], *, age: bool = True
) -> Case:
    """The script that has a segment of that class arrive at a block, ``age`` old or just made."""
    steps: list[Step] = []
    if not one.precondition.listener:
        steps.append(Call("unlisten"))
    if age:
        steps.append(Wait(AGE))
    return Case(
        name="sweep",
        title=str(one),
        cites=(),
        reach=Reach(
            state=one.state,
            through=Through(one.way) if one.state == "TIME-WAIT" else Through.FIN_WAIT_2,
            family="ipv6" if one.family == "ipv6" else "ipv4",
            timestamps=one.precondition.timestamps,
            window_scale=SHIFT if one.precondition.scaling else None,
        ),
        steps=(*steps, _send(one, segments)),
        settings=settings,
    )


def _send(one: SegmentClass, segments: SegmentMaker) -> Send:
    offsets = segments.representatives
    ack, tsval = offsets.ack.get(one.ack), offsets.tsval.get(one.timestamps)
    return Send(
        flags=one.tcp_flags,
        seq=SequenceExpression(offsets.seq[one.seq]),
        ack=None if ack is None else SequenceExpression(ack),
        length=LENGTHS[one.length],
        reserved=BITS[one.bits][1],
        timestamps="absent" if one.timestamps == "absent" else None,
        tsval=None if tsval is None else SequenceExpression(tsval),
        mss=mss_of(one.tcp_flags),
    )


class CaseSubject:
    """The connections of a target, which has ``settings``."""

    certain = False
    batch = 200

    def __init__(self, target: Target, settings: Mapping[str, int], segments: SegmentMaker) -> None:
        self._target = target
        self._settings = settings
        self._segments = segments

    def narrowed(self, selection: Selection) -> Selection:
        """What a case can say: not whether a socket is kept, nor ECN."""
        return selection.without("socket", "ecn")

    async def play(self, classes: Sequence[SegmentClass]) -> list[Trial]:
        """Each class on a fresh connection.

        :raises TargetError: where the target is gone, or can't make such a connection.
        """
        return list(await asyncio.gather(*map(self._play, classes)))

    async def _play(self, one: SegmentClass) -> Trial:
        case = script_of(one, self._segments, self._settings)
        link = await self._target.open(case)
        run = Run(case, self._target, link)
        variables = run.tester.variables
        try:
            reaction, reason = await _reaction(run)
        except NotReached as failure:
            reaction, reason = None, str(failure)
        finally:
            run.record()
            await link.aclose()
        return Trial(one, variables, reaction, reason)


async def _reaction(run: Run) -> tuple[Reaction | None, str]:
    """What became of the last segment, or why that can't be told.

    :raises NotReached: where there was no block for it.
    """
    await run.reach()
    for index, step in enumerate(run.case.steps):
        fact = await run.take(index, step)
        if fact is not None and isinstance(fact.seen, Doubt):
            return None, fact.seen.reason
    if not await run.tester.prove_delivery():
        return None, "no echo came back: the segment may not have arrived"
    seen = await run.link.observe()
    if lost := run.link.capture_losses():
        return None, f"{lost} frames were lost in capture"
    came = tuple(answers(run.tester.transcript))
    if seen is None:
        return Reaction(came, None, None), ""
    timer = run.timer(seen) if seen.state == "TIME-WAIT" else None
    if seen.state == "TIME-WAIT" and seen.remaining is not None and timer is None:
        return None, "the timer can't be read finely enough to tell a restart"
    return Reaction(came, seen.state, timer), ""
