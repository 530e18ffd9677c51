"""``tw-conformance sweep``: every class of segment on a target and on the oracle, compared."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from tw_conformance.cli.options import add_settings, settings_of
from tw_conformance.model.errors import ExitCode, SuiteError, UsageError

if TYPE_CHECKING:
    from tw_conformance.explore.sweep.alphabet import SegmentClass
    from tw_conformance.explore.sweep.findings import Finding
    from tw_conformance.explore.sweep.journal import Journal
    from tw_conformance.explore.sweep.stimuli import Stimuli
    from tw_conformance.explore.sweep.sweep import Field, Outcome, Progress

_DEFAULT_STRENGTH = 3
Run: TypeAlias = Callable[[Coroutine[object, object, None]], object]
"""Runs a coroutine to its end where its field lives."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`sweep` takes."""
    parser.add_argument(
        "--target",
        default="reference",
        metavar="NAME",
        help="the stack to be walked: netns, uml, or reference (default) under --against",
    )
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help="the documented stack that it is compared with. Default: a kernel's version decides",
    )
    parser.add_argument(
        "--against",
        metavar="NAME",
        help="walk the reference under this profile: which classes tell it from --profile?",
    )
    parser.add_argument(
        "--strength",
        default=str(_DEFAULT_STRENGTH),
        metavar="N",
        help="every combination of values of any N dimensions occurs (2 and more), or full: the "
        f"whole product. Default: {_DEFAULT_STRENGTH}",
    )
    parser.add_argument(
        "--only",
        default="",
        metavar="WORDS",
        help="walk a part: e.g. 'flags=RST,SYN|FIN seq=R,R+1 family=ipv4'; dimensions are flags, "
        "seq, ack, length, timestamps, bits, family, listener, way",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="the same seed, the same segments"
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="FILE",
        help="keep a journal in this file, and go on where it ends",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings for machines")
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="draw a heat map, e.g. sweep.png (matplotlib)"
    )
    parser.add_argument(
        "--save", type=Path, metavar="DIR", help="write a case for each finding into this folder"
    )
    add_settings(parser)


def sweep(arguments: argparse.Namespace) -> int:
    """Walk, and print what was found.

    :raises SuiteError: where an option, a profile or a setting is not there.
    :raises TargetError: where the target can't be had.
    """
    from tw_conformance.explore.sweep.alphabet import Representatives, Selection
    from tw_conformance.explore.sweep.block_oracle import BlockOracle
    from tw_conformance.explore.sweep.findings import as_text, findings, undecided_text
    from tw_conformance.explore.sweep.stimuli import Stimuli
    from tw_conformance.explore.sweep.sweep import Sweep, classes_of
    from tw_reference.profiles import PROFILES

    strength, selection = _strength(arguments.strength), Selection.of(arguments.only)
    profile, walked = _sides(arguments)
    if arguments.target == "reference":
        selection = selection.without("way")
    settings = settings_of(
        arguments.settings, [PROFILES[name] for name in (profile, walked) if name in PROFILES]
    )
    about = {"target": walked, "profile": profile, "settings": settings, "seed": arguments.seed}
    stimuli = Stimuli(Representatives.drawn(arguments.seed))
    classes = classes_of(selection, strength, arguments.seed)
    print(f"{len(classes)} classes on {walked}, compared with {profile}", flush=True)
    with (
        _journal(arguments.resume, about) as journal,
        _field(arguments, walked, settings, stimuli) as (field, run),
    ):
        walk = Sweep(
            field,
            BlockOracle(PROFILES[profile], settings),
            arguments.seed,
            record=journal.record if journal else lambda found: None,
            tell=_teller(),
            outcomes=dict(journal.outcomes) if journal else {},
        )
        begun = time.monotonic()
        try:
            run(walk.walk(classes))
        except KeyboardInterrupt:
            return _interrupted(len(walk.outcomes), arguments)
        finally:
            _end_progress()
        seconds = time.monotonic() - begun
    outcomes = {one: walk.outcomes[one] for one in classes}
    found = findings(outcomes, PROFILES[profile])
    for line in (*as_text(found, profile, walked), *undecided_text(outcomes)):
        print(line)
    _write(arguments, {**about, "seconds": seconds}, found, outcomes, stimuli)
    diverging = sum(outcome.divergence is not None for outcome in outcomes.values())
    undecided = sum(bool(outcome.undecided) for outcome in outcomes.values())
    print(
        f"{len(outcomes)} classes in {seconds:.1f} s: {diverging} diverge"
        f" in {len(found)} {'way' if len(found) == 1 else 'ways'};"
        f" {undecided} undecided"
    )
    if diverging:
        return ExitCode.DEVIATES
    return ExitCode.INCONCLUSIVE if undecided else ExitCode.CONFORMS


