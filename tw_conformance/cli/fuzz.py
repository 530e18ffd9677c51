"""``tw-conformance fuzz``: random scripts on a target and the oracle, or on two profiles."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tw_conformance.cli.shared_options import (
    ALL_STATES,
    STATES,
    add_seed,
    add_settings,
    add_states,
    add_target,
    open_named,
    settings_of,
    states_of,
)
from tw_conformance.model.errors import ExitCode, SuiteError, TargetError, UsageError
from tw_conformance.model.words import number_of

if TYPE_CHECKING:
    from tw_conformance.explore.fuzz.hunt import Counterexample, Hunt
    from tw_conformance.explore.fuzz.strategies import Space
    from tw_conformance.targets.target import Target
    from tw_reference.profiles.profile import Profile

_MOST_UNDER_WAY = 3
"""Scripts printed where a search is broken off."""
_ON_A_WIRE, _VIRTUAL = 1.0, 1e6
"""Seconds that a wait of a script may last, unless told otherwise."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`fuzz` takes."""
    add_target(parser, "the stack to be tried, e.g. netns")
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help="the documented stack that it is held to. Default: a kernel's version decides",
    )
    parser.add_argument(
        "--against",
        metavar="NAME",
        help="no target: look for the shortest scripts that tell --profile from this profile",
    )
    parser.add_argument(
        "--examples", type=int, default=600, metavar="N", help="scripts to draw. Default: 600"
    )
    parser.add_argument(
        "--steps", type=int, default=6, metavar="N", help="steps of the longest. Default: 6"
    )
    parser.add_argument(
        "--longest-wait",
        type=float,
        metavar="SECONDS",
        help="longest wait of a script. Default: 1 on a wire, none in virtual time",
    )
    add_seed(parser, "the scripts")
    parser.add_argument(
        "--save", type=Path, metavar="DIR", help="write a case for each divergence into this folder"
    )
    add_states(parser, "scripts start in, where it has rules for it")
    add_settings(parser)


def fuzz(arguments: argparse.Namespace) -> int:
    """Print every divergence as the shortest script that shows it.

    :raises SuiteError: where Hypothesis, a profile or a setting is not there.
    :raises TargetError: where the target can't be had.
    """
    if (arguments.target is None) == (arguments.against is None):
        raise UsageError("say what to try: --target NAME, or --profile A --against B")
    if arguments.examples < 1 or arguments.steps < 1:
        raise UsageError("--examples and --steps count from 1")
    try:
        import hypothesis.configuration
    except ImportError:
        raise SuiteError(
            "fuzz draws its scripts with Hypothesis, which is not installed: "
            "pip install 'tw-conformance[explore]'"
        ) from None
    with TemporaryDirectory(prefix="tw-conformance-") as home, _hunt(arguments) as hunt:
        # Hypothesis keeps files in the current folder otherwise.
        hypothesis.configuration.set_hypothesis_home_dir(home)
        try:
            return _report(hunt, arguments)
        finally:
            hypothesis.configuration.set_hypothesis_home_dir(None)


@contextmanager
def _hunt(arguments: argparse.Namespace) -> Iterator[Hunt]:
    """A search with its stacks open."""
    from tw_conformance.explore.fuzz.hunt import Conformance, Hunt, TwoProfiles
    from tw_conformance.report.settings_text import settings_line
    from tw_conformance.targets.direct import DirectTarget
    from tw_conformance.targets.registry import profile_named
    from tw_reference.profiles import PROFILES

    if arguments.against is not None:
        if arguments.profile is None:
            raise UsageError("--against tells a profile from another: name the one by --profile")
        names = profile_named(arguments.profile), profile_named(arguments.against)
        profiles = [PROFILES[name] for name in names]
        first, second = (DirectTarget(profile, seed=arguments.seed) for profile in profiles)
        space = _space((first, second), profiles, arguments)
        print(
            f"what tells {names[0]} from {names[1]}: {number_of(arguments.examples, 'script')}",
            flush=True,
        )
        yield Hunt(TwoProfiles(first, second), space, arguments.examples, arguments.seed)
        return
    target = open_named(arguments, arguments.profile)
    try:
        print(target.describe())
        if target.realtime:
            print(settings_line(target), flush=True)
        profile = PROFILES[target.profile]
        oracle = DirectTarget(profile, seed=arguments.seed)
        space = _space((target, oracle), [profile], arguments)
        yield Hunt(Conformance(target, oracle), space, arguments.examples, arguments.seed)
    finally:
        target.close()


