"""YAML text to plain data, with the place of every key and value.

Events are read rather than composed nodes: aliases and tags are seen before anything is expanded,
and reading stops at the first level too deep.  What a plain scalar means is decided here and not
by YAML 1.1, which reads ``on`` as true, ``1:30`` as 90, ``010`` as 8 and ``+1`` as 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tw_conformance.model.errors import Place, UsageError
from tw_conformance.model.words import quoted
from tw_conformance.notation.faults import Faults
from tw_conformance.notation.syntax import plain_words

KeyPath = tuple[str | int, ...]
"""The keys and list indices that lead from the root of a document to a value."""

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_DEEPEST = 20  # a case needs six levels
_BRACKETS_IN_A_ROW = re.compile(rf"[\[{{]{{{_DEEPEST}}}")
"""libyaml 0.2.6 has a limit of its own, 1,000 levels, and reads up to 1,024 characters ahead.  It
can come to that limit before its events tell of the first level too deep only over such a row."""
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_LONGEST_INTEGER = 15
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)

_AMBIGUOUS = (
    (re.compile(r""), "a value is missing here: write one, or remove the key"),
    (re.compile(r"~|null|Null|NULL"), "{text} is no value: write one, or remove the key"),
    (
        re.compile(r"\+[0-9]+"),
        "{text} is relative to what? YAML drops the sign: write rcv_nxt{text}, or {digits}",
    ),
    (
        re.compile(r"[-+]?0[0-9]+"),
        "{text} is octal to some YAML readers and decimal to others: write it without the zero",
    ),
    (
        re.compile(r"[-+]?0[xXoObB][0-9a-fA-F_]+"),
        "{text} is a number to some YAML readers and text to others: write it in decimal",
    ),
    (
        re.compile(r"[-+]?[0-9][0-9]*_[0-9_]*"),
        "{text} is a number to some YAML readers and text to others: write it without the _",
    ),
)
"""Plain scalars that YAML readers disagree about, and what to write instead."""


class Spot(NamedTuple):
    """Where a value stands, from 1; ``inner`` is the column of its text's first character, where
    the text stands in the file just as it is read."""

    line: int
    column: int
    inner: int | None = None


@dataclass(slots=True)
class Document:
    """One YAML document as plain data; ``None`` stands where a fault has been reported."""

    file: Path
    data: Any = None
    values: dict[KeyPath, Spot] = field(default_factory=dict)
    keys: dict[KeyPath, Spot] = field(default_factory=dict)
    _broken: set[KeyPath] = field(default_factory=set)
    """Paths at or below which something is not of the shape that a case has."""

    def value_place(self, path: KeyPath, offset: int | None = None) -> Place:
        """Where a value begins, or where its text goes wrong: ``offset`` characters into it."""
        spot = self.values[path]
        if offset is None or spot.inner is None:
            return Place(self.file, spot.line, spot.column)
        return Place(self.file, spot.line, spot.inner + offset)

    def key_place(self, path: KeyPath) -> Place:
        """Where a value's key stands; the value itself where it has none (list items, the root)."""
        spot = self.keys.get(path) or self.values[path]
        return Place(self.file, spot.line, spot.column)

    def mark_broken(self, path: KeyPath) -> None:
        """Remember that what is at a path is not of the shape that a case has there."""
        self._broken.update(path[:depth] for depth in range(len(path) + 1))

    def is_sound(self, path: KeyPath) -> bool:
        """Whether all that is at a path and below it is of the right shape."""
        return path not in self._broken