def _strength(text: str) -> int | None:
    """None: the full product."""
    if text == "full":
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 2:
        raise UsageError(f"--strength {text}: a number from 2 is meant, or full")
    return int(text)


def _sides(arguments: argparse.Namespace) -> tuple[str, str]:
    """The oracle's profile, and the name of what is compared with it.

    :raises SuiteError: where they can't be had from what was said.
    """
    from tw_conformance.targets.registry import default_profiles, profile_named

    if arguments.target == "reference":
        if arguments.profile is None:
            raise UsageError("which stack? say --target netns, or --profile A --against B")
        profile = profile_named(arguments.profile)
        return profile, profile if arguments.against is None else profile_named(arguments.against)
    if arguments.against is not None:
        raise UsageError(
            f"--against walks a profile, not {arguments.target}: leave one of them out"
        )
    profile = arguments.profile or default_profiles(arguments.target)[0]
    return profile_named(profile), arguments.target


@contextmanager
def _field(
    arguments: argparse.Namespace, walked: str, settings: Mapping[str, int], stimuli: Stimuli
) -> Iterator[tuple[Field, Run]]:
    """Where to walk, and how to run what walks there.

    :raises TargetError: where the target can't be had.
    """
    from tw_conformance.explore.sweep.case_field import CaseField
    from tw_conformance.explore.sweep.lockstep import lockstep_on
    from tw_conformance.explore.sweep.profile_field import ProfileField
    from tw_conformance.targets.registry import open_target
    from tw_conformance.targets.wire_target import WireTarget

    if arguments.target == "reference":
        from tw_reference.profiles import PROFILES

        yield ProfileField(PROFILES[walked], settings, stimuli, seed=arguments.seed), asyncio.run
        return
    target = open_target(arguments.target, profile=arguments.profile, seed=arguments.seed)
    try:
        print(target.describe(), flush=True)
        if not isinstance(target, WireTarget) or not target.makes_benches:
            yield CaseField(target, settings, stimuli), lambda walk: target.start(walk).result()
            return
        lockstep = lockstep_on(target, settings, stimuli, seed=arguments.seed)
        yield lockstep, lambda walk: target.start(walk).result()
        target.start(lockstep.aclose()).result()
    finally:
        target.close()


@contextmanager
def _journal(file: Path | None, about: Mapping[str, Any]) -> Iterator[Journal | None]:
    from tw_conformance.explore.sweep.journal import Journal

    if file is None:
        yield None
        return
    journal = Journal(file, about)
    try:
        yield journal
    finally:
        journal.close()


def _interrupted(done: int, arguments: argparse.Namespace) -> int:
    further = (
        f"go on with --resume {arguments.resume}"
        if arguments.resume
        else "with --resume FILE a sweep can be gone on with"
    )
    print(f"interrupted after {done} classes; {further}", file=sys.stderr)
    return ExitCode.INTERRUPTED


def _write(
    arguments: argparse.Namespace,
    about: Mapping[str, Any],
    found: Sequence[Finding],
    outcomes: Mapping[SegmentClass, Outcome],
    stimuli: Stimuli,
) -> None:
    """The files that were asked for.

    :raises SuiteError: where one can't be written.
    """
    from tw_conformance.explore.sweep.cases import cases
    from tw_conformance.explore.sweep.findings import as_json
    from tw_conformance.explore.sweep.picture import draw
    from tw_conformance.notation.write import save_case

    profile, walked = about["profile"], about["target"]
    try:
        if arguments.json is not None:
            text = json.dumps({**about, **as_json(found, outcomes)}, indent=1)
            arguments.json.write_text(text + "\n", encoding="utf-8")
        if arguments.save is not None:
            for case in cases(found, profile, about["settings"], stimuli):
                remark = f"Found by a sweep of {walked}, seed {arguments.seed}."
                print(f"saved {save_case(case, arguments.save, remark)}")
    except OSError as error:
        raise SuiteError(f"{error.filename} can't be written: {error.strerror}") from None
    if arguments.picture is not None:
        draw(outcomes, profile, walked, arguments.picture)


def _teller() -> Callable[[Progress], None]:
    """Says on a terminal how far the walk is; elsewhere nothing, for nobody watches."""
    if not sys.stderr.isatty():
        return lambda progress: None

    def tell(progress: Progress) -> None:
        left = (progress.total - progress.done) / progress.rate if progress.rate else 0
        bar = "#" * round(20 * progress.done / progress.total)
        print(
            f"\r[{bar:<20}] {progress.done}/{progress.total}  {progress.rate:.0f}/s"
            f"  {left:.0f} s left  {progress.diverging} diverge, {progress.undecided} undecided ",
            end="",
            file=sys.stderr,
            flush=True,
        )

    return tell


def _end_progress() -> None:
    if sys.stderr.isatty():
        print(file=sys.stderr)
