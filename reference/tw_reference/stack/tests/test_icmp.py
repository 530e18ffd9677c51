"""ICMP errors about a connection: who heeds them, and who is meant."""

from __future__ import annotations

import pytest

from tw_reference.conftest import DUT, TESTER, MakeWait, Wait
from tw_reference.icmp_numbers import ICMP, ICMPV6, Number, kind_of, name_of, number_of, numbers
from tw_reference.profiles import PROFILES
from tw_reference.rules import stages
from tw_reference.segment import Flow, IcmpError

HARD: tuple[str, ...] = ("protocol-unreachable", "port-unreachable")
ROUTER = "192.0.2.254"


def error(wait: Wait, kind: str, *, dst: str = DUT, quoted: Flow | None = None) -> IcmpError:
    """Reported by a router, about the host's FIN unless ``quoted`` is another flow."""
    seq = (wait.snd_nxt - 1) & 0xFFFFFFFF
    return IcmpError(ROUTER, dst, ICMP[kind], quoted or wait.flow.reverse, seq)


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "rfc9293"])
@pytest.mark.parametrize("kind", ICMP)
def test_no_stack_heeds_an_error_in_time_wait(time_wait: MakeWait, profile: str, kind: str) -> None:
    wait = time_wait(profile)
    expires = wait.block.expires
    wait.let_pass(1)
    wait.host.receive(error(wait, kind))
    assert (wait.sent(), wait.state, wait.block.expires) == ([], "TIME-WAIT", expires)
    assert wait.host.trace[-1].stage is stages.ICMP


@pytest.mark.parametrize("kind", ICMP)
def test_by_the_rfc_a_hard_error_ends_time_wait(time_wait: MakeWait, kind: str) -> None:
    wait = time_wait("rfc9293")
    wait.host.receive(error(wait, kind))
    assert wait.sent() == []
    assert wait.state == ("CLOSED" if kind in HARD else "TIME-WAIT")


@pytest.mark.parametrize(
    ("kind", "settings", "rule"),
    [
        ("source-quench", {}, "icmp-source-quench"),
        ("fragmentation-needed", {}, "icmp-too-big"),
        ("fragmentation-needed", {"pmtud": 0}, "icmp-hard"),
        ("port-unreachable", {}, "icmp-hard"),
        ("port-unreachable", {"icmp_hard": 0}, "icmp-soft"),
        ("port-unreachable", {"rfc5927": 1}, "icmp-not-in-flight"),
        ("time-exceeded", {}, "icmp-soft"),
    ],
)
def test_which_of_the_rfcs_decides(
    time_wait: MakeWait, kind: str, settings: dict[str, int], rule: str
) -> None:
    wait = time_wait("rfc9293", **settings)
    wait.host.receive(error(wait, kind))
    decision = wait.host.trace[-1]
    assert decision.rule.id == f"rfc9293.{rule}"
    assert decision.error == error(wait, kind)
    assert (decision.before.state, decision.after.state) == ("TIME-WAIT", wait.state)


@pytest.mark.parametrize(
    ("dst", "quoted"),
    [
        (DUT, Flow(DUT, 7, TESTER, 40001)),
        (DUT, Flow(TESTER, 40000, DUT, 7)),
        ("192.0.2.77", Flow(DUT, 7, TESTER, 40000)),
    ],
    ids=["another connection", "the tester's own segment", "another host"],
)
def test_an_error_about_nobody_is_ignored(time_wait: MakeWait, dst: str, quoted: Flow) -> None:
    wait = time_wait("rfc9293")
    decided = len(wait.host.trace)
    wait.host.receive(error(wait, "port-unreachable", dst=dst, quoted=quoted))
    assert (wait.sent(), wait.state, len(wait.host.trace)) == ([], "TIME-WAIT", decided)


@pytest.mark.parametrize(("rfc5927", "state"), [(0, "CLOSED"), (1, "FIN-WAIT-1")])
def test_a_hard_error_ends_a_full_connection_but_for_rfc_5927(
    time_wait: MakeWait, rfc5927: int, state: str
) -> None:
    wait = time_wait("rfc9293", stop="FIN-WAIT-1", rfc5927=rfc5927)
    wait.host.receive(error(wait, "port-unreachable"))
    assert wait.state == state


@pytest.mark.parametrize(
    ("profile", "kind", "seconds"),
    [
        ("linux-6.18", "fragmentation-needed", 0),
        ("linux-6.18", "host-unreachable", 1),
        ("freebsd-15", "fragmentation-needed", 0),
        ("rfc9293", "fragmentation-needed", 0),
    ],
)
def test_what_has_no_rule_is_not_ruled(
    time_wait: MakeWait, profile: str, kind: str, seconds: int
) -> None:
    wait = time_wait(profile, stop="FIN-WAIT-1")
    wait.let_pass(seconds)
    wait.host.receive(error(wait, kind))
    assert wait.state == "FIN-WAIT-1"
    assert not wait.host.trace[-1].ruled


def test_a_profile_without_such_a_list_is_not_ruled(time_wait: MakeWait) -> None:
    wait = time_wait("linux-6.18", stop="FIN-WAIT-1")
    wait.host.profile = wait.host.profile.derive("x", "X", without=(stages.ICMP_CONNECTION,))
    wait.host.receive(error(wait, "port-unreachable"))
    assert (wait.state, wait.host.trace[-1].ruled) == ("FIN-WAIT-1", False)


@pytest.mark.parametrize("ipv6", [False, True])
def test_every_error_has_one_name_or_is_called_by_its_number(*, ipv6: bool) -> None:
    named = numbers(ipv6=ipv6)
    assert len(set(named.values())) == len(named)
    for type_ in range(256):
        for code in range(256):
            number = Number(type_, code)
            name = name_of(number, ipv6=ipv6)
            is_error = kind_of(number, ipv6=ipv6) is not None
            assert (name in named) <= is_error
            assert number_of(name, ipv6=ipv6) == (number if is_error else None)
            assert number_of(f"{type_}/{code}", ipv6=ipv6) == (number if is_error else None)


@pytest.mark.parametrize("name", ["", "3", "3/", "/3", "3/256", "3/1000", "-3/1", "3/x", "echo"])
def test_what_is_no_error_has_no_number(name: str) -> None:
    assert number_of(name, ipv6=False) is None


def test_some_names_are_of_one_family() -> None:
    assert {"protocol-unreachable", "source-quench", "redirect-net"} <= ICMP.keys() - ICMPV6.keys()
    assert {"packet-too-big", "next-header-unknown"} <= ICMPV6.keys() - ICMP.keys()
