"""Rules that keep the kernel's resets in: what they say, and whose are removed."""

from __future__ import annotations

import os
import subprocess

import pytest

from tw_conformance.link import firewall
from tw_conformance.link.firewall import Iptables, Muting, Nftables, Pf, Quiet, own_name

V4 = Muting("192.0.2.20", range(20000, 20750))
V6 = Muting("2001:db8::20", range(20000, 20750))

SAVED = """\
-P OUTPUT ACCEPT
-A OUTPUT -d 192.0.2.20/32 -p tcp -m tcp --sport 20000:20749 --tcp-flags RST RST -m comment \
--comment tw_conformance_1_2_3_20000 -j DROP
-A OUTPUT -m comment --comment "of somebody else" -j ACCEPT
"""


class InMemory:
    """A firewall that keeps names."""

    def __init__(self, *names: str) -> None:
        self.rules = list(names)

    def names(self) -> list[str]:
        return list(self.rules)

    def add(self, name: str, silence: Muting) -> None:
        self.rules.append(name)

    def remove(self, name: str) -> None:
        self.rules.remove(name)


class Tool:
    """Stands for the system's commands; remembers how it was called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, says: str = "") -> None:
        self.calls: list[tuple[str, ...]] = []
        self.heard = ""
        self._says = says
        monkeypatch.setattr(firewall, "_run", self)
        monkeypatch.setattr(firewall, "_which", lambda tool: tool)

    def __call__(self, *words: str, stdin: str = "") -> str:
        self.calls.append(words)
        self.heard = stdin
        return self._says if words[0] != "ip6tables" else ""


def test_a_rule_goes_when_it_is_closed() -> None:
    rules = InMemory("of_somebody_else")
    quiet = Quiet.keep(V4, firewall=rules)
    assert rules.names() == ["of_somebody_else", own_name(20000)]
    quiet.close()
    quiet.close()
    assert rules.names() == ["of_somebody_else"]


def test_the_rule_of_a_killed_run_goes_with_the_next_start() -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    pid, began, boot = own_name(0).split("_")[2:5]
    stale = f"tw_conformance_{ended.pid}_{began}_{boot}_20000"
    another_process_with_its_number = f"tw_conformance_{pid}_{int(began) + 1}_{boot}_20000"
    before_the_last_boot = f"tw_conformance_{pid}_{began}_abcdef_20000"
    alive = own_name(30000)
    rules = InMemory(stale, another_process_with_its_number, before_the_last_boot, alive)
    Quiet.keep(V4, firewall=rules)
    assert rules.names() == [alive, own_name(20000)]


def test_nftables(monkeypatch: pytest.MonkeyPatch) -> None:
    tool = Tool(monkeypatch, "table inet filter\ntable inet tw_conformance_1_2_3_20000\n")
    assert Nftables().names() == ["tw_conformance_1_2_3_20000"]
    Nftables().add("name", V6)
    rule = "ip6 daddr 2001:db8::20 tcp sport 20000-20749 tcp flags & rst == rst drop"
    assert rule in tool.heard


def test_iptables_removes_the_rule_as_it_lists_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tool = Tool(monkeypatch, SAVED)
    assert Iptables().names() == ["tw_conformance_1_2_3_20000"]
    Iptables().remove("tw_conformance_1_2_3_20000")
    listed = SAVED.splitlines()[1].split()
    assert tool.calls[-1] == ("iptables", "-w", "-D", *listed[1:])


def test_pf_has_an_anchor_for_each_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    tool = Tool(monkeypatch, "  tw_conformance/tw_conformance_1_2_3_20000\n")
    assert Pf().names() == ["tw_conformance_1_2_3_20000"]
    Pf().add("name", V4)
    assert tool.calls[-1][:3] == ("pfctl", "-a", "tw_conformance/name")
    assert tool.heard == (
        "block drop out quick inet proto tcp from any port 20000:20749 to 192.0.2.20 flags R/R\n"
    )


def test_a_name_says_whose_it_is() -> None:
    assert f"_{os.getpid()}_" in own_name(20000)
    assert own_name(20000) != own_name(20001)