def _space(
    stacks: tuple[Target, Target], profiles: Sequence[Profile], arguments: argparse.Namespace
) -> Space:
    """What can be played on both; says what can't."""
    from tw_conformance.explore.fuzz.strategies import Space
    from tw_conformance.targets.target import unlike_the_profile

    known = unlike_the_profile(stacks[0]) if stacks[0].realtime else {}
    differing = {name: value for name, (value, _) in known.items()}
    usual_wait = _ON_A_WIRE if any(stack.realtime for stack in stacks) else _VIRTUAL
    wait = usual_wait if arguments.longest_wait is None else arguments.longest_wait
    space = Space(
        settings={**differing, **settings_of(arguments.settings, profiles)},
        states=_states(arguments.states, profiles),
        longest_wait=wait,
        time_variables=tuple(stack.time_variables for stack in stacks),
        most_steps=arguments.steps,
    )
    suiting, left_out = space.suiting(stacks[0])
    for said in left_out:
        print(f"left out: {said}")
    return suiting


def _states(asked: Sequence[str], profiles: Sequence[Profile]) -> tuple[str, ...]:
    """The states that scripts start in: as asked, and such as every profile has rules for.

    :raises UsageError: for one that is none, or that some profile has no rules for.
    """
    from tw_conformance.explore.observe import ruled_states
    from tw_reference.rules import stages

    # A FIN-WAIT-2 that is no block is an ordinary connection.
    blocks = all(profile.find(stages.FIN_WAIT_2_BLOCK) is not None for profile in profiles)
    usual = ("TIME-WAIT", "FIN-WAIT-2") if blocks else ("TIME-WAIT",)
    known = [ruled_states(profile) for profile in profiles]
    everywhere = frozenset.intersection(*known)
    if ALL_STATES in asked:
        return tuple(state for state in STATES if state in everywhere)
    for state in asked:
        for profile, ruled in zip(profiles, known, strict=True):
            if state not in ruled:
                raise UsageError(f"{profile.name} has no rules for {state}: nothing is expected")
    return states_of(asked) if asked else usual


def _report(hunt: Hunt, arguments: argparse.Namespace) -> int:
    count = 0
    try:
        for count, found in enumerate(hunt.counterexamples(), start=1):
            _tell(count, found, arguments)
    except (KeyboardInterrupt, TargetError):
        _tell_under_way(hunt, count)
        raise
    unresolved = hunt.unresolved()
    for one in unresolved:
        what = "unstable" if one.unstable else "undecided"
        print(f"\n{what}, {one.case.name}: {one.reason}")
    kinds = number_of(count, "kind of divergence", "kinds of divergence")
    print(f"\n{number_of(len(hunt.tried), 'script')}: {kinds}, {len(unresolved)} in doubt")
    if count:
        return ExitCode.DEVIATES
    return ExitCode.INCONCLUSIVE if unresolved else ExitCode.CONFORMS


def _tell_under_way(hunt: Hunt, count: int) -> None:
    """How far a search had come that is broken off, and what may be why."""
    from tw_conformance.notation.write import script

    print(f"\nbroken off after {len(hunt.tried)} scripts: {count} kinds of divergence; under way:")
    for case in hunt.under_way[:_MOST_UNDER_WAY]:
        print(script(case, ""))
    if (more := len(hunt.under_way) - _MOST_UNDER_WAY) > 0:
        print(f"  or one of {more} more")


def _tell(number: int, found: Counterexample, arguments: argparse.Namespace) -> None:
    from tw_conformance.notation.write import save_case, script

    case = found.case
    print(f"\n{number}. {case.name}: {found.reason}")
    for profile in case.profiles:
        print(f"{profile}:\n{script(case, profile)}")
    for rule in found.rules:
        print(f"  rule {rule.id}: {rule.says} ({'; '.join(rule.source)})")
    if arguments.save is not None:
        what = arguments.target or f"{arguments.profile} against {arguments.against}"
        remark = f"Found by fuzzing {what}, seed {arguments.seed}: {found.reason}"
        try:
            print(f"  saved as {save_case(case, arguments.save, remark)}")
        except OSError as error:
            raise SuiteError(f"{arguments.save} can't be written to: {error.strerror}") from None
    sys.stdout.flush()
