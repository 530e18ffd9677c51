"""A DUT on a wire, in real time: whatever answers there.

A kind of target says how its test beds are made, what it is called and what it lacks
(:class:`Duts`); all the rest is the same for all of them.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Protocol, TypeVar

from tw_conformance.link.link import Link
from tw_conformance.link.pace import Admission, Pace, Room
from tw_conformance.link.path import Path, Sentinel
from tw_conformance.link.probes import is_answered, survey_link
from tw_conformance.model.case import Case
from tw_conformance.model.errors import TargetError, TargetGone
from tw_conformance.targets.acquaintance import Acquaintance, LookBudget
from tw_conformance.targets.bench import Bench
from tw_conformance.targets.loop_thread import LoopThread
from tw_conformance.targets.target import Play, tester_isn
from tw_conformance.targets.wire_link import WireLink
from tw_reference import segment as tcp
from tw_reference.profiles.profile import Profile
from tw_reference.segment import Segment

T = TypeVar("T")

_UNANSWERED = {
    Sentinel.ECHO: "answers no echo request (ICMP)",
    Sentinel.TCP: "resets no ACK of no connection at its listener",
}
_TO_REACH_AND_LEAVE = 10
_FOR_A_SEGMENT = 2
"""Packets: the segment, and the probe behind it."""

_UNTIL_IT_IS_GONE = 1.0
"""Seconds beyond a 2MSL and the stack's lateness, before a 4-tuple is used again."""
_STARTING_ON_THIS_MACHINE = 16
"""Cases on their way to their first wait.  More at once would make each other and the DUT late."""
_STARTING_ON_A_SLOW_PATH = 128
"""The same where it is the path that they wait for, not the machine."""


class Duts(Protocol):
    """The DUTs of one target: one for all cases, or one for each combination of settings.

    Used on the target's event loop, but for :meth:`lacks` and :meth:`describe`.
    """

    own: bool
    """Whether the suite makes them itself, on this machine."""

    @property
    def settings(self) -> Mapping[str, int]:
        """Of the first one, by the profiles' names: those that are known."""

    async def start(self) -> Bench:
        """Make the first one; its settings are the DUT's own.

        :raises TargetError: where it can't be had; says what to do.
        """

    def lacks(self, case: Case) -> str | None:
        """What keeps them from playing that case; None where nothing does."""

    def assume(self, settings: Mapping[str, int]) -> None:
        """Take these for what nobody can read."""

    def describe(self) -> str:
        """What they are, for the head of a report."""

    def time_variables(self, stack: Profile) -> Mapping[str, float]:
        """Seconds behind ``msl`` and ``tick``, where they are held to that profile."""

    def holding(self, settings: Mapping[str, int]) -> AbstractAsyncContextManager[Bench]:
        """A bench whose DUT has these settings, and its own values of all others, inside the
        ``async with``.

        :raises TargetError: where there is none, or a setting is refused.
        """

    async def new(self, settings: Mapping[str, int]) -> Bench:
        """One of the caller's own, whose DUT has these settings.

        :raises TargetError: where there is none but the one.
        """

    async def aclose(self) -> None:
        """Undo all that was done to reach them; may be called twice."""


