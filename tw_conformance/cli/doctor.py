"""``tw-conformance doctor``: whether a target can be tested from here, a line each."""

from __future__ import annotations

import argparse

from tw_conformance.cli.shared_options import access_of, add_settings, add_ways
from tw_conformance.model.errors import ExitCode


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`doctor` takes."""
    parser.add_argument("target", metavar="TARGET", help="as for --target of run")
    parser.add_argument("--profile", metavar="NAME", help="what the target is to be held to")
    add_ways(parser)
    add_settings(parser)


_LAYOUT = ({"width": 15}, {"ratio": 1})
"""The mark and what was looked at; what was seen."""


def doctor(arguments: argparse.Namespace) -> int:
    """Print findings as they come; TARGET where one of them keeps the target from being tested,
    INCONCLUSIVE where some verdicts will be worth less.

    :raises SuiteError: where a target or profile has no such name.
    """
    from tw_conformance.explore.doctor import ANY_PROFILE, Mark, examine
    from tw_conformance.plugin.options import choose, make_roster
    from tw_conformance.report.terminal import line, say
    from tw_conformance.report.watch import watching

    roster = make_roster(arguments.targets, access_of(arguments))
    name = arguments.target
    profile = arguments.profile or roster.profile(name)
    choose([name], [profile or ANY_PROFILE], roster)
    marks = set()
    with watching() as watch:
        for finding in examine(name, profile, roster, watch):
            say(line((f"{finding.mark.value} {finding.what}", finding.says), _LAYOUT))
            watch.printed()
            marks.add(finding.mark)
    if Mark.BAD in marks:
        return ExitCode.TARGET
    return ExitCode.INCONCLUSIVE if Mark.UNSURE in marks else ExitCode.CONFORMS
