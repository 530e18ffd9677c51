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
_SYSCTL = re.compile(r"sysctl\s+(?:-[a-z]+\s+)*(?P<sets>\S+=\S.*)", re.DOTALL)
_ASSIGNMENT = re.compile(r"(?P<name>[a-z][\w.]*)=(?P<value>\"[^\"]*\"|\S+)")
_WHOLE = re.compile(r"-?[0-9]{1,10}|0x[0-9a-fA-F]{1,8}")
_SOCKSTAT = re.compile(r"sockstat\b.*grep\s+-c\s+(?P<state>\w+).*grep\s+(?P<count>[0-9]+)\s*$")
_SS = re.compile(r"ss\b.*\bstate\s+(?P<state>[\w-]+).*\bgrep\b")
_SS_NONE = re.compile(r"!\s*ss\b.*\bstate\s+connected\b.*\bgrep\b")
_TIMER = re.compile(r"awk .*\bleft (?P<sign>>|<=) \"[0-9A-F]{8}\"")
_ASSERT = re.compile(r"assert\s+tcpi_state\s*==\s*(?P<state>\w+)\s*,?[^;\n]*\s*$")
_SLEEP = re.compile(r"sleep\s+(?P<seconds>[0-9]{1,5}(?:\.[0-9]{1,6})?)\s*$")

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
class Unknown:
    """Whatever else it does."""


Meaning: TypeAlias = (
    Setting | OtherSysctls | AsksState | AsksTimer | Sleeps | EndsTimeWait | Unknown
)


def read_command(text: str) -> tuple[Meaning, ...]:
    """What a shell's command comes to."""
    if len(text) > _LONGEST:
        return (Unknown(),)
    if found := _SYSCTL.match(text):
        return tuple(map(_setting, _ASSIGNMENT.finditer(found["sets"]))) or (Unknown(),)
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
    return (Unknown(),)


def read_code(text: str) -> AsksState | Unknown:
    """What an assertion about tcp_info comes to."""
    if (found := _ASSERT.match(text)) and (state := state_named(found["state"])):
        return AsksState(state)
    return Unknown()


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
    name, value = found["name"], found["value"].strip('"')
    if name in _NAMES and _WHOLE.fullmatch(value):
        system, setting = _NAMES[name]
        return Setting(setting, int(value, 0) if "x" in value else int(value), system)
    return OtherSysctls(f"{name}={value}")
