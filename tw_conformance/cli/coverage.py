"""``tw-conformance coverage``: which rules the cases meet, and which parts of their conditions."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from tw_conformance.model.errors import ExitCode

if TYPE_CHECKING:
    from tw_conformance.explore.coverage.gaps import Gap, Reason
    from tw_conformance.explore.coverage.survey import Survey
    from tw_conformance.report.document import Block, TableRow
    from tw_reference.profiles.profile import Profile

FORMATS = ("text", "markdown", "json")
_SHOWN = 3
"""Cases of a rule that are named, without their matrix."""


class _Found(NamedTuple):
    """A survey, and what it leaves: with a reason, and without."""

    profile: Profile
    survey: Survey
    open: list[Gap]
    excused: list[tuple[Gap, Reason]]
    wanted: int


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`coverage` takes."""
    parser.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="NAME",
        help="this documented stack, each of its rules with the cases that meet it; repeatable. "
        "Default: all, and only what is not covered",
    )
    parser.add_argument(
        "-n", metavar="N", dest="processes", type=int, help="processes. Default: one a CPU"
    )
    parser.add_argument(
        "--format", choices=FORMATS, default=FORMATS[0], help="text (default), markdown or json"
    )


def coverage(arguments: argparse.Namespace) -> int:
    """Play the cases on the reference under each profile, and print what they meet.

    :raises SuiteError: where a path or a profile is not there, or a case file has a fault.
    """
    from tw_conformance.explore.corpus import read_corpus
    from tw_conformance.explore.coverage.survey import survey_named
    from tw_conformance.explore.processes import cpus, spread
    from tw_conformance.targets.registry import profile_named
    from tw_reference.profiles import PROFILES

    corpus = read_corpus(arguments.paths)
    names = list(dict.fromkeys(map(profile_named, arguments.profile or PROFILES)))
    look = partial(survey_named, cases=corpus.cases)
    found = [_found(each) for each in spread(look, names, arguments.processes or cpus())]
    if arguments.format == "json":
        print(json.dumps([_value(each, corpus.names) for each in found], indent=2))
    else:
        _print([*_blocks(found, corpus.names, whole=bool(arguments.profile))], arguments.format)
    complete = not any(each.open or each.survey.failed for each in found)
    return ExitCode.CONFORMS if complete else ExitCode.DEVIATES


def _found(survey: Survey) -> _Found:
    from tw_conformance.explore.coverage.gaps import gaps, reason_for, wanted
    from tw_conformance.explore.coverage.reasons import REASONS
    from tw_reference.profiles import PROFILES

    profile = PROFILES[survey.profile]
    opened, excused = [], []
    for gap in gaps(profile, survey):
        reason = reason_for(profile.name, gap, REASONS)
        if reason is None:
            opened.append(gap)
        else:
            excused.append((gap, reason))
    return _Found(profile, survey, opened, excused, sum(1 for _ in wanted(profile)))


def _print(blocks: Sequence[Block], format: str) -> None:
    from tw_conformance.report.document import as_markdown, as_text
    from tw_conformance.report.terminal import console

    print(as_markdown(blocks) if format == "markdown" else as_text(blocks, console().width), end="")


# -- for people ----------------------------------------------------------------------------------


def _blocks(found: Sequence[_Found], names: Sequence[str], *, whole: bool) -> Iterator[Block]:
    from tw_conformance.report.document import Heading, Table, TableRow

    header = ("profile", "cases", "rules fired", "parts decided", "with a reason", "not covered")
    yield Heading(1, "coverage")
    yield Table(header, [TableRow(_totals(each)) for each in found])
    for each in found:
        if whole:
            yield Heading(2, f"{each.profile.name}: rules, and cases that meet them")
            rows = [*_rule_rows(each, names)]
            yield Table(("rule", "cases"), rows, ("such as",), code=frozenset({0}))
    for title, rows in (("not covered", _open_rows(found)), ("reasons", _reason_rows(found))):
        if rows:
            yield Heading(2, title)
            yield Table(("what", "profiles"), rows, ("why",))
    failed = [names[index] for each in found for index in each.survey.failed]
    if failed:
        yield Heading(2, "cases that did not pass, of which nothing is counted")
        yield Table(("case",), [TableRow((name,)) for name in dict.fromkeys(failed)])


def _totals(found: _Found) -> tuple[str, ...]:
    survey, rules = found.survey, [r for decisions in found.profile.lists() for r in decisions]
    return (
        found.profile.name,
        f"{survey.played:,}",
        f"{len(survey.fired)} of {len(rules)}",
        f"{len(survey.decided)} of {found.wanted - len(rules)}",
        str(len(found.excused)),
        str(len(found.open)),
    )


def _rule_rows(found: _Found, names: Sequence[str]) -> Iterator[TableRow]:
    from tw_conformance.explore.coverage.survey import RuleKey
    from tw_conformance.report.document import TableRow

    for decisions in found.profile.lists():
        for rule in decisions:
            key = RuleKey(decisions.stage.name, rule.id)
            cases = found.survey.fired.get(key, ())
            such = dict.fromkeys(names[index].partition("[")[0] for index in cases)
            yield TableRow((str(key), str(len(cases))), (", ".join([*such][:_SHOWN]),))


def _open_rows(found: Sequence[_Found]) -> list[TableRow]:
    """A row for each gap, with all the profiles that have it."""
    from tw_conformance.report.document import TableRow

    whose: dict[Gap, list[str]] = {}
    for each in found:
        for gap in each.open:
            whose.setdefault(gap, []).append(each.profile.name)
    return [TableRow((str(gap), ", ".join(names))) for gap, names in whose.items()]


def _reason_rows(found: Sequence[_Found]) -> list[TableRow]:
    """A row for each reason that was needed, however much it is about."""
    from tw_conformance.report.document import TableRow

    needed = dict.fromkeys(reason for each in found for _, reason in each.excused)
    return [
        TableRow((", ".join(filter(None, (each.rules, each.part))), each.profiles), (each.why,))
        for each in needed
    ]


# -- for machines --------------------------------------------------------------------------------


def _value(found: _Found, names: Sequence[str]) -> dict[str, Any]:
    survey = found.survey
    return {
        "profile": survey.profile,
        "cases": survey.played,
        "failed": [names[index] for index in survey.failed],
        "rules": [
            {"list": key.stage, "rule": key.rule, "cases": [names[index] for index in cases]}
            for key, cases in survey.fired.items()
        ],
        "parts": [
            {
                "list": key.stage,
                "rule": key.rule,
                "atom": part.text,
                "value": part.value,
                "cases": [names[index] for index in cases],
            }
            for (key, part), cases in survey.decided.items()
        ],
        "not_covered": [_gap_value(gap) for gap in found.open],
        "reasons": [{**_gap_value(gap), "why": reason.why} for gap, reason in found.excused],
    }


def _gap_value(gap: Gap) -> dict[str, Any]:
    part = {} if gap.part is None else {"atom": gap.part.text, "value": gap.part.value}
    return {"list": gap.rule.stage, "rule": gap.rule.rule, **part}
