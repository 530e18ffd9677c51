"""The options of the plugin, and what they choose: which targets, held to which profiles."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tw_conformance.model.errors import SuiteError, UsageError
from tw_conformance.model.words import did_you_mean, listed, no_such
from tw_conformance.targets.access_options import add_access_options, given, settings_said

if TYPE_CHECKING:
    from tw_conformance.targets.roster import Roster


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
        """What an open target says too; this is for collection, when no target is touched."""
        return not _is_virtual(self.target)


def add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("tw-conformance", "TCP TIME-WAIT conformance")
    _add_what_is_played(group)
    add_access_options(group.addoption, "tw-")
    _add_how_it_is_judged(group)
    _add_what_is_written(group)
    parser.addini(
        "tw_case_files",
        type="args",
        default=["*.tw.yaml", "*.tw.yml"],
        help="globs of the names of files that hold TIME-WAIT cases",
    )


def _add_what_is_played(group: pytest.OptionGroup) -> None:
    group.addoption(
        "--tw-target",
        action="append",
        metavar="NAME",
        default=[],
        help="play the cases on this target: reference (the default: a TCP host in this process, "
        "in virtual time), netns (this machine's own kernel, in a namespace made for the run), uml "
        "(user-mode Linux, booted for the run), or all that this machine can offer; HOST:PORT, "
        "ssh://USER@HOST, tap:NAME, cmd:COMMAND, or a name of --tw-targets. May be given several "
        "times.",
    )
    group.addoption(
        "--tw-targets",
        metavar="FILE",
        default=None,
        help="a YAML file that names targets, for --tw-target; without that all of them are meant.",
    )
    group.addoption(
        "--tw-profile",
        action="append",
        metavar="NAME",
        default=[],
        help="hold the target to this documented stack, such as freebsd-10 or linux-6.18; freebsd "
        "and linux name the newest. Default: the reference plays every bundled profile, a kernel "
        "is held to the one of its version. May be given several times.",
    )
    group.addoption(
        "--tw-set",
        action="append",
        metavar="NAME=VALUE",
        default=[],
        help="a setting that a DUT on a link has, e.g. rfc1337=1: cases are played and judged under"
        " it. May be given several times.",
    )
    group.addoption(
        "--tw-seed",
        type=int,
        metavar="N",
        default=0,
        help="seed of the initial sequence numbers: the same seed, the same run. Default: 0.",
    )
    group.addoption(
        "--tw-cites",
        action="append",
        metavar="PLACE",
        default=[],
        help="only cases that cite this place, however it is spelt: 'RFC 9293 3.10.7.4', "
        "'tcp_timewait.c:385'; or that show this clause of the ledger: MUST-13, rfc1337.f1. May be "
        "given several times.",
    )


def _add_how_it_is_judged(group: pytest.OptionGroup) -> None:
    group.addoption(
        "--tw-strict",
        action="store_true",
        default=False,
        help="count a SHOULD of RFC 9293 as a MUST, where a DUT that nobody can look into is held"
        " to rfc9293: whether it does what it SHOULD is not asked beforehand, so its cases fail.",
    )
    group.addoption(
        "--tw-allow-inconclusive",
        action="store_true",
        default=False,
        help="do not fail the run for an INCONCLUSIVE case. It is still counted and explained, "
        "and never counts as passed.",
    )
    group.addoption(
        "--tw-expectations",
        metavar="FILE",
        default=None,
        help="a YAML file of cases that are known not to pass, each with the reason: they don't "
        "fail the run, and one that passes does.",
    )


def _add_what_is_written(group: pytest.OptionGroup) -> None:
    group.addoption(
        "--tw-results",
        metavar="FILE",
        default=None,
        help="write what was found as JSON, by the schema results.schema.json, for other programs.",
    )
    group.addoption(
        "--tw-html",
        metavar="FILE",
        default=None,
        help="write one page to open, keep and mail: verdicts, ladders, rules, captures.",
    )
    group.addoption(
        "--tw-ktap",
        metavar="FILE",
        default=None,
        help="write what came of each case as KTAP, for kernel selftests: what a target lacks is a "
        "SKIP, INCONCLUSIVE an ERROR.",
    )
    group.addoption(
        "--tw-evidence",
        action="store_true",
        default=False,
        help="let results and page have the ladder and the capture of cases that pass, too.",
    )
    group.addoption(
        "--tw-pcap",
        metavar="DIR",
        default=None,
        help="write the captures of cases without a PASS into this folder. Default: "
        "tw-conformance in pytest's cache folder.",
    )


_OLD_NAMES = ("--target", "--profile")
"""What options of this plugin were once called: names that belong to whoever defines them."""


def refuse_old_names(parser: pytest.Parser, arguments: Sequence[str]) -> None:
    """Say the new name of an option whose old one was given, unless another plugin owns it.

    :raises pytest.UsageError: where nobody knows that option.
    """
    _, unknown = parser.parse_known_and_unknown_args(arguments)
    for old in _OLD_NAMES:
        if any(argument.partition("=")[0] == old for argument in unknown):
            raise pytest.UsageError(f"there is no option {old}: write --tw-{old[2:]} for it")


def roster_of(config: pytest.Config) -> Roster:
    """The targets that may be named beside the suite's own, and what was said about them.

    :raises pytest.UsageError: where the file that names them can't be used.
    """
    try:
        return make_roster(
            config.getoption("--tw-targets"),
            given(lambda option: config.getoption(f"--tw-{option}"))
            | _if_any(settings_said(config.getoption("--tw-set"))),
        )
    except SuiteError as error:
        raise pytest.UsageError(str(error)) from None


def _if_any(settings: dict[str, int]) -> dict[str, Any]:
    return {"settings": settings} if settings else {}


def make_roster(file: str | None, fields: Mapping[str, Any]) -> Roster:
    """The roster of a targets.yaml, if any, and of what the command line says.

    :raises SuiteError: where the file can't be used.
    """
    from tw_conformance.targets.registry import TARGETS
    from tw_conformance.targets.roster import Roster

    if file is None:
        return Roster(given=fields)
    from tw_conformance.targets.named import load_targets

    return Roster(load_targets(Path(file), (*TARGETS, "all")), fields)


def choices(config: pytest.Config, roster: Roster) -> tuple[Choice, ...]:
    """Targets and profiles as chosen on the command line, in the order given, none twice.

    Touches no target.

    :raises pytest.UsageError: for a name that is neither a target nor a profile.
    """
    try:
        return choose(config.getoption("--tw-target"), config.getoption("--tw-profile"), roster)
    except SuiteError as error:
        raise pytest.UsageError(str(error)) from None


def check_strict(chosen: Iterable[Choice], roster: Roster) -> None:
    """:raises UsageError: where nobody is there to be strict with, or it was said that a DUT does
    without what it should have."""
    from tw_conformance.play.switches import SHOULDS, STANDARD

    held = [choice for choice in chosen if choice.profile == STANDARD]
    if not held:
        raise UsageError(
            f"--strict counts the SHOULDs of {STANDARD}, and no target is held to it: say"
            f" --profile {STANDARD}"
        )
    for choice in held:
        without = SHOULDS & {n for n, v in roster.access(choice.target).settings.items() if not v}
        for name in sorted(without):
            raise UsageError(f"--strict demands {name}, and {name}=0 was said of the DUT")


def choose(
    targets: Sequence[str], profiles: Sequence[str], roster: Roster | None = None
) -> tuple[Choice, ...]:
    """What :func:`choices` returns, from the names themselves.  Where none is given those of a
    file are meant, if there is one.

    :raises SuiteError: for a name that is neither a target nor a profile.
    """
    from tw_conformance.targets.roster import Roster

    roster = roster or Roster()
    wanted = profile_names(profiles) if profiles else []
    names = list(targets) or list(roster.named) or ["reference"]
    return tuple(dict.fromkeys(_choose(names, wanted, roster)))


def profile_names(names: Sequence[str]) -> list[str]:
    """The full names of those profiles, none twice; of all bundled ones where none is given.

    :raises SuiteError: for a name that is no profile's.
    """
    from tw_conformance.targets.registry import profile_named
    from tw_reference.profiles import PROFILES

    return list(dict.fromkeys(map(profile_named, names or PROFILES)))


def describe(chosen: Iterable[Choice], roster: Roster, *, asked: Sequence[str] = ()) -> list[str]:
    """A line for each target: what it is, and what it is held to; and for each release that was
    named, the profile that stands for it.  Touches no target.

    ``asked`` are the profiles that the command line names.
    """
    from tw_conformance.targets.registry import stand_ins

    in_file = [each.profile for each in roster.named.values() if each.profile is not None]
    profiles: dict[str, list[str]] = {}
    for choice in chosen:
        profiles.setdefault(choice.target, []).append(choice.profile)
    lines = [_line(target, names, not asked) for target, names in profiles.items()]
    return [*lines, *stand_ins(asked or in_file)]


def _line(target: str, profiles: list[str], by_version: bool) -> str:
    from tw_conformance.targets.kinds import BY_NAME, kind

    names = ", ".join(profiles)
    if _is_virtual(target):
        return f"target {target}: {'profile' if len(profiles) == 1 else 'profiles'} {names}"
    kernel = kind(target).kernel if target in BY_NAME else None
    if kernel is None:
        return f"target {target}: held to {names}"
    why = "by its version" if by_version else "as asked"
    return f"target {target}: {platform.system()} {kernel().release}, held to {names} ({why})"


def _is_virtual(target: str) -> bool:
    from tw_conformance.targets.kinds import BY_NAME, kind

    return target in BY_NAME and not kind(target).realtime


def _choose(names: list[str], wanted: list[str], roster: Roster) -> Iterator[Choice]:
    from tw_conformance.targets.registry import default_profiles, refuse_unheeded

    chosen = _targets(names, roster)
    refuse_unheeded(chosen, roster)
    for target, named in chosen.items():
        # What excludes each other is said before anything is collected.
        settings = roster.access(target).settings
        if wanted:  # A file's are named by its own profile.
            settings = roster.given.get("settings", {})
        profiles = wanted or list(default_profiles(target, roster))
        if settings:
            _check_settings(settings, target, profiles, roster)
        for profile in profiles:
            if _is_virtual(target):
                label = profile
            else:
                label = _short(target) if len(profiles) == 1 else f"{_short(target)}:{profile}"
            yield Choice(target, profile, label, named)


def _check_settings(
    settings: Mapping[str, int], target: str, profiles: Sequence[str], roster: Roster
) -> None:
    """:raises UsageError: where one of them is none, or the target's own are known."""
    from tw_reference.profiles import PROFILES

    if roster.locator(target) is None:
        raise UsageError(
            f"--set says what a DUT on a link has, and {target} is none: its cases set what they"
            " need themselves"
        )
    for profile in profiles:
        known = PROFILES[profile].settings
        for name in settings.keys() - known.keys():
            raise UsageError(no_such(f"{profile} has no setting", name, known))


def _short(target: str) -> str:
    """A target's name as a part of an item's: a command has spaces, and may have anything."""
    return "cmd" if target.startswith("cmd:") else target


def _targets(names: list[str], roster: Roster) -> dict[str, bool]:
    """Target names, each with whether it was named itself."""
    from tw_conformance.targets.registry import TARGETS

    known = (*TARGETS, *roster.named)
    chosen: dict[str, bool] = {}
    for name in names:
        if name == "all":
            chosen = {target: chosen.get(target, False) for target in (*chosen, *known)}
        elif name in known or roster.locator(name) is not None:
            chosen[name] = True
        else:
            words = (*known, "all")
            hint = f"{did_you_mean(name, words)} {listed(words)}"
            raise SuiteError(f"no target {name!r}{hint}; a host is written HOST:PORT")
    return chosen
