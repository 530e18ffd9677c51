"""What many connections in flight cost, against the running kernel in a namespace.

    python ci/bench/flight.py [CONNECTIONS]

Plays one case that waits in TIME-WAIT as many times as that at once, 1,000 unless told otherwise.
Prints how far they overlap, the tester's share of one CPU while they start and while all of them
wait, and the memory that a connection takes.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tw_conformance.model.verdict import Verdict
from tw_conformance.notation.load import load_text
from tw_conformance.play.player import play
from tw_conformance.targets.registry import open_target

WAIT = 20.0
"""Seconds that each connection is in flight; long enough for all to be so together."""

CASE = f"""
case: in-flight
title: A connection waits, and is in TIME-WAIT afterwards
cites: [RFC 9293 section 3.6.1]
steps:
  - wait: {WAIT:g}s
  - send: {{flags: FIN|ACK, seq: rcv_nxt-1}}
  - expect: ack
"""


def main() -> None:
    connections = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    case = load_text(CASE, Path("in-flight.tw.yaml"))[0]
    brief = replace(case, steps=case.steps[1:])
    target = open_target("netns")
    print(target.describe())
    try:
        target.start(play(brief, target)).result()  # makes its world
        before = resident()
        begun = time.perf_counter()
        started = [target.start(play(case, target)) for _ in range(connections)]
        reached = share_of_a_cpu(lambda: time.sleep(WAIT / 2))
        waiting = share_of_a_cpu(lambda: time.sleep(WAIT / 4))
        grown = resident() - before
        outcomes = [handle.result() for handle in started]
        seconds = time.perf_counter() - begun
        passed = sum(outcome.verdict is Verdict.PASS for outcome in outcomes)
    finally:
        target.close()
    print(
        f"{connections} connections, each {WAIT:g} s in flight: {seconds:.2f} s,"
        f" {seconds / WAIT:.2f} times one of them; {passed} PASS"
    )
    print(f"the tester's share of a CPU: {reached:.0%} in the first half, {waiting:.1%} waiting")
    print(f"memory: {grown / connections:.1f} KiB a connection, {resident() / 1024:.0f} MiB in all")


def share_of_a_cpu(meanwhile: Callable[[], None]) -> float:
    """CPU time over wall time while that runs."""
    cpu, wall = time.process_time(), time.perf_counter()
    meanwhile()
    return (time.process_time() - cpu) / (time.perf_counter() - wall)


def resident() -> float:
    """Peak resident memory of this process so far, KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
