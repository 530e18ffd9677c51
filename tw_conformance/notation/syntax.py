"""YAML's syntax errors in plain words.

The C parser and the Python one word the same error differently; what they share is matched.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from tw_conformance.model.errors import Place

_IN_CONTEXT = (
    ("flow sequence", "the list that opens with [ on line {line} is not closed: expected , or ]"),
    (
        "flow mapping",
        "the mapping that opens with {{ on line {line} is not closed: expected , or }}",
    ),
    (
        "quoted scalar",
        "the text that opens with a quote on line {line} is not closed or has a bad \\",
    ),
    ("alias", "* begins a YAML alias here: quote text that begins with *"),
    ("anchor", "& begins a YAML anchor here: quote text that begins with &"),
    ("block", "this is indented differently from what began on line {line}"),
)
_IN_PROBLEM = (
    (
        "mapping values are not allowed",
        "a second ': ' on this line, or a wrong indentation: quote the text, or align it",
    ),
    (
        "document start",
        "nothing more was expected here: is a bracket closed twice, or --- missing?",
    ),
)


def plain_words(error: yaml.MarkedYAMLError, text: str, file: Path) -> tuple[Place, str]:
    """Where a YAML error is, and what a person can do about it."""
    mark = error.problem_mark or error.context_mark
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
    return place, f"not YAML: {_sentence(error, _character_at(place, text))}"


def _sentence(error: yaml.MarkedYAMLError, character: str) -> str:
    problem, context = error.problem or "", error.context or ""
    if "cannot start any token" in problem:
        if character == "\t":
            return "a tab can't indent; use spaces"
        return f"{character!r} can't begin a value: quote the text"
    for part, sentence in _IN_PROBLEM:
        if part in problem:
            return sentence
    line = error.context_mark.line + 1 if error.context_mark else 0
    for part, sentence in _IN_CONTEXT:
        if part in context:
            return sentence.format(line=line)
    return f"{problem} {context}".strip()


def _character_at(place: Place, text: str) -> str:
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    return line[place.column - 1 : place.column]
