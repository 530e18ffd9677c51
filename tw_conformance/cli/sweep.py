"""``tw-conformance sweep``: every class of segment on a target and on the oracle, compared."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from tw_conformance.cli.broken_off import keeping, say_where
from tw_conformance.cli.shared_options import (
    add_seed,
    add_settings,
    add_states,
    add_target,
    open_named,
    roster,
    settings_of,
    states_of,
)
from tw_conformance.model.errors import ExitCode, SuiteError, TargetError, UsageError
from tw_conformance.model.words import number_of

if TYPE_CHECKING:
    from tw_conformance.explore.sweep.alphabet import SegmentClass
    from tw_conformance.explore.sweep.groups import Group
    from tw_conformance.explore.sweep.journal import Journal
    from tw_conformance.explore.sweep.reference_stack import ReferenceStack
    from tw_conformance.explore.sweep.representatives import SegmentMaker
    from tw_conformance.explore.sweep.walk import ClassResult, Playable, Progress, Subject, Walk

_DEFAULT_STRENGTH = 3
RunToItsEnd: TypeAlias = Callable[[Coroutine[object, object, None]], object]
"""Runs a coroutine to its end where its field lives."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`sweep` takes."""
    add_target(
        parser,
        "the stack to be walked, as for run; or reference (default) under --against",
        "reference",
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
    add_states(parser, "a segment finds the stack in")
    parser.add_argument(
        "--strength",
        default=str(_DEFAULT_STRENGTH),
        metavar="N",
        help="every combination of values of any N dimensions occurs (2 and more), beside all "
        "segments that are nearly acceptable; near: these alone; rules: those of which other parts "
        "of the rules' conditions decide; or full: the whole product. "
        f"Default: {_DEFAULT_STRENGTH}",
    )
    parser.add_argument(
        "--only",
        default="",
        metavar="WORDS",
        help="walk a part: e.g. 'flags=RST,SYN|FIN seq=R,R+1 family=ipv4'; dimensions are flags, "
        "seq, ack, length, timestamps, bits, family, state, way, listener, socket, scaling, ecn",
    )
    add_seed(parser, "the segments")
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
    from tw_conformance.explore.sweep.alphabet import Selection
    from tw_conformance.explore.sweep.reference_stack import ReferenceStack
    from tw_conformance.explore.sweep.representatives import Representatives, SegmentMaker
    from tw_conformance.explore.sweep.walk import Walk
    from tw_reference.profiles import PROFILES

    strength = _strength(arguments.strength)
    selection = Selection.of(arguments.only, states_of(arguments.states))
    profile, walked = _sides(arguments)
    settings = settings_of(
        arguments.settings, [PROFILES[name] for name in (profile, walked) if name in PROFILES]
    )
    about = {"target": walked, "profile": profile, "settings": settings, "seed": arguments.seed}
    segments = SegmentMaker(Representatives.drawn(arguments.seed))
    with _journal(arguments.resume, about) as journal:
        asked_for = journal.keep
        with _field(arguments, profile, walked, settings, segments) as field:
            oracle = ReferenceStack(
                PROFILES[profile], {**field.settings, **settings}, segments, seed=arguments.seed
            )
            part = field.subject.narrowed(selection)
            for said in part.left_out:
                print(f"left out: {said}")
            classes = _classes(part, strength, oracle, segments, arguments.seed)
            if not classes:
                print("tw-conformance: nothing is left to be walked", file=sys.stderr)
                return ExitCode.NOTHING
            known = sum(one in journal.results for one in classes)
            before = f"; {known} of them are known from {journal.path}" if known else ""
            print(
                f"{len(classes)} classes on {walked}, compared with {profile}{before}", flush=True
            )
            walk = Walk(
                field.subject,
                oracle,
                arguments.seed,
                record=journal.record,
                results=dict(journal.results),
            )
            begun = time.monotonic()
            broken = _run(walk, classes, field)
            seconds = time.monotonic() - begun
            journal.keep = journal.keep or broken is not None  # a second SIGINT may end this too
        # What was under way has ended only now, and may have been recorded.
        results = {one: walk.results[one] for one in classes if one in walk.results}
        journal.keep = asked_for or (broken is not None and bool(results))
    code = _report(arguments, {**about, "seconds": seconds}, results, oracle, segments)
    if broken is None:
        return code
    done = f"{len(results)} of {len(classes)} classes"
    return say_where(broken, done, [*map(str, walk.subject.under_way)], journal, code)


def _run(
    walk: Walk, classes: Sequence[SegmentClass], field: _Field
) -> TargetError | KeyboardInterrupt | None:
    """Walk; what ended it before its time."""
    with _progress(len(classes)) as tell:
        walk.tell = tell
        try:
            field.run(walk.run(classes))
        except (KeyboardInterrupt, TargetError) as broken:
            return broken
    return None


def _classes(
    part: Playable,
    strength: int | str,
    oracle: ReferenceStack,
    segments: SegmentMaker,
    seed: int,
) -> list[SegmentClass]:
    from tw_conformance.explore.sweep.design import covering, nearly_acceptable
    from tw_conformance.explore.sweep.rule_classes import where_conditions_decide

    selection = part.selection
    if part.is_empty:
        return []
    if strength == "full":
        return part.of(selection.product())
    if strength == "rules":
        return part.of(
            where_conditions_decide(selection, oracle.profile, oracle.settings, segments, seed)
        )
    found = nearly_acceptable(selection)
    if isinstance(strength, int):
        found += covering(selection, strength, seed)
    return part.of(found)


def _strength(text: str) -> int | str:
    if text in ("full", "near", "rules"):
        return text
    if not text.isascii() or not text.isdigit() or int(text) < 2:
        raise UsageError(f"--strength {text}: a number from 2 is meant, near, rules, or full")
    return int(text)


def _report(
    arguments: argparse.Namespace,
    about: Mapping[str, Any],
    results: Mapping[SegmentClass, ClassResult],
    oracle: ReferenceStack,
    segments: SegmentMaker,
) -> int:
    """Print and write what was found."""
    from tw_conformance.explore.sweep.groups import as_text, groups, not_certain_text

    found = groups(results, oracle.profile)
    for line in (*as_text(found, about["profile"], about["target"]), *not_certain_text(results)):
        print(line)
    _write(arguments, about, found, results, oracle, segments)
    diverging = sum(result.divergence is not None for result in results.values())
    undecided = sum(bool(result.undecided) for result in results.values())
    print(
        f"{len(results)} classes in {about['seconds']:.1f} s: {diverging} diverge"
        f" in {number_of(len(found), 'way')};"
        f" {undecided} undecided"
    )
    if diverging:
        return ExitCode.DEVIATES
    return ExitCode.INCONCLUSIVE if undecided else ExitCode.CONFORMS


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
    profile = arguments.profile or default_profiles(arguments.target, roster(arguments))[0]
    return profile_named(profile), arguments.target


@dataclass(frozen=True, slots=True)
class _Field:
    """Where to walk; ``settings`` are those by which a DUT is known to differ from its profile."""

    subject: Subject
    run: RunToItsEnd
    settings: Mapping[str, int]


@contextmanager
def _field(
    arguments: argparse.Namespace,
    profile: str,
    walked: str,
    settings: Mapping[str, int],
    segments: SegmentMaker,
) -> Iterator[_Field]:
    """Where to walk, and how to run what walks there.

    :raises TargetError: where the target can't be had.
    """
    from tw_conformance.explore.sweep.case_subject import CaseSubject
    from tw_conformance.explore.sweep.lockstep import lockstep_on
    from tw_conformance.explore.sweep.reference_stack import ReferenceStack
    from tw_conformance.report.settings_text import settings_line
    from tw_conformance.targets.target import unlike_the_profile
    from tw_conformance.targets.wire_target import WireTarget

    if arguments.target == "reference":
        from tw_reference.profiles import PROFILES

        seed = arguments.seed + 1  # another connection than the oracle's own
        subject = ReferenceStack(PROFILES[walked], settings, segments, seed=seed)
        yield _Field(subject, asyncio.run, {})
        return
    target = open_named(arguments, profile)
    try:
        print(f"{target.describe()}\n{settings_line(target)}", flush=True)
        differing = {name: value for name, (value, _) in unlike_the_profile(target).items()}

        def run(walk: Coroutine[object, object, None]) -> None:
            target.start(walk).result()

        if not isinstance(target, WireTarget) or not target.makes_benches:
            yield _Field(CaseSubject(target, settings, segments), run, differing)
            return
        lockstep = lockstep_on(target, settings, segments, seed=arguments.seed)
        yield _Field(lockstep, run, differing)
        run(lockstep.aclose())
    finally:
        target.close()


def _journal(file: Path | None, about: Mapping[str, Any]) -> AbstractContextManager[Journal]:
    """The one that was asked for; or one that is kept only where the walk is broken off."""
    from tw_conformance.explore.sweep.journal import Journal

    return keeping(file, "sweep", lambda path, keep: Journal(path, about, keep=keep))


def _write(
    arguments: argparse.Namespace,
    about: Mapping[str, Any],
    found: Sequence[Group],
    results: Mapping[SegmentClass, ClassResult],
    oracle: ReferenceStack,
    segments: SegmentMaker,
) -> None:
    """The files that were asked for.

    :raises SuiteError: where one can't be written.
    """
    from tw_conformance.explore.sweep.cases import cases
    from tw_conformance.explore.sweep.groups import as_json
    from tw_conformance.explore.sweep.picture import draw
    from tw_conformance.notation.write import save_case

    profile, walked = about["profile"], about["target"]
    try:
        if arguments.json is not None:
            text = json.dumps({**about, **as_json(found, results)}, indent=1)
            arguments.json.write_text(text + "\n", encoding="utf-8")
        if arguments.save is not None:
            for case in cases(found, oracle, profile, about["settings"], segments):
                remark = f"Found by a sweep of {walked}, seed {arguments.seed}."
                print(f"saved {save_case(case, arguments.save, remark)}")
    except OSError as error:
        raise SuiteError(f"{error.filename} can't be written: {error.strerror}") from None
    if arguments.picture is not None:
        draw(results, profile, walked, arguments.picture)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Progress], None]]:
    """Shows how far the walk is: all the time on a terminal, elsewhere in a line now and then."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as ProgressBar

    from tw_conformance.report.terminal import console
    from tw_conformance.report.watch import watching

    shown = console(stderr=True)
    if not shown.is_terminal:
        with watching() as watch:
            watch(f"0 of {total} classes")
            yield lambda progress: watch(_so_far(progress))
        return
    columns = (
        BarColumn(20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with ProgressBar(*columns, console=shown) as bar:
        task = bar.add_task("", total=total)

        def tell(progress: Progress) -> None:
            said = _found(progress)
            bar.update(task, completed=progress.done, total=progress.total, description=said)

        yield tell


def _so_far(progress: Progress) -> str:
    return f"{progress.done} of {progress.total} classes: {_found(progress)}"


def _found(progress: Progress) -> str:
    return f"{progress.diverging} diverge, {progress.undecided} undecided"
