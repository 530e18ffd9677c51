"""What a script has the shell do, or asks of tcp_info: a setting, a state, or neither."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tw_conformance.model.case import STATES
from tw_conformance.model.sysctls import FREEBSD, LINUX
from tw_reference.profiles import PROFILES

System: TypeAlias = Literal["freebsd", "linux"]
"""Whose command it is, by the name of its family of profiles."""

_SYSTEMS: tuple[tuple[System, Mapping[str, str]], ...] = (("freebsd", FREEBSD), ("linux", LINUX))
_NAMES: Mapping[str, tuple[System, str]] = {
    name: (system, setting)
    for system, sysctls in _SYSTEMS
    for setting, name in sysctls.items()
    if any(setting in profile.settings for profile in PROFILES.values())
}
_SYSCTL = re.compile(r"sysctl\s+(?:-[a-z]+\s+)*(?P<sets>\S+=\S.*)")
_ASSIGNMENT = re.compile(r"(?P<name>[a-z][\w./]*)=(?P<value>\"[^\"]*\"|\S+)")
_SET_SYSCTLS = re.compile(r"(?:\S*python\S*\s+)?\S*\bset_sysctls\.py\s+(?P<sets>\S.*)")
_BY_PATH = re.compile(r"/proc/sys/(?P<name>[a-z][\w./-]*)=(?P<value>\"[^\"]*\"|\S+)")
_CONTINUED = re.compile(r"\\[ \t]*(?:\n|$)")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_PATH = re.compile(r"\bip\b.*\broute\b|\bnetem\b|\biptables\b|\bnft\b|\bipfw\b")
_WHOLE = re.compile(r"-?[0-9]{1,10}|0x[0-9a-fA-F]{1,8}")
_SOCKSTAT = re.compile(r"sockstat\b.*grep\s+-c\s+(?P<state>\w+).*grep\s+(?P<count>[0-9]+)\s*$")
_SS = re.compile(r"ss\b.*\bstate\s+(?P<state>[\w-]+).*\bgrep\b")
_SS_NONE = re.compile(r"!\s*ss\b.*\bstate\s+connected\b.*\bgrep\b")
_TIMER = re.compile(r"awk .*\bleft (?P<sign>>|<=) \"[0-9A-F]{8}\"")
_ASSERT = re.compile(r"assert\s+tcpi_state\s*==\s*(?P<state>\w+)\s*,?[^;\n]*\s*$")
_SLEEP = re.compile(r"sleep\s+(?P<seconds>[0-9]{1,5}(?:\.[0-9]{1,6})?)\s*$")

_DEFAULTS = {
    "tcp_base_mss": "1024",
    "tcp_dsack": "1",
    "tcp_ecn_fallback": "1",
    "tcp_fastopen": "1",
    "tcp_frto": "2",
    "tcp_moderate_rcvbuf": "1",
    "tcp_mtu_probing": "0",
    "tcp_retries2": "15",
    "tcp_rmem": "4096 131072 6291456",
    "tcp_rto_max_ms": "120000",
    "tcp_syn_retries": "6",
    "tcp_synack_retries": "5",
}
_OTHER_NAMES = {
    "ESTAB": "ESTABLISHED",
    "SYN-RECV": "SYN-RECEIVED",
    "SYN-RCVD": "SYN-RECEIVED",
    "FIN-WAIT1": "FIN-WAIT-1",
    "FIN-WAIT2": "FIN-WAIT-2",
    "CLOSE": "CLOSED",
}
_LONGEST = 2000
"""Characters of a command that is looked at."""
_BY_NUMBER = (
    "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSED",
    "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING",
)  # fmt: skip
"""Linux's states from 1 (``tcp_states.h``)."""
_LINUX = re.compile(r"net\.ipv[46]\.|/proc/|\bss\b|\bnstat\b|\btcp_metrics\b|defaults\.sh|\btc\b")
_FREEBSD = re.compile(r"net\.inet6?\.|kern\.|\bsockstat\b|\btcpdrop\b")


@dataclass(frozen=True, slots=True)
class Setting:
    """A sysctl that a case may ask for."""

    name: str
    value: int
    system: System


