"""What several commands have in common: the target, settings of its stack, where files go."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tw_conformance.model.errors import UsageError
from tw_conformance.model.words import no_such
from tw_conformance.targets.access_options import add_access_options, given, settings_said
from tw_reference.profiles.profile import Profile
from tw_reference.state import OF_A_CONNECTION

if TYPE_CHECKING:
    from tw_conformance.targets.roster import Roster
    from tw_conformance.targets.target import Target


def add_target(
    parser: argparse.ArgumentParser,
    help: str,
    default: str | None = None,
    *,
    several: bool = False,
) -> None:
    """Declare ``--target``, and what may be said of a target on a link."""
    if several:
        parser.add_argument("--target", action="append", metavar="NAME", help=help, default=[])
    else:
        parser.add_argument("--target", metavar="NAME", help=help, default=default)
    add_ways(parser)


def add_ways(parser: argparse.ArgumentParser) -> None:
    """Declare what may be said of a target on a link, and where else it may be said."""
    parser.add_argument("--targets", metavar="FILE", help="a YAML file that names targets")
    add_access_options(parser.add_argument)


def add_folder(parser: argparse.ArgumentParser, written: str) -> None:
    """Declare ``--in``, the folder that something is ``written`` into."""
    parser.add_argument(
        "--in",
        dest="folder",
        type=Path,
        default=Path(),
        metavar="DIR",
        help=f"write {written} into this folder. Default: the current one",
    )


def add_seed(parser: argparse.ArgumentParser, of: str = "the initial sequence numbers") -> None:
    """Declare ``--seed``."""
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help=f"seed of {of}. Default: 0"
    )


def access_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was said of a target on a link, by the fields of
    :class:`~tw_conformance.link.access.Access`.

    :raises UsageError: where a setting is none.
    """
    said = given(lambda option: getattr(arguments, option.replace("-", "_")))
    if settings := settings_said(getattr(arguments, "settings", ())):
        said["settings"] = settings
    return said


def roster(arguments: argparse.Namespace) -> Roster:
    """The targets that may be named.

    :raises SuiteError: where the file that names them can't be used, or a setting is none.
    """
    from tw_conformance.plugin.options import make_roster

    return make_roster(arguments.targets, access_of(arguments))


def open_named(arguments: argparse.Namespace, profile: str | None) -> Target:
    """The target that ``--target`` names, held to ``profile`` or to what it is held to anyway, and
    its DUT learned.  What takes long is said meanwhile.

    :raises SuiteError: for a name that is not known.
    :raises TargetError: where the target can't be had.
    """
    from tw_conformance.explore.opening import open_and_learn
    from tw_conformance.report.watch import watching
    from tw_conformance.targets.registry import refuse_unheeded

    known = roster(arguments)
    refuse_unheeded([arguments.target], known)
    with watching() as watch:
        return open_and_learn(
            arguments.target, profile=profile, seed=arguments.seed, roster=known, tell=watch
        )


STATES = tuple(state.value for state in OF_A_CONNECTION)
"""The states of a connection, from which an exploration may start (RFC 9293 section 3.3.2)."""
ALL_STATES = "all"


def add_states(parser: argparse.ArgumentParser, what: str) -> None:
    """Declare ``--from``; ``what`` completes «the state that»."""
    parser.add_argument(
        "--from",
        action="append",
        default=[],
        metavar="STATE",
        dest="states",
        help=f"the state that {what}, e.g. CLOSE-WAIT, or all; repeatable. Default: TIME-WAIT",
    )


def states_of(asked: Sequence[str]) -> tuple[str, ...]:
    """The states that ``--from`` named; TIME-WAIT where it named none.

    :raises UsageError: for one that is none.
    """
    for state in asked:
        if state not in (*STATES, ALL_STATES):
            raise UsageError(no_such("state", state, STATES))
    return STATES if ALL_STATES in asked else tuple(asked) or ("TIME-WAIT",)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Declare ``--set``."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="settings",
        help="give the stack a setting for the whole run, e.g. rfc1337=1, or say that it has it,"
        " where nobody can set it; repeatable",
    )


def settings_of(words: Sequence[str], profiles: Iterable[Profile]) -> Mapping[str, int]:
    """The settings that ``--set`` gave, each of which every profile has.

    :raises UsageError: for a word that is no setting.
    """
    settings = settings_said(words)
    for profile in profiles:
        for name in settings.keys() - profile.settings.keys():
            raise UsageError(no_such(f"{profile.name} has no setting", name, profile.settings))
    return settings


def add_profile(parser: argparse.ArgumentParser, help: str) -> None:
    """Declare ``--profile``, which may be given several times."""
    parser.add_argument("--profile", action="append", default=[], metavar="NAME", help=help)
