"""The ledger of clauses names nothing that is not there, and leaves no demand unshown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

import pytest

from tw_conformance.explore.clauses.account import account
from tw_conformance.explore.clauses.clause import Clause, Level
from tw_conformance.explore.clauses.ledger import LEDGER, called, rules_of
from tw_conformance.explore.clauses.standing import Does, Standings, probes_of
from tw_conformance.explore.corpus import Corpus, read_corpus
from tw_conformance.model.citation import Citation, parse
from tw_conformance.notation.bundled import bundled_cases
from tw_conformance.tests.checkout import REPOSITORY
from tw_reference.profiles import PROFILES

OF_THE_LEDGER = {
    "tcp_timewait.c",
    *(f"rfc {n}" for n in (793, 1122, 1337, 5927, 5961, 6191, 7323, 9293, 9768)),
}
_LACKS = "it has nothing that the cases need"
_A_TEST = re.compile(r"[\w/]+/tests/[\w/]+\.py")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return read_corpus([])


@pytest.fixture(scope="module")
def few() -> Corpus:
    """Cases that the clauses asked about below rest on."""
    return read_corpus([str(bundled_cases() / room) for room in ("rst", "rfc", "beside")])


def by_id(name: str) -> Clause:
    (clause,) = called(name)
    return clause


def test_an_id_means_one_clause() -> None:
    assert not [name for name, number in Counter(c.id for c in LEDGER).items() if number > 1]


def test_clauses_name_what_is_there(corpus: Corpus) -> None:
    names = {case.name for case in corpus.cases}
    assert not [fault for clause in LEDGER for fault in _faults(clause, names)]


def _faults(clause: Clause, names: set[str]) -> Iterator[str]:
    for glob in clause.rules:
        if not [*rules_of(replace(clause, rules=(glob,)))]:
            yield f"{clause.id}: no rule {glob}"
    for glob in clause.cases:
        if not any(fnmatchcase(name, glob) for name in names):
            yield f"{clause.id}: no case {glob}"
    for glob, what in clause.stands.items():
        if not any(fnmatchcase(profile, glob) for profile in PROFILES):
            yield f"{clause.id}: no profile {glob}"
        Does(what.partition(": ")[0])
    for test in _A_TEST.findall(f"{clause.why} {clause.stands}"):
        if not (REPOSITORY / test).is_file():
            yield f"{clause.id}: no file {test}"


def test_clauses_stand_somewhere() -> None:
    places = {clause.place: clause.citation for clause in LEDGER}
    assert not [place for place, there in places.items() if not (there.spots or there.lines)]


def test_whatever_demands_something_has_a_case_or_says_why_not(corpus: Corpus) -> None:
    """The gate: a MUST that no case shows, and nobody has excused."""
    entries = account(LEDGER, corpus.cases, (), 1)
    assert not [each.clause.id for each in entries if each.is_open]
    assert not [each.clause.id for each in entries if each.shown and each.clause.why]


def test_a_demand_without_a_case_is_open(corpus: Corpus) -> None:
    must = replace(by_id("rfc9293.linger"), rules=(), cases=())
    for level, is_open in (("MUST", True), ("text", True), ("SHOULD", False), ("MAY", False)):
        (entry,) = account([replace(must, level=Level(level))], corpus.cases[:1], (), 1)
        assert entry.is_open is is_open
    (entry,) = account([replace(must, why="it can't be seen")], corpus.cases[:1], (), 1)
    assert not entry.is_open


def test_all_places_that_rules_and_cases_cite_are_in_the_ledger(corpus: Corpus) -> None:
    """What cites one of the documents carries one of its clauses, or shows it."""
    rules = (rule for each in PROFILES.values() for of in each.lists() for rule in of)
    cited = {source for rule in rules for source in rule.source}
    cited |= {cite for case in corpus.cases for cite in case.cites}
    places = [clause.citation for clause in LEDGER]
    assert not [cite for cite in cited if not any(_meet(parse(cite), each) for each in places)]


def _meet(cite: Citation, place: Citation) -> bool:
    """Whether they have a place in common; all that is about no document of the ledger does."""
    if cite.document not in OF_THE_LEDGER:
        return True
    if cite.document != place.document:
        return False
    if cite.lines is None or place.lines is None:
        return cite.document == "tcp_timewait.c" or _share(cite.spots, place.spots)
    return cite.lines[0] <= place.lines[1] and place.lines[0] <= cite.lines[1]


def _share(some: frozenset[tuple[str, str]], others: frozenset[tuple[str, str]]) -> bool:
    """Whether one place is, or holds, the other."""
    return any(
        one[0] == other[0] and f"{longer}.".startswith(f"{shorter}.")
        for one in some
        for other in others
        for shorter, longer in (sorted((one[1], other[1]), key=len),)
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("rfc1337.f1", ["rfc1337.f1"]),
        ("RFC1337.F1", ["rfc1337.f1"]),
        ("RFC 9293 MUST-13", ["rfc9293.linger"]),
        ("MUST-13", ["rfc9293.linger"]),
        ("RFC 1122 MUST-13", []),
        ("RFC 9293 section 3.6.1", []),
    ],
)
def test_a_clause_is_called_by_its_id_or_its_number(query: str, found: list[str]) -> None:
    assert [clause.id for clause in called(query)] == found


@pytest.mark.parametrize(
    ("clause", "profile", "does", "why"),
    [
        ("rfc1337.f1", "freebsd-15", "conforms", ""),
        ("rfc1337.f1", "linux-6.18", "deviates", "linux.rst-kill"),
        ("rfc1337.f1", "rfc9293", "conforms", ""),
        ("rfc9293.rst-time-wait", "linux-6.18", "conforms", ""),
        ("rfc9293.rst-time-wait", "freebsd-10", "deviates", "freebsd.rst-drop"),
        ("rfc1337.f3", "linux-6.1", "not applicable", "sequence numbers have 32 bits"),
        ("timewait.rst", "freebsd-15", "conforms", ""),
        ("timewait.rst", "linux-6.18", "not applicable", "it is about freebsd-*"),
        ("timewait.entry-full", "freebsd-13", "conforms", ""),
        ("timewait.entry-full", "freebsd-15", "not applicable", _LACKS),
    ],
)
def test_what_a_profile_does_is_played_or_stated(
    clause: str, profile: str, does: str, why: str, few: Corpus
) -> None:
    ((_, _, (found,)),) = account([by_id(clause)], few.cases, (profile,), 1)
    assert (found.does.value, found.why) == (does, why)


def test_what_no_case_compares_is_not_known() -> None:
    clause = replace(by_id("rfc9293.linger"), cases=())
    assert probes_of(clause, []) == []
    assert Standings().of(clause, [], "linux-6.18").does is Does.NOT_KNOWN
