"""A DUT on a link, in real time: whatever answers there.

How it is reached is said by an *attach* function (a host, ssh, a TAP, a command); all the rest is
the same for all of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import TypeVar

from tw_conformance.dut.calls import SocketCalls, opening_of
from tw_conformance.dut.settings import DutSettings
from tw_conformance.link.access import Access
from tw_conformance.link.base import Link
from tw_conformance.link.pace import Pace
from tw_conformance.link.path import Path
from tw_conformance.link.probes import survey
from tw_conformance.model.case import Case
from tw_conformance.model.errors import TargetError, TargetGone
from tw_conformance.targets.base import Play, tester_isn
from tw_conformance.targets.kernel.bench import ProbeLine
from tw_conformance.targets.loop_thread import LoopThread
from tw_conformance.targets.network.attachment import Attachment
from tw_conformance.targets.network.link import AgentLink, NetworkLink, packets_of
from tw_reference.clock import SECOND
from tw_reference.profiles.profile import Profile

T = TypeVar("T")

Attach = Callable[[Access], Awaitable[Attachment]]


class NetworkTarget:
    """The DUT that ``attach`` reaches, held to the profile ``stack``.

    :raises TargetError: where it can't be reached; says what to do.
    """

    realtime = True

    def __init__(
        self, name: str, stack: Profile, attach: Attach, access: Access, seed: int = 0
    ) -> None:
        self.name = name
        self.profile = stack.name
        self.seed = seed
        self.path = Path()
        self._access = access
        self._defaults = stack.defaults()
        self._settings = self._defaults | dict(access.settings)
        self._deadline = time.monotonic() + access.max_time
        self._closing = AsyncExitStack()
        self._loop = LoopThread(name)
        try:
            self._loop.start(self._reach(attach)).result()
        except BaseException:
            self.close()
            raise
        self.time_variables: Mapping[str, float] = {
            "msl": stack.lifetime(self._settings) / 2 / SECOND,
            "tick": stack.lateness(self._settings) / SECOND,
        }

    def describe(self) -> str:
        addresses = " and ".join(self._attached.duts.values())
        return f"{self.name} ({addresses}), held to {self.profile}"

    def lacks(self, case: Case) -> str | None:
        family = case.reach.family
        if family not in self._attached.duts:
            name = {"ipv4": "IPv4", "ipv6": "IPv6"}[family]
            return f"needs an {name} address of the DUT and one of the tester"
        for setting, value in self._access.settings.items():
            wanted = case.settings.get(setting, self._defaults.get(setting))
            if setting not in self.time_variables and wanted != value:
                return f"is not about a DUT with {setting}={value}"
        if self._dut_settings is not None:
            return self._dut_settings.lacks(case)
        if opening_of(case).private:
            return "needs socket calls on the DUT: use ssh://"
        for setting, value in case.settings.items():
            if self._settings.get(setting) != value:
                return f"needs the DUT's setting {setting}={value}: use ssh://"
        return None

    async def open(self, case: Case) -> Link:
        packets = packets_of(case)
        await self._pace.admit(packets)
        isn = tester_isn(self.seed, case)
        attached, family = self._attached, case.reach.family
        if attached.agent is None or self._dut_settings is None:
            mailbox = attached.connect(family, attached.ports[family])
            return NetworkLink(attached, mailbox, isn, self._pace, packets)
        async with AsyncExitStack() as holding:
            await holding.enter_async_context(self._dut_settings.holding(case.settings))
            opening = opening_of(case)
            port = attached.ports[family]
            if opening.private:
                port = await attached.listen(family, opening.policy, opening.reuse_address)
            mailbox = attached.connect(family, port)
            calls = SocketCalls(attached.agent, mailbox.flow, opening)
            if not opening.listens:
                await calls.release()  # it was only for a port that nobody has
            return AgentLink(
                attached,
                attached.agent,
                calls,
                mailbox,
                isn,
                self._pace,
                packets,
                private_port=opening.private,
                holding=holding.pop_all(),
            )

    def start(self, play: Coroutine[object, object, T]) -> Play[T]:
        return self._loop.start(self._bounded(play))

    def close(self) -> None:
        self._loop.close(self._closing.aclose)

    @property
    def reads_states(self) -> bool:
        """Whether the agent, which can, runs on the DUT."""
        return self._dut_settings is not None

    async def read_settings(self) -> dict[str, str]:
        """The DUT's settings by the profile's names, those that it has; needs the agent."""
        assert self._dut_settings is not None, "only an agent reads settings"
        return await self._dut_settings.read()

    async def _reach(self, attach: Attach) -> None:
        """Reach the DUT, and learn what the path does before a verdict rests on it."""
        self._attached = await attach(self._access)
        self._closing.push_async_callback(self._attached.aclose)
        self._pace = Pace(self._access.rate)
        self._dut_settings: DutSettings | None = None
        agent = self._attached.agent
        if agent is not None:
            self._dut_settings = await DutSettings.of(agent)
            if self._dut_settings.hz is not None and "hz" in self._settings:
                self._settings["hz"] = self._dut_settings.hz
            for family in self._attached.duts:
                self._attached.ports[family] = await self._attached.listen(family, "close")
        family = next(iter(self._attached.duts))
        mailbox = self._attached.connect(family, self._attached.ports[family])
        try:
            await survey(ProbeLine(self._attached.injector, mailbox), self.path)
        finally:
            self._attached.injector.release(mailbox)
        if self.path.dead:
            raise TargetError(
                f"{self._attached.duts[family]} answers none of {self.path.probes} echo requests"
                " (ICMP), without which no silence can be proven: let them pass on the DUT and in"
                " firewalls, for the tester's address at least"
            )

    async def _bounded(self, play: Coroutine[object, object, T]) -> T:
        left = max(self._deadline - time.monotonic(), 0.0)
        try:
            async with asyncio.timeout(left) as bound:
                return await play
        except TimeoutError:
            if bound.expired():
                raise TargetGone(
                    f"the run is over after {self._access.max_time:g} s, as --max-time says"
                ) from None
            raise
