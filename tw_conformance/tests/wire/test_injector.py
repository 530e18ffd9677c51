"""The tester as a host of its own, against a real kernel."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from tw_conformance.link import injector
from tw_conformance.link.link import Arrival
from tw_conformance.link.mailbox import Mailbox
from tw_conformance.model.errors import TargetError
from tw_conformance.targets.bench import SHARED_PORT, Bench
from tw_conformance.targets.kernel import world
from tw_conformance.targets.kernel.world import World
from tw_conformance.targets.kernel.worlds import make_bench
from tw_conformance.targets.loop_thread import LoopThread
from tw_reference import segment as tcp
from tw_reference.segment import Echo, Packet, Segment

FAMILIES = pytest.mark.parametrize("family", ["ipv4", "ipv6"])
CLOSED_PORT = 9
SYN = Segment(seq=0xFFFFFFFF, ack=0, flags=tcp.SYN, window=65535, mss=1460)


def run(loop: LoopThread, scenario: Coroutine[object, object, Any]) -> Any:
    return loop.start(scenario).result()


async def next_arrival(mail: Mailbox) -> Arrival | None:
    return await mail.receive(time.monotonic() + 30.0)


def probe(mail: Mailbox, sequence: int = 1) -> Echo:
    return Echo(mail.flow.src, mail.flow.dst, mail.probe_ident, sequence)


def reply(echo: Echo) -> Echo:
    return replace(echo, src=echo.dst, dst=echo.src, reply=True)


@FAMILIES
def test_an_echo_is_answered(bench: Bench, loop: LoopThread, family: str) -> None:
    async def scenario() -> Arrival | None:
        mail = bench.connect(family, SHARED_PORT)
        bench.injector.send(probe(mail))
        arrival = await next_arrival(mail)
        assert arrival is not None
        assert arrival.packet == reply(probe(mail))
        return arrival

    run(loop, scenario())


@FAMILIES
def test_the_dut_finds_an_address_that_it_never_heard_of(
    bench: Bench, loop: LoopThread, family: str
) -> None:
    """To answer, it has to resolve the tester's last address first, and the injector answers."""
    stranger = (world.TESTER_IPV4 if family == "ipv4" else world.TESTER_IPV6)[-1]

    async def scenario() -> None:
        mail = bench.connect(family, SHARED_PORT)
        strays = bench.injector.strays
        bench.injector.send(replace(probe(mail), src=stranger))
        bench.injector.send(probe(mail))
        deadline = time.monotonic() + 30
        # The answer is for nobody's connection; it comes once the DUT knows where to send it.
        while bench.injector.strays == strays and time.monotonic() < deadline:
            await asyncio.sleep(0)
        assert bench.injector.strays == strays + 1

    run(loop, scenario())


@FAMILIES
def test_a_closed_port_answers_a_syn_with_a_reset(
    bench: Bench, loop: LoopThread, family: str
) -> None:
    """It arrives at all only if its checksum is right: the DUT's end has no offload."""

    async def scenario() -> None:
        mail = bench.connect(family, CLOSED_PORT)
        bench.injector.send(Packet(mail.flow, SYN))
        arrival = await next_arrival(mail)
        assert arrival is not None
        assert isinstance(arrival.packet, Packet)
        assert arrival.packet.segment.flags == tcp.RST | tcp.ACK
        assert arrival.packet.segment.ack == 0
        assert bench.injector.frames_lost() == 0

    run(loop, scenario())


@FAMILIES
def test_the_dut_drops_a_bad_checksum(bench: Bench, loop: LoopThread, family: str) -> None:
    async def scenario() -> None:
        mail = bench.connect(family, CLOSED_PORT)
        bench.injector.send(Packet(mail.flow, SYN), damage="tcp-checksum")
        bench.injector.send(probe(mail))
        arrival = await next_arrival(mail)
        assert arrival is not None
        assert arrival.packet == reply(probe(mail))

    run(loop, scenario())


