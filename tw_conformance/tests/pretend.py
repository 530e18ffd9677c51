"""A target and a player that pretend, for tests of what is above them.

A case's name says what becomes of it: ``fails-...``, ``undecided-...``, ``dies-...`` (with its
process), ``meets-...`` (passes where ten such are in flight at once); any other passes.  Its waits
are real.  A play that ends leaves a file ``NAME.ended`` beside the file that tells of the close.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

from tw_conformance.link.link import Link
from tw_conformance.link.path import perfect_path
from tw_conformance.model.case import Case
from tw_conformance.model.errors import TargetError
from tw_conformance.model.verdict import Event, Mismatch, Outcome, Transcript, Verdict
from tw_conformance.play import oracle, player
from tw_conformance.targets import registry as targets
from tw_conformance.targets.acquaintance import Acquaintance
from tw_conformance.targets.roster import Roster
from tw_reference.segment import FIN, RST, Flow, Packet, Segment

# pytester forgets what a run within this process imported, and the C half of PyYAML can't be
# imported twice: whatever the plugin needs is to be there before.
importlib.import_module("tw_conformance.plugin.items")

T = TypeVar("T")

CASE = """\
case: {name}
title: What becomes of {name}
cites: [RFC 9293 section 3.10.7.4]
steps:
  - send: {{flags: RST, seq: rcv_nxt}}
  - expect: nothing
  - wait: {wait}
"""


def cases(*names: str, wait: str = "300ms") -> str:
    """A case file with a case of each name."""
    return "---\n".join(CASE.format(name=name, wait=wait) for name in names)


class PretendedKernel:
    """A target in real time: plays side by side on a loop in a thread of its own."""

    name = "netns"
    realtime = True
    reads_states = True
    acquaintance = Acquaintance()
    on_link = ()
    settings: Mapping[str, int] = {"rfc1337": 0, "tw_reuse": 1}
    time_variables: Mapping[str, float] = {"msl": 0.2, "tick": 0.0}

    def __init__(self, profile: str, closed: Path) -> None:
        self.profile = profile
        self.path = perfect_path()
        self.meeting = asyncio.Barrier(10)
        self.folder = closed.parent
        self._closed = closed
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def describe(self) -> str:
        return f"a pretended kernel as {self.profile}"

    def lacks(self, case: Case) -> str | None:
        return "needs what no kernel has" if case.id.startswith("lacks") else None

    async def open(self, case: Case) -> Link:
        raise NotImplementedError

    def start(self, play: Coroutine[object, object, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(_await(play), self._loop)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._closed.write_text("closed")


async def _await(play: Coroutine[object, object, T]) -> T:
    return await play


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def pretend_to_play(case: Case, target: PretendedKernel) -> Outcome:
    for wait in case.waits():
        await asyncio.sleep(wait.evaluate(target.time_variables))
    if case.name.startswith("meets"):
        await asyncio.wait_for(target.meeting.wait(), timeout=60)
    target.folder.joinpath(f"{case.name}.ended").touch()
    if case.name.startswith("dies"):
        os._exit(1)
    if case.name.startswith("fails"):
        return outcome(case, Verdict.FAIL, target.name, target.profile)
    if case.name.startswith("undecided"):
        return outcome(case, Verdict.INCONCLUSIVE, target.name, target.profile)
    return outcome(case, Verdict.PASS, target.name, target.profile)


def outcome(case: Case, verdict: Verdict, target: str, profile: str) -> Outcome:
    """An outcome of a case whose second step decided it."""
    flow = Flow("192.0.2.2", 20000, "192.0.2.1", 7)
    sent = Packet(flow, Segment(seq=1000, ack=0, flags=RST))
    seen = Packet(flow.reverse, Segment(seq=5000, ack=1000, flags=FIN))
    events = [
        Event(0.0, "sent", sent, frame=bytes(60), step=0),
        Event(0.001, "received", seen, frame=bytes(60), step=1),
    ]
    transcript = Transcript(events, {"rcv_nxt": 1000, "snd_nxt": 5000})
    match verdict:
        case Verdict.PASS:
            return Outcome(case, target, profile, verdict, transcript)
        case Verdict.FAIL:
            reason, mismatches = "expected nothing, but FIN came", [Mismatch("answer", "-", "FIN")]
        case Verdict.INCONCLUSIVE:
            reason, mismatches = "no probe was answered", []
    return Outcome(case, target, profile, verdict, transcript, reason, case.steps[1], mismatches)


def pretend(closed: Path, *, absent: str = "") -> Callable[[], None]:
    """Put the pretended kernel in the place of netns; returns what undoes it.

    It writes the file ``closed`` when it is closed.  ``absent`` is why it can't be had, if it
    can't.
    """

    def open_target(
        name: str, *, profile: str, seed: int, roster: Roster | None = None
    ) -> PretendedKernel:
        if absent:
            raise TargetError(absent)
        return PretendedKernel(profile, closed)

    with ExitStack() as patches:
        for module, attribute, value in (
            (targets, "open_target", open_target),
            (targets, "unavailable", lambda name: absent or None),
            (targets, "default_profiles", lambda name, roster=None: ("linux-6.18",)),
            (player, "play", pretend_to_play),
            (oracle, "explain", lambda outcome, settings: []),
        ):
            patches.enter_context(patch.object(module, attribute, value))
        return patches.pop_all().close
    raise AssertionError("unreachable")
