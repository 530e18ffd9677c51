"""The one DUT at the end of a way, which all cases share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from random import SystemRandom

from tw_conformance.dut.calls import preparation_of
from tw_conformance.dut.settings import OF_THE_WHOLE_TABLE, DutSettings, SharedSettings
from tw_conformance.link.path import Sentinel
from tw_conformance.model.case import Case, Counters, Open
from tw_conformance.model.errors import TargetError
from tw_conformance.targets.bench import Bench
from tw_conformance.targets.kinds import Order
from tw_conformance.targets.wire_target import WireTarget
from tw_reference.clock import SECOND
from tw_reference.profiles import PROFILES
from tw_reference.profiles.profile import Profile
from tw_reference.profiles.releases import NoStandIn, stand_in

_FAMILIES = {"ipv4": "IPv4", "ipv6": "IPv6"}

Attach = Callable[[], Awaitable[Bench]]
"""Reaches a DUT.  Raises TargetError."""


def network_target(order: Order, attach: Attach) -> WireTarget:
    """The DUT that ``attach`` reaches, held to the profile that the order says.

    :raises TargetError: where it can't be reached; says what to do.
    """
    assert order.profile is not None, "of a DUT somewhere only the user knows what it is"
    stack, access = PROFILES[order.profile], order.access
    alone = not order.place.host
    dut = OneDut(order.name, stack, attach, access.settings, alone=alone)
    return WireTarget(
        order.name,
        stack,
        dut,
        seed=order.seed,
        rate=access.rate,
        max_time=access.max_time,
        max_wait=access.max_wait,
        sentinel=None if access.sentinel is None else Sentinel(access.sentinel),
    )


class OneDut:
    """A DUT that is there before and after the run
    (:class:`~tw_conformance.targets.wire_target.Duts`).

    ``said`` are those of its settings that differ from the profile's defaults, as the user says.
    ``alone``: it is a stack on a device that it has for itself, and no host with a shell.
    """

    own = False

    def __init__(
        self,
        name: str,
        stack: Profile,
        attach: Attach,
        said: Mapping[str, int],
        *,
        alone: bool = False,
    ) -> None:
        self._name = name
        self._alone = alone
        self._stack = stack
        self._profile = stack.name
        self._attach = attach
        self._said = said
        self._assumed = stack.defaults() | dict(said)
        self._bench: Bench | None = None
        self._settings: DutSettings | None = None
        self.settings = said

    async def start(self) -> Bench:
        self._bench = bench = await self._attach()
        if bench.client is not None:
            self._settings = await DutSettings.of(bench.client)
            self._shared = SharedSettings(self._settings)
            self.settings = {**self._said, **await self._settings.read()}
            known = self._assumed.keys() & self.settings.keys()
            self._assumed |= {name: self.settings[name] for name in known}
            if self._settings.hz is not None and "hz" in self._assumed:
                self._assumed["hz"] = self._settings.hz
            # Blocks of an earlier run may be on the first ports yet.
            await bench.serve(0, first_private=SystemRandom().getrandbits(16))
        return bench

    def lacks(self, case: Case) -> str | None:
        family = case.reach.family
        if family not in self._there.duts:
            return f"needs an {_FAMILIES[family]} address of the DUT and one of the tester"
        if any(isinstance(step, Open) and step.peer == "other" for step in case.steps):
            return "needs another address of the tester's (open: peer)"
        if _leaves_a_path_mtu(case):
            return (
                "tells the DUT a path MTU, which it may keep for 10 minutes for every case from"
                " the tester's one address (netns and uml have an address for each such case)"
            )
        if self._settings is not None:
            return self._table_of_its_own(case) or self._settings.lacks(case)
        if preparation_of(case).private:
            return f"needs socket calls on the DUT{self._how()}"
        if any(isinstance(step, Counters) for step in case.steps):
            return f"needs to read the DUT's counters{self._how()}"
        for setting, value in case.settings.items():
            if self._assumed.get(setting) != value:
                said = f"{setting}={value}"
                return f"needs the DUT's setting {said}{self._how(said)}"
        return None

    def _how(self, setting: str = "") -> str:
        """How it can be had: on a host an agent does it; a stack that runs alone takes no agent,
        but its author may give it a setting."""
        if not self._alone:
            return ": use ssh://"
        if setting:
            return f": give it that, and say --set {setting}"
        return ", and nothing of ours runs there"

    def assume(self, settings: Mapping[str, int]) -> None:
        self.settings = {**self.settings, **settings}
        self._assumed |= settings

    def describe(self) -> str:
        what = " and ".join(self._there.duts.values())
        if self._settings is not None:
            what += f"; {_release_of(self._settings)}"
        return f"{self._name} ({what}), held to {self._profile}"

    def time_variables(self, stack: Profile) -> Mapping[str, float]:
        """Those of the profile, with the DUT's settings."""
        return {
            "msl": stack.lifetime(self._assumed) / 2 / SECOND,
            "tick": stack.lateness(self._assumed) / SECOND,
        }

    @asynccontextmanager
    async def holding(self, settings: Mapping[str, int]) -> AsyncIterator[Bench]:
        """The one bench, switched over where there is an agent to do it."""
        if self._settings is None:
            yield self._there
            return
        async with self._shared.holding(settings):
            yield self._there

    async def new(self, settings: Mapping[str, int]) -> Bench:
        raise TargetError(f"{self._name} is one DUT, for all who need it: use netns or uml")

    async def aclose(self) -> None:
        if self._bench is not None:
            await self._bench.aclose()

    @property
    def _there(self) -> Bench:
        assert self._bench is not None, "it has to be reached first"
        return self._bench

    def _table_of_its_own(self, case: Case) -> str | None:
        for setting in case.settings:
            if setting in OF_THE_WHOLE_TABLE:
                return f"needs {setting} changed, and with it a table of its own"
        return None


def _release_of(dut: DutSettings) -> str:
    """What the agent runs on, and the profile that stands for it."""
    system = f"{dut.platform} {dut.release}"
    try:
        return f"{system}: {stand_in(dut.platform.lower(), dut.release).profile} stands for it"
    except NoStandIn:
        return system


def _leaves_a_path_mtu(case: Case) -> bool:
    """Whether the DUT may learn one: in TIME-WAIT no stack does that has been documented
    (tcp_ipv4.c, tcp_v4_err(); tcp_subr.c, tcp_ctlinput())."""
    connections = case.connections()
    return any(connections[name].state != "TIME-WAIT" for name in case.told_path_mtus())
