"""The settings of a DUT, which its agent reads and changes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Self

from tw_conformance.dut.client import AgentClient, AgentError
from tw_conformance.model.case import Call, Case, ExpectState, Step
from tw_conformance.model.errors import TargetError
from tw_conformance.model.sysctls import FREEBSD, LINUX

_BY_PLATFORM: Mapping[str, Mapping[str, str]] = {"Linux": LINUX, "FreeBSD": FREEBSD}
OF_THE_WHOLE_TABLE = frozenset({"max_tw_buckets", "maxtcptw"})
"""Settings under which a connection feels all others, those of the DUT's own users included."""


class DutSettings:
    """What a DUT's system has, by the names of cases."""

    def __init__(
        self,
        agent: AgentClient,
        platform: str,
        hz: int | None,
        release: str = "",
        *,
        destroys: bool = False,
    ) -> None:
        self.platform = platform
        self.release = release
        self._destroys = destroys
        self.hz = hz
        self._agent = agent
        self._sysctls = _BY_PLATFORM.get(platform, {})

    @classmethod
    async def of(cls, agent: AgentClient) -> Self:
        """Of the DUT that this agent runs on.

        :raises TargetError: where it does not say what that is.
        """
        match await agent.ask("version"):
            case {
                "platform": str(platform),
                "release": str(release),
                "hz": (int() | None) as hz,
                "destroys": bool(destroys),
            }:
                return cls(agent, platform, hz, release, destroys=destroys)
            case _:
                raise TargetError("the agent does not say what it runs on: this is not our agent")

    def lacks(self, case: Case) -> str | None:
        """What the DUT's system can't do for a case, None where it can do all."""
        for setting in case.settings:
            if setting not in self._sysctls:
                return f"needs the setting {setting}, which the agent can't change on this DUT"
        if self.platform != "Linux" and any(_sets_linger2(step) for step in case.steps):
            return f"needs the socket option TCP_LINGER2, which {self.platform} does not have"
        if not self._destroys and any(_destroys(step) for step in case.steps):
            kernel = f"{self.platform} {self.release}".rstrip()
            return f"needs SOCK_DESTROY, which {kernel} does not have"
        if self.platform != "Linux" and any(_asks_for_a_timer(step) for step in case.steps):
            return "needs to read the block's timer, which the agent can't do on this DUT"
        return None

    async def read(self) -> dict[str, int]:
        """What the DUT has, by the names of cases.  What it doesn't know is left out, and what
        depends on its memory.

        :raises TargetError: where the agent is gone, or says what is no number.
        """
        found = {}
        for setting, name in self._sysctls.items():
            if setting in OF_THE_WHOLE_TABLE:
                continue
            try:
                value = (await self._agent.ask("sysctl_get", name=name)).get("value")
            except AgentError:
                continue
            if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,19}", value):
                raise TargetError(f"{name} is no number on the DUT: {value!r:.40}")
            found[setting] = int(value)
        return found

    async def switch_to(self, settings: Mapping[str, int]) -> None:
        """Have the DUT take these settings, and its own for the rest.

        :raises TargetError: where it has no such setting, or refuses one.
        """
        await self._agent.ask("sysctl_restore")
        for setting, value in settings.items():
            name = self._sysctls.get(setting)
            if name is None:
                known = ", ".join(self._sysctls)
                raise TargetError(f"{self.platform} can't set {setting!r}: it knows {known}")
            try:
                await self._agent.ask("sysctl_set", name=name, value=value)
            except AgentError as error:
                raise TargetError(
                    f"the DUT can't set {name} to {value}: {error}; root could, if this kernel"
                    " has that setting"
                ) from error


class SharedSettings:
    """Lets cases in together that want the same settings of one DUT, and others once those are
    through: one switch serves all the cases that want it."""

    def __init__(self, settings: DutSettings) -> None:
        self._settings = settings
        self._current: Mapping[str, int] | None = {}
        self._inside = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def holding(self, settings: Mapping[str, int]) -> AsyncIterator[None]:
        """The DUT has these settings, and its own for the rest, within.

        :raises TargetError: where the DUT refuses one.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: not self._inside or self._current == settings)
            if self._current != settings:
                self._current = None  # unknown, should it fail half-way
                await self._settings.switch_to(settings)
                self._current = dict(settings)
            self._inside += 1
        try:
            yield
        finally:
            async with self._changed:
                self._inside -= 1
                self._changed.notify_all()


def _sets_linger2(step: Step) -> bool:
    return isinstance(step, Call) and "linger2" in step.arguments


def _destroys(step: Step) -> bool:
    return isinstance(step, Call) and step.verb == "destroy"


def _asks_for_a_timer(step: Step) -> bool:
    return isinstance(step, ExpectState) and any(state.timer for _, state in step.state.choices)
