"""«serve»: from its plan to its last line."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import closing

from tw_reference.clock import Clock
from tw_reference.rules.decision import Decision
from tw_reference.serve.errors import ServeError
from tw_reference.serve.links import FrameLink, PacketLink, TapLink
from tw_reference.serve.lock import with_price
from tw_reference.serve.loop import Loop
from tw_reference.serve.plan import EPILOG, Plan, add_options, plan
from tw_reference.serve.station import Station
from tw_reference.serve.trace import in_words
from tw_reference.stack.host import Host

_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m tw_reference``; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tw_reference",
        description="Put the reference on a link, as a host that plays a documented stack.",
        epilog=EPILOG.replace("  serve ", "  python -m tw_reference "),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    try:
        serve(plan(parser.parse_args(argv)))
    except ServeError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Who read our output has gone; the interpreter must not try to flush what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _INTERRUPTED
    return 0


def serve(plan: Plan) -> None:
    """Serve until SIGINT or SIGTERM; the last line printed says what happened.

    :raises ServeError: where the link can't be had, or is there no more.
    """
    for address in plan.addresses:
        check_not_local(address)
    with closing(_open(plan)) as link:
        clock = Clock(time.monotonic_ns())
        start = clock.now

        def print_decision(decision: Decision) -> None:
            print(in_words(decision, start), flush=True)

        addresses = frozenset(plan.addresses)
        station = Station(
            Host(
                with_price(plan.profile, plan.reap_cost, one_at_a_time=plan.one_at_a_time),
                clock,
                addresses=addresses,
                seed=plan.seed,
                settings=plan.settings,
                on_link=[f"{address}/64" for address in addresses if ":" in address],
            ),
            plan.mac,
            addresses,
            {port: service for port, (_, service) in plan.services.items()},
            transmit=link.send,
            decided=print_decision if plan.trace else _ignore,
        )
        loop = Loop(link, station)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: loop.stop())
        gc.freeze()  # what was imported is looked through no more: that took 15 ms now and then
        print(_first_line(plan, link.name), flush=True)
        try:
            loop.run()
        finally:
            print(station.counts, flush=True)


def _open(plan: Plan) -> FrameLink:
    if plan.tap is not None:
        return TapLink(plan.tap)
    return PacketLink.open(plan.interface or "")


def _first_line(plan: Plan, link: str) -> str:
    ports = ", ".join(f"port {port} {name}" for port, (name, _) in plan.services.items())
    return (
        f"{plan.profile.name} is on {link} as {' and '.join(plan.addresses)} ({plan.mac});"
        f" {ports}; seed {plan.seed}; Ctrl-C ends it"
    )


def _ignore(decision: Decision) -> None:
    """Nobody asked for a trace."""


def check_not_local(address: str) -> None:
    """The local kernel would answer for its own address too, and reset every connection."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))  # sends nothing; finds the route
        except OSError:
            return
        if probe.getsockname()[0] == address:
            raise ServeError(
                f"{address} is this machine's own: choose an --address that no host has"
            )
