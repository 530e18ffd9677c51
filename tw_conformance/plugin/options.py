"""The options of the plugin, and what they choose: which targets, held to which profiles."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pytest

from tw_conformance.errors import SuiteError
from tw_conformance.words import did_you_mean, listed

VIRTUAL_TARGETS = frozenset({"reference"})
"""Targets whose time is virtual; on all others a wait costs the user's own time.

A target says so itself, once it is open; this is for what has to be known at collection, when no
target is touched.
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """One target held to one profile: what each case is to be played on."""

    target: str
    profile: str
    label: str
    """What the name of an item says after the ``@``."""
    named: bool
    """Whether the user asked for this very target, rather than for all."""

    @property
    def waits_in_real_time(self) -> bool:
        return self.target not in VIRTUAL_TARGETS


def add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("tw-conformance", "TCP TIME-WAIT conformance")
    group.addoption(
        "--target",
        action="append",
        metavar="NAME",
        default=[],
        help="play the cases on this target: reference (the default: a TCP host in this process, "
        "in virtual time), netns (this machine's own kernel, in a namespace made for the run), "
        "or all that this machine can offer. May be given several times.",
    )
    group.addoption(
        "--profile",
        action="append",
        metavar="NAME",
        default=[],
        help="hold the target to this documented stack, such as freebsd-10 or linux-6.18; freebsd "
        "and linux name the newest. Default: the reference plays every bundled profile, a kernel "
        "is held to the one of its version. May be given several times.",
    )
    group.addoption(
        "--tw-seed",
        type=int,
        metavar="N",
        default=0,
        help="seed of the initial sequence numbers: the same seed, the same run. Default: 0.",
    )
    group.addoption(
        "--tw-pcap",
        metavar="DIR",
        default=None,
        help="write the captures of cases without a PASS into this folder. Default: "
        "tw-conformance in pytest's cache folder.",
    )
    group.addoption(
        "--tw-allow-inconclusive",
        action="store_true",
        default=False,
        help="do not fail the run for an INCONCLUSIVE case. It is still counted and explained, "
        "and never counts as passed.",
    )
    parser.addini(
        "tw_case_files",
        type="args",
        default=["*.tw.yaml", "*.tw.yml"],
        help="globs of the names of files that hold TIME-WAIT cases",
    )


def choices(config: pytest.Config) -> tuple[Choice, ...]:
    """Targets and profiles as chosen on the command line, in the order given, none twice.

    Touches no target.

    :raises pytest.UsageError: for a name that is neither a target nor a profile.
    """
    try:
        return choose(config.getoption("--target"), config.getoption("--profile"))
    except SuiteError as error:
        raise pytest.UsageError(str(error)) from None


def choose(targets: Sequence[str], profiles: Sequence[str]) -> tuple[Choice, ...]:
    """What :func:`choices` returns, from the names themselves.

    :raises SuiteError: for a name that is neither a target nor a profile.
    """
    wanted = profile_names(profiles) if profiles else []
    return tuple(dict.fromkeys(_choose(list(targets) or ["reference"], wanted)))


def profile_names(names: Sequence[str]) -> list[str]:
    """The full names of those profiles, none twice; of all bundled ones where none is given.

    :raises SuiteError: for a name that is no profile's.
    """
    from reference.profiles import PROFILES
    from tw_conformance.targets import profile_named

    return list(dict.fromkeys(map(profile_named, names or PROFILES)))


def describe(chosen: Iterable[Choice], *, by_version: bool) -> list[str]:
    """A line for each target: what it is, and what it is held to.  Touches no target.

    ``by_version``: nobody said what a kernel is to be held to.
    """
    profiles: dict[str, list[str]] = {}
    for choice in chosen:
        profiles.setdefault(choice.target, []).append(choice.profile)
    return [_line(target, names, by_version) for target, names in profiles.items()]


def _line(target: str, profiles: list[str], by_version: bool) -> str:
    names = ", ".join(profiles)
    if target in VIRTUAL_TARGETS:
        return f"target {target}: {'profile' if len(profiles) == 1 else 'profiles'} {names}"
    why = "by its version" if by_version else "as asked"
    return f"target {target}: {platform.system()} {platform.release()}, held to {names} ({why})"


def _choose(names: list[str], wanted: list[str]) -> Iterator[Choice]:
    from tw_conformance.targets import default_profiles

    for target, named in _targets(names).items():
        profiles = wanted or list(default_profiles(target))
        for profile in profiles:
            if target in VIRTUAL_TARGETS:
                label = profile
            else:
                label = target if len(profiles) == 1 else f"{target}:{profile}"
            yield Choice(target, profile, label, named)


def _targets(names: list[str]) -> dict[str, bool]:
    """Target names, each with whether it was named itself."""
    from tw_conformance.targets import TARGETS

    known = tuple(TARGETS)
    chosen: dict[str, bool] = {}
    for name in names:
        if name == "all":
            chosen = {target: chosen.get(target, False) for target in (*chosen, *known)}
        elif name in known:
            chosen[name] = True
        else:
            words = (*known, "all")
            hint = f"{did_you_mean(name, words)} {listed(words)}"
            raise SuiteError(f"no target {name!r}{hint}")
    return chosen