def read_documents(file: Path, faults: Faults) -> list[Document]:
    """The documents of a file of ours that is no case file.

    :raises UsageError: where it can't be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} can't be read: {error}") from None
    return read(text, file, faults)


def read(text: str, file: Path, faults: Faults) -> list[Document]:
    """The documents of a YAML stream, empty ones left out.

    A syntax error ends the stream, and takes the document before it along: it was misread.
    """
    if (match := _UNPRINTABLE.search(text)) is not None:
        faults.add(_place_of(match.start(), text, file), _unprintable(match[0]))
        return []
    if (match := _BRACKETS_IN_A_ROW.search(text)) is not None:
        faults.add(
            _place_of(match.end() - 1, text, file),
            f"{len(match[0])} brackets in a row: a case needs six levels",
        )
        return []
    documents: list[Document] = []
    try:
        events = iter(yaml.parse(text, Loader=_Loader))
        pending: Document | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent | yaml.StreamEndEvent):
                if pending is not None and (pending.data is not None or not pending.is_sound(())):
                    documents.append(pending)
                pending = None
            if isinstance(event, yaml.DocumentStartEvent):
                pending = _DocumentReader(events, file, faults).document()
    except yaml.MarkedYAMLError as error:
        faults.add(*plain_words(error, text, file))
    except _TooDeep as error:
        faults.add(error.place, f"nested deeper than {_DEEPEST} levels; a case needs six")
    return documents


def _place_of(offset: int, text: str, file: Path) -> Place:
    before = text[:offset]
    return Place(file, before.count("\n") + 1, offset - before.rfind("\n"))


def _unprintable(character: str) -> str:
    return f"the character U+{ord(character):04X} may not stand in YAML; remove it"


class _TooDeep(Exception):
    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place


class _DocumentReader:
    """Builds one document from the events of a YAML parser."""

    def __init__(self, events: Iterator[yaml.Event], file: Path, faults: Faults) -> None:
        self._events = events
        self._faults = faults
        self._document = Document(file)

    def document(self) -> Document:
        event = next(self._events)
        if not _is_empty(event):
            self._document.data = self._value(event, ())
        return self._document

    def _value(self, event: yaml.Event, path: KeyPath) -> Any:
        """The value that begins with that event; None, with a fault, where it can't be used."""
        self._document.values[path] = _spot(event)
        if len(path) > _DEEPEST:
            raise _TooDeep(self._place(event))
        self._refuse_sharing(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(path)
        value = self._scalar(event) if isinstance(event, yaml.ScalarEvent) else None
        if value is None:
            self._document.mark_broken(path)
        return value

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event)
            if key in mapping:
                first = self._document.keys[(*path, key)]
                self._fault(event, f"key {quoted(key)} stands twice; first on line {first.line}")
                key = None
            if key is None:
                self._skip(next(self._events))
                continue
            self._document.keys[(*path, key)] = _spot(event)
            mapping[key] = self._value(next(self._events), (*path, key))
        return mapping

    def _list(self, path: KeyPath) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _key(self, event: yaml.Event) -> str | None:
        """The text of a key; None, with a fault, where it is no text."""
        self._refuse_sharing(event)
        if not isinstance(event, yaml.ScalarEvent):
            if not isinstance(event, yaml.AliasEvent):
                self._fault(event, "a key has to be a word, and this is a list or a mapping")
            self._skip(event)
            return None
        text = _text(event)
        if _is_plain(event) and text == "<<":
            self._fault(event, "merge keys (<<) are not read: write the keys out")
            return None
        if _is_plain(event) and (text in ("true", "false") or not isinstance(_plain(text), str)):
            self._fault(event, f"a key has to be a word, and {text or 'this'} is none; quote it")
            return None
        return text

    def _scalar(self, event: yaml.ScalarEvent) -> str | int | bool | None:
        text = _text(event)
        if not _is_plain(event):
            return text
        value = _plain(text)
        if not isinstance(value, _Ambiguous):
            return value
        self._fault(event, value.message)
        return None

    def _refuse_sharing(self, event: yaml.Event) -> None:
        """Faults for what makes one place in a file mean another: aliases, anchors and tags."""
        if isinstance(event, yaml.AliasEvent):
            name = f"*{event.anchor}"
            message = (
                f"{quoted(name)} is a YAML alias: write the value out, or quote it if it is text"
            )
            self._fault(event, message)
        elif isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self._fault(event, f"YAML anchors (&{event.anchor}) are not read: remove it")
        if (
            isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
            and event.tag is not None
        ):
            self._fault(event, f"YAML tags ({event.tag}) are not read: remove it")

    def _skip(self, event: yaml.Event) -> None:
        """Pass over a value that belongs to no key."""
        depth = 0
        while True:
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth == 0:
                return
            if depth > _DEEPEST:
                raise _TooDeep(self._place(event))
            event = next(self._events)

    def _fault(self, event: yaml.Event, message: str) -> None:
        self._document.mark_broken(())
        self._faults.add(self._place(event), message)

    def _place(self, event: yaml.Event) -> Place:
        spot = _spot(event)
        return Place(self._document.file, spot.line, spot.column)


class _Ambiguous(NamedTuple):
    message: str


def _plain(text: str) -> str | int | bool | _Ambiguous:
    """What a plain scalar means: a number, true, false, or the text as written."""
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        if len(text) > _LONGEST_INTEGER:
            return _Ambiguous(f"{quoted(text)} is larger than any number that a case can use")
        return int(text)
    for pattern, message in _AMBIGUOUS:
        if pattern.fullmatch(text):
            shown = quoted(text)[1:-1]
            return _Ambiguous(message.format(text=shown, digits=shown.lstrip("+")))
    return text


def _text(event: yaml.ScalarEvent) -> str:
    """A scalar's text without last line breaks: block scalars leave one, and a ``$`` in a pattern
    of the schema would match before it."""
    return str(event.value).rstrip("\n")


def _is_plain(event: yaml.ScalarEvent) -> bool:
    return not event.style and event.tag is None


def _is_empty(event: yaml.Event) -> bool:
    return isinstance(event, yaml.ScalarEvent) and _is_plain(event) and event.value == ""


def _spot(event: yaml.Event) -> Spot:
    start, end = event.start_mark, event.end_mark
    assert start is not None, "a parser marks its events"
    assert end is not None, "a parser marks its events"
    inner = None
    if isinstance(event, yaml.ScalarEvent) and start.line == end.line:
        quotes = 1 if event.style in ("'", '"') else 0
        if end.column - start.column == len(event.value) + 2 * quotes:
            inner = start.column + quotes + 1
    return Spot(start.line + 1, start.column + 1, inner)
