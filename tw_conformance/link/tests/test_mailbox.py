"""Mailboxes: what counts is when a frame arrived, not when it is asked for."""

from __future__ import annotations

import asyncio
import time

import pytest

from tw_conformance.link import mailbox
from tw_conformance.link.link import Arrival
from tw_conformance.link.mailbox import Mailbox
from tw_conformance.model.errors import TargetError
from tw_reference.segment import Echo, Flow

FLOW = Flow("192.0.2.2", 20000, "192.0.2.1", 7)
ECHO = Echo("192.0.2.1", "192.0.2.2", 1, 1, reply=True)


def box() -> Mailbox:
    return Mailbox(FLOW, 1, lambda: None)


def arrival(moment: float) -> Arrival:
    return Arrival(moment, ECHO, b"")


def test_arrivals_come_out_in_order() -> None:
    async def scenario() -> None:
        mail = box()
        mail.put(arrival(1.0))
        mail.put(arrival(2.0))
        assert await mail.receive(until=3.0) == arrival(1.0)
        assert await mail.receive(until=3.0) == arrival(2.0)
        assert await mail.receive(until=3.0) is None

    asyncio.run(scenario())


def test_a_frame_that_came_in_time_counts_however_late_it_is_read() -> None:
    async def scenario() -> None:
        unread = [arrival(1.0)]
        mail = Mailbox(FLOW, 1, lambda: mail.put(unread.pop()))
        assert await mail.receive(until=1.5) == arrival(1.0)

    asyncio.run(scenario())


def test_a_frame_that_came_too_late_is_kept_for_the_next_question() -> None:
    async def scenario() -> None:
        mail = box()
        mail.put(arrival(2.0))
        assert await mail.receive(until=1.0) is None
        assert await mail.receive(until=2.0) == arrival(2.0)

    asyncio.run(scenario())


def test_waiting_ends_with_an_arrival() -> None:
    async def scenario() -> None:
        mail = box()
        now = time.monotonic()
        asyncio.get_running_loop().call_soon(mail.put, arrival(now))
        assert await mail.receive(until=now + 60.0) == arrival(now)

    asyncio.run(scenario())


def test_a_full_mailbox_counts_what_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "_CAPACITY", 1)
    mail = box()
    mail.put(arrival(1.0))
    mail.put(arrival(2.0))
    assert mail.refused == 1


def test_a_link_that_is_gone_is_said_after_what_had_arrived() -> None:
    async def scenario() -> None:
        mail = box()
        mail.put(arrival(1.0))
        mail.fail(TargetError("the link is gone"))
        assert await mail.receive(until=2.0) == arrival(1.0)
        with pytest.raises(TargetError, match="the link is gone"):
            await mail.receive(until=2.0)

    asyncio.run(scenario())
