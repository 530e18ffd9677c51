"""``tw-conformance list`` and ``show``: which cases there are, and what one does."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tw_conformance.cli.lookup import add_case, cases_named, sheet_of
from tw_conformance.cli.shared_options import add_profile
from tw_conformance.model.errors import ExitCode

if TYPE_CHECKING:
    from tw_conformance.model.case import Case


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`show` takes."""
    add_case(parser)
    add_profile(parser, "show this profile only")


def list_cases(arguments: argparse.Namespace) -> int:
    """Print IDs and titles; then what is wrong with the other cases."""
    sheet = sheet_of(arguments.paths)
    cases = [written.case for written in sheet.cases]
    width = max((len(case.id) for case in cases), default=0)
    for case in cases:
        print(f"{case.id:<{width}}  {case.title}")
    sheet.whole()
    return ExitCode.CONFORMS


def show(arguments: argparse.Namespace) -> int:
    """Print a case's steps; profiles for which it says the same share one script."""
    from tw_conformance.notation.write import script
    from tw_conformance.plugin.options import profile_names

    found = cases_named(arguments.case, arguments.paths)
    for case, place, *_ in found:
        print(f"{case.id}: {case.title}\n  {place.file}:{place.line}")
        print(f"  cites: {'; '.join(case.cites)}")
        scripts: dict[str, list[str]] = {}
        for profile in filter(case.applies_to, profile_names(arguments.profile)):
            scripts.setdefault(script(case, profile), []).append(profile)
        for text, profiles in scripts.items():
            print(f"\n{', '.join(profiles)}:\n{text}")
        if len(found) == 1:
            for text, profiles in _ladders(case, [p for ps in scripts.values() for p in ps]):
                print(f"\n{', '.join(profiles)} on the reference:\n{text}")
        print()
    if len(found) > 1:
        print(f"show '{found[0].case.id}' prints the segments of one of them")
    return ExitCode.CONFORMS


def _ladders(case: Case, profiles: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """What crosses the wire when the reference plays a case; profiles that do the same share a
    ladder."""
    from tw_conformance.play.player import perform_once
    from tw_conformance.report.ladder import ladder
    from tw_conformance.report.terminal import console
    from tw_conformance.targets.in_process import InProcessTarget
    from tw_reference.profiles import PROFILES

    shown, alike = console(), dict[str, list[str]]()
    for profile in profiles:
        target = InProcessTarget(PROFILES[profile])
        if (lack := target.lacks(case)) is not None:
            alike.setdefault(f"  not played: it {lack}", []).append(profile)
            continue
        told = target.start(perform_once(case, target)).result().transcript
        text = ladder(told, case, width=shown.width, color=shown.is_terminal)
        alike.setdefault(text, []).append(profile)
    yield from alike.items()
