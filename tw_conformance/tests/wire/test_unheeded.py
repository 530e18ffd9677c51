"""What a kernel ignores did reach the place where it is ignored: its counters say so."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from tw_conformance.model.case import ByProfile, ExpectState, Reach, Send, SendIcmp, StateIs, Step
from tw_conformance.model.verdict import Verdict
from tw_conformance.play.player import play
from tw_conformance.targets.wire_target import WireTarget
from tw_conformance.tests.wire.conftest import case_of
from tw_reference import segment as tcp
from tw_reference.segment import Damage

UNREACHABLE = SendIcmp("port-unreachable")
STRANGE = {"ipv4": "Icmp InErrors", "ipv6": "Icmp6InErrors"}
"""Errors that no socket, and no timewait minisock, was found for (tcp_v4_err(), tcp_v6_err())."""


def descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child)
            yield from descendants(int(child))


def counters() -> Counter[str]:
    """The counters of every namespace that this process has made, added up by name."""
    found: Counter[str] = Counter()
    for pid in descendants(os.getpid()):
        for file in ("snmp", "netstat"):
            lines = Path(f"/proc/{pid}/net/{file}").read_text().splitlines()
            for names, values in zip(lines[::2], lines[1::2], strict=True):
                group, *words = names.split()
                for name, value in zip(words, values.split()[1:], strict=True):
                    found[f"{group.removesuffix(':')} {name}"] += int(value)
        for line in Path(f"/proc/{pid}/net/snmp6").read_text().splitlines():
            name, value = line.split()
            found[name] += int(value)
    return found


def counted(target: WireTarget, reach: Reach, *steps: Step) -> Counter[str]:
    """How far the counters went while a case was played, which has to pass."""
    target.start(play(case_of(), target)).result()  # the world is made with the first
    before = counters()
    outcome = target.start(play(case_of(*steps, reach=reach), target)).result()
    assert outcome.verdict is Verdict.PASS, outcome.reason
    return counters() - before


@pytest.mark.parametrize("state", ["TIME-WAIT", "FIN-WAIT-2"])
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_an_error_finds_the_minisock(
    target: WireTarget, family: Literal["ipv4", "ipv6"], state: str
) -> None:
    still_there = ExpectState(ByProfile((("*", StateIs(state)),)))
    came = counted(target, Reach(family=family, state=state), UNREACHABLE, still_there)
    assert came["Icmp InDestUnreachs" if family == "ipv4" else "Icmp6InDestUnreachs"] == 1
    assert came[STRANGE[family]] == 0


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_an_error_about_no_connection_finds_nothing(
    target: WireTarget, family: Literal["ipv4", "ipv6"]
) -> None:
    came = counted(target, Reach(family=family, state="LISTEN"), UNREACHABLE)
    assert came[STRANGE[family]] == 1


@pytest.mark.parametrize(
    ("damage", "reasons"),
    [
        ("tcp-checksum", {"Tcp InErrs", "Tcp InCsumErrors"}),
        ("ip-checksum", {"Ip InHdrErrors", "IpExt InCsumErrors"}),
        ("short-data-offset", {"Tcp InErrs"}),
        ("long-data-offset", set()),
    ],
)
def test_a_segment_is_dropped_for_what_is_wrong_with_it(
    target: WireTarget, damage: Damage, reasons: set[str]
) -> None:
    """The last one is dropped where no counter is."""
    came = counted(target, Reach(), Send(tcp.RST, corrupt=damage))
    errors = {"Tcp InErrs", "Tcp InCsumErrors", "Ip InHdrErrors", "IpExt InCsumErrors"}
    assert errors & came.keys() == reasons
