"""What the reference's core costs: segments a second, bytes a block, and whether size matters.

    python ci/bench/core.py [SEGMENTS]

Prints, for every profile, segments a second on TIME-WAIT blocks without bytes and with (encoded and
decoded, both ways), on one core; what a block takes of memory, at 131,072 of them; and the cost of
insertion, lookup, expiry and of bind() at 1,000, 10,000 and 131,072 blocks, as ratios in one run.
"""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import cycle, islice

from tw_reference import segment as tcp
from tw_reference.clock import SECOND, Clock
from tw_reference.profiles import PROFILES
from tw_reference.rules.questions import TimeWaitBlock
from tw_reference.segment import Flow, Packet, Segment, Timestamps
from tw_reference.stack.host import Host
from tw_reference.state import State
from tw_reference.wire.decode import decode
from tw_reference.wire.encode import Encoder

DUT = "192.0.2.1"
PORT = 7
SIZES = (1_000, 10_000, 131_072)
RCV_NXT, SND_NXT, TS_RECENT = (1 << 32) - 2, 77, 5000


def a_flow(number: int) -> Flow:
    """The host's side of a connection of its own, of 60,000 ports at each peer."""
    peer, port = divmod(number, 60_000)
    return Flow(DUT, PORT, f"198.51.100.{peer + 1}", 1024 + port)


def a_block(number: int, now: int) -> TimeWaitBlock:
    return TimeWaitBlock(
        flow=a_flow(number),
        snd_nxt=SND_NXT,
        rcv_nxt=RCV_NXT,
        rcv_wnd=65535,
        rcv_scale=7,
        timestamps=True,
        ts_recent=TS_RECENT,
        ts_recent_stamp=now,
        ts_offset=0,
        tos=0,
        rto=SECOND,
        substate=State.TIME_WAIT,
        entered=now,
        expires=now,
    )


def a_host(profile: str) -> Host:
    """One that has room for all blocks."""
    host = Host(PROFILES[profile], Clock(SECOND), addresses=frozenset((DUT,)))
    for limit in ("maxtcptw", "max_tw_buckets"):
        if limit in host.settings:
            host.set(limit, 1 << 20)
    host.listen(PORT)
    return host


def fill(host: Host, blocks: list[TimeWaitBlock]) -> None:
    for block in blocks:
        host.adopt(block)


STIMULI = (
    (tcp.FIN | tcp.ACK, -1, b"", 1),
    (tcp.ACK, 0, b"", 1),
    (tcp.ACK, -1, b"", 1),
    (tcp.ACK, 0, b"x" * 100, 1),
    (tcp.ACK | tcp.PSH, 70_000, b"", 1),
    (tcp.ACK, 0, b"", -1),
    (tcp.RST, 1, b"", 1),
    (tcp.SYN, -1000, b"", 0),
    (0, 1, b"", 1),
)
"""Flags, SEG.SEQ from RCV.NXT, payload, TSval from TS.Recent: none that ends a block."""


DROPPED = Segment(seq=(RCV_NXT + 1) & 0xFFFFFFFF, ack=0, flags=tcp.RST)
"""Dropped by every profile, and no timer is touched: the lookup and a short list."""


def segments(blocks: int) -> Iterator[Packet]:
    """The stimuli in turn, on one block after another, for ever."""
    for number, (flags, offset, payload, tsval) in zip(
        cycle(range(blocks)), cycle(STIMULI), strict=False
    ):
        segment = Segment(
            seq=(RCV_NXT + offset) & 0xFFFFFFFF,
            ack=SND_NXT if flags & tcp.ACK else 0,
            flags=flags,
            payload=payload,
            timestamps=Timestamps(TS_RECENT + tsval, 0),
        )
        yield Packet(a_flow(number).reverse, segment)


def seconds(work: Callable[[], None]) -> float:
    """Without the garbage collector's share, which grows with all that the process holds, as in
    timeit."""
    gc.collect()
    gc.disable()
    begun = time.perf_counter()
    work()
    spent = time.perf_counter() - begun
    gc.enable()
    return spent


def rates(profile: str, count: int) -> tuple[float, float, float]:
    """Segments a second without bytes and with, and answers for each segment."""
    packets = list(islice(segments(1000), count))

    def without_bytes() -> None:
        receive, outbox = host.receive, host.outbox
        for packet in packets:
            receive(packet)
            if len(outbox) > 1000:
                answers.append(len(outbox))
                outbox.clear()

    answers: list[int] = []
    host = a_host(profile)
    fill(host, [a_block(number, host.clock.now) for number in range(1000)])
    core = count / seconds(without_bytes)
    answered = (sum(answers) + len(host.outbox)) / count

    few = packets[: count // 10]
    frames = [Encoder("02:00:00:00:00:02", "02:00:00:00:00:01").encode(packet) for packet in few]
    encode = Encoder("02:00:00:00:00:01", "02:00:00:00:00:02").encode

    def with_bytes() -> None:
        for frame in frames:
            packet = decode(frame)
            assert packet is not None
            host.receive(packet)
            while host.outbox:
                encode(host.outbox.popleft())

    host = a_host(profile)
    fill(host, [a_block(number, host.clock.now) for number in range(1000)])
    with_bytes()
    return core, len(few) / seconds(with_bytes), answered


def bytes_a_block(profile: str) -> float:
    host = a_host(profile)
    tracemalloc.start()
    fill(host, [a_block(number, host.clock.now) for number in range(SIZES[-1])])
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return held / SIZES[-1]


def costs(profile: str, size: int) -> dict[str, float]:
    """Microseconds for each block or call in a table of that size."""
    host = a_host(profile)
    blocks = [a_block(number, host.clock.now) for number in range(size)]
    insertion = seconds(lambda: fill(host, blocks)) / size
    step = 7919  # a prime: no two neighbours in a row
    asked = [Packet(a_flow(n * step % size).reverse, DROPPED) for n in range(20_000)]

    def look_up() -> None:
        for packet in asked:
            host.receive(packet)

    lookup = seconds(look_up) / len(asked)
    bind = seconds(lambda: fill_listeners(host)) / 10
    expiry = seconds(lambda: host.clock.advance(1000 * SECOND)) / size
    assert host.block(a_flow(0)) is None
    return {
        "insertion": insertion * 1e6,
        "lookup": lookup * 1e6,
        "expiry": expiry * 1e6,
        "bind() of another port": bind * 1e6,
    }


def fill_listeners(host: Host) -> None:
    for port in range(20_000, 20_010):
        host.listen(port)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for profile in PROFILES:
        core, wire, answered = rates(profile, count)
        print(
            f"{profile}: {core:,.0f} segments/s without bytes, {wire:,.0f} with;"
            f" {answered:.2f} answers a segment"
        )
    for profile in ("freebsd-10", "freebsd-15", "linux-2.6.32", "linux-6.18"):
        held = bytes_a_block(profile)
        print(f"{profile}: {held:.0f} bytes a block, {2**20 / held:,.0f} blocks/MB at {SIZES[-1]}")
        table = [costs(profile, size) for size in SIZES]
        for what in table[0]:
            cells = [f"{row[what]:,.1f} us ({row[what] / table[0][what]:.2f})" for row in table]
            print(f"  {what} at {', '.join(map(str, SIZES))} blocks: {', '.join(cells)}")


if __name__ == "__main__":
    main()
