"""Case files: YAML in, cases of the model out, and every fault with its line and column.

A file passes four stages, each with its own idea: ``nodes`` reads YAML to plain data and places,
``schema`` judges the shape, ``matrix`` makes a case of every point, ``build`` makes the parts.
A fault costs the document that it stands in, and no other.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tw_conformance.model.case import Case
from tw_conformance.model.errors import CaseError, Fault, Place
from tw_conformance.model.words import quoted
from tw_conformance.notation.faults import Faults
from tw_conformance.notation.matrix import Written, expand
from tw_conformance.notation.nodes import Document, read
from tw_conformance.notation.schema import problems

LARGEST_FILE = 1 << 20
"""Octets."""


class Sheet(NamedTuple):
    """What a file holds: the cases of its sound documents, and what is wrong with the others."""

    cases: list[Written]
    faults: list[Fault]

    def whole(self) -> list[Written]:
        """The cases, for whoever wants all of them or none.

        :raises CaseError: with every fault, where there is one.
        """
        if self.faults:
            raise CaseError(self.faults)
        return self.cases


def load_file(path: Path) -> list[Case]:
    """All cases of a file, each expanded over its matrix, in the order written.

    :raises CaseError: with every fault of the file; also where it can't be read.
    """
    return [written.case for written in read_file(path).whole()]


def read_file(path: Path) -> Sheet:
    """The cases of a file, and where they stand; that it can't be read is a fault too."""
    try:
        with path.open("rb") as file:
            octets = file.read(LARGEST_FILE + 1)
    except OSError as error:
        return _refused(path, f"this file can't be read: {error.strerror}")
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        column = error.start - octets.rfind(b"\n", 0, error.start)
        return _refused(path, "this is not UTF-8: save the file as UTF-8", line, column)
    return read_text(text, path)


def load_text(text: str, path: Path) -> list[Case]:
    """All cases of a YAML text; ``path`` is the file that faults name.

    :raises CaseError: with every fault of the text.
    """
    return [written.case for written in read_text(text, path).whole()]


def read_text(text: str, path: Path) -> Sheet:
    """The cases of a YAML text, and where they stand; ``path`` is the file that faults name."""
    if len(text) > LARGEST_FILE:
        return _refused(path, "this file is larger than 1 MiB: split it")
    faults = Faults()
    documents = read(text, path, faults)
    if not documents and not faults:
        return _refused(path, "there is no case in this file")
    _judge_names(documents, faults)
    cases = [case for document in documents for case in _cases(document, faults)]
    return Sheet(cases, CaseError(faults.as_list()).faults)


def _cases(document: Document, faults: Faults) -> list[Written]:
    """The cases of a document, where nothing is wrong in it."""
    was_sound = document.is_sound(())
    own = Faults()
    for path, message, at_key in problems(document.data):
        document.mark_broken(path)
        place = document.key_place(path) if at_key else document.value_place(path)
        own.add(place, message)
    cases = expand(document, own) if isinstance(document.data, dict) else []
    faults.extend(own)
    return [] if own or not was_sound else cases


def _judge_names(documents: list[Document], faults: Faults) -> None:
    first: dict[str, Place] = {}
    for document in documents:
        name = document.data.get("case") if isinstance(document.data, dict) else None
        if isinstance(name, str):
            place = document.value_place(("case",))
            if first.setdefault(name, place) is not place:
                document.mark_broken(())
                message = (
                    f"two cases are named {quoted(name)}; the first on line {first[name].line}"
                )
                faults.add(place, message)


def _refused(path: Path, message: str, line: int = 1, column: int = 1) -> Sheet:
    return Sheet([], [Fault(Place(path, line, column), message)])