@dataclass(frozen=True, slots=True)
class OtherSysctls:
    """Sysctls that no case knows."""

    text: str


@dataclass(frozen=True, slots=True)
class AsksState:
    """A state that the connection has to be in, or, where not ``there``, must not be in."""

    state: str
    there: bool = True


@dataclass(frozen=True, slots=True)
class AsksTimer:
    """What the last segment has to have done to the timer of the block, as ``export`` asks it."""

    restarted: bool


@dataclass(frozen=True, slots=True)
class Sleeps:
    seconds: float


@dataclass(frozen=True, slots=True)
class EndsTimeWait:
    """``tcpdrop -s TIME_WAIT``."""


@dataclass(frozen=True, slots=True)
class ShapesPath:
    """What makes the path to the tester another one than that of the case."""

    text: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Whatever else it does."""

    text: str


Meaning: TypeAlias = (
    Setting | OtherSysctls | AsksState | AsksTimer | Sleeps | EndsTimeWait | ShapesPath | Unknown
)


def read_command(text: str) -> tuple[Meaning, ...]:
    """What a shell's command comes to, each of its lines."""
    if len(text) > _LONGEST:
        return (Unknown(text),)
    lines = (_COMMENT.sub("", line).strip() for line in _CONTINUED.sub(" ", text).split("\n"))
    return tuple(meaning for line in lines if line for meaning in _read_line(line))


def _read_line(text: str) -> tuple[Meaning, ...]:
    if found := _SYSCTL.match(text):
        return tuple(map(_setting, _ASSIGNMENT.finditer(found["sets"]))) or (Unknown(text),)
    if found := _SET_SYSCTLS.match(text):
        return tuple(map(_setting, _BY_PATH.finditer(found["sets"]))) or (Unknown(text),)
    if (found := _SOCKSTAT.match(text)) and (state := state_named(found["state"])):
        return (AsksState(state, there=int(found["count"]) > 0),)
    if (found := _SS.match(text)) and (state := state_named(found["state"])):
        return (AsksState(state),)
    if _SS_NONE.match(text):
        return (AsksState("CLOSED"),)
    if found := _TIMER.match(text):
        return (AsksTimer(restarted=found["sign"] == ">"),)
    if found := _SLEEP.match(text):
        return (Sleeps(float(found["seconds"])),)
    if text.startswith("tcpdrop") and "TIME_WAIT" in text:
        return (EndsTimeWait(),)
    return (ShapesPath(text) if _PATH.search(text) else Unknown(text),)


def read_code(text: str) -> AsksState | Unknown:
    """What an assertion about tcp_info comes to."""
    if (found := _ASSERT.match(text)) and (state := state_named(found["state"])):
        return AsksState(state)
    return Unknown(text)


def is_default(name: str, value: str) -> bool:
    """Whether Linux has a sysctl of TCP's so by itself (``ip-sysctl.rst``)."""
    return _DEFAULTS.get(name) == " ".join(value.split())


def system_of(text: str) -> System | None:
    """Which system has what a command names; None where that can't be told."""
    if _FREEBSD.search(text):
        return "freebsd"
    return "linux" if _LINUX.search(text) else None


def state_named(word: str) -> str | None:
    """The RFC's name of a state that FreeBSD, ss or tcp_info writes otherwise."""
    if word.isdecimal() and len(word) < 3:
        return _BY_NUMBER[int(word) - 1] if 1 <= int(word) <= len(_BY_NUMBER) else None
    name = word.upper().removeprefix("TCP_").removeprefix("TCPI_").replace("_", "-")
    name = _OTHER_NAMES.get(name, name)
    return name if name in STATES or name == "CLOSED" else None


def _setting(found: re.Match[str]) -> Setting | OtherSysctls:
    name, value = found["name"].replace("/", "."), found["value"].strip('"')
    if name in _NAMES and _WHOLE.fullmatch(value):
        system, setting = _NAMES[name]
        return Setting(setting, int(value, 0) if "x" in value else int(value), system)
    return OtherSysctls(f"{name}={value}")