class WireTarget:
    """The DUTs ``duts``, held to the profile ``stack``.

    ``rate`` is in packets a second, ``max_time`` in seconds for the whole run, ``max_wait`` for
    one case.  ``sentinel`` is what silence is proven by, None: what the DUT answers.  ``cpu`` is
    the only one that sends; None: any.

    :raises TargetError: where no DUT can be reached; says what to do.
    """

    realtime = True

    def __init__(
        self,
        name: str,
        stack: Profile,
        duts: Duts,
        *,
        seed: int = 0,
        rate: float = math.inf,
        max_time: float = math.inf,
        max_wait: float = math.inf,
        sentinel: Sentinel | None = None,
        cpu: int | None = None,
    ) -> None:
        self.name = name
        self.profile = stack.name
        self.seed = seed
        self.cpu = cpu
        self.path = Path(in_order=duts.own)  # Linux takes an echo request in its turn
        self.acquaintance = Acquaintance()
        self._alone, self._room = Room(), Room()
        self._duts = duts
        self._stack = stack
        self._rate, self._max_time = rate, max_time
        self.look = LookBudget(rate, max_time)
        self.longest_wait = min(max_wait, max_time)
        self._sentinel = sentinel
        self._deadline = time.monotonic() + max_time
        self._loop = LoopThread(name, cpu)
        try:
            self._loop.start(self._reach()).result()
        except BaseException:
            self.close()
            raise
        self.settings = duts.settings

    def assume(self, settings: Mapping[str, int]) -> None:
        """Take these for the DUT's from now on, where nobody can read them."""
        self._duts.assume(settings)
        self.settings = self._duts.settings

    def describe(self) -> str:
        return self._duts.describe()

    @property
    def reads_states(self) -> bool:
        """Whether the agent, which can, runs on the DUT."""
        return self._has_agent

    @property
    def makes_benches(self) -> bool:
        """Whether :meth:`new_bench` has any."""
        return self._duts.own

    @property
    def last_unreadable(self) -> str:
        """What was wrong with the latest frame that can't be read; empty where all can be."""
        return self._first.injector.last_unreadable

    def lacks(self, case: Case) -> str | None:
        if why := self._duts.lacks(case):
            return why
        waits = sum(wait.evaluate(self.time_variables) for wait in case.waits())
        if waits > self.longest_wait:
            return f"needs to wait {waits:.9g} s, and --max-wait says {self.longest_wait:g}"
        if self._mtu is not None and (octets := case.longest_packet()) > self._mtu:
            return f"needs packets of {octets} octets: the tester's link takes {self._mtu}"
        places, room = len(case.connections()), self.acquaintance
        if room.holds is not None and places > room.holds:
            return f"needs {places} connections at once: the DUT has {room.describe_room()}"
        return None if self._duts.own else self._is_not_taken_up(case)

    def _is_not_taken_up(self, case: Case) -> str | None:
        """The option of a case's handshake that the DUT was seen not to know."""
        if self._syn_ack is None:
            return None
        if case.reach.timestamps and self._syn_ack.timestamps is None:
            return "needs timestamps, which the DUT does not take up"
        if case.reach.wscale is not None and self._syn_ack.wscale is None:
            return "needs window scaling, which the DUT does not take up"
        if case.reach.ecn and not self._syn_ack.flags & tcp.ECE:
            return "needs ECN, which the DUT does not take up"
        return None

    async def open(self, case: Case) -> Link:
        async with AsyncExitStack() as holding:
            await self._take_places(len(case.connections()), holding)
            turn = await Admission.take(self._pace, packets_of(case), self._starting)
            holding.callback(turn.close)
            bench = await holding.enter_async_context(self._duts.holding(case.settings))
            isn = tester_isn(self.seed, case, wraps=self.acquaintance.wraps)
            return await WireLink.open(bench, case, isn, turn, holding)

    def holding(self, settings: Mapping[str, int]) -> AbstractAsyncContextManager[Bench]:
        """A bench whose DUT has these settings, and its own values of all others, inside the
        ``async with``; shared with all who want the same.

        :raises TargetError: where there is none, or a setting is refused.
        """
        return self._duts.holding(settings)

    async def new_bench(self, settings: Mapping[str, int]) -> Bench:
        """A bench of the caller's own, whose DUT has those settings: for many connections in
        lockstep.

        :raises TargetError: where it can't be had; says what to do.
        """
        return await self._duts.new(settings)

    def start(self, play: Coroutine[object, object, T]) -> Play[T]:
        if math.isinf(self._max_time):
            return self._loop.start(play)
        try:
            return self._loop.start(self._bounded(play))
        except TargetError:
            play.close()
            raise

    def close(self) -> None:
        self._loop.close(self._duts.aclose)

    async def _take_places(self, places: int, holding: AsyncExitStack) -> None:
        """Wait for a DUT that has few places; ``holding`` gives them back.  It is one case's at a
        time: each that comes to TIME-WAIT may take the place of one that is there longer."""
        if (holds := self.acquaintance.holds) is None:
            return
        await self._alone.take(1, 1)
        holding.callback(self._alone.give, 1)
        if self.acquaintance.lingering:
            await self._room.take(places, holds)
            loop, until_free = asyncio.get_running_loop(), self._until_free()
            holding.callback(lambda: loop.call_later(until_free, self._room.give, places))

    def _until_free(self) -> float:
        """Seconds after which a 4-tuple that was in TIME-WAIT is not any more."""
        variables = self.time_variables
        return 2 * variables["msl"] + variables["tick"] + _UNTIL_IT_IS_GONE

    async def _reach(self) -> None:
        """Reach the DUT, and learn what the path does before a verdict rests on it."""
        self._first = bench = await self._duts.start()
        self._has_agent = bench.client is not None
        self.acquaintance = Acquaintance(wraps=self._has_agent)  # until it was seen
        self.time_variables: Mapping[str, float] = self._duts.time_variables(self._stack)
        bench.injector.may_reuse_after(self._until_free())
        self._mtu = bench.injector.mtu
        self.on_link: Collection[str] = () if bench.routed else tuple(bench.duts)
        self.path.sentinel = await self._chosen(bench)
        with bench.probing(next(iter(bench.duts))) as line:
            self._syn_ack = await survey_link(line, self.path)
        self._learn_from(self._syn_ack)
        self._pace = Pace(self._rate)
        near = self._duts.own and self.path.perfect
        starting = _STARTING_ON_THIS_MACHINE if near else _STARTING_ON_A_SLOW_PATH
        self._starting = asyncio.Semaphore(starting)

    def _learn_from(self, syn_ack: Segment | None) -> None:
        """What the answer to a SYN that offers all options shows of settings that nobody reads."""
        if syn_ack is None or syn_ack.timestamps is not None:
            return
        if "timestamps" in self._stack.settings and "timestamps" not in self._duts.settings:
            self._duts.assume({"timestamps": 0})

    async def _chosen(self, bench: Bench) -> Sentinel:
        """The first kind of probe that is answered at all of the DUT's addresses.

        :raises TargetError: where there is none.
        """
        silences: dict[str, list[str]] = {}
        for kind in (self._sentinel,) if self._sentinel else Sentinel:
            silent = await _silent(bench, kind)
            if silent is None:
                return kind
            silences.setdefault(silent, []).append(_UNANSWERED[kind])
        raise TargetError(
            f"{_said_of_each(silences)}, so no silence can be proven: let the one or the other pass"
            " on the DUT and in firewalls, for the tester's address at least"
        )

    async def _bounded(self, play: Coroutine[object, object, T]) -> T:
        left = max(self._deadline - time.monotonic(), 0.0)
        try:
            async with asyncio.timeout(left) as bound:
                return await play
        except TimeoutError:
            if bound.expired():
                raise TargetGone(
                    f"the run is over after {self._max_time:g} s, as --max-time says"
                ) from None
            raise


def _said_of_each(silences: Mapping[str, Sequence[str]]) -> str:
    """What each address does not do, in words; each is named once."""
    return ", and ".join(f"{silent} {' and '.join(said)}" for silent, said in silences.items())


async def _silent(bench: Bench, kind: Sentinel) -> str | None:
    """That of the DUT's addresses which does not answer such probes; None where all do."""
    for family, address in bench.duts.items():
        with bench.probing(family) as line:
            if not await is_answered(line, kind):
                return address
    return None


def packets_of(case: Case) -> int:
    """About as many packets as a case sends."""
    return _TO_REACH_AND_LEAVE * len(case.connections()) + _FOR_A_SEGMENT * case.injections()
