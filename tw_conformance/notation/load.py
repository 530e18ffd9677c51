"""Case files: YAML in, cases of the model out, or every fault with its line and column.

A file passes four stages, each with its own idea: ``nodes`` reads YAML to plain data and places,
``schema`` judges the shape, ``matrix`` makes a case of every point, ``build`` makes the parts.
"""

from __future__ import annotations

from pathlib import Path

from tw_conformance.model.case import Case
from tw_conformance.model.errors import CaseError, Fault, Place
from tw_conformance.model.words import quoted
from tw_conformance.notation.faults import Faults
from tw_conformance.notation.matrix import Written, expand
from tw_conformance.notation.nodes import Document, read
from tw_conformance.notation.schema import problems

LARGEST_FILE = 1 << 20
"""Octets."""


def load_file(path: Path) -> list[Case]:
    """The cases of :func:`read_file`, for whoever does not ask where they stand."""
    return [written.case for written in read_file(path)]


def read_file(path: Path) -> list[Written]:
    """All cases of a file, each expanded over its matrix, in the order written.

    :raises CaseError: with every fault of the file; also where it can't be read.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise _failure(path, f"this file can't be read: {error.strerror}") from error
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        column = error.start - octets.rfind(b"\n", 0, error.start)
        message = "this is not UTF-8: save the file as UTF-8"
        raise CaseError([Fault(Place(path, line, column), message)]) from error
    return read_text(text, path)


def load_text(text: str, path: Path) -> list[Case]:
    """The cases of :func:`read_text`, for whoever does not ask where they stand."""
    return [written.case for written in read_text(text, path)]


def read_text(text: str, path: Path) -> list[Written]:
    """All cases of a YAML text; ``path`` is the file that faults name.

    :raises CaseError: with every fault of the text.
    """
    if len(text) > LARGEST_FILE:
        raise _failure(path, "this file is larger than 1 MiB: split it")
    faults = Faults()
    documents = read(text, path, faults)
    if not documents and not faults:
        raise _failure(path, "there is no case in this file")
    _judge_names(documents, faults)
    cases = [case for document in documents for case in _cases(document, faults)]
    if faults:
        raise CaseError(faults.as_list())
    return cases


def _cases(document: Document, faults: Faults) -> list[Written]:
    for path, message, at_key in problems(document.data):
        document.mark_broken(path)
        place = document.key_place(path) if at_key else document.value_place(path)
        faults.add(place, message)
    return expand(document, faults) if isinstance(document.data, dict) else []


def _judge_names(documents: list[Document], faults: Faults) -> None:
    first: dict[str, Place] = {}
    for document in documents:
        name = document.data.get("case") if isinstance(document.data, dict) else None
        if isinstance(name, str):
            place = document.value_place(("case",))
            if first.setdefault(name, place) is not place:
                message = (
                    f"two cases are named {quoted(name)}; the first on line {first[name].line}"
                )
                faults.add(place, message)


def _failure(path: Path, message: str) -> CaseError:
    return CaseError([Fault(Place(path, 1, 1), message)])
