"""``tw-conformance clauses``: every normative sentence, who carries it, shows it and keeps it."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tw_conformance.model.errors import ExitCode, UsageError
from tw_conformance.model.words import no_such, quoted

if TYPE_CHECKING:
    from tw_conformance.explore.clauses.account import LedgerLine
    from tw_conformance.explore.clauses.clause import Clause
    from tw_conformance.report.document import Block, TableRow

FORMATS = ("text", "markdown", "json")
_LEVELS = ("MUST", "SHOULD", "MAY", "text", "stack")
_SHOWN = 3
"""Cases and rules of a clause that are named."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what :func:`clauses` takes."""
    parser.add_argument(
        "--level",
        action="append",
        default=[],
        metavar="LEVEL",
        help=f"only clauses of this level: {', '.join(_LEVELS)}; repeatable",
    )
    parser.add_argument(
        "--cites",
        action="append",
        default=[],
        metavar="PLACE",
        help="only clauses that stand there, e.g. 'RFC 9293 3.10.7.4'; repeatable",
    )
    parser.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="NAME",
        help="what this documented stack does, clause by clause; repeatable. Default: all",
    )
    parser.add_argument(
        "-n", metavar="N", dest="processes", type=int, help="processes. Default: one a CPU"
    )
    parser.add_argument(
        "--format", choices=FORMATS, default=FORMATS[0], help="text (default), markdown or json"
    )


def clauses(arguments: argparse.Namespace) -> int:
    """Print the ledger: 1 where a clause that demands something has neither case nor reason.

    :raises SuiteError: where a path, a profile, a level or a place is not there.
    """
    from tw_conformance.explore.clauses.account import account
    from tw_conformance.explore.corpus import read_corpus
    from tw_conformance.explore.processes import cpus
    from tw_conformance.targets.registry import profile_named
    from tw_reference.profiles import PROFILES

    chosen = _chosen(arguments.level, arguments.cites)
    profiles = list(dict.fromkeys(map(profile_named, arguments.profile or PROFILES)))
    corpus = read_corpus(arguments.paths)
    entries = account(chosen, corpus.cases, profiles, arguments.processes or cpus())
    if arguments.format == "json":
        print(json.dumps([_value(each, corpus.names) for each in entries], indent=2))
    else:
        _print([*_blocks(entries, corpus.names, profiles)], arguments.format)
    return ExitCode.DEVIATES if any(each.is_open for each in entries) else ExitCode.CONFORMS


def _chosen(levels: Sequence[str], places: Sequence[str]) -> list[Clause]:
    from tw_conformance.explore.clauses.ledger import LEDGER

    known = {level.casefold(): level for level in _LEVELS}
    for level in levels:
        if level.casefold() not in known:
            raise UsageError(no_such("no level", level, _LEVELS))
    wanted = {known[level.casefold()] for level in levels} or set(_LEVELS)
    found = {each.id for place in places for each in _at(place)}
    return [
        clause
        for clause in LEDGER
        if clause.level.value in wanted and (not places or clause.id in found)
    ]


def _at(place: str) -> Sequence[Clause]:
    """The clauses that stand at a place, or are called so."""
    from tw_conformance.explore.clauses.ledger import LEDGER, called
    from tw_conformance.model.citation import nearest_place, parse

    there = called(place) or [each for each in LEDGER if parse(place).covers(each.citation)]
    if not there:
        near = nearest_place(place, [clause.place for clause in LEDGER])
        hint = f"; the nearest is {near!r}" if near else ""
        raise UsageError(f"no clause stands at {quoted(place)}{hint}")
    return there


def _print(blocks: Sequence[Block], format: str) -> None:
    from tw_conformance.report.document import as_markdown, as_text
    from tw_conformance.report.terminal import console

    print(as_markdown(blocks) if format == "markdown" else as_text(blocks, console().width), end="")


# -- for people ----------------------------------------------------------------------------------


def _blocks(
    entries: Sequence[LedgerLine], names: Sequence[str], profiles: Sequence[str]
) -> Iterator[Block]:
    from tw_conformance.report.document import Heading, Table, TableRow

    documents: dict[str, list[LedgerLine]] = {}
    for entry in entries:
        documents.setdefault(_document(entry.clause), []).append(entry)
    yield Heading(1, "clauses")
    counted = [TableRow(_totals(name, each)) for name, each in documents.items()]
    rows = [*counted, TableRow(_totals("all", entries))]
    yield Table(("document", *_LEVELS, "shown", "excused", "open"), rows)
    yield Table(
        ("profile", "conforms", "deviates", "not applicable", "not known"),
        [TableRow(_kept(profile, place, entries)) for place, profile in enumerate(profiles)],
    )
    for document, found in documents.items():
        yield Heading(2, document)
        header = ("clause", "level", "cases", "conform", "deviate")
        yield Table(header, [_row(each, names) for each in found], ("what it is",))


