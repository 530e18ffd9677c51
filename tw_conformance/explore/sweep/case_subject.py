"""Any target at all as a field: each class is a script for the player, and scripts overlap.

Slower than lockstep by far, but it asks no more of a target than a case does: a host across a
network, a stack on a TAP device.  Where the DUT's state can't be read, answers alone are compared.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tw_conformance.explore.observe import state_on_the_wire
from tw_conformance.explore.sweep.alphabet import (
    BITS,
    FOUND,
    LENGTHS,
    NOT_APPLICABLE,
    NOT_NEGOTIATED,
    OPEN,
    SegmentClass,
    Selection,
)
from tw_conformance.explore.sweep.reaction import Reaction, Trial
from tw_conformance.explore.sweep.representatives import SegmentMaker, mss_of
from tw_conformance.explore.sweep.tester_end import SHIFT
from tw_conformance.explore.sweep.walk import Playable
from tw_conformance.model.case import Call, Case, Reach, Send, Step, Through, Wait
from tw_conformance.model.errors import TargetError
from tw_conformance.model.expressions import SequenceExpression, TimeExpression
from tw_conformance.model.words import number_of, was
from tw_conformance.play.approach import NotReached
from tw_conformance.play.lacking import can_not_play
from tw_conformance.play.record import Doubt, answers
from tw_conformance.play.run import Run
from tw_conformance.targets.target import Target
from tw_reference import segment as tcp
from tw_reference.segment import Packet

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
            wscale=SHIFT if one.precondition.scaling else None,
            ecn=one.precondition.ecn,
            open="active" if one.state == "SYN-SENT" else "passive",
            accepts=one.state != "SYN-RECEIVED",  # or its process would close what opens
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
        self._failure: TargetError | None = None
        self.under_way: dict[SegmentClass, None] = {}
        """In the order in which their segments were sent."""

    # -- what can be played ----------------------------------------------------------------------

    def narrowed(self, selection: Selection) -> Playable:
        """What a case can say of it, and the target has."""
        lacks = {one: self._lacks(one) for one in selection.preconditions()}
        playable = [one for one, why in lacks.items() if why is None]
        fitting = selection.of_those(playable)
        return Playable(
            fitting,
            tuple(_left_out(selection, fitting, lacks)),
            frozenset(one.precondition for one in playable),
        )

    def _lacks(self, one: SegmentClass) -> str | None:
        if one.socket not in (_socket_of_a_case(one.state), NOT_APPLICABLE):
            return "a case does not say what becomes of the DUT's socket"
        return can_not_play(script_of(one, self._segments, self._settings), self._target)

    # -- playing ---------------------------------------------------------------------------------

    async def play(self, classes: Sequence[SegmentClass]) -> list[Trial]:
        """Each class on a fresh connection; none for which the target was gone meanwhile.

        :raises TargetError: where the target is gone, or can't make such a connection.
        """
        if self._failure is not None:
            raise self._failure
        self.under_way.clear()
        played = await asyncio.gather(*map(self._played, classes))
        return [trial for trial in played if trial is not None]

    async def _played(self, one: SegmentClass) -> Trial | None:
        if self._failure is not None:
            return None
        try:
            trial = await self._play(one)
        except TargetError as failure:
            self._failure = self._failure or failure
            return None
        self.under_way.pop(one, None)
        return trial

    async def _play(self, one: SegmentClass) -> Trial:
        case = script_of(one, self._segments, self._settings)
        link = await self._target.open(case)
        run = Run(case, self._target, link)
        variables = run.tester.variables
        try:
            reaction, reason = await self._reaction(run, one)
        except NotReached as failure:
            reaction, reason = None, str(failure)
        finally:
            run.record()
            await link.aclose()
        return Trial(one, variables, reaction, reason, _opening(run))

    async def _reaction(self, run: Run, one: SegmentClass) -> tuple[Reaction | None, str]:
        """What became of the last segment, or why that can't be told.

        :raises NotReached: where there was no connection for it.
        """
        await run.reach()
        for index, step in enumerate(run.case.steps):
            if isinstance(step, Send):
                self.under_way[one] = None
            fact = await run.take(index, step)
            if fact is not None and isinstance(fact.seen, Doubt):
                return None, fact.seen.reason
        if not await run.tester.prove_delivery():
            return None, "no echo came back: the segment may not have arrived"
        seen = await run.link.observe()
        if lost := run.link.capture_losses():
            return None, f"{number_of(lost, 'frame')} {was(lost)} lost in capture"
        came = tuple(answers(run.tester.transcript))
        if seen is None:
            told = await state_on_the_wire(run)
            return Reaction(came, told.name if told else None, None), ""
        has_timer = one.state == seen.state == "TIME-WAIT"
        timer = run.timer(seen) if has_timer else None
        if has_timer and seen.remaining is not None and timer is None:
            return None, "the timer can't be read finely enough to tell a restart"
        return Reaction(came, seen.state, timer), ""


def _opening(run: Run) -> Packet | None:
    """The first SYN of the DUT."""
    return next(
        (
            event.packet
            for event in run.tester.transcript.events
            if event.direction == "received"
            and isinstance(event.packet, Packet)
            and event.packet.segment.flags & tcp.SYN
        ),
        None,
    )


def _socket_of_a_case(state: str) -> str:
    """What a case has the DUT's process do with its socket."""
    return "held" if state in OPEN else "closed"


def _left_out(
    selection: Selection, fitting: Selection, lacks: Mapping[SegmentClass, str | None]
) -> Iterator[str]:
    """What is not played, by reason: single values where it is those that are lacking."""
    gone: dict[str, dict[str, None]] = defaultdict(dict)
    for one, why in lacks.items():
        if why is None:
            continue
        values = [
            f"{name}={_as_asked_for(name, value, selection)}"
            for name in FOUND
            if (value := getattr(one, name)) not in fitting.values[name]
        ]
        told = len(values) < 2  # else it takes another row to tell which of them it is
        gone[why].update(dict.fromkeys(values if told else ()))
    for why, words in gone.items():
        yield f"{' '.join(words) or 'part of the rest'}: {why}"


def _as_asked_for(name: str, value: str, selection: Selection) -> str:
    """A value and those that need the same of a connection: what compares with TS.Recent needs
    timestamps."""
    if name != "timestamps" or value == NOT_NEGOTIATED:
        return value
    return ",".join(each for each in selection.values[name] if each != NOT_NEGOTIATED)
