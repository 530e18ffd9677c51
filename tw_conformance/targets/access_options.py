"""The options that say how a DUT on a link may be reached: those of the command, and of pytest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from tw_conformance.link.access import GENTLE, HOUR, RESOLVE_SECONDS
from tw_conformance.link.path import Sentinel
from tw_conformance.model.errors import UsageError
from tw_conformance.model.words import name_and_number, quoted

_OPTIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "tester-ip": (
        "tester_ips",
        {
            "action": "append",
            "metavar": "IP",
            "help": "the tester's own address on the DUT's link, which no host has; "
            "once for IPv4, once for IPv6",
        },
    ),
    "source-ip": (
        "borrow",
        {
            "action": "store_true",
            "help": "the tester borrows this machine's address instead; "
            "a firewall rule keeps this kernel's resets in meanwhile (root)",
        },
    ),
    "dut-ip": (
        "dut_ips",
        {
            "action": "append",
            "metavar": "IP",
            "help": "the DUT's address, where its name or place does not say it; "
            "once for IPv4, once for IPv6",
        },
    ),
    "dut-port": (
        "dut_port",
        {"type": int, "metavar": "PORT", "help": "the port where the DUT closes first"},
    ),
    "rate": (
        "rate",
        {
            "type": float,
            "metavar": "N",
            "help": f"packets a second that the DUT gets on average. Default: {GENTLE:g}",
        },
    ),
    "max-time": (
        "max_time",
        {
            "type": float,
            "metavar": "SECONDS",
            "help": f"after that the run is over. Default: {HOUR:g}",
        },
    ),
    "max-wait": (
        "max_wait",
        {
            "type": float,
            "metavar": "SECONDS",
            "help": "no case lets more time pass; what would need it is left out and named."
            f" Default: {HOUR:g}",
        },
    ),
    "start-timeout": (
        "start_timeout",
        {
            "type": float,
            "metavar": "SECONDS",
            "help": "how long a DUT may take, from its start, until its address answers and its"
            f" service accepts. Default: {RESOLVE_SECONDS:g} for the address, none for the service",
        },
    ),
    "sentinel": (
        "sentinel",
        {
            "choices": tuple(map(str, Sentinel)),
            "help": "what goes behind a segment to prove silence: an echo request (ICMP), or an ACK"
            " that a reset answers. Default: echo, where the DUT answers it",
        },
    ),
    "yes-i-own-this-host": (
        "owned",
        {"action": "store_true", "help": "fire at a public address: the host is yours to test"},
    ),
}
"""Option to the field of :class:`~tw_conformance.link.access.Access`, and how it is parsed."""


def add_access_options(
    add: Callable[..., object], prefix: str = "", only: Collection[str] = _OPTIONS
) -> None:
    """Add all of them, or ``only`` some, by argparse's ``add_argument`` or pytest's
    ``addoption``."""
    for option, (_, how) in _OPTIONS.items():
        if option in only:
            add(f"--{prefix}{option}", **_unset(how))


def settings_said(words: Sequence[str]) -> dict[str, int]:
    """What ``--set NAME=NUMBER``, once or more, says.

    :raises UsageError: where that is not its form.
    """
    settings: dict[str, int] = {}
    for word in words:
        said = name_and_number(word)
        if said is None:
            raise UsageError(f"--set {quoted(word)}: write NAME=NUMBER, as in rfc1337=1")
        settings[said[0]] = said[1]
    return settings


def given(value_of: Callable[[str], Any]) -> dict[str, Any]:
    """The fields that the user gave a value; ``value_of`` returns that of an option, by its name
    without dashes before it."""
    fields: dict[str, Any] = {}
    for option, (field, _) in _OPTIONS.items():
        value = value_of(option)
        if value not in (None, False):
            fields[field] = tuple(value) if isinstance(value, list) else value
    return fields


def as_arguments(fields: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The command line that gives those fields their values."""
    arguments = []
    for option, (field, _) in _OPTIONS.items():
        value = fields.get(field)
        if value is True:
            arguments.append(f"--{prefix}{option}")
        elif value is not None:
            values = value if isinstance(value, tuple) else (value,)
            arguments += [f"--{prefix}{option}={each}" for each in values]
    settings: Mapping[str, int] = fields.get("settings", {})
    return [*arguments, *(f"--{prefix}set={name}={value}" for name, value in settings.items())]


def _unset(how: Mapping[str, Any]) -> dict[str, Any]:
    """pytest sets what is not given to a string where no default is said."""
    return dict(how) if how.get("action") == "store_true" else {"default": None, **how}