def _document(clause: Clause) -> str:
    """The document that a clause stands in, as its place begins."""
    name, number, *_ = f"{clause.place} ".split(" ", 2)
    return f"{name} {number}" if name == "RFC" else clause.place.partition(":")[0]


def _totals(name: str, entries: Sequence[LedgerLine]) -> tuple[str, ...]:
    levels = Counter(entry.clause.level.value for entry in entries)
    shown = sum(bool(entry.shown) for entry in entries)
    excused = sum(not entry.shown and bool(entry.clause.why) for entry in entries)
    opened = sum(entry.is_open for entry in entries)
    counts = (*(levels[level] for level in _LEVELS), shown, excused, opened)
    return (name, *(str(count) for count in counts))


def _kept(profile: str, place: int, entries: Sequence[LedgerLine]) -> tuple[str, ...]:
    from tw_conformance.explore.clauses.standing import Does

    does = Counter(entry.standings[place].does for entry in entries)
    return (profile, *(str(does[each]) for each in Does))


def _row(entry: LedgerLine, names: Sequence[str]) -> TableRow:
    from tw_conformance.explore.clauses.standing import Does
    from tw_conformance.report.document import TableRow

    clause, does = entry.clause, Counter(standing.does for standing in entry.standings)
    cells = (
        clause.id,
        clause.level.value,
        str(len(entry.shown)),
        str(does[Does.CONFORMS]),
        str(does[Does.DEVIATES]),
    )
    return TableRow(cells, ("\n".join([*_details(entry, names)]),))


def _details(entry: LedgerLine, names: Sequence[str]) -> Iterator[str]:
    from tw_conformance.explore.clauses.ledger import rules_of
    from tw_conformance.explore.clauses.standing import Does

    clause = entry.clause
    yield f"{clause.says} {clause.place}"
    if rules := dict.fromkeys(rule for _, rule in rules_of(clause)):
        yield f"carried by {_some(list(rules))}"
    if entry.shown:
        such = dict.fromkeys(names[index].partition("[")[0] for index in entry.shown)
        named = [name for name in clause.cases if name in such] or list(such)
        yield f"shown by {_some(named, len(such))}"
    elif clause.why:
        yield f"no case: {clause.why}"
    for does in (Does.DEVIATES, Does.NOT_APPLICABLE):
        reasons: dict[str, list[str]] = {}
        for standing in entry.standings:
            if standing.does is does:
                reasons.setdefault(standing.why, []).append(standing.profile)
        for why, whose in reasons.items():
            yield f"{does.value}: {_whose(whose)}" + (f" ({why})" if why else "")


def _some(words: Sequence[str], of: int = 0) -> str:
    """The first of some words, and how many more there are."""
    more = max(of, len(words)) - len(words[:_SHOWN])
    return ", ".join(words[:_SHOWN]) + (f" and {more:,} more" if more else "")


def _whose(profiles: Sequence[str]) -> str:
    """Names of profiles, a whole family by its glob."""
    from tw_reference.profiles import PROFILES

    if len(profiles) == len(PROFILES):
        return "all"
    said: list[str] = []
    for family in dict.fromkeys(name.partition("-")[0] for name in profiles):
        mine = [name for name in profiles if name.partition("-")[0] == family]
        whole = [name for name in PROFILES if name.partition("-")[0] == family]
        said += [f"{family}-*"] if mine == whole and mine[1:] else mine
    return ", ".join(said)


# -- for machines --------------------------------------------------------------------------------


def _value(entry: LedgerLine, names: Sequence[str]) -> Mapping[str, Any]:
    from tw_conformance.explore.clauses.ledger import rules_of

    clause = entry.clause
    return {
        "id": clause.id,
        "level": clause.level.value,
        "place": clause.place,
        "says": clause.says,
        "base": clause.base,
        "rules": [{"list": stage, "rule": rule} for stage, rule in rules_of(clause)],
        "cases": [names[index] for index in entry.shown],
        "why": clause.why,
        "profiles": {
            each.profile: {"does": each.does.value, "why": each.why} for each in entry.standings
        },
    }