def test_an_echo_never_overtakes_an_answer(bench: Bench, loop: LoopThread) -> None:
    """What every proof of silence rests on."""

    async def scenario() -> None:
        for sequence in range(300):
            mail = bench.connect("ipv4", CLOSED_PORT)
            bench.injector.send(Packet(mail.flow, SYN))
            bench.injector.send(probe(mail, sequence))
            first, second = await next_arrival(mail), await next_arrival(mail)
            assert first is not None
            assert second is not None
            assert isinstance(first.packet, Packet)
            assert second.packet == reply(probe(mail, sequence))
            bench.injector.release(mail)

    run(loop, scenario())


def test_connections_do_not_read_each_others_mail(bench: Bench, loop: LoopThread) -> None:
    async def scenario() -> None:
        mails = [bench.connect("ipv4", CLOSED_PORT) for _ in range(100)]
        for number, mail in enumerate(mails):
            bench.injector.send(Packet(mail.flow, replace(SYN, seq=number * 1000)))
        for number, mail in enumerate(mails):
            arrival = await next_arrival(mail)
            assert arrival is not None
            assert isinstance(arrival.packet, Packet)
            assert arrival.packet.segment.ack == number * 1000 + 1

    run(loop, scenario())


def test_what_belongs_to_no_connection_is_counted(bench: Bench, loop: LoopThread) -> None:
    async def scenario() -> None:
        gone, witness = bench.connect("ipv4", CLOSED_PORT), bench.connect("ipv4", CLOSED_PORT)
        bench.injector.release(gone)
        bench.injector.send(Packet(gone.flow, SYN))
        bench.injector.send(probe(witness))
        assert await next_arrival(witness) is not None
        assert bench.injector.strays == 1

    run(loop, scenario())


def test_frames_that_the_kernel_dropped_are_seen(
    bench: Bench, worlds: list[World], loop: LoopThread
) -> None:
    """More answers than the socket's buffer holds, while nobody reads."""

    async def scenario() -> int:
        worlds[0].packets.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        mail = bench.connect("ipv4", CLOSED_PORT)
        for _ in range(200):
            bench.injector.send(Packet(mail.flow, SYN))
        lost = bench.injector.frames_lost()
        assert bench.injector.frames_lost() == lost, "a drop is counted once"
        return lost

    assert 0 < run(loop, scenario()) < 200


def test_an_arrival_has_the_time_at_which_the_kernel_received_it(
    bench: Bench, loop: LoopThread
) -> None:
    async def scenario() -> None:
        mail = bench.connect("ipv4", CLOSED_PORT)
        sent, _ = bench.injector.send(probe(mail))
        taken = time.monotonic()
        busy_until = taken + 0.2
        while time.monotonic() < busy_until:
            """The suite is busy; the frame waits in the socket."""
        arrival = await next_arrival(mail)
        assert arrival is not None
        assert sent <= arrival.time < busy_until - 0.1

    run(loop, scenario())


def test_a_packet_that_the_interface_does_not_take_is_said_by_its_size(
    bench: Bench, loop: LoopThread
) -> None:
    async def scenario() -> None:
        mail = bench.connect("ipv4", CLOSED_PORT)
        with pytest.raises(TargetError, match="takes no packet of 1501 octets: raise its MTU"):
            bench.injector.send(Packet(mail.flow, replace(SYN, mss=None, payload=bytes(1461))))
        bench.injector.send(Packet(mail.flow, replace(SYN, mss=None, payload=bytes(1460))))
        assert await next_arrival(mail) is not None, "the link is as good as before"

    run(loop, scenario())


def test_nobody_answering_is_said(bench: Bench, loop: LoopThread) -> None:
    with pytest.raises(TargetError, match=r"192\.0\.2\.99 does not answer on this link"):
        run(loop, bench.injector.resolve("192.0.2.99", seconds=0.1))


