"""The ledger as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from tw_conformance.explore.clauses.clause import Clause, Level
from tw_conformance.explore.clauses.freebsd import CONTENTION_REPORT, TCP_TIMEWAIT
from tw_conformance.explore.clauses.later import (
    RFC_5927,
    RFC_5961,
    RFC_6191,
    RFC_7323,
    RFC_9768,
)
from tw_conformance.explore.clauses.linux import FIRST_ANALYSIS, SECOND_ANALYSIS
from tw_conformance.explore.clauses.older import RFC_793, RFC_1122, RFC_1337
from tw_conformance.explore.clauses.rfc9293 import CLAUSES as RFC_9293
from tw_conformance.model.citation import parse
from tw_reference.profiles import PROFILES

LEDGER: tuple[Clause, ...] = (
    *RFC_9293,
    *RFC_793,
    *RFC_1122,
    *RFC_1337,
    *RFC_5961,
    *RFC_6191,
    *RFC_7323,
    *RFC_5927,
    *RFC_9768,
    *TCP_TIMEWAIT,
    *CONTENTION_REPORT,
    *FIRST_ANALYSIS,
    *SECOND_ANALYSIS,
)
"""Every clause, document by document."""

HELD_TO = frozenset({Level.MUST, Level.TEXT})
"""What may lack a case only for a reason that is written down."""


def called(query: str) -> tuple[Clause, ...]:
    """The clauses of that ID, or with that number of RFC 9293's: ``rfc1337.f1``, ``MUST-13``,
    ``RFC 9293 SHLD-4``."""
    asked = parse(query)
    if asked.requirements:
        return tuple(clause for clause in LEDGER if asked.covers(clause.citation))
    return tuple(clause for clause in LEDGER if clause.id == query.casefold())


def rules_of(clause: Clause) -> Iterator[tuple[str, str]]:
    """The list and the ID of each rule that carries it."""
    for decisions in PROFILES[clause.base].lists():
        for rule in decisions:
            if any(_names(glob, decisions.stage.name, rule.id) for glob in clause.rules):
                yield decisions.stage.name, rule.id


def _names(glob: str, stage: str, rule: str) -> bool:
    """Whether a glob names a rule: by its name alone, by its ID, or behind its list."""
    known = f"{stage}: {rule}" if ": " in glob else rule
    return fnmatchcase(known if "." in glob else known.partition(".")[2], glob)
