"""What connect(), close() and a full table do where no case can look: on the loopback, in the
kernel's counters and timers, at a moment within a second.

On benches of their own, through the agent: on the running kernel and on the guest's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from tw_conformance.dut.client import AgentError
from tw_conformance.link.pace import Admission
from tw_conformance.model.case import OK, Case, Reach, Through
from tw_conformance.model.verdict import Outcome, Transcript, Verdict
from tw_conformance.notation.load import load_text
from tw_conformance.play.approach import reach
from tw_conformance.play.player import play
from tw_conformance.play.tester import TesterEndpoint
from tw_conformance.targets.bench import Bench
from tw_conformance.targets.registry import open_target, unavailable
from tw_conformance.targets.wire_link import WireLink
from tw_conformance.targets.wire_target import WireTarget
from tw_conformance.tests.wire.conftest import case_of, do_without
from tw_reference import segment as tcp
from tw_reference.profiles import PROFILES
from tw_reference.segment import Segment
from tw_reference.seqnum import add

T = TypeVar("T")

ISN = 1_000_000
NOT_AVAILABLE = "EADDRNOTAVAIL"
LOOPBACK = {"ipv4": "127.0.0.1", "ipv6": "::1"}
SERVER, CLIENT = 1000, 2000
"""Ports."""


@pytest.fixture(scope="module", params=["netns", "uml"])
def target(request: pytest.FixtureRequest) -> Iterator[WireTarget]:
    if (reason := unavailable(request.param)) is not None:
        do_without(reason)
    opened = open_target(request.param)
    assert isinstance(opened, WireTarget)
    yield opened
    opened.close()


def on_a_bench(target: WireTarget, play: Callable[[Bench], Awaitable[T]], **settings: int) -> T:
    """What comes of ``play`` on a bench of its own, whose DUT has those settings."""

    async def scenario() -> T:
        bench = await target.new_bench(settings)
        try:
            return await play(bench)
        finally:
            await bench.aclose()

    return target.start(scenario()).result()


@asynccontextmanager
async def reached(
    bench: Bench, target: WireTarget, case: Case
) -> AsyncIterator[tuple[WireLink, TesterEndpoint]]:
    """A connection in the state that the case begins in; no step is taken."""
    link = await WireLink.open(bench, case, ISN, Admission.free(), AsyncExitStack())
    try:
        peer = TesterEndpoint(case.reach, link, target.path, Transcript())
        await reach(peer)
        yield link, peer
    finally:
        await link.aclose()


async def counters(bench: Bench) -> dict[str, int]:
    return await bench.agent.ask("counters")


def send(
    peer: TesterEndpoint, flags: int, *, seq: int = 0, ack: int = 0, older: bool = False
) -> None:
    """A segment with numbers relative to RCV.NXT and SND.NXT."""
    known = peer.variables
    stamps = peer.stamps(add(known["ts_recent"], -1)) if older else None
    numbers = add(known["rcv_nxt"], seq), add(known["snd_nxt"], ack)
    peer.send(Segment(*numbers, flags, timestamps=stamps))


# -- counters ------------------------------------------------------------------------------------


def test_a_full_table_counts(target: WireTarget) -> None:
    async def play(bench: Bench) -> int:
        before = await counters(bench)
        reach = Reach(through=Through.FIN_WAIT_1)
        async with reached(bench, target, case_of(reach=reach)):
            after = await counters(bench)
        return after["TCPTimeWaitOverflow"] - before["TCPTimeWaitOverflow"]

    assert on_a_bench(target, play, max_tw_buckets=0) == 1


@pytest.mark.parametrize(
    ("state", "counter"),
    [("TIME-WAIT", "TCPACKSkippedTimeWait"), ("FIN-WAIT-2", "TCPACKSkippedFinWait2")],
)
def test_an_ack_that_is_not_sent_counts(target: WireTarget, state: str, counter: str) -> None:
    async def play(bench: Bench) -> tuple[int, int]:
        async with reached(bench, target, case_of(reach=Reach(state=state))) as (_, peer):
            before = await counters(bench)
            for _ in range(3):
                send(peer, tcp.ACK, seq=-1)
            assert await peer.prove_delivery()
            after = await counters(bench)
        return len(peer.pending), after[counter] - before[counter]

    assert on_a_bench(target, play) == (1, 2)


def test_a_segment_that_fails_paws_counts(target: WireTarget) -> None:
    async def play(bench: Bench) -> int:
        reach = Reach(timestamps=True)
        async with reached(bench, target, case_of(reach=reach)) as (_, peer):
            before = await counters(bench)
            send(peer, tcp.FIN | tcp.ACK, older=True)
            assert await peer.prove_delivery()
            after = await counters(bench)
        name = "PAWSTimewait" if "PAWSTimewait" in after else "PAWSEstab"  # its own since 6.14
        return after[name] - before[name]

    assert on_a_bench(target, play) == 1


# -- the timer of an orphan ----------------------------------------------------------------------


def test_tcp_linger2_ends_at_120_s(target: WireTarget) -> None:
    """Above 60 s the excess is waited on the full socket first (tcp.c, __tcp_close())."""

    async def first_wait(bench: Bench, linger2: int) -> float:
        established = case_of(reach=Reach(state="ESTABLISHED"))
        async with reached(bench, target, established) as (link, peer):
            assert await link.call("set", {"linger2": linger2}) == OK
            assert await link.call("close", {}) == OK
            send(peer, tcp.ACK, ack=1)
            assert await peer.prove_delivery()
            seen = await link.observe()
        assert seen is not None
        assert seen.state == "FIN-WAIT-2"
        assert seen.remaining is not None
        return seen.remaining

    async def play(bench: Bench) -> list[float]:
        return [await first_wait(bench, linger2) for linger2 in (40, 90, 120, 200)]

    assert on_a_bench(target, play) == pytest.approx([40, 30, 60, 60], abs=1.0)


# -- connect() -----------------------------------------------------------------------------------


def connection(address: str, local_port: int, peer_port: int) -> dict[str, str | int]:
    """A 4-tuple of the loopback, in the agent's words."""
    return {
        "local": address,
        "local_port": local_port,
        "peer": address,
        "peer_port": peer_port,
    }


