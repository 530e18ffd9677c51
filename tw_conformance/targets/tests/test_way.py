"""Which addresses of a DUT answer on the link."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from tw_conformance.link.injector import Injector
from tw_conformance.link.route import Route
from tw_conformance.model.errors import TargetError
from tw_conformance.targets.network.way import Way, resolved

IPV4, IPV6 = "192.0.2.1", "2001:db8::1"
DUTS = {"ipv4": IPV4, "ipv6": IPV6}


class Neighbour:
    """Answers for an address when it is asked for the n-th time; never: 0."""

    def __init__(self, answers_at: dict[str, int]) -> None:
        self._answers_at = answers_at
        self.asked: list[str] = []

    async def resolve(self, address: str, via: str, *, seconds: float) -> None:
        self.asked.append(address)
        if self.asked.count(address) != self._answers_at[address]:
            raise TargetError(f"{address} does not answer on this link.")


def addresses(ipv4: int, ipv6: int, *, assumed: bool = True) -> dict[str, str]:
    routes = {family: Route("tap0", "", "", address) for family, address in DUTS.items()}
    way = Way(DUTS, routes, {}, assumed=assumed)
    neighbour = Neighbour({IPV4: ipv4, IPV6: ipv6})
    return asyncio.run(resolved(cast(Injector, neighbour), way, None))


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "found"),
    [(1, 1, [IPV4, IPV6]), (2, 1, [IPV4, IPV6]), (1, 0, [IPV4]), (0, 1, [IPV6])],
)
def test_who_was_asked_before_the_dut_was_up_is_asked_again(
    ipv4: int, ipv6: int, found: list[str]
) -> None:
    assert list(addresses(ipv4, ipv6).values()) == found


def test_an_address_that_was_said_has_to_answer() -> None:
    with pytest.raises(TargetError, match=r"192\.0\.2\.1 does not answer.*--start-timeout"):
        addresses(0, 1, assumed=False)
    assert addresses(2, 1, assumed=False) == DUTS