def test_source_ports_run_out_in_words(loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    one_port = (range(20000, 20002),)  # the first is for probes
    monkeypatch.setattr(injector.Injector.__init__, "__defaults__", (*one_port, ()))

    async def scenario() -> None:
        bench = await make_bench(0, {})
        try:
            mails = [bench.connect("ipv4", CLOSED_PORT) for _ in world.TESTER_IPV4]
            assert [m.flow[:2] for m in mails] == [(a, 20001) for a in world.TESTER_IPV4]
            with pytest.raises(TargetError, match="every source port"):
                bench.connect("ipv4", CLOSED_PORT)
            bench.injector.release(mails[0])
            with pytest.raises(TargetError, match="every source port"):
                bench.connect("ipv4", CLOSED_PORT)
        finally:
            await bench.aclose()

    run(loop, scenario())


def test_a_connection_may_come_from_another_address(loop: LoopThread, bench: Bench) -> None:
    async def scenario() -> None:
        first = bench.connect("ipv4", CLOSED_PORT).flow
        others = [
            bench.injector.open(first.dst, CLOSED_PORT, unlike=first.src).flow for _ in range(3)
        ]
        assert first.src not in {other.src for other in others}
        assert len(set(others)) == 3

    run(loop, scenario())


def test_who_is_kept_apart_has_an_address_that_nobody_else_gets(
    loop: LoopThread, bench: Bench
) -> None:
    async def scenario() -> None:
        dut, inject = bench.duts["ipv6"], bench.injector
        inject.may_reuse_after(0.0)
        apart = [inject.open_apart(dut, CLOSED_PORT) for _ in range(2)]
        beside = inject.open_apart(dut, CLOSED_PORT, apart[0].flow.src)
        assert len({mail.flow.src for mail in apart}) == 2
        assert (beside.flow.src, beside.flow != apart[0].flow) == (apart[0].flow.src, True)
        assert {mail.flow.src for mail in apart} <= set(world.APART) - set(world.TESTER_IPV6)
        for mail in (*apart, beside):
            bench.injector.send(probe(mail))
            assert await next_arrival(mail) is not None
            inject.release(mail)
        assert bench.connect("ipv6", CLOSED_PORT).flow.src in world.TESTER_IPV6

    run(loop, scenario())


def test_addresses_that_are_kept_apart_take_turns(loop: LoopThread, bench: Bench) -> None:
    async def scenario() -> None:
        dut, inject = bench.duts["ipv4"], bench.injector
        first, *others, again = [inject.open_apart(dut, CLOSED_PORT).flow for _ in range(246)]
        assert len({flow.src for flow in (first, *others)}) == 245
        assert (again.src, again.sport) == (first.src, first.sport + 1)

    run(loop, scenario())


def test_source_ports_that_have_rested_are_used_again(
    loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_port = (range(20000, 20002),)  # the first is for probes
    monkeypatch.setattr(injector.Injector.__init__, "__defaults__", (*one_port, ()))

    async def scenario() -> None:
        bench = await make_bench(0, {})
        bench.injector.may_reuse_after(0.05)
        try:
            dut = bench.duts["ipv4"]
            mails = [bench.connect("ipv4", CLOSED_PORT) for _ in world.TESTER_IPV4]
            given_up = [mails[3], mails[1]]
            for mail in given_up:
                bench.injector.release(mail)
            openings = (bench.injector.open_in_time(dut, CLOSED_PORT) for _ in given_up)
            again = await asyncio.gather(*openings)
            assert {m.flow for m in again} == {m.flow for m in given_up}
            with pytest.raises(TargetError, match="every source port"):
                await bench.injector.open_in_time(dut, CLOSED_PORT)
        finally:
            await bench.aclose()

    run(loop, scenario())


def test_a_link_that_goes_down_fails_every_wait(
    bench: Bench, worlds: list[World], loop: LoopThread
) -> None:
    """The world ends under a case: its DUT is killed."""

    async def scenario() -> None:
        mail = bench.connect("ipv4", CLOSED_PORT)
        waiting = asyncio.create_task(mail.receive(time.monotonic() + 30.0))
        await asyncio.sleep(0)
        worlds[0].process.kill()
        with pytest.raises(TargetError, match="the link is gone"):
            await waiting
        with pytest.raises(TargetError, match="the agent has ended"):
            await bench.agent.ask("version")

    run(loop, scenario())