@pytest.mark.parametrize(("tw_reuse", "gives"), [(0, NOT_AVAILABLE), (1, OK), (2, OK)])
def test_the_loopback_is_reused(target: WireTarget, tw_reuse: int, gives: str) -> None:
    async def connect_twice(bench: Bench, family: str, address: str) -> str:
        ask = bench.agent.ask
        server = connection(address, SERVER, CLIENT)
        client = connection(address, CLIENT, SERVER)
        await ask("listen", family=family, address=address, port=SERVER, policy="hold")
        await ask("open", **client, automatic=True)
        await ask("close", **client)
        await ask("close", **server)
        assert (await ask("state", **client))["state"] == "TIME-WAIT"
        await asyncio.sleep(2.1)
        try:
            await ask("open", **client, automatic=True)
        except AgentError as refusal:
            return refusal.code
        return OK

    async def play(bench: Bench) -> list[str]:
        return await asyncio.gather(*(connect_twice(bench, *item) for item in LOOPBACK.items()))

    assert on_a_bench(target, play, tw_reuse=tw_reuse) == [gives, gives]


def test_a_young_block_is_not_reused(target: WireTarget) -> None:
    """Since 6.14 for a second; before, until the next whole second: rarely not at all."""
    reach = Reach(open="active", timestamps=True)

    async def ages(bench: Bench) -> tuple[float, float] | None:
        """How old a block was at least when it was last refused, and at most when it was reused:
        seconds.  None where it never was refused."""
        now = asyncio.get_running_loop().time
        no_older = now()
        async with reached(bench, target, case_of(reach=reach)) as (link, _):
            no_younger, refused = now(), None
            asked = now()
            while await link.call("connect", {"automatic": True}) == NOT_AVAILABLE:
                refused = asked - no_younger
                await asyncio.sleep(0.01)
                asked = now()
            return None if refused is None else (refused, now() - no_older)

    async def play(bench: Bench) -> list[tuple[float, float]]:
        seen = [await ages(bench) for _ in range(3)]
        return [each for each in seen if each is not None]

    seen = on_a_bench(target, play, tw_reuse=1)
    assert seen
    assert all(refused < 1.05 for refused, _ in seen)
    if "tw_reuse_delay" in PROFILES[target.profile].settings:
        assert all(reused > 0.95 for _, reused in seen)


