"""A first look at a DUT that nobody can look into.

Its state is asked for by a segment that TIME-WAIT answers otherwise than CLOSED does.  RFC 9293
says how, and stacks differ: lwIP's reset of what belongs to no connection has an ACK, picoTCP's
TIME-WAIT resets an octet below RCV.NXT, but acknowledges the FIN again.  So both are asked, once,
where it is known which is which: a TIME-WAIT that nothing has touched, and a 4-tuple that never had
a connection.

Small stacks have few places: five in TIME-WAIT, or sixteen sockets.  What comes beyond them is
refused, or takes the place of an older one, and neither is a deviation; so how many there are is
seen before cases are about to be under way at the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Literal

from tw_conformance.model.case import Case, Reach
from tw_conformance.model.verdict import Transcript
from tw_conformance.play.approach import NotReached, reach
from tw_conformance.play.record import StateSeen
from tw_conformance.play.state_probe import ask, question
from tw_conformance.play.switches import STANDARD, find_switches
from tw_conformance.play.tester import TesterEndpoint
from tw_conformance.targets.acquaintance import Acquaintance, Question, Shape, Telling
from tw_conformance.targets.target import Target, family_of
from tw_reference.segment import Packet, Segment
from tw_reference.seqnum import add

_MANY = 40
"""Connections at once: who has room for them most likely has it for hundreds."""
_PACKETS = 8
"""What a connection of the look costs."""
_SYN_AND_FIN = 2
"""Sequence numbers that are no octets of the service's."""
_BELOW_2_32, _FAR_FROM_2_32 = (1 << 32) - 2, 1 << 24
"""ISNs: with the first the octet behind the FIN has the number 0."""
_State = Literal["TIME-WAIT", "LISTEN"]


def acquaint(
    target: Target, *, strict: bool = False, tell: Callable[[str], object] = lambda doing: None
) -> None:
    """Learn how a target's DUT answers in TIME-WAIT and in CLOSED, where nobody can look into it;
    and which of the standard's options it has, where it is held to that.  To whom is ``strict``, an
    option that a stack SHOULD have is none.  ``tell`` hears what is being done: a DUT may take its
    time over it.

    :raises TargetError: where the target is gone.
    """
    if target.reads_states:
        return
    tell("seeing whether its sequence numbers may pass 2^32")
    wraps = target.start(_wraps(target)).result()
    target.acquaintance = replace(target.acquaintance, wraps=wraps)
    tell("asking what it answers in TIME-WAIT and in CLOSED")
    target.acquaintance = target.start(_look(target)).result()
    if target.realtime and target.acquaintance.telling.apart:
        tell("trying how many connections it has room for in TIME-WAIT")
        target.acquaintance = target.start(_measure_room(target)).result()
    if target.profile == STANDARD:
        target.assume(find_switches(target, strict=strict, tell=tell))


async def _wraps(target: Target) -> bool:
    """Whether a connection comes about whose numbers pass 2^32 (RFC 9293 section 3.4), or none does
    at all.  Where it does not, what the DUT keeps of it may stay for minutes."""
    for isn in (_BELOW_2_32, _FAR_FROM_2_32):
        if await _comes_to_time_wait(isn, target):
            return isn == _BELOW_2_32
    return True


async def _comes_to_time_wait(isn: int, target: Target) -> bool:
    case = Case("a first look", "", (), Reach(family=family_of(target)), ())
    for _ in range(target.path.askings):
        target.look.spend(_PACKETS)
        link = await target.open(case)
        link.tester_isn = isn
        tester = TesterEndpoint(case.reach, link, target.path, Transcript())
        try:
            await reach(tester)
        except NotReached:
            continue
        else:
            return True
        finally:
            tester.abandon(time_wait=True)
            await link.aclose()
    return False


async def _look(target: Target) -> Acquaintance:
    """Look at the DUT's answers; where one can't be had, RFC 9293's is assumed."""
    says, alike = 0, None
    for asked in Question:
        there, variables = await _answer_in("TIME-WAIT", asked, target)
        if variables:
            says = add(variables["snd_nxt"], -variables["iss"] - _SYN_AND_FIN)
        gone, _ = await _answer_in("LISTEN", asked, target)
        if there is None or gone is None:
            continue
        telling = Telling.seen(asked, there, gone)
        if telling.apart:
            return replace(target.acquaintance, telling=telling, says=says)
        alike = telling
    return replace(target.acquaintance, telling=alike or Telling(), says=says)


async def _measure_room(target: Target) -> Acquaintance:
    """The acquaintance, with how many connections the DUT has room for."""
    known = target.acquaintance
    many = min(_MANY, target.look.affords(2 * _PACKETS))
    first = await _held(target, many)
    if first == many:
        return known
    # Once more: some may have been lost on the way, or late.  What lingers leaves no room.
    second = await _held(target, many)
    most = max(first, second)
    if most == many or (first != second and most >= many // 2):
        return known
    return replace(known, holds=max(most, 1), lingering=target.path.perfect and second < first)


async def _held(target: Target, many: int) -> int:
    """How many of many connections are there once all have been brought to TIME-WAIT."""
    async with AsyncExitStack() as closing:
        came = await asyncio.gather(*(_in_time_wait(target, closing) for _ in range(many)))
        testers = [tester for tester in came if tester is not None]
        telling = target.acquaintance.telling
        seen = await asyncio.gather(*(ask(tester, (), telling) for tester in testers))
        for tester in testers:
            tester.abandon(time_wait=True)
        return sum(not isinstance(each, StateSeen) or each.state != "CLOSED" for each in seen)


async def _in_time_wait(target: Target, closing: AsyncExitStack) -> TesterEndpoint | None:
    """The tester's end of one that stays until ``closing``; None where it was refused."""
    case = Case("a first look", "", (), Reach(family=family_of(target)), ())
    link = await target.open(case)
    closing.push_async_callback(link.aclose)
    tester = TesterEndpoint(case.reach, link, target.path, Transcript())
    try:
        await reach(tester)
    except NotReached:
        return None
    finally:
        await link.sleep(link.now())  # The next one may begin.
    return tester


async def _answer_in(
    state: _State, asked: Question, target: Target
) -> tuple[Shape | None, dict[str, int]]:
    """The DUT's answer in that state, and its variables; None and no variables where it does not
    answer, or can't be brought there."""
    for _ in range(target.path.askings):
        case = Case("a first look", "", (), Reach(state=state, family=family_of(target)), ())
        target.look.spend(_PACKETS)
        link = await target.open(case)
        try:
            tester = TesterEndpoint(case.reach, link, target.path, Transcript())
            await reach(tester)
            segment = question(tester, asked)
            tester.send(segment)
            answer = await _answer(tester)
            if answer is not None:
                return Shape.of(answer, segment), tester.variables
        except NotReached:
            continue
        finally:
            await link.aclose()
    return None, {}


async def _answer(tester: TesterEndpoint) -> Segment | None:
    if not await tester.prove_delivery():
        return None
    arrival = tester.pending[0] if tester.pending else await tester.second_look()
    if arrival is None:
        return None
    assert isinstance(arrival.packet, Packet)
    return arrival.packet.segment
