"""Citations: where something is written, compared however they are spelt.

``RFC 9293 section 3.10.7.4, fifth`` and ``rfc9293 3.10.7.4`` name one place and one that holds it;
``tcp_timewait.c:385`` lies within ``tcp_timewait.c:380-386``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from tw_conformance.model.words import nearest

_RFC = re.compile(r"RFC[\s-]*0*([0-9]+)\b", re.I)
_FILE = re.compile(
    r"([\w./-]*\w\.[a-z]\w{0,2})(?::([0-9]+)(?:-([0-9]+))?)?(?![\w.])", re.IGNORECASE
)
_TOKEN = re.compile(r"\([^()]*\)|[^\s,;()]+(?:\(\))?")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_REQUIREMENT = re.compile(r"(?:must|shld|may|rec)-[0-9]+")
_KINDS = {
    "section": "section",
    "sec": "section",
    "§": "section",
    "page": "page",
    "p": "page",
    "figure": "figure",
    "fig": "figure",
    "appendix": "appendix",
    "table": "table",
}
_NOISE = frozenset({"and", "of", "in", "since", "the"})


@dataclass(frozen=True, slots=True)
class Citation:
    """What a citation names, taken apart."""

    document: str
    """``rfc 9293``, the name of a file; empty where it names neither."""
    spots: frozenset[tuple[str, str]] = frozenset()
    """Numbered places by their kind: section, page, figure, appendix, table."""
    lines: tuple[int, int] | None = None
    """The first and the last line of a file."""
    words: frozenset[str] = frozenset()
    """All else that it says: ``fifth``, ``must-13``, the name of a function."""

    def covers(self, other: Citation) -> bool:
        """Whether all that this one says is true of the other: a section holds those below it,
        lines meet lines that they share one with."""
        if self.document and not _same_document(self.document, other.document):
            return False
        if not all(any(_holds(spot, each) for each in other.spots) for spot in self.spots):
            return False
        if self.lines and not (other.lines and _overlap(self.lines, other.lines)):
            return False
        known = other.words if self.document else other.words | set(other.document.split())
        return self.words <= known

    @property
    def requirements(self) -> frozenset[str]:
        """The numbers by which RFC 9293 names its requirements: ``must-13``."""
        return frozenset(word for word in self.words if _REQUIREMENT.fullmatch(word))


@cache
def parse(text: str) -> Citation:
    """A citation, whatever it is of."""
    if found := _RFC.match(text):
        spots, words = _places(text[found.end() :])
        return Citation(f"rfc {found[1]}", spots, words=words)
    if found := _FILE.match(text):
        first, last = found[2], found[3]
        lines = (int(first), int(last or first)) if first else None
        return Citation(found[1].casefold(), lines=lines, words=_words(text[found.end() :]))
    return Citation("", words=_words(text))


def nearest_place(query: str, places: Iterable[str]) -> str | None:
    """The citation most like one that names nothing; None where none comes close.  The word that
    all places in an RFC have counts for nothing: it would make them alike."""
    short = {place.replace(" section", ""): place for place in places}
    near = nearest(query.replace(" section", ""), short)
    return None if near is None else short[near]


def _places(text: str) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
    """The numbered places of an RFC, and what else is said of them.  A number that no word stands
    before is that of a section; one behind another word, ``case 1``, is as that word is."""
    spots, words, kind = set[tuple[str, str]](), set[str](), "section"
    for token in _tokens(text.replace("§", " § ")):
        singular = token.rstrip(".")
        singular = singular if singular in _KINDS else singular.removesuffix("s")
        ends = token.split("-")
        if singular in _KINDS:
            kind = _KINDS[singular]
        elif (kind or "." in token) and all(map(_NUMBER.fullmatch, ends)):
            spots.update((kind or "section", end) for end in ends)
        elif kind == "appendix" and re.fullmatch(r"[a-z](\.[0-9]+)*", token):
            spots.add((kind, token))
        else:
            words.add(token)
            kind = ""
    return frozenset(spots), frozenset(words)


def _words(text: str) -> frozenset[str]:
    return frozenset(_tokens(text))


def _tokens(text: str) -> Iterator[str]:
    """The words in lower case, without what only joins them.  A number in parentheses keeps them:
    it counts what is said, and is no section."""
    for token in _TOKEN.findall(text.casefold().replace("(),", "() ")):
        if token.startswith("("):
            inner = token.strip("()")
            yield from (token,) if inner.isdigit() else _tokens(inner)
            continue
        word = token.removesuffix("()").strip(":").rstrip(".:")
        if word and word not in _NOISE:
            yield word


def _same_document(one: str, other: str) -> bool:
    """Whether two names are one, though either may say more of the folder that a file is in."""
    return one == other or other.endswith(f"/{one}") or (bool(other) and one.endswith(f"/{other}"))


def _holds(outer: tuple[str, str], inner: tuple[str, str]) -> bool:
    return outer[0] == inner[0] and f"{inner[1]}.".startswith(f"{outer[1]}.")


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
