"""``tw-conformance fuzz``: random scripts on a target and the oracle, or on two profiles."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tw_conformance.cli.broken_off import keeping, say_where
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
    from tw_conformance.explore.fuzz.hunt import Contest, Counterexample, Hunt, Tried
    from tw_conformance.explore.fuzz.strategies import Space
    from tw_conformance.explore.journal import Journal
    from tw_conformance.report.watch import Watch
    from tw_conformance.targets.target import Target
    from tw_reference.profiles.profile import Profile

_SHRINKING = 20.0
"""Seconds on a wire for which shorter scripts are looked for, for each kind of divergence."""
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
        help="longest wait of a script, and for a 2MSL timer that has to be asked by waiting."
        " Default: 1 on a wire, no limit in virtual time",
    )
    parser.add_argument(
        "--shrink",
        type=float,
        metavar="SECONDS",
        help="how long to look for a shorter script, for each kind of divergence. Default:"
        f" {_SHRINKING:g} on a wire, no limit in virtual time",
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="FILE",
        help="keep a journal in this file, and go on where it ends: what conformed is not played"
        " again",
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
    if arguments.shrink is not None and not arguments.shrink >= 0:
        raise UsageError("--shrink: a number of seconds is meant, 0 or more")
    try:
        import hypothesis.configuration
    except ImportError:
        raise SuiteError(
            "fuzz draws its scripts with Hypothesis, which is not installed: "
            "pip install 'tw-conformance[explore]'"
        ) from None
    with (
        TemporaryDirectory(prefix="tw-conformance-") as home,
        _hunt(arguments) as hunt,
        _journal(arguments) as journal,
    ):
        # Hypothesis keeps files in the current folder otherwise.
        hypothesis.configuration.set_hypothesis_home_dir(home)
        try:
            return _report(hunt, journal, arguments)
        finally:
            hypothesis.configuration.set_hypothesis_home_dir(None)


def _journal(arguments: argparse.Namespace) -> AbstractContextManager[Journal]:
    """The one that was asked for; or one that is kept only where the search is broken off."""
    from tw_conformance.explore.journal import Journal

    about = {"scripts on": _what(arguments), "profile": arguments.profile}
    return keeping(
        arguments.resume, "fuzz", lambda path, keep: Journal(path, about, "a search", keep=keep)
    )


def _what(arguments: argparse.Namespace) -> str:
    """What scripts are tried on."""
    return arguments.target or f"{arguments.profile} against {arguments.against}"


@contextmanager
def _hunt(arguments: argparse.Namespace) -> Iterator[Hunt]:
    """A search with its stacks open."""
    from tw_conformance.explore.fuzz.hunt import Conformance, TwoProfiles
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
        yield _search(TwoProfiles(first, second), space, inf, arguments)
        return
    target = open_named(arguments, arguments.profile)
    try:
        print(target.describe())
        if target.realtime:
            print(settings_line(target), flush=True)
        profile = PROFILES[target.profile]
        oracle = DirectTarget(profile, seed=arguments.seed)
        space = _space((target, oracle), [profile], arguments)
        bound = _SHRINKING if target.realtime else inf
        contest = Conformance(target, oracle, space.longest_wait)
        yield _search(contest, space, bound, arguments)
    finally:
        target.close()


def _search(
    contest: Contest, space: Space, shrinking: float, arguments: argparse.Namespace
) -> Hunt:
    from tw_conformance.explore.fuzz.hunt import Hunt

    bound = shrinking if arguments.shrink is None else arguments.shrink
    return Hunt(contest, space, arguments.examples, arguments.seed, shrinking=bound)


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
        mss=(1460, 536, 100),
        sack=(False, True),
        ecn=(False, True),
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


def _report(hunt: Hunt, journal: Journal, arguments: argparse.Namespace) -> int:
    """Search, and print each kind of divergence when it is seen, and again as short as can be."""
    from tw_conformance.report.watch import watching

    with watching() as watch:
        _keep(hunt, journal, watch)
        return _search_and_tell(hunt, journal, arguments)


def _search_and_tell(hunt: Hunt, journal: Journal, arguments: argparse.Namespace) -> int:
    shown: list[Counterexample] = []
    try:
        for found in hunt.counterexamples():
            shown.append(found)
            _tell(len(shown), found, arguments)
    except (KeyboardInterrupt, TargetError) as broken:
        return _broken_off(broken, hunt, shown, journal, arguments)
    unresolved = hunt.unresolved()
    for one in unresolved:
        what = "unstable" if one.unstable else "undecided"
        print(f"\n{what}, {one.case.name}: {one.reason}")
    print(f"\n{_tally(hunt, len(shown))}, {len(unresolved)} in doubt")
    if shown:
        return ExitCode.DEVIATES
    return ExitCode.INCONCLUSIVE if unresolved else ExitCode.CONFORMS


def _keep(hunt: Hunt, journal: Journal, watch: Watch) -> None:
    """Have the search go on where the journal ends, and write down what it finds; ``watch`` knows
    how far it is."""

    def record(name: str, tried: Tried) -> None:
        watch(f"{number_of(len(hunt.tried), 'script')} tried, and others under way")
        if tried is None:
            journal.write({"alike": name})

    hunt.known = {str(line.get("alike")) for line in journal.lines}
    hunt.record = record
    hunt.see = _announce
    watch("the first scripts are under way")


def _announce(found: Counterexample) -> None:
    by = f" (rule {found.rules[0].id})" if found.rules else ""
    print(f"seen: {found.reason}{by}", flush=True)


def _tally(hunt: Hunt, kinds: int) -> str:
    found = number_of(kinds, "kind of divergence", "kinds of divergence")
    return f"{number_of(len(hunt.tried), 'script')}: {found}"


def _broken_off(
    broken: KeyboardInterrupt | TargetError,
    hunt: Hunt,
    shown: list[Counterexample],
    journal: Journal,
    arguments: argparse.Namespace,
) -> int:
    """Show and keep what was seen until then, and say where it ended, and how to go on."""
    from tw_conformance.notation.write import script

    kinds = {found.kind for found in shown}
    for kind, first in hunt.seen.items():
        if kind not in kinds:
            shown.append(replace(first, shortest=False))
            _tell(len(shown), shown[-1], arguments)
    journal.keep = journal.keep or bool(hunt.tried)
    under_way = [f"{case.name}\n{script(case, '')}" for case in hunt.under_way]
    code = ExitCode.DEVIATES if shown else ExitCode.INCONCLUSIVE
    return say_where(broken, _tally(hunt, len(shown)), under_way, journal, code)


def _tell(number: int, found: Counterexample, arguments: argparse.Namespace) -> None:
    from tw_conformance.notation.write import save_case, script

    case = found.case
    print(f"\n{number}. {case.name}: {found.reason}")
    for profile in case.profiles:
        print(f"{profile}:\n{script(case, profile)}")
    for rule in found.rules:
        print(f"  rule {rule.id}: {rule.says} ({'; '.join(rule.source)})")
    if not found.shortest:
        print("  there may be a shorter one: --shrink and --examples say how long to look")
    if arguments.save is not None:
        remark = f"Found by fuzzing {_what(arguments)}, seed {arguments.seed}: {found.reason}"
        try:
            print(f"  saved as {save_case(case, arguments.save, remark)}")
        except OSError as error:
            raise SuiteError(f"{arguments.save} can't be written to: {error.strerror}") from None
    sys.stdout.flush()
