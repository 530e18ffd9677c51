"""What captures have in common: clocks, and what an interface does before they see a frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tw_conformance.link.capture.offloads import joins_by
from tw_conformance.link.capture.stamps import monotonic_minus_wall

FREEBSD_14 = """\
em0: flags=1008843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST,LOWER_UP> metric 0 mtu 1500
\toptions=4e504bb<RXCSUM,TXCSUM,VLAN_MTU,VLAN_HWTAGGING,JUMBO_MTU,VLAN_HWCSUM,LRO,VLAN_HWFILTER,\
VLAN_HWTSO,RXCSUM_IPV6,TXCSUM_IPV6,HWSTATS,MEXTPG>
\tether 00:0c:29:84:0f:86
\tinet 192.168.5.22 netmask 0xffffff00 broadcast 192.168.5.255
\tinet6 fe80::20c:29ff:fe84:f86%em0 prefixlen 64 scopeid 0x1
\tmedia: Ethernet autoselect (1000baseT <full-duplex>)
\tstatus: active
\tnd6 options=823<PERFORMNUD,ACCEPT_RTADV,AUTO_LINKLOCAL,STABLEADDR>
"""
MACOS = """\
en8: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu 1500
\toptions=6467<RXCSUM,TXCSUM,VLAN_MTU,TSO4,TSO6,CHANNEL_IO,PARTIAL_CSUM,ZEROINVERT_CSUM>
\tether 00:e0:4c:68:1f:26
\tinet 192.168.1.120 netmask 0xffffff00 broadcast 192.168.1.255
\tnd6 options=201<PERFORMNUD,DAD>
\tmedia: autoselect (1000baseT <full-duplex>)
\tstatus: active
"""


@pytest.mark.parametrize(
    ("ifconfig", "joins"),
    [
        (FREEBSD_14, True),
        (FREEBSD_14.replace("LRO,", ""), False),
        (MACOS, False),
        (MACOS.replace("TSO6", "LRO"), True),
        ("", False),
    ],
)
def test_ifconfig_says_whether_segments_are_joined(ifconfig: str, joins: bool) -> None:
    assert joins_by(ifconfig) is joins


def test_the_clocks_are_read_together() -> None:
    ahead = monotonic_minus_wall() / 1e9
    before, wall, after = time.monotonic(), time.time(), time.monotonic()
    assert before - wall - 0.001 <= ahead <= after - wall + 0.001


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[int]], None]:
    """A machine that does something else for so many nanoseconds after each reading of a clock;
    its monotonic clock is 100 s behind the wall clock."""
    now = 1_000_000_000_000

    def set_up(durations: list[int]) -> None:
        left: Iterator[int] = iter(durations)

        def read(offset: int) -> int:
            nonlocal now
            seen = now + offset
            now += next(left, 0)
            return seen

        monkeypatch.setattr(time, "monotonic_ns", lambda: read(0))
        monkeypatch.setattr(time, "time_ns", lambda: read(100_000_000_000))

    return set_up


def test_a_pause_between_two_readings_is_no_time_that_an_answer_took(
    pauses: Callable[[list[int]], None],
) -> None:
    pauses([30_000_000, 0, 0, 100, 100, 0])
    assert monotonic_minus_wall() == -100_000_000_000 + 100


def test_on_a_machine_that_always_pauses_the_shortest_counts_and_it_never_errs_early(
    pauses: Callable[[list[int]], None],
) -> None:
    pauses([9_000_000, 9_000_000, 0, 50_000, 20_000, 0, *(9_000_000, 9_000_000, 0) * 2])
    assert monotonic_minus_wall() == -100_000_000_000 + 20_000