# -- the words of a case ---------------------------------------------------------------------------

HEAD = "case: calls\ntitle: Calls around a connection\ncites: [RFC 9293 section 3.10]\n"
WORDS = {
    "send-and-receive": """
reach: {state: ESTABLISHED}
steps:
  - {call: {receive: 5}, gives: EAGAIN}
  - send: {flags: PSH|ACK, seq: rcv_nxt, length: 5}
  - expect: {flags: ACK, ack: rcv_nxt+5}
  - call: {receive: 5}
  - call: {send: 7}
  - expect: {length: 7}
""",
    "end-of-file": """
reach: {state: ESTABLISHED}
steps:
  - send: {flags: FIN|ACK, seq: rcv_nxt}
  - {expect: {flags: ACK}, within: 1s}
  - {call: {receive: 5}, gives: eof}
  - call: {shutdown: write}
  - expect: {flags: FIN|ACK}
  - {call: {send: 1}, gives: EPIPE}
""",
    "a-descriptor-outlives-its-connection": """
reach: {state: ESTABLISHED}
steps:
  - call: {shutdown: both}
  - expect: {flags: FIN|ACK}
  - send: {flags: FIN|ACK, seq: rcv_nxt, ack: snd_nxt+1}
  - expect: {flags: ACK}
  - state: TIME-WAIT
  - call: close
  - {call: close, gives: EBADF}
""",
    "nobody-accepts": """
reach: {state: ESTABLISHED, accepts: off}
steps:
  - {call: close, gives: EBADF}
  - state: ESTABLISHED
""",
    "options-beforehand": """
reach: {state: ESTABLISHED, options: {ttl: 9}}
steps:
  - send: {flags: PSH|ACK, seq: rcv_nxt, length: 5}
  - {expect: {flags: ACK, ttl: 9}, within: 1s}
""",
    "options-of-who-opens": """
reach: {open: active, options: {ttl: 9}, state: ESTABLISHED}
steps:
  - send: {flags: PSH|ACK, seq: rcv_nxt, length: 5}
  - {expect: {flags: ACK, ttl: 9}, within: 1s}
""",
    "bind": """
reach: {reuse_address: off}
steps:
  - call: unlisten
  - {call: bind, gives: EADDRINUSE}
  - {call: {bind: {address: any}}, gives: EADDRINUSE}
  - {call: {bind: {address: loopback}}, gives: ok}
  - {call: {bind: {address: mapped}}, gives: EADDRINUSE}
  - {call: {bind: {family: ipv6}}, gives: ok}
  - {call: {bind: {port: 0}}, gives: ok}
""",
    "a-counter-moves": """
profiles: [linux-*]
steps:
  - send: {flags: ACK, seq: rcv_nxt-1}
  - expect: ack
  - send: {flags: ACK, seq: rcv_nxt-1}
  - expect: nothing
  - counters: {TCPACKSkippedTimeWait: 1}
""",
}
DESTROY = """
steps:
  - state: TIME-WAIT
  - call: destroy
  - state: CLOSED
  - {call: destroy, gives: ENOENT}
"""


def outcome_of(words: str, target: WireTarget) -> Outcome:
    (case,) = load_text(HEAD + words, Path("calls.tw.yaml"))
    return target.start(play(case, target)).result()


@pytest.mark.parametrize("words", WORDS.values(), ids=list(WORDS))
def test_what_a_case_says_is_what_the_kernel_does(target: WireTarget, words: str) -> None:
    outcome = outcome_of(words, target)
    assert outcome.verdict is Verdict.PASS, outcome.reason


def test_a_connection_is_destroyed_where_the_kernel_can(target: WireTarget) -> None:
    """Debian's user-mode Linux 6.1 has no CONFIG_INET_DIAG_DESTROY."""
    outcome = outcome_of(DESTROY, target)
    lacking = "CONFIG_INET_DIAG_DESTROY" in outcome.reason
    assert not lacking or target.name == "uml"
    expected = Verdict.INCONCLUSIVE if lacking else Verdict.PASS
    assert outcome.verdict is expected, outcome.reason
