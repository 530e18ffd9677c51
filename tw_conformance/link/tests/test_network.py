"""DUTs on a link: how they are named, what may be fired at, and how fast."""

from __future__ import annotations

import asyncio

import pytest

from tw_conformance.link.access import Access
from tw_conformance.link.consent import check_may_fire
from tw_conformance.link.pace import Pace
from tw_conformance.model.errors import TargetError, UsageError
from tw_conformance.targets.access_options import as_arguments
from tw_conformance.targets.kinds import locate
from tw_conformance.targets.locator import Locator
from tw_reference.wire.neighbours import Neighbours


@pytest.mark.parametrize(
    ("text", "locator"),
    [
        ("192.0.2.1", Locator("host", "192.0.2.1")),
        ("192.0.2.1:80", Locator("host", "192.0.2.1", 80)),
        ("2001:db8::1", Locator("host", "2001:db8::1")),
        ("[2001:db8::1]:80", Locator("host", "2001:db8::1", 80)),
        ("box.example:13", Locator("host", "box.example", 13)),
        ("ssh://box", Locator("ssh", "box")),
        ("ssh://root@192.0.2.1:2222", Locator("ssh", "192.0.2.1", 2222, "root")),
        ("ssh://root@[2001:db8::1]", Locator("ssh", "2001:db8::1", None, "root")),
        ("tap:tap0", Locator("tap", detail="tap0")),
        ("cmd:./stack {ifname}", Locator("cmd", detail="./stack {ifname}")),
    ],
)
def test_a_target_is_a_place(text: str, locator: Locator) -> None:
    assert locate(text) == locator


def test_a_bare_word_is_no_place() -> None:
    assert locate("netns") is None


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("192.0.2.1:0", "from 1 to 65535"),
        ("192.0.2.1:http", "write HOST, HOST:PORT"),
        ("ssh:box", "write ssh://HOST"),
        ("ssh://-oProxyCommand=x", "write ssh://HOST"),
        ("ssh://@box", "write ssh://HOST"),
        ("tap:", "the name of a TAP device"),
        ("cmd:./stack", "where the command takes its TAP device"),
    ],
)
def test_what_begins_like_a_place_and_is_none_says_how_to_write_it(text: str, advice: str) -> None:
    with pytest.raises(UsageError, match=advice):
        locate(text)


@pytest.mark.parametrize(
    "address",
    [
        *("10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.1.1"),
        *("192.0.2.7", "198.51.100.7", "203.0.113.7"),
        *("fd00::1", "2001:db8::1", "fe80::1"),
    ],
)
def test_lab_addresses_may_be_fired_at(address: str) -> None:
    check_may_fire(address, own=(), broadcast=(), owned=False)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("8.8.8.8", "--yes-i-own-this-host"),
        ("172.32.0.1", "--yes-i-own-this-host"),
        ("2600::1", "--yes-i-own-this-host"),
        ("::ffff:8.8.8.8", "--yes-i-own-this-host"),
        ("224.0.0.1", "no host"),
        ("ff02::1", "no host"),
        ("0.0.0.0", "no host"),
        ("255.255.255.255", "broadcast"),
        ("192.168.1.255", "broadcast"),
        ("127.0.0.1", "this machine itself"),
        ("::1", "this machine itself"),
        ("192.168.1.2", "this machine itself"),
    ],
)
def test_all_else_is_refused(address: str, why: str) -> None:
    with pytest.raises(TargetError, match=why):
        check_may_fire(address, own=("192.168.1.2",), broadcast=("192.168.1.255",), owned=False)


def test_consent_is_for_public_addresses_only() -> None:
    check_may_fire("8.8.8.8", own=(), broadcast=(), owned=True)
    with pytest.raises(TargetError, match="no host"):
        check_may_fire("224.0.0.1", own=(), broadcast=(), owned=True)


def test_a_flood_of_made_up_neighbours_is_not_remembered() -> None:
    mine, theirs = "02:00:00:00:00:01", "02:00:00:00:00:02"
    tester = Neighbours(mine, ["10.255.0.1"])
    liar = Neighbours(theirs, [])
    for number in range(5000):
        tester.hear(liar.ask(f"10.0.{number >> 8}.{number & 255}", "10.255.0.1"))
    assert len(tester.known) < 5000


def test_a_borrowed_address_and_an_own_one_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="give one of the two"):
        Access(borrow=True, tester_ips=("192.0.2.9",))


def test_one_address_of_each_family() -> None:
    Access(tester_ips=("192.0.2.9", "2001:db8::9"))
    with pytest.raises(UsageError, match="once for IPv4"):
        Access(tester_ips=("192.0.2.9", "192.0.2.8"))


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_rate_is_above_zero(rate: float) -> None:
    with pytest.raises(UsageError, match="above zero"):
        Access(rate=rate)


def test_what_was_given_survives_the_way_to_a_worker() -> None:
    fields = {"tester_ips": ("192.0.2.9", "2001:db8::9"), "borrow": True, "rate": 50.0}
    assert as_arguments(fields, "tw-") == [
        "--tw-tester-ip=192.0.2.9",
        "--tw-tester-ip=2001:db8::9",
        "--tw-source-ip",
        "--tw-rate=50.0",
    ]


class Time:
    """A clock that goes on when somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(asyncio, "sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


def test_connections_wait_for_their_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> float:
        time = Time(monkeypatch)
        pace = Pace(200.0, time)
        for _ in range(101):
            await pace.admit(20)
        return time.now

    assert asyncio.run(scenario()) == pytest.approx(10.0)


def test_what_is_sent_beyond_an_admission_is_waited_for_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> float:
        time = Time(monkeypatch)
        pace = Pace(200.0, time)
        await pace.admit(20)
        pace.settle(-200)
        await pace.admit(20)
        return time.now

    assert asyncio.run(scenario()) == pytest.approx(1.1)


def test_a_slow_rate_admits_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> float:
        time = Time(monkeypatch)
        pace = Pace(1.0, time)
        for _ in range(3):
            await pace.admit(16)
        return time.now

    assert asyncio.run(scenario()) == pytest.approx(32.0)
