"""What one case may do to a DUT: so many packets, and to be among those that begin."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import pytest

from tw_conformance.link.pace import Admission, Pace, Room


def test_infinity_is_no_limit() -> None:
    async def scenario() -> None:
        pace = Pace(math.inf, lambda: 0.0)
        for _ in range(1000):
            await pace.admit(1_000_000)

    asyncio.run(scenario())


@pytest.mark.parametrize(("sent", "next_waits"), [(0, False), (20, True)])
def test_what_a_case_did_not_send_others_may(sent: int, next_waits: bool) -> None:
    """20 packets are there; the clock stands still."""

    async def scenario() -> bool:
        pace = Pace(200.0, lambda: 0.0)
        turn = await Admission.take(pace, 20, asyncio.Semaphore(2))
        for _ in range(sent):
            turn.sent()
        turn.close()
        turn.close()
        second = asyncio.create_task(pace.admit(20))
        await asyncio.sleep(0)
        waits = not second.done()
        second.cancel()
        return waits

    assert asyncio.run(scenario()) is next_waits


@pytest.mark.parametrize("leave", [Admission.waits, Admission.close])
def test_one_more_may_begin_when_one_waits_or_is_through(
    leave: Callable[[Admission], None],
) -> None:
    async def scenario() -> None:
        pace, beginning = Pace(math.inf), asyncio.Semaphore(1)
        first = await Admission.take(pace, 10, beginning)
        assert beginning.locked()
        leave(first)
        leave(first)
        assert not beginning.locked()
        await Admission.take(pace, 10, beginning)
        assert beginning.locked(), "leaving twice makes room once"

    asyncio.run(scenario())


def test_who_gives_up_waiting_gives_the_packets_back() -> None:
    async def scenario() -> None:
        pace, full = Pace(200.0, lambda: 0.0), asyncio.Semaphore(0)
        waiting = asyncio.create_task(Admission.take(pace, 20, full))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait_for(pace.admit(20), 5.0)

    asyncio.run(scenario())


def test_places_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    async def asked(places: int, most: int, room: Room, served: list[int]) -> None:
        await room.take(places, most)
        served.append(places)

    async def play() -> tuple[list[int], list[int]]:
        room = Room()
        served: list[int] = []
        waiting = [asyncio.ensure_future(asked(each, 3, room, served)) for each in (2, 2, 1, 9)]
        await asyncio.sleep(0)
        early = list(served)
        for places in (2, 2, 1, 9):
            for _ in range(3):
                await asyncio.sleep(0)
            room.give(places)
        await asyncio.gather(*waiting)
        return early, served

    early, served = asyncio.run(play())
    assert early == [2]
    assert served == [2, 2, 1, 9], "who asks for more than there is, gets all"
