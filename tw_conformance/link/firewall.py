"""Keeps this machine's kernel quiet about connections that the suite has under its address.

The kernel knows nothing of them, so it answers what the DUT sends with an RST (RFC 9293 section
3.10.7.1).  A rule drops those, and nothing else: towards one host, from the suite's ports.

A rule's name says which process made it (its ID, when it began, the boot), so that the next run
finds and removes the rules of processes that are gone.  nftables or iptables on Linux; pf on
FreeBSD and macOS, where ``/etc/pf.conf`` needs the line ``anchor "tw_conformance/*"``; that was
never run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from tw_conformance.model.errors import TargetError

_PREFIX = "tw_conformance"
_NAME = re.compile(rf"{_PREFIX}_(?P<pid>[0-9]+)_(?P<began>[0-9]+)_(?P<boot>[0-9a-f]+)_[0-9]+")
_TABLE = """\
table inet {name} {{
    chain output {{
        type filter hook output priority 0
        {rule}
    }}
}}
"""
_SECONDS = 10.0
_SYSTEM_FOLDERS = "/usr/sbin:/sbin:/usr/local/sbin"


@dataclass(frozen=True, slots=True)
class Muting:
    """What the kernel must not send: RSTs to ``dut`` from one of ``ports``."""

    dut: str
    ports: range

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.dut


class Firewall(Protocol):
    """How one operating system makes such a rule."""

    def names(self) -> list[str]:
        """The names of all rules of this kind, of every owner."""

    def add(self, name: str, silence: Muting) -> None: ...

    def remove(self, name: str) -> None: ...


class Quiet:
    """A rule that is there until :meth:`close`."""

    def __init__(self, firewall: Firewall, name: str) -> None:
        self._firewall = firewall
        self._name: str | None = name

    @classmethod
    def keep(cls, silence: Muting, number: int = 0, firewall: Firewall | None = None) -> Self:
        """Make the rule, and remove those of runs that were killed.  ``number`` tells apart the
        rules of one process for the same ports.

        :raises TargetError: where there is no firewall to be had.
        """
        firewall = firewall or this_systems()
        remove_stale(firewall)
        name = own_name(silence.ports.start + number)
        firewall.add(name, silence)
        return cls(firewall, name)

    def close(self) -> None:
        """Remove the rule; may be called twice."""
        if self._name is not None:
            name, self._name = self._name, None
            self._firewall.remove(name)


def this_systems() -> Firewall:
    """:raises TargetError: where this machine has none of those that are known here."""
    if sys.platform != "linux":
        return Pf()
    if _which("nft"):
        return Nftables()
    if _which("iptables"):
        return Iptables()
    raise TargetError(
        "--source-ip needs nft or iptables, to keep this kernel's resets in: install nftables,"
        " or give the tester an address of its own (--tester-ip)"
    )


def remove_stale(firewall: Firewall) -> None:
    """Remove the rules whose process is gone."""
    for name in firewall.names():
        found = _NAME.fullmatch(name)
        if found and not _lives(int(found["pid"]), int(found["began"]), found["boot"]):
            firewall.remove(name)


def own_name(number: int) -> str:
    """A name that no other process has had or will have; ``number`` tells the rules of one process
    apart."""
    pid = os.getpid()
    return f"{_PREFIX}_{pid}_{_began(pid)}_{_boot()}_{number}"


class Nftables:
    """A table of its own for each rule, so that it goes as a whole."""

    def names(self) -> list[str]:
        listed = _run("nft", "list", "tables")
        return [line.split()[-1] for line in listed.splitlines() if f" inet {_PREFIX}_" in line]

    def add(self, name: str, silence: Muting) -> None:
        family = "ip6" if silence.is_ipv6 else "ip"
        ports = f"{silence.ports.start}-{silence.ports[-1]}"
        rule = f"{family} daddr {silence.dut} tcp sport {ports} tcp flags & rst == rst drop"
        _run("nft", "-f", "-", stdin=_TABLE.format(name=name, rule=rule))

    def remove(self, name: str) -> None:
        _run("nft", "delete", "table", "inet", name)


class Iptables:
    """A rule in the OUTPUT chain, with the name as its comment."""

    def names(self) -> list[str]:
        return list(self._rules())

    def add(self, name: str, silence: Muting) -> None:
        ports = f"{silence.ports.start}:{silence.ports[-1]}"
        _run(
            *("ip6tables" if silence.is_ipv6 else "iptables", "-w", "-I", "OUTPUT"),
            *("-d", silence.dut, "-p", "tcp", "--sport", ports, "--tcp-flags", "RST", "RST"),
            *("-m", "comment", "--comment", name, "-j", "DROP"),
        )

    def remove(self, name: str) -> None:
        tool, rule = self._rules()[name]
        _run(tool, "-w", "-D", *rule)

    def _rules(self) -> dict[str, tuple[str, list[str]]]:
        """Name to the tool that has the rule and its words, as the tool writes them."""
        found = {}
        for tool in filter(_which, ("iptables", "ip6tables")):
            for line in _run(tool, "-w", "-S", "OUTPUT").splitlines():
                words = line.split()
                if words[:1] == ["-A"] and "--comment" in words:
                    name = words[words.index("--comment") + 1].strip('"')
                    found[name] = tool, words[1:]
        return {name: rule for name, rule in found.items() if _NAME.fullmatch(name)}


class Pf:
    """A rule in an anchor of its own (pf.conf(5), pfctl(8))."""

    def names(self) -> list[str]:
        listed = _run("pfctl", "-s", "Anchors", "-a", _PREFIX)
        return [line.strip().rpartition("/")[2] for line in listed.splitlines() if line.strip()]

    def add(self, name: str, silence: Muting) -> None:
        family = "inet6" if silence.is_ipv6 else "inet"
        ports = f"{silence.ports.start}:{silence.ports[-1]}"
        rule = (
            f"block drop out quick {family} proto tcp"
            f" from any port {ports} to {silence.dut} flags R/R\n"
        )
        _run("pfctl", "-a", f"{_PREFIX}/{name}", "-f", "-", stdin=rule)

    def remove(self, name: str) -> None:
        _run("pfctl", "-a", f"{_PREFIX}/{name}", "-F", "rules")


def _run(tool: str, *arguments: str, stdin: str = "") -> str:
    try:
        done = subprocess.run(
            [_which(tool) or tool, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TargetError(f"the firewall can't be asked: {error}") from None
    if done.returncode != 0:
        said = " ".join(done.stderr.split())
        raise TargetError(f"the firewall refuses a rule ({tool}: {said}): are you root?")
    return done.stdout


def _which(tool: str) -> str | None:
    # An ordinary user's PATH may lack the places where firewalls live.
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:{_SYSTEM_FOLDERS}")


def _lives(pid: int, began: int, boot: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return boot == _boot() and began == _began(pid)


def _began(pid: int) -> int:
    """When that process began, in ticks since boot; 0 where the system doesn't say."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    # The name, in brackets, may hold anything; field 22 is the 20th behind it (proc(5)).
    return int(status.rpartition(")")[2].split()[19])


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().replace("-", "").strip()[:12]
    except OSError:
        return "0"
